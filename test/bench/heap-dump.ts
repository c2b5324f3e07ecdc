import { readFile, writeFile } from 'node:fs/promises';

import type { HeapAnalysis } from '#main/heap/analysis.ts';
import { NONE } from '#main/heap/heap.ts';
import type { Heap } from '#main/heap/heap.ts';

/** What two engines are compared by: a line of JSON with the classes, then four columns of Float64 by node. */
export interface HeapDump {
  readonly classes: readonly DumpedClass[];
  readonly id: Float64Array;
  readonly shallow: Float64Array;
  readonly retained: Float64Array;
  /** −1: not reached. */
  readonly distance: Float64Array;
}

export interface DumpedClass {
  readonly name: string;
  readonly objects: number;
  readonly shallowBytes: number;
  readonly retainedBytes: number;
  readonly distance: number;
}

/**
 * Distances of classes as DevTools has them, by class: the least of its objects of any size, where an object that is not
 * reached (−5 there) is nearer than all others: −1. The product shows the nearest object that is reached instead; this is
 * the one place where the comparison takes another value than the one that is shown, and it is exact again.
 */
export function distancesAsDevTools(
  heap: Pick<Heap, 'nodeCount' | 'classOf' | 'shallow' | 'classes'>,
  { distance, classDistance }: Pick<HeapAnalysis, 'distance' | 'classDistance'>,
): Float64Array {
  const distances = Float64Array.from({ length: heap.classes.count }, (_, index) =>
    classDistance[index] === NONE ? -1 : classDistance[index]!,
  );
  for (let node = 0; node < heap.nodeCount; node++) {
    if (heap.shallow[node] !== 0 && distance[node] === NONE) distances[heap.classOf[node]!] = -1;
  }
  return distances;
}

export async function writeDump(path: string, dump: HeapDump): Promise<void> {
  const head = Buffer.from(JSON.stringify({ classes: dump.classes, nodes: dump.id.length }));
  const length = Buffer.alloc(8);
  length.writeDoubleLE(head.length);
  const columns = [dump.id, dump.shallow, dump.retained, dump.distance].map((column) =>
    Buffer.from(column.slice().buffer),
  );
  await writeFile(path, Buffer.concat([length, head, ...columns]));
}

export async function readDump(path: string): Promise<HeapDump> {
  const file = await readFile(path);
  const headLength = file.readDoubleLE(0);
  const head = JSON.parse(file.toString('utf8', 8, 8 + headLength)) as { classes: DumpedClass[]; nodes: number };
  const column = (index: number): Float64Array => {
    const from = 8 + headLength + index * head.nodes * 8;
    return new Float64Array(Uint8Array.prototype.slice.call(file, from, from + head.nodes * 8).buffer);
  };
  return { classes: head.classes, id: column(0), shallow: column(1), retained: column(2), distance: column(3) };
}
