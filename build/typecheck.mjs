// One compiler run per runtime: a DOM type in main or a Node type in the renderer does not compile.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { findNode, root } from './runtime.mjs';

const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const vueTsc = join(root, 'node_modules', 'vue-tsc', 'bin', 'vue-tsc.js');
const projects = [
  [tsc, 'shared'],
  [tsc, 'main'],
  [tsc, 'main/electron'],
  [vueTsc, 'renderer'],
  [vueTsc, 'test'],
];

let failed = false;
for (const [compiler, project] of projects) {
  const path = `${project}/tsconfig.json`;
  const code = await new Promise((resolve) => {
    spawn(findNode(), [compiler, '-p', path, '--pretty', 'false'], { cwd: root, stdio: 'inherit' }).on('exit', resolve);
  });
  if (code !== 0) {
    failed = true;
    process.stdout.write(`type check of ${path} failed\n`);
  }
}
process.exitCode = failed ? 1 : 0;
