import { release, scratch, uint32 } from './columns.ts';
import { EDGE_EPHEMERON, EDGE_ESSENTIAL, EDGE_KIND, weakMapEntry } from './heap.ts';
import type { Heap } from './heap.ts';
import { native } from './native.ts';
import { inSlices, untilDone } from './run.ts';
import type { RunOptions } from './run.ts';

const OWNED = 1;
const HELD = 2;

/** Nodes and edges of one call of a native loop: some milliseconds at worst. */
const NATIVE_BUDGET = 1 << 18;

/** The part of a heap that dominators need. */
export type Graph = Pick<
  Heap,
  'nodeCount' | 'edgeCount' | 'root' | 'kinds' | 'known' | 'nodeKind' | 'nodeName' | 'nodeId' | 'firstEdge' | 'edgeKind' | 'edgeName' | 'edgeTo'
>;

/**
 * Marks in `edgeKind` which edges keep their target alive, by Chrome DevTools' rules:
 * not weak; not from a node to itself; not the table's half of a WeakMap entry (the key's half counts);
 * and, from any node but the root, not a shortcut, and not from outside of the page into what the page owns.
 * Returns what costs nothing here, where every edge is looked at: not 0 for nodes that an essential edge leads to. With
 * `incoming` (zeros) it counts the incoming edges of every node as well. O(nodes + edges).
 */
export async function markEssentialEdges(
  heap: Graph,
  run?: RunOptions,
  incoming: Uint32Array | null = null,
): Promise<Uint8Array> {
  const { nodeCount, root, kinds, firstEdge, edgeKind, edgeName, edgeTo, nodeId } = heap;
  const { weakMaps } = heap.known;
  const owned = await markPageOwned(heap, run);
  const { edgeWeak, edgeShortcut, edgeInternal } = kinds;
  const hasWeakMaps = weakMaps.string.length > 0;
  const firstEntry = hasWeakMaps ? weakMaps.string[0]! : 0;
  const loops = native();
  await inSlices(run, 'sizes', nodeCount, loops ? 1 << 16 : 1 << 14, (from, to) => {
    if (loops) {
      loops.essential(firstEdge, edgeKind, edgeName, edgeTo, nodeId, owned, incoming, weakMaps.string, weakMaps.tableId, from, to, root, edgeWeak, edgeShortcut, edgeInternal);
      return;
    }
    for (let node = from; node < to; node++) {
      const end = firstEdge[node + 1]!;
      const outside = (owned[node]! & OWNED) === 0;
      for (let edge = firstEdge[node]!; edge < end; edge++) {
        const kind = edgeKind[edge]! & EDGE_KIND;
        const target = edgeTo[edge]!;
        if (incoming) incoming[target]!++;
        let flags = EDGE_ESSENTIAL;
        if (kind === edgeWeak || target === node) flags = 0;
        else if (node !== root && (kind === edgeShortcut || (outside && (owned[target]! & OWNED) !== 0))) flags = 0;
        if (kind === edgeInternal && hasWeakMaps && edgeName[edge]! >= firstEntry) {
          const entry = weakMapEntry(weakMaps, edgeName[edge]!);
          if (entry >= 0) {
            if (weakMaps.tableId[entry] === nodeId[node]) flags = 0;
            flags |= EDGE_EPHEMERON;
          }
        }
        if (flags & EDGE_ESSENTIAL) owned[target]! |= HELD;
        edgeKind[edge] = kind | flags;
      }
    }
  });
  const held = owned;
  await inSlices(run, 'sizes', nodeCount, 1 << 18, (from, to) => {
    for (let node = from; node < to; node++) held[node]! &= HELD;
  });
  return held;
}

/** The number of incoming edges of every node; one entry more than nodes. O(edges). */
export async function countIncoming(heap: Pick<Heap, 'nodeCount' | 'edgeCount' | 'edgeTo'>, run?: RunOptions): Promise<Uint32Array> {
  const { nodeCount, edgeCount, edgeTo } = heap;
  const incoming = uint32(nodeCount + 1);
  const loops = native();
  await inSlices(run, 'retainers', edgeCount, 1 << 18, (from, to) => {
    if (loops) return loops.countIncoming(edgeTo, incoming, from, to);
    for (let edge = from; edge < to; edge++) incoming[edgeTo[edge]!]!++;
  });
  return incoming;
}

/** 1 for what is reachable from the global objects and DOM trees without weak edges. */
async function markPageOwned(heap: Graph, run: RunOptions | undefined): Promise<Uint8Array> {
  const { nodeCount, root, kinds, firstEdge, edgeKind, edgeTo } = heap;
  const owned = new Uint8Array(nodeCount);
  const isDomTrees = domTreesRoot(heap);
  const weak = kinds.edgeWeak;
  for (let edge = firstEdge[root]!; edge < firstEdge[root + 1]!; edge++) {
    const kind = edgeKind[edge]! & EDGE_KIND;
    const target = edgeTo[edge]!;
    if (kind === kinds.edgeShortcut || (kind === kinds.edgeElement && isDomTrees(target))) owned[target] = 1;
  }
  // Nodes in their order, which is kind to the cache: what lies ahead is met later, only what lies behind is stacked.
  const loops = native();
  if (loops) {
    const behind = scratch(nodeCount);
    const state = Float64Array.of(0, 0);
    const step = (): boolean => loops.pageOwned(firstEdge, edgeKind, edgeTo, owned, behind, state, weak, NATIVE_BUDGET) === 1;
    await untilDone(run, 'sizes', nodeCount, () => state[0]!, step);
    release(behind);
    return owned;
  }
  const stack: number[] = [];
  let at = 0;
  await untilDone(run, 'sizes', nodeCount, () => at, () => {
    for (let budget = 1 << 14; budget > 0; budget--) {
      const node = stack.length > 0 ? stack.pop()! : at < nodeCount ? at++ : -1;
      if (node < 0) return true;
      if (owned[node] === 0) continue;
      const end = firstEdge[node + 1]!;
      for (let edge = firstEdge[node]!; edge < end; edge++) {
        const target = edgeTo[edge]!;
        if (owned[target] === 1 || (edgeKind[edge]! & EDGE_KIND) === weak) continue;
        owned[target] = 1;
        if (target < at) stack.push(target);
      }
    }
    return false;
  });
  return owned;
}

/** Tests for the synthetic node that holds the DOM trees of all documents. */
export function domTreesRoot(heap: Pick<Graph, 'known' | 'nodeName' | 'nodeKind' | 'kinds'>): (node: number) => boolean {
  const name = heap.known.indexOf('(Document DOM trees)');
  return (node) => name >= 0 && heap.nodeName[node] === name && heap.nodeKind[node] === heap.kinds.synthetic;
}
