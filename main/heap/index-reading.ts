import { readSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/**
 * The columns of an index file read and checked by two threads, slice by slice: a slice belongs to whoever claims it first.
 * O(bytes).
 */

/** Bytes that are read, written and checked at once. */
export const SLICE_BYTES = 1 << 20;

export interface StoredColumn {
  readonly bytes: Uint8Array;
  /** Offset in the file. */
  readonly position: number;
  /** CRC-32 of each slice. */
  readonly checks: readonly number[];
}

/** Shared columns, and how many of their slices are taken. */
export interface SharedRead {
  readonly columns: readonly StoredColumn[];
  readonly claims: Int32Array;
}

/** Reads slices one after another: each `step` reads one, and returns how many bytes; 0 when there is none left. */
export function sliceReader(file: number, { columns, claims }: SharedRead): () => number {
  let column = 0;
  /** Number of the first slice of that column. */
  let first = 0;
  return () => {
    const claimed = Atomics.add(claims, 0, 1);
    while (column < columns.length && claimed - first >= slicesOf(columns[column]!)) first += slicesOf(columns[column++]!);
    if (column === columns.length) return 0;
    return readSlice(file, columns[column]!, claimed - first);
  };
}

export function slicesOf({ bytes }: StoredColumn): number {
  return Math.ceil(bytes.length / SLICE_BYTES);
}

/** Throws where the file ends or the slice is not what was written. */
export function readSlice(file: number, { bytes, position, checks }: StoredColumn, slice: number): number {
  const from = slice * SLICE_BYTES;
  const part = bytes.subarray(from, Math.min(bytes.length, from + SLICE_BYTES));
  for (let done = 0; done < part.length; ) {
    const read = readSync(file, part, done, part.length - done, position + from + done);
    if (read === 0) throw new Error('The index is cut off');
    done += read;
  }
  if (crc32(part) !== checks[slice]) throw new Error('A column is damaged');
  return part.length;
}
