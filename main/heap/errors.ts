import type { HeapErrorCode } from '#shared/model/heap.ts';

/**
 * A snapshot file that cannot be read. `message` is for the user: what is wrong, where, what to do.
 * `byteOffset` counts in the uncompressed text; null where no place can be named.
 */
export interface HeapFormatError extends Error {
  readonly name: 'HeapFormatError';
  readonly code: HeapErrorCode;
  readonly byteOffset: number | null;
}

const ADVICE: Record<HeapErrorCode, string> = {
  empty: 'Take the snapshot again; the recording was probably cut off before the first byte.',
  'not-json': 'Choose a .heapsnapshot file (plain, gzip or zstd).',
  'not-a-snapshot': 'Choose a .heapsnapshot file; profiles and other JSON files cannot be opened here.',
  truncated: 'The file is not complete: copy it again, or take the snapshot again with enough free disk.',
  unsupported: 'This kind of snapshot cannot be read by this version.',
  corrupt: 'The file was damaged or written wrongly: copy it again, or take the snapshot again.',
  io: 'Check that the file is still there and may be read.',
  'too-large': 'Close other snapshots or use a machine with more memory.',
};

/** Builds the error; `what` is a sentence without its full stop. */
export function heapFormatError(
  code: HeapErrorCode,
  what: string,
  byteOffset: number | null = null,
  cause?: unknown,
): HeapFormatError {
  const where = byteOffset === null ? '' : ` at byte ${byteOffset.toLocaleString('en-US')}`;
  const error = new Error(`${what}${where}. ${ADVICE[code]}`, cause === undefined ? undefined : { cause });
  return Object.assign(error, { name: 'HeapFormatError' as const, code, byteOffset });
}

export function isHeapFormatError(error: unknown): error is HeapFormatError {
  return error instanceof Error && error.name === 'HeapFormatError';
}

/** A filter that cannot be used: a bad pattern, or one that takes too long. `message` is for the user. */
export interface FilterError extends Error {
  readonly name: 'FilterError';
}

export function filterError(message: string): FilterError {
  return Object.assign(new Error(message), { name: 'FilterError' as const });
}

export function isFilterError(error: unknown): error is FilterError {
  return error instanceof Error && error.name === 'FilterError';
}
