import type { ObjectExpression } from '#shared/model/heap-explore.ts';
import type { PathStep } from '#shared/model/heap.ts';

import { checkOrdinal } from './heap.ts';
import type { Heap } from './heap.ts';
import { pathsToRoot } from './paths.ts';
import type { RunOptions } from './run.ts';

/** Paths tried, shortest first. */
const MAX_PATHS = 20;
/** Longer expressions help nobody. */
const MAX_CHARS = 2_000;

/**
 * A path to an object as an expression of its language: `app.handlers._cache[42].payload`. Null where no path can be
 * written so: through local variables, members of sets, entries of JavaScript maps, what C code holds. The expression is
 * text to read and copy, made of names in the file; nothing runs it here. Waits for the analysis.
 */
export async function objectExpression(heap: Heap, ordinal: number, run?: RunOptions): Promise<ObjectExpression> {
  checkOrdinal(heap, ordinal);
  const language = heap.producer === 'cpython' ? 'python' : heap.producer === 'v8' ? 'javascript' : null;
  if (!language) return { expression: null, language, note: 'The program that wrote this snapshot is not known.' };
  const { paths } = await pathsToRoot(heap, ordinal, { ...run, limit: MAX_PATHS });
  let why = 'No path from a root leads to it.';
  for (const { steps } of paths) {
    const written = language === 'python' ? inPython(steps) : inJavaScript(steps);
    if ('why' in written) {
      if (why.startsWith('No path')) why = written.why;
      continue;
    }
    if (written.expression.length <= MAX_CHARS) return { expression: written.expression, language, note: written.note };
  }
  return { expression: null, language, note: why };
}

type Written = { readonly expression: string; readonly note: string } | { readonly why: string };

const PYTHON_NAME = /^[\p{L}_][\p{L}\p{N}_]*$/u;
/** A key in brackets that means itself when it is written again. */
const PYTHON_KEY = /^\[(?:-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|True|False|None|b?'(?:[^'\\\n]|\\.)*'|b?"(?:[^"\\\n]|\\.)*"|\((?:[\d\s,.'\w-]*)\))\]$/;
/** The agent cuts names at 100 characters, the engine marks what it cuts. */
const MAX_KEY = 99;

function inPython(steps: readonly PathStep[]): Written {
  const at = steps.findLastIndex(({ node }) => node.kind === 'object' && /^module \S+$/.test(node.name) && !node.name.includes('…'));
  if (at < 0) return { why: `It hangs on ${rootName(steps)}, not on a module: there is no name for that.` };
  const module = steps[at]!.node.name.slice(7);
  if (!module.split('.').every((part) => PYTHON_NAME.test(part))) return { why: `The module ${module} cannot be written as a name.` };
  let expression = module;
  for (let i = at + 1; i < steps.length; i++) {
    const { edgeName, edgeKind, node } = steps[i]!;
    const above = steps[i - 1]!.node;
    const isDict = /(^|\.)(dict|defaultdict|OrderedDict|Counter)$/.test(above.className);
    const isNamespace = isDict && i >= 2 && steps[i - 1]!.edgeName === '__dict__';
    if (edgeKind === 'internal' && edgeName === '__dict__') {
      if (i === steps.length - 1) expression += '.__dict__';
    } else if (edgeKind === 'element' && /^(set|frozenset)$/.test(above.className)) {
      return { why: 'It is a member of a set: those have no names.' };
    } else if (edgeKind === 'element') expression += `[${edgeName}]`;
    else if (edgeKind === 'internal' && /^__\w+__$/.test(edgeName)) expression += `.${edgeName}`;
    else if (edgeKind !== 'property') {
      return { why: edgeKind === 'context' ? `It is held by the local variable ${edgeName}.` : `The step ${edgeName || 'without a name'} to ${node.className} cannot be written.` };
    } else if (edgeName.length > MAX_KEY) return { why: 'A key on the way is too long to be known.' };
    else if (edgeName.startsWith('[')) {
      if (!PYTHON_KEY.test(edgeName)) return { why: `The key ${edgeName.slice(0, 60)} cannot be written.` };
      expression += edgeName;
    } else if (isDict && !isNamespace) expression += `[${pythonString(edgeName)}]`;
    else if (PYTHON_NAME.test(edgeName)) expression += `.${edgeName}`;
    else return { why: `The attribute ${edgeName.slice(0, 60)} cannot be written as a name.` };
  }
  return { expression, note: `After: import ${module}` };
}

function pythonString(text: string): string {
  const escaped = text.replace(/[\\'\p{C}]/gu, (c) => (c === '\\' || c === "'" ? `\\${c}` : `\\U${c.codePointAt(0)!.toString(16).padStart(8, '0')}`));
  return `'${escaped}'`;
}

const JS_NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

function inJavaScript(steps: readonly PathStep[]): Written {
  // The last variable on the way is nearest to the object; else the global object.
  const variable = steps.findLastIndex(({ edgeKind }) => edgeKind === 'context');
  const global = steps.findLastIndex(({ node }, i) => i <= 2 && node.kind === 'object' && /^(global|Window|globalThis)\b/.test(node.name));
  const start = variable >= 0 ? variable : global;
  if (start < 0) return { why: `It hangs on ${rootName(steps)}: there is no name for that.` };
  const name = steps[start]!.edgeName;
  if (variable >= 0 && !JS_NAME.test(name)) return { why: `The variable ${name.slice(0, 60)} has no name of the program.` };
  let expression = variable >= 0 ? name : 'globalThis';
  for (const { edgeName, edgeKind, node } of steps.slice(start + 1)) {
    if (edgeKind === 'element') expression += `[${edgeName}]`;
    else if (edgeKind === 'property' && JS_NAME.test(edgeName)) expression += `.${edgeName}`;
    else if (edgeKind === 'property' && !edgeName.startsWith('<symbol') && !edgeName.endsWith('…') && !/^[gs]et /.test(edgeName)) {
      expression += `[${JSON.stringify(edgeName)}]`;
    } else return { why: `The step ${edgeName || 'without a name'} to ${node.className} is inside of the runtime (an entry of a Map, for example).` };
  }
  const scope = variable >= 0 ? functionName(steps.slice(0, variable)) : null;
  return { expression, note: variable >= 0 ? `A variable${scope ? ` that ${scope}() sees` : ''}: valid in its scope only.` : '' };
}

function functionName(steps: readonly PathStep[]): string | null {
  return steps.findLast(({ node }) => node.kind === 'closure')?.node.name || null;
}

function rootName(steps: readonly PathStep[]): string {
  return steps.findLast(({ node }) => node.kind === 'synthetic' && node.name !== '')?.node.name ?? 'a root of the runtime';
}
