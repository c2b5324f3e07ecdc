import { RETAINER_SOURCE } from './analysis.ts';
import type { HeapAnalysis } from './analysis.ts';
import { bytes, uint32 } from './columns.ts';
import { quiet } from './filter.ts';
import { EDGE_ESSENTIAL, EDGE_KIND, NONE } from './heap.ts';
import type { Heap } from './heap.ts';
import { isSystemNode } from './node-names.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';
import { COST_RUNTIME_EDGE, COST_RUNTIME_NODE, COST_UNESSENTIAL, COST_WEAK, isNearer, MAX_COMPARED, MAX_LOOKED_UP } from './shortest.ts';

/**
 * `nearestHolder` of every node at once: the parent of each node in the tree of preferred shortest paths. By node; NONE
 * where there is none.
 */
export interface HolderTree {
  readonly holder: Uint32Array;
  readonly edge: Uint32Array;
}

const trees = new WeakMap<HeapAnalysis, HolderTree>();

/** The tree of a heap, made once: O(nodes + edges), 8 bytes per node. Gives what `nearestHolder` gives. */
export async function holderTree(heap: Heap, analysis: HeapAnalysis, run?: RunOptions): Promise<HolderTree> {
  let tree = trees.get(analysis);
  if (!tree) trees.set(analysis, (tree = await build(heap, analysis, run)));
  return tree;
}

async function build(heap: Heap, analysis: HeapAnalysis, run: RunOptions | undefined): Promise<HolderTree> {
  const { nodeCount, root, firstEdge, edgeKind, edgeTo, kinds } = heap;
  const { distance } = analysis;
  const holder = uint32(nodeCount).fill(NONE);
  const bestEdge = uint32(nodeCount).fill(NONE);
  const bestCost = bytes(nodeCount).fill(255);
  const compared = bytes(nodeCount);
  const costOfKind = new Uint8Array(EDGE_KIND + 1);
  for (const kind of [kinds.edgeInternal, kinds.edgeHidden, kinds.edgeInvisible]) {
    if (kind >= 0) costOfKind[kind] = COST_RUNTIME_EDGE;
  }
  // Sources in order, each with its edges in order: the order of the lists of retainers.
  await inSlices(quiet(run), 'aggregates', nodeCount, 1 << 14, (from, to) => {
    for (let source = from; source < to; source++) {
      const begin = firstEdge[source]!;
      const end = firstEdge[source + 1]!;
      const away = distance[source]!;
      const costOfSource = isSystemNode(heap, source) ? COST_RUNTIME_NODE : 0;
      const lookedUp = end - begin <= MAX_LOOKED_UP;
      for (let edge = begin; edge < end; edge++) {
        const target = edgeTo[edge]!;
        if (!isNearer(heap, source, away, distance[target]!) || bestCost[target] === 0) continue;
        if (compared[target] === MAX_COMPARED) continue;
        compared[target]!++;
        const flags = edgeKind[edge]!;
        const kind = flags & EDGE_KIND;
        let cost = costOfSource;
        if ((flags & EDGE_ESSENTIAL) === 0) cost += COST_UNESSENTIAL;
        if (lookedUp) {
          if (kind === kinds.edgeWeak) cost = COST_WEAK;
          else cost += costOfKind[kind]!;
        }
        if (cost >= bestCost[target]!) continue;
        bestCost[target] = cost;
        bestEdge[target] = edge;
        holder[target] = source & RETAINER_SOURCE;
      }
    }
  });
  holder[root] = NONE;
  return { holder, edge: bestEdge };
}
