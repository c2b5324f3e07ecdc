import { analyseHeap } from './analyse.ts';
import type { Heap } from './heap.ts';
import { orderByNumber } from './order.ts';
import type { RunOptions } from './run.ts';

/** Bytes that go when all of these objects go: objects inside of others of the set count once. O(set). */
export async function retainedBytesOf(heap: Heap, ordinals: Uint32Array, run?: RunOptions): Promise<number> {
  const { domPosition, domSize, retained } = await analyseHeap(heap, run);
  const order = await orderByNumber(ordinals.length, (i) => domPosition[ordinals[i]!]!, false, run);
  let total = 0;
  let coveredTo = 0;
  for (const i of order) {
    const node = ordinals[i]!;
    const position = domPosition[node]!;
    if (position < coveredTo) continue;
    total += retained[node]!;
    coveredTo = position + domSize[node]!;
  }
  return total;
}
