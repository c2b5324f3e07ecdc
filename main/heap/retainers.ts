import { RETAINER_WEAK } from './analysis.ts';
import { uint32 } from './columns.ts';
import { EDGE_ESSENTIAL } from './heap.ts';
import type { Heap } from './heap.ts';
import { native } from './native.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';

/**
 * Incoming edges of every node by counting sort: O(nodes + edges). Only the source is kept, four bytes per edge; the
 * edge itself is found again in the source's few edges when a view asks (object.ts). `incoming` (how many edges lead to
 * each node, as essential.ts counts them) becomes `firstRetainer`.
 */
export async function buildRetainers(
  heap: Pick<Heap, 'nodeCount' | 'edgeCount' | 'firstEdge' | 'edgeKind' | 'edgeTo'>,
  incoming: Uint32Array,
  run?: RunOptions,
): Promise<{ firstRetainer: Uint32Array; retainer: Uint32Array }> {
  const { nodeCount, edgeCount, firstEdge, edgeKind, edgeTo } = heap;
  const firstRetainer = incoming;
  const retainer = uint32(edgeCount);
  // Ends first: filling from the last edge backwards turns each end into its beginning.
  let sum = 0;
  await inSlices(run, 'retainers', nodeCount, 1 << 18, (from, to) => {
    for (let node = from; node < to; node++) {
      sum += firstRetainer[node]!;
      firstRetainer[node] = sum;
    }
  });
  firstRetainer[nodeCount] = sum;
  const loops = native();
  await inSlices(run, 'retainers', nodeCount, loops ? 1 << 16 : 1 << 14, (from, to) => {
    if (loops) {
      loops.retainers(firstEdge, edgeKind, edgeTo, firstRetainer, retainer, from, to);
      return;
    }
    for (let node = nodeCount - 1 - from; node >= nodeCount - to; node--) {
      const begin = firstEdge[node]!;
      for (let edge = firstEdge[node + 1]! - 1; edge >= begin; edge--) {
        const target = edgeTo[edge]!;
        const at = firstRetainer[target]! - 1;
        firstRetainer[target] = at;
        retainer[at] = edgeKind[edge]! & EDGE_ESSENTIAL ? node : node | RETAINER_WEAK;
      }
    }
  });
  return { firstRetainer, retainer };
}
