import { heapFormatError } from './errors.ts';
import { native } from './native.ts';

/**
 * Typed arrays on shared memory, so that worker threads can take part without copies. Shared memory is committed page
 * by page as it is written: room that is never used costs nothing.
 */

export type Column = Uint32Array | Float64Array;

/** Columns from this size on ask for large pages: they are written whole, and looked into everywhere. */
const LARGE_BYTES = 4 * 2 ** 20;

function shared(bytes: number): SharedArrayBuffer {
  try {
    const buffer = new SharedArrayBuffer(bytes);
    if (bytes >= LARGE_BYTES) native()?.largePages(new Uint8Array(buffer));
    return buffer;
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

/**
 * Room for one thread while it works. Only what is written takes memory, so the worst case can be asked for; `release` gives
 * it back at once, without waiting for the collector.
 */
export function scratch(length: number): Uint32Array<ArrayBuffer> {
  try {
    return new Uint32Array(length);
  } catch (cause) {
    throw heapFormatError('too-large', `No memory for a table of ${Math.ceil((length * 4) / 2 ** 20).toLocaleString('en-US')} MiB`, null, cause);
  }
}

export function release(room: Column | Uint8Array): void {
  if (room.buffer instanceof ArrayBuffer) resized(room.buffer, 0);
}

/** The same memory with another size; it is emptied here. */
export function resized(buffer: ArrayBuffer, bytes: number): ArrayBuffer {
  return (buffer as ArrayBuffer & { transfer(bytes: number): ArrayBuffer }).transfer(bytes); // ES2024
}

/** A column that is filled from the front, grows, and turns into Float64 when a value needs more than 32 bits. */
export interface ColumnWriter {
  values: Column;
  length: number;
}

export function columnWriter(capacity: number): ColumnWriter {
  return { values: uint32(capacity), length: 0 };
}

/** Makes room for `more` values; what is not shared grows in place. */
export function reserve(writer: ColumnWriter, more: number): void {
  const needed = writer.length + more;
  if (needed <= writer.values.length) return;
  const capacity = Math.max(needed, Math.ceil(writer.values.length * 1.5), 1024);
  if (writer.values instanceof Uint32Array && writer.values.buffer instanceof ArrayBuffer) {
    writer.values = new Uint32Array(resized(writer.values.buffer, capacity * 4));
    return;
  }
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
