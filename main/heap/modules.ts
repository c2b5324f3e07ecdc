import { className } from './class-names.ts';
import { EDGE_KIND, NONE } from './heap.ts';
import type { Heap } from './heap.ts';
import { edgeName, rawNodeName } from './node-names.ts';

/**
 * Which module a class belongs to: in Python what stands before the name of the class, in V8 the script of its
 * constructor. Looked up once per class, by one of its objects.
 */

const BUILT_IN_PYTHON = 'builtins';
const BUILT_IN_V8 = '(JavaScript and V8)';
const PLAIN_V8 = '(plain objects)';
const NATIVE = '(native)';

/** Names of modules by class. O(nodes) for Python (its modules are found by name), O(classes) for V8. */
export function modulesOfClasses(heap: Heap): string[] {
  return heap.producer === 'cpython' ? pythonModules(heap) : scripts(heap);
}

/** `app.models` → `app`; `/x/node_modules/@scope/pkg/lib/a.js` → `@scope/pkg`; `node:fs` → `node`. */
export function packageOf(heap: Heap, module: string): string {
  if (module.startsWith('(')) return module;
  if (heap.producer === 'cpython') return module.split('.', 1)[0]!;
  if (module.startsWith('node:')) return 'node';
  const inside = module.lastIndexOf('node_modules/');
  if (inside < 0) return /^[a-z-]+:\/\//.test(module) && !module.startsWith('file:') ? hostOf(module) : '(the program)';
  const parts = module.slice(inside + 'node_modules/'.length).split('/');
  return parts[0]!.startsWith('@') && parts.length > 1 ? `${parts[0]!}/${parts[1]!}` : parts[0]!;
}

function hostOf(url: string): string {
  return /^[a-z-]+:\/\/([^/?#]*)/.exec(url)?.[1] || url;
}

function pythonModules(heap: Heap): string[] {
  const known = new Set<string>();
  const { nodeCount, nodeKind, kinds, nodeName, classOf } = heap;
  // One class holds nearly all modules; its nodes are called `module NAME`.
  const moduleClasses = new Set<number>();
  for (let index = 0; index < heap.classes.count; index++) if (className(heap, index) === 'module') moduleClasses.add(index);
  const seen = new Set<number>();
  for (let node = 0; node < nodeCount; node++) {
    if (nodeKind[node] !== kinds.object || !moduleClasses.has(classOf[node]!) || seen.has(nodeName[node]!)) continue;
    seen.add(nodeName[node]!);
    const name = rawNodeName(heap, node);
    if (name.startsWith('module ')) known.add(name.slice(7));
  }
  return Array.from({ length: heap.classes.count }, (_, index) => {
    const name = className(heap, index);
    // Local classes: `app.views.make.<locals>.Row`.
    let end = name.length;
    for (;;) {
      const dot = name.lastIndexOf('.', end - 1);
      if (dot <= 0) break;
      if (known.has(name.slice(0, dot))) return name.slice(0, dot);
      end = dot;
    }
    const dot = name.lastIndexOf('.');
    return dot > 0 && !name.startsWith('(') ? name.slice(0, dot) : BUILT_IN_PYTHON;
  });
}

function scripts(heap: Heap): string[] {
  const { classes, nodeKind, kinds, classOf, nodeCount } = heap;
  const example = new Uint32Array(classes.count).fill(NONE);
  let missing = classes.count;
  for (let node = 0; node < nodeCount && missing > 0; node++) {
    if (example[classOf[node]!] !== NONE) continue;
    example[classOf[node]!] = node;
    missing--;
  }
  return Array.from({ length: classes.count }, (_, index) => {
    const node = example[index]!;
    if (node === NONE) return BUILT_IN_V8;
    if (nodeKind[node] === kinds.native) return NATIVE;
    if (nodeKind[node] !== kinds.object) return BUILT_IN_V8;
    if (className(heap, index).startsWith('{') || rawNodeName(heap, node, 8) === 'Object') return PLAIN_V8;
    return scriptOfObject(heap, node) ?? BUILT_IN_V8;
  });
}

/**
 * Script of the function that made an object: `__proto__` → `constructor` → script; prototypes, which Node.js 20 calls
 * by the name of the class as well, have the constructor themselves. Null for what V8 brings along.
 */
function scriptOfObject(heap: Heap, node: number): string | null {
  let constructor = follow(heap, node, 'constructor');
  if (constructor < 0) {
    const proto = follow(heap, node, '__proto__');
    constructor = proto < 0 ? -1 : follow(heap, proto, 'constructor');
  }
  if (constructor >= 0 && heap.nodeKind[constructor] === heap.kinds.closure) return scriptOfFunction(heap, constructor);
  return null;
}

/** Script in which a function, or the constructor of an object, is written. */
export function scriptOf(heap: Heap, node: number): string | null {
  return heap.nodeKind[node] === heap.kinds.closure ? scriptOfFunction(heap, node) : scriptOfObject(heap, node);
}

/** Script a function stands in, null when V8 does not say. */
export function scriptOfFunction(heap: Heap, closure: number): string | null {
  const shared = follow(heap, closure, 'shared');
  if (shared < 0) return null;
  // Node.js 20 has one field for the script and its debug information.
  let script = follow(heap, shared, 'script');
  if (script < 0) script = follow(heap, shared, 'script_or_debug_info');
  if (script < 0) return null;
  const name = rawNodeName(heap, script);
  return name === '' || name.startsWith('system / ') ? null : name;
}

/** Edges of a node looked at for one of a name. */
const MAX_EDGES = 256;

/** Target of the first edge of a name that keeps it alive, −1 when there is none. */
export function follow(heap: Heap, node: number, name: string): number {
  const { firstEdge, edgeKind, edgeTo, kinds } = heap;
  const end = Math.min(firstEdge[node + 1]!, firstEdge[node]! + MAX_EDGES);
  for (let edge = firstEdge[node]!; edge < end; edge++) {
    const kind = edgeKind[edge]! & EDGE_KIND;
    if (kind !== kinds.edgeProperty && kind !== kinds.edgeInternal) continue;
    if (edgeName(heap, edge, 32) === name) return edgeTo[edge]!;
  }
  return -1;
}
