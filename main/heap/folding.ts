import type { HolderStep } from '#shared/model/heap.ts';

import { className } from './class-names.ts';
import { EDGE_KIND } from './heap.ts';
import type { Heap } from './heap.ts';
import { edgeName, isNumberedEdge, isSystemNode, rawNodeName } from './node-names.ts';

/**
 * Folded paths as a tree: nodes of the heap that hang in the same way share one node of it. A step is an edge in
 * words and what it leads to, in words:
 *
 * - positions in lists and arrays, keys of large mappings and entries of hash tables read `[*]`;
 * - steps inside the runtime (`__dict__`, `table`, `elements`, contexts, groups of roots) are passed over;
 * - a step that repeats the one before it (a linked list) is the same node.
 */
export interface Folder {
  /** The path of `target`, which hangs by `edge` on `source`, whose own path is `fold`. */
  step(fold: number, source: number, edge: number, target: number): number;
  /** The path of what no root reaches. */
  unreached(): number;
  steps(fold: number): HolderStep[];
  /** `module __main__ → _cache (dict)`: the named steps above the object itself. */
  holderText(fold: number): string;
  /** An example of the nearest named node above the object. */
  owner(fold: number): number | null;
}

export const ROOT_FOLD = 0;

const ANY = '[*]';

/** Groups of roots that go without saying: a module or a thread below them says it. */
const PLAIN_GROUPS = new Set(['', '(root)', '(GC roots)', '(modules)', '(threads)']);

/** A mapping with more fields than this is a collection: its keys are data, not names. */
const MAX_NAMED_FIELDS = 24;
/** Different names below one folded node, after which further ones read `[*]`. */
const MAX_NAMED_CHILDREN = 200;
/** Text of one step. */
const STEP_CHARS = 120;
/** Named steps in a holder's text; longer ones keep the first and the last. */
const MAX_TEXT_STEPS = 5;

interface Fold {
  readonly parent: number;
  readonly edge: string;
  readonly label: string;
  /** First node seen here. */
  readonly example: number;
  /** The edge is a name the program chose. */
  readonly named: boolean;
  /** What names below it belong to: a module, a class, a global object, a thread, a group of roots. */
  readonly scope: boolean;
  namedChildren: number;
}

export function createFolder(heap: Heap): Folder {
  const folds: Fold[] = [{ parent: -1, edge: '', label: '', example: heap.root, named: false, scope: false, namedChildren: 0 }];
  const index = new Map<string, number>();

  const child = (
    parent: number,
    edge: string,
    label: string,
    example: number,
    { named = false, scope = false } = {},
  ): number => {
    const above = folds[parent]!;
    if (above.edge === edge && above.label === label && parent !== ROOT_FOLD) return parent;
    const key = `${parent}\n${edge}\n${label}`;
    let fold = index.get(key);
    if (fold === undefined) {
      if (named && above.namedChildren >= MAX_NAMED_CHILDREN) return child(parent, ANY, label, example);
      if (named) above.namedChildren++;
      fold = folds.length;
      folds.push({ parent, edge, label, example, named, scope, namedChildren: 0 });
      index.set(key, fold);
    }
    return fold;
  };

  const chain = (fold: number): Fold[] => {
    const list: Fold[] = [];
    for (let at = fold; at > ROOT_FOLD; at = folds[at]!.parent) list.push(folds[at]!);
    return list.reverse();
  };

  /** Number of steps of a chain that belong to the holder: up to the last named one above the object. */
  const holderLength = (list: readonly Fold[]): number => {
    for (let length = list.length - 1; length > 0; length--) if (list[length - 1]!.named || list[length - 1]!.scope) return length;
    return 0;
  };

  return {
    step(fold, source, edge, target) {
      const name = foldedEdge(heap, source, edge, target);
      if (name === null) return passOver(fold, target);
      const label = nodeLabel(heap, target);
      return child(fold, name.text, label, target, { named: name.named, scope: isScopeLabel(heap, label) });
    },
    unreached: () => child(ROOT_FOLD, '(not reached from a root)', '', heap.root),
    steps: (fold) => chain(fold).map(({ edge, label }) => ({ edge, node: label })),
    holderText(fold) {
      const list = chain(fold);
      const texts: string[] = [];
      for (const entry of list.slice(0, -1)) {
        if (entry.named || entry.scope) texts.push(stepText(entry));
        else if (entry.edge === ANY && texts.length > 0) texts[texts.length - 1] += ANY;
      }
      if (texts.length === 0) {
        const nearest = list[list.length - 2] ?? (list[0]?.label === '' ? list[0] : undefined);
        return nearest ? `${nearest.edge} ${nearest.label}`.trim() : '(root)';
      }
      if (texts.length <= MAX_TEXT_STEPS) return texts.join(' → ');
      return [...texts.slice(0, 2), '…', ...texts.slice(texts.length - (MAX_TEXT_STEPS - 2))].join(' → ');
    },
    owner(fold) {
      const list = chain(fold);
      const length = holderLength(list);
      return length === 0 ? null : list[length - 1]!.example;
    },
  };

  /** A part of the runtime takes the path of what it belongs to; other nodes are a step all the same. */
  function passOver(fold: number, target: number): number {
    const label = nodeLabel(heap, target);
    if (heap.producer === 'cpython' && heap.nodeKind[target] === heap.kinds.synthetic) {
      if (PLAIN_GROUPS.has(label)) return fold;
      return child(fold, '', label.replace(/^\((.*)\)$/, '$1'), target, { scope: true });
    }
    if (isRuntime(heap, target) || isNamespace(heap, target)) return fold;
    const onGroup = folds[fold]!.scope && heap.nodeKind[folds[fold]!.example] === heap.kinds.synthetic;
    const scope = onGroup || isScopeLabel(heap, label) || (fold === ROOT_FOLD && heap.producer !== 'cpython');
    return child(fold, '', label, target, { scope });
  }
}

function stepText({ edge, label, scope }: Fold): string {
  if (edge === '' || (scope && /^(module|class) /.test(label))) return label;
  return label === `${edge}()` || label.endsWith(`.${edge}()`) ? `${edge}()` : `${edge} (${label})`;
}

/** Modules and classes of Python are called by their names wherever they are met. */
function isScopeLabel(heap: Heap, label: string): boolean {
  return heap.producer === 'cpython' && /^(module|class) /.test(label);
}

/** Hidden nodes, groups of roots, and V8's own objects such as contexts. */
function isRuntime(heap: Heap, node: number): boolean {
  if (isSystemNode(heap, node)) return true;
  return heap.producer !== 'cpython' && rawNodeName(heap, node, 12).startsWith('system / ');
}

/** The edge in words, null when it is to be passed over. `named`: the program chose the name. */
function foldedEdge(heap: Heap, source: number, edge: number, target: number): { text: string; named: boolean } | null {
  const { kinds } = heap;
  const kind = heap.edgeKind[edge]! & EDGE_KIND;
  if (kind === kinds.edgeWeak) return { text: '(weak)', named: false };
  if (heap.nodeKind[source] === kinds.synthetic && heap.producer !== 'cpython') return null;
  if (heap.nodeKind[target] === kinds.synthetic) return null;
  const name = edgeName(heap, edge, STEP_CHARS);
  if (kind === kinds.edgeInternal || kind === kinds.edgeHidden || kind === kinds.edgeInvisible) {
    if (isNumberedEdge(heap, edge) || /^\d/.test(name)) return isRuntime(heap, target) ? null : { text: ANY, named: false };
    return null;
  }
  if (kind === kinds.edgeContext) return { text: name, named: true };
  if (heap.nodeKind[source] === kinds.synthetic && isGroup(heap, source)) return null;
  if (kind === kinds.edgeElement) return { text: ANY, named: false };
  if (heap.nodeKind[source] === kinds.synthetic) return { text: name, named: true };
  if (/^\[.*\]$/s.test(name)) return { text: ANY, named: false };
  const fields = heap.firstEdge[source + 1]! - heap.firstEdge[source]!;
  if (fields > MAX_NAMED_FIELDS && isMapping(heap, source)) return { text: ANY, named: false };
  return { text: name, named: true };
}

/** Groups of roots such as `(modules)`: what hangs on them is not named by the program. */
function isGroup(heap: Heap, node: number): boolean {
  return rawNodeName(heap, node, 2).startsWith('(');
}

/** A dict of Python that is not somebody's namespace, or a plain object of JavaScript used as a dictionary. */
function isMapping(heap: Heap, node: number): boolean {
  if (heap.producer === 'cpython') return /(^|\.)\w*[dD]ict\w*$/.test(className(heap, heap.classOf[node]!)) && !isNamespace(heap, node);
  return heap.nodeKind[node] === heap.kinds.object && rawNodeName(heap, node, 8) === 'Object';
}

/** A dict that holds the attributes of a module, a class or an instance. */
function isNamespace(heap: Heap, node: number): boolean {
  const { analysis } = heap;
  if (heap.producer !== 'cpython' || !analysis) return false;
  const first = analysis.firstRetainer[node]!;
  const end = Math.min(analysis.firstRetainer[node + 1]!, first + 64);
  for (let at = first; at < end; at++) {
    const source = analysis.retainer[at]! & 0x7fffffff;
    const last = heap.firstEdge[source + 1]!;
    for (let edge = heap.firstEdge[source]!; edge < last && edge < heap.firstEdge[source]! + 64; edge++) {
      if (heap.edgeTo[edge] !== node) continue;
      if ((heap.edgeKind[edge]! & EDGE_KIND) !== heap.kinds.edgeInternal) continue;
      if (edgeName(heap, edge, 16) === '__dict__') return true;
    }
  }
  return false;
}

/** What a node is called in a path: modules, classes and functions by name, everything else by class. */
function nodeLabel(heap: Heap, node: number): string {
  const kind = heap.nodeKind[node]!;
  const { kinds } = heap;
  const name = rawNodeName(heap, node, STEP_CHARS);
  if (kind === kinds.closure) return `${name === '' ? 'anonymous' : name}()`;
  if (kind === kinds.synthetic || kind === kinds.code || isScopeLabel(heap, name)) return name;
  return className(heap, heap.classOf[node]!, STEP_CHARS);
}
