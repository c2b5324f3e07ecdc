import { analyseHeap } from '../analyse.ts';
import type { HeapAnalysis } from '../analysis.ts';
import type { Comparison } from '../compare.ts';
import { NONE } from '../heap.ts';
import type { Heap } from '../heap.ts';
import type { RunOptions } from '../run.ts';

/** New objects among what an object of the compared heap retains, in file order. */
export async function growthObjectsBelow(comparison: Comparison, node: number, run: RunOptions): Promise<Uint32Array> {
  const { compared, baseOf } = comparison;
  const { domOrder, domPosition, domSize } = await analyseHeap(compared, run);
  const from = domPosition[node]!;
  if (from === NONE) return new Uint32Array(0);
  const below = domOrder.subarray(from, from + domSize[node]!);
  return below.filter((entry) => baseOf[entry] === NONE && compared.shallow[entry] !== 0).sort();
}

/** Bytes that go when all of these go, objects inside of others counted once. */
export function unionBytes({ domPosition, domSize, retained }: HeapAnalysis, nodes: Iterable<number>): number {
  const sorted = [...nodes].sort((a, b) => domPosition[a]! - domPosition[b]!);
  let total = 0;
  let coveredTo = 0;
  for (const node of sorted) {
    const position = domPosition[node]!;
    if (position < coveredTo) continue;
    total += retained[node]!;
    coveredTo = position + domSize[node]!;
  }
  return total;
}

/** Nodes of some classes, by the name of the class, that have a size. O(nodes). */
export function nodesOfClasses(heap: Heap, takes: (className: string) => boolean, names: (index: number) => string): number[] {
  const wanted = Uint8Array.from({ length: heap.classes.count }, (_, index) => (takes(names(index)) ? 1 : 0));
  const found: number[] = [];
  for (let node = 0; node < heap.nodeCount; node++) if (wanted[heap.classOf[node]!] === 1 && heap.shallow[node] !== 0) found.push(node);
  return found;
}
