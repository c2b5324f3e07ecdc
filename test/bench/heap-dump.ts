import { readFile, writeFile } from 'node:fs/promises';

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
