import { className } from '../class-names.ts';
import { EDGE_KIND } from '../heap.ts';
import type { Heap } from '../heap.ts';
import { edgeName } from '../node-names.ts';

/** Which objects are collections, and how many objects they hold. */

const V8_COLLECTIONS = new Set(['Map', 'Set', 'Array', 'WeakMap', 'WeakSet', 'Object']);
const PYTHON_COLLECTIONS = /^(dict|list|set|tuple|frozenset|collections\.(deque|OrderedDict|defaultdict|Counter|UserDict|UserList))$/;

/** Tests nodes; the name of a class is looked at once. Plain objects of V8 count as dictionaries. */
export function collectionTest(heap: Heap): (node: number) => boolean {
  const byClass = Array.from({ length: heap.classes.count }, (_, index) => {
    const name = className(heap, index, 200);
    if (heap.producer === 'cpython') return PYTHON_COLLECTIONS.test(name);
    return V8_COLLECTIONS.has(name);
  });
  return (node) => heap.nodeKind[node] === heap.kinds.object && byClass[heap.classOf[node]!]!;
}

/**
 * References a collection has to what it holds: elements, entries, keys. Numbers that V8 keeps in place are not among
 * them. Maps and sets of V8 have theirs in a table of their own. O(edges of it).
 */
export function entriesOf(heap: Heap, node: number): number {
  const { firstEdge, edgeKind, edgeTo, kinds } = heap;
  const name = heap.producer === 'cpython' ? '' : className(heap, heap.classOf[node]!, 40);
  const keyed = /^(Weak)?(Map|Set)$/.test(name);
  let from = node;
  if (keyed) {
    for (let edge = firstEdge[node]!; edge < firstEdge[node + 1]!; edge++) {
      if ((edgeKind[edge]! & EDGE_KIND) === kinds.edgeInternal && edgeName(heap, edge, 8) === 'table') from = edgeTo[edge]!;
    }
    if (from === node) return 0;
  }
  let count = 0;
  const end = firstEdge[from + 1]!;
  for (let edge = firstEdge[from]!; edge < end; edge++) {
    const kind = edgeKind[edge]! & EDGE_KIND;
    if (keyed) {
      if (kind === kinds.edgeInternal || kind === kinds.edgeHidden || kind === kinds.edgeElement) count++;
    } else if (kind === kinds.edgeElement) count++;
    else if (kind === kinds.edgeProperty && edgeName(heap, edge, 12) !== '__proto__') count++;
    else if (kind === kinds.edgeHidden && heap.producer === 'cpython') count++;
  }
  // A map has key and value of an entry beside each other where both are objects.
  return name === 'Map' ? Math.ceil(count / 2) : count;
}
