import { heapFormatError } from './errors.ts';

/**
 * Typed arrays on shared memory, so that worker threads can take part without copies. Shared memory is committed page
 * by page as it is written: room that is never used costs nothing.
 */

export type Column = Uint32Array | Float64Array;

function shared(bytes: number): SharedArrayBuffer {
  try {
    return new SharedArrayBuffer(bytes);
  } catch (cause) {
    const mebibytes = Math.ceil(bytes / 2 ** 20).toLocaleString('en-US');
    throw heapFormatError('too-large', `No memory for a table of ${mebibytes} MiB`, null, cause);
  }
}

export function bytes(length: number): Uint8Array {
  return new Uint8Array(shared(length));
}

export function uint32(length: number): Uint32Array {
  return new Uint32Array(shared(length * 4));
}

export function float64(length: number): Float64Array {
  return new Float64Array(shared(length * 8));
}

/** A column that is filled from the front, grows, and turns into Float64 when a value needs more than 32 bits. */
export interface ColumnWriter {
  values: Column;
  length: number;
}

export function columnWriter(capacity: number): ColumnWriter {
  return { values: uint32(capacity), length: 0 };
}

/** Makes room for `more` values. */
export function reserve(writer: ColumnWriter, more: number): void {
  const needed = writer.length + more;
  if (needed <= writer.values.length) return;
  const capacity = Math.max(needed, Math.ceil(writer.values.length * 1.5), 1024);
  const grown = writer.values instanceof Uint32Array ? uint32(capacity) : float64(capacity);
  grown.set(writer.values.subarray(0, writer.length));
  writer.values = grown;
}

/** Turns a Uint32 column into Float64, keeping its values. */
export function widen(writer: ColumnWriter): Float64Array {
  if (writer.values instanceof Float64Array) return writer.values;
  const wide = float64(writer.values.length);
  wide.set(writer.values.subarray(0, writer.length));
  writer.values = wide;
  return wide;
}
