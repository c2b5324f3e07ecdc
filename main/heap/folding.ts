import type { HolderStep } from '#shared/model/heap.ts';

import { createTexts, TRAIT_DICT, TRAIT_DIGIT, TRAIT_GROUP, TRAIT_KEY, TRAIT_OBJECT, TRAIT_SYSTEM } from './folding-texts.ts';
import type { Texts } from './folding-texts.ts';
import { EDGE_KIND } from './heap.ts';
import type { Heap } from './heap.ts';
import { isNumberedEdge, isSystemNode } from './node-names.ts';

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
  /** One node of the folded tree; parents have smaller numbers than what is below them. */
  entry(fold: number): FoldEntry;
  count(): number;
}

/** What a folded node is, for those who build trees of their own. */
export interface FoldEntry {
  readonly parent: number;
  readonly edge: string;
  readonly label: string;
  /** First node seen here. */
  readonly example: number;
  readonly named: boolean;
  readonly scope: boolean;
  /** `_cache (dict)`, `module __main__`, `put()` */
  readonly text: string;
}

export const ROOT_FOLD = 0;

const ANY = '[*]';

/** Groups of roots that go without saying: a module or a thread below them says it. */
const PLAIN_GROUPS = new Set(['', '(root)', '(GC roots)', '(modules)', '(threads)']);

/** A mapping with more fields than this is a collection: its keys are data, not names. */
const MAX_NAMED_FIELDS = 24;
/** Different names below one folded node, after which further ones read `[*]`. */
const MAX_NAMED_CHILDREN = 200;
/** Named steps in a holder's text; longer ones keep the first and the last. */
const MAX_TEXT_STEPS = 5;

interface Fold {
  readonly parent: number;
  /** Numbers of texts, see `createTexts`. */
  readonly edge: number;
  readonly label: number;
  /** First node seen here. */
  readonly example: number;
  /** The edge is a name the program chose. */
  readonly named: boolean;
  /** What names below it belong to: a module, a class, a global object, a thread, a group of roots. */
  readonly scope: boolean;
  namedChildren: number;
  /** Folds below this one, by numbers of edge and label. */
  children: Map<number, number> | null;
}

/** Texts have numbers below this, so that two of them make one key. */
const MAX_TEXTS = 2 ** 26;

export function createFolder(heap: Heap): Folder {
  const texts = createTexts(heap);
  const any = texts.number(ANY);
  const none = texts.number('');
  const folds: Fold[] = [];
  const grow = (parent: number, edge: number, label: number, example: number, named: boolean, scope: boolean): number =>
    folds.push({ parent, edge, label, example, named, scope, namedChildren: 0, children: null }) - 1;
  grow(-1, none, none, heap.root, false, false);

  const child = (parent: number, edge: number, label: number, example: number, named: boolean, scope: boolean): number => {
    const above = folds[parent]!;
    if (above.edge === edge && above.label === label && parent !== ROOT_FOLD) return parent;
    const key = edge * MAX_TEXTS + label;
    const children = (above.children ??= new Map<number, number>());
    let fold = children.get(key);
    if (fold === undefined) {
      if (named && above.namedChildren >= MAX_NAMED_CHILDREN) return child(parent, any, label, example, false, false);
      if (named) above.namedChildren++;
      fold = grow(parent, edge, label, example, named, scope);
      children.set(key, fold);
    }
    return fold;
  };
  const edgeText = (fold: Fold): string => texts.text(fold.edge);
  const labelText = (fold: Fold): string => texts.text(fold.label);
  const stepText = (fold: Fold): string => textOfStep(edgeText(fold), labelText(fold), fold.scope);

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
      const name = foldedEdge(heap, texts, source, edge, target);
      if (name === PASS) return passOver(fold, target);
      const label = texts.labelOf(target);
      const named = name >= 0;
      return child(fold, named ? name : texts.number(UNNAMED[-name]!), label, target, named, texts.isScope(label));
    },
    unreached: () => child(ROOT_FOLD, texts.number('(not reached from a root)'), none, heap.root, false, false),
    steps: (fold) => chain(fold).map((entry) => ({ edge: edgeText(entry), node: labelText(entry) })),
    holderText(fold) {
      const list = chain(fold);
      const texts: string[] = [];
      for (const entry of list.slice(0, -1)) {
        if (entry.named || entry.scope) texts.push(stepText(entry));
        else if (entry.edge === any && texts.length > 0) texts[texts.length - 1] += ANY;
      }
      if (texts.length === 0) {
        const nearest = list[list.length - 2] ?? (list[0]?.label === none ? list[0] : undefined);
        return nearest ? `${edgeText(nearest)} ${labelText(nearest)}`.trim() : '(root)';
      }
      if (texts.length <= MAX_TEXT_STEPS) return texts.join(' → ');
      return [...texts.slice(0, 2), '…', ...texts.slice(texts.length - (MAX_TEXT_STEPS - 2))].join(' → ');
    },
    owner(fold) {
      const list = chain(fold);
      const length = holderLength(list);
      return length === 0 ? null : list[length - 1]!.example;
    },
    entry(fold) {
      const entry = folds[fold]!;
      const { parent, example, named, scope } = entry;
      return { parent, edge: edgeText(entry), label: labelText(entry), example, named, scope, text: stepText(entry) };
    },
    count: () => folds.length,
  };

  /** A part of the runtime takes the path of what it belongs to; other nodes are a step all the same. */
  function passOver(fold: number, target: number): number {
    const label = texts.labelOf(target);
    if (heap.producer === 'cpython' && heap.nodeKind[target] === heap.kinds.synthetic) {
      const text = texts.text(label);
      if (PLAIN_GROUPS.has(text)) return fold;
      return child(fold, none, texts.number(text.replace(/^\((.*)\)$/, '$1')), target, false, true);
    }
    if (isRuntime(heap, texts, target) || isNamespace(heap, texts, target)) return fold;
    const above = folds[fold]!;
    const onGroup = above.scope && heap.nodeKind[above.example] === heap.kinds.synthetic;
    const scope = onGroup || texts.isScope(label) || (fold === ROOT_FOLD && heap.producer !== 'cpython');
    return child(fold, none, label, target, false, scope);
  }
}

function textOfStep(edge: string, label: string, scope: boolean): string {
  if (edge === '' || (scope && /^(module|class) /.test(label))) return label;
  if (label === '') return edge;
  return label === `${edge}()` || label.endsWith(`.${edge}()`) ? `${edge}()` : `${edge} (${label})`;
}

/** Hidden nodes, groups of roots, and V8's own objects such as contexts. */
function isRuntime(heap: Heap, texts: Texts, node: number): boolean {
  if (isSystemNode(heap, node)) return true;
  return heap.producer !== 'cpython' && (texts.traits(heap.nodeName[node]!) & TRAIT_SYSTEM) !== 0;
}

/** What `foldedEdge` gives when the edge is to be passed over. */
const PASS = -1_000;
/** Edges that are no name of the program, by their negated number. */
const UNNAMED = ['', ANY, '(weak)'];
const ANY_EDGE = -1;
const WEAK_EDGE = -2;

/** The edge as the number of its text where the program chose it, else one of the negative ones above. */
function foldedEdge(heap: Heap, texts: Texts, source: number, edge: number, target: number): number {
  const { kinds, nodeKind } = heap;
  const kind = heap.edgeKind[edge]! & EDGE_KIND;
  if (kind === kinds.edgeWeak) return WEAK_EDGE;
  const onSynthetic = nodeKind[source] === kinds.synthetic;
  if (onSynthetic && heap.producer !== 'cpython') return PASS;
  if (nodeKind[target] === kinds.synthetic) return PASS;
  const numbered = isNumberedEdge(heap, edge);
  const traits = numbered ? TRAIT_DIGIT : texts.traits(heap.edgeName[edge]!);
  if (kind === kinds.edgeInternal || kind === kinds.edgeHidden || kind === kinds.edgeInvisible) {
    return (traits & TRAIT_DIGIT) !== 0 && !isRuntime(heap, texts, target) ? ANY_EDGE : PASS;
  }
  const name = (): number => (numbered ? texts.number(String(heap.edgeName[edge]!)) : texts.ofString(heap.edgeName[edge]!));
  if (kind === kinds.edgeContext) return name();
  // What hangs on groups such as `(modules)` is not named by the program.
  if (onSynthetic && (texts.traits(heap.nodeName[source]!) & TRAIT_GROUP) !== 0) return PASS;
  if (kind === kinds.edgeElement) return ANY_EDGE;
  if (onSynthetic) return name();
  if ((traits & TRAIT_KEY) !== 0) return ANY_EDGE;
  const fields = heap.firstEdge[source + 1]! - heap.firstEdge[source]!;
  if (fields > MAX_NAMED_FIELDS && isMapping(heap, texts, source)) return ANY_EDGE;
  return name();
}

/** A dict of Python that is not somebody's namespace, or a plain object of JavaScript used as a dictionary. */
function isMapping(heap: Heap, texts: Texts, node: number): boolean {
  if (heap.producer === 'cpython') return texts.isDictClass(heap.classOf[node]!) && !isNamespace(heap, texts, node);
  return heap.nodeKind[node] === heap.kinds.object && (texts.traits(heap.nodeName[node]!) & TRAIT_OBJECT) !== 0;
}

/** A dict that holds the attributes of a module, a class or an instance. */
function isNamespace(heap: Heap, texts: Texts, node: number): boolean {
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
      if ((texts.traits(heap.edgeName[edge]!) & TRAIT_DICT) !== 0) return true;
    }
  }
  return false;
}
