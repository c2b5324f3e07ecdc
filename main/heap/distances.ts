import { SYSTEM_DISTANCE } from '#shared/model/heap.ts';

import { domTreesRoot } from './essential.ts';
import { EDGE_EPHEMERON, EDGE_KIND, NONE, weakMapEntry } from './heap.ts';
import type { Heap } from './heap.ts';
import { native } from './native.ts';
import { untilDone } from './run.ts';
import type { RunOptions } from './run.ts';
import { textOf } from './strings.ts';

/** Nodes and edges of one call of the native loop. */
const NATIVE_BUDGET = 1 << 17;

/**
 * Distances as Chrome DevTools counts them: breadth first from the user roots (1), then from the root for the rest
 * (from SYSTEM_DISTANCE on). Weak edges are not followed, nor the sloppy function maps of native contexts, nor the
 * descriptors in descriptor arrays; the value of a WeakMap entry counts from the later one of its key and its table.
 * O(nodes + edges). `distance` and `queue` are overwritten.
 */
export async function measureDistances(
  heap: Heap,
  distance: Uint32Array,
  queue: Uint32Array,
  run?: RunOptions,
): Promise<void> {
  const { nodeCount, root, kinds, nodeKind, nodeName, firstEdge, edgeKind, edgeName, edgeTo } = heap;
  distance.fill(NONE);
  const sloppyMap = heap.known.indexOf('sloppy_function_map');
  const nativeContext = heap.known.indexOf('system / NativeContext');
  const descriptors = heap.known.indexOf('(map descriptors)');
  const { weakMaps } = heap.known;
  const weak = kinds.edgeWeak;
  const pendingEntries = new Uint8Array(weakMaps.pair.reduce((most, pair) => Math.max(most, pair + 1), 0));
  let head = 0;
  let tail = 0;
  let visited = 0;

  const follows = (node: number, edge: number): boolean => {
    const kind = nodeKind[node];
    const name = nodeName[node];
    if (kind === kinds.hidden && name === nativeContext && edgeHasName(edge, sloppyMap)) return false;
    if (kind === kinds.array && name === descriptors) {
      const index = edgeNumber(edge);
      return index < 2 || index % 3 !== 1;
    }
    if ((edgeKind[edge]! & EDGE_EPHEMERON) === 0) return true;
    const pair = weakMaps.pair[weakMapEntry(weakMaps, edgeName[edge]!)]!;
    pendingEntries[pair] = 1 - pendingEntries[pair]!;
    return pendingEntries[pair] === 0;
  };
  const isNumbered = (edge: number): boolean => {
    const kind = edgeKind[edge]! & EDGE_KIND;
    return kind === kinds.edgeElement || kind === kinds.edgeHidden;
  };
  const edgeHasName = (edge: number, name: number): boolean => !isNumbered(edge) && edgeName[edge] === name;
  const edgeNumber = (edge: number): number =>
    isNumbered(edge) ? edgeName[edge]! : Number.parseInt(textOf(heap.strings, edgeName[edge]!, 20), 10);

  const loops = native();
  const visitedBits = loops ? new Uint32Array((nodeCount + 31) >>> 5) : null;
  const mark = (node: number): void => {
    if (visitedBits) visitedBits[node >>> 5]! |= 1 << (node & 31);
  };
  const natively = loops && visitedBits ? ((): (() => boolean) => {
    const skipped = descriptorNames(heap, descriptors, isNumbered);
    const rules = Float64Array.of(weak, kinds.hidden, nativeContext, sloppyMap, kinds.array, descriptors, kinds.edgeElement, kinds.edgeHidden);
    const state = new Float64Array(2);
    return () => {
      state[0] = head;
      state[1] = tail;
      const done = loops.spreadDistances(firstEdge, edgeKind, edgeName, edgeTo, nodeKind, nodeName, distance, queue, visitedBits, state, weakMaps.string, weakMaps.pair, pendingEntries, skipped, rules, NATIVE_BUDGET);
      visited += state[0]! - head;
      head = state[0]!;
      tail = state[1]!;
      return done === 1;
    };
  })() : null;
  const spread = natively ?? ((): boolean => {
    for (let budget = 1 << 16; head < tail && budget > 0; head++) {
      const node = queue[head]!;
      const next = distance[node]! + 1;
      const end = firstEdge[node + 1]!;
      const special = (nodeKind[node] === kinds.hidden && nodeName[node] === nativeContext) ||
        (nodeKind[node] === kinds.array && nodeName[node] === descriptors);
      budget -= end - firstEdge[node]! + 1;
      visited++;
      for (let edge = firstEdge[node]!; edge < end; edge++) {
        const target = edgeTo[edge]!;
        if (distance[target] !== NONE) continue;
        const kind = edgeKind[edge]!;
        if ((kind & EDGE_KIND) === weak) continue;
        if ((special || (kind & EDGE_EPHEMERON) !== 0) && !follows(node, edge)) continue;
        distance[target] = next;
        queue[tail++] = target;
      }
    }
    return head >= tail;
  });

  const isDomTrees = domTreesRoot(heap);
  for (let edge = firstEdge[root]!; edge < firstEdge[root + 1]!; edge++) {
    const target = edgeTo[edge]!;
    if (distance[target] !== NONE) continue;
    if (nodeKind[target] === kinds.synthetic && !isDomTrees(target)) continue;
    distance[target] = 1;
    mark(target);
    queue[tail++] = target;
  }
  const userRoots = tail;
  await untilDone(run, 'distances', nodeCount, () => visited, spread);
  mark(root);
  distance[root] = userRoots > 0 ? SYSTEM_DISTANCE : 0;
  head = 0;
  tail = 1;
  queue[0] = root;
  await untilDone(run, 'distances', nodeCount, () => visited, spread);
}

/** By string: 1 where an edge of that name in a descriptor array leads to a descriptor, which is not followed. */
function descriptorNames(heap: Heap, descriptors: number, isNumbered: (edge: number) => boolean): Uint8Array {
  const { nodeCount, nodeKind, nodeName, firstEdge, edgeName, kinds, strings } = heap;
  const skipped = new Uint8Array(descriptors < 0 ? 0 : strings.count);
  const seen = new Uint8Array(skipped.length);
  for (let node = 0; descriptors >= 0 && node < nodeCount; node++) {
    if (nodeName[node] !== descriptors || nodeKind[node] !== kinds.array) continue;
    for (let edge = firstEdge[node]!; edge < firstEdge[node + 1]!; edge++) {
      const name = edgeName[edge]!;
      if (isNumbered(edge) || seen[name] === 1) continue;
      seen[name] = 1;
      const index = Number.parseInt(textOf(strings, name, 20), 10);
      if (index >= 2 && index % 3 === 1) skipped[name] = 1;
    }
  }
  return skipped;
}
