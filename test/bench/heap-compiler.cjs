/**
 * The TypeScript compiler with a program in memory, checked: `node heap-compiler.cjs FILE DECLARATIONS FOLDER`. Writes a
 * snapshot of itself. The program is the compiler's own libraries and so many of the declaration files below the folder,
 * in the order of their names.
 */
'use strict';
const { readdirSync } = require('node:fs');
const { join } = require('node:path');
const { writeHeapSnapshot } = require('node:v8');
const ts = require('typescript');

const [file, declarations, folder] = [process.argv[2], Number(process.argv[3]), process.argv[4]];
const found = readdirSync(folder, { recursive: true })
  .filter((name) => name.endsWith('.d.ts'))
  .sort()
  .slice(0, declarations)
  .map((name) => join(folder, name));
const options = { noEmit: true, skipLibCheck: false, target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext, types: [] };
const program = ts.createProgram(found, options);
globalThis.diagnostics = program.getSemanticDiagnostics().length;
globalThis.program = program;
writeHeapSnapshot(file);
