/** Errors of the engine and of Node as what may cross to the user: a closed code, a sentence, advice. */
import { isFilterError, isHeapFormatError } from '#main/heap/errors.ts';
import type { HeapErrorCode } from '#shared/model/heap.ts';
import { cancelledError, HeaphouseError, isCancelled, type ErrorCode } from '#shared/rpc/errors.ts';
import { ioError } from '#main/storage/io-error.ts';

const CODES: Record<HeapErrorCode, ErrorCode> = {
  empty: 'bad-file',
  'not-json': 'bad-file',
  'not-a-snapshot': 'bad-file',
  truncated: 'bad-file',
  unsupported: 'bad-file',
  corrupt: 'bad-file',
  io: 'io',
  'too-large': 'out-of-memory',
};

/** What V8 and Node say when a typed array or buffer cannot be had. */
const OUT_OF_MEMORY = /array buffer allocation failed|invalid (typed )?array (buffer )?length|cannot create a buffer larger|out of memory/i;

const isSystemError = (error: unknown) => error instanceof Error && 'syscall' in error && 'code' in error;

/** `path` names the snapshot the failing call was about, if it was about one file. */
export function toHeaphouseError(error: unknown, path?: string): HeaphouseError {
  if (error instanceof HeaphouseError) return error;
  if (isCancelled(error)) return cancelledError();
  if (isHeapFormatError(error)) {
    if (error.code === 'io' && isSystemError(error.cause)) return ioError(error.cause, 'read', path ?? 'the file');
    // The engine's messages end in one sentence of advice.
    const split = error.message.lastIndexOf('. ');
    const what = split < 0 ? error.message : error.message.slice(0, split + 1);
    const at = error.byteOffset === null ? '' : `, byte offset ${error.byteOffset}`;
    return new HeaphouseError(CODES[error.code], path && !what.includes(path) ? `${path}: ${what}` : what, {
      ...(split < 0 ? {} : { advice: error.message.slice(split + 2) }),
      detail: `${error.code}${at}${path ? `\n${path}` : ''}`,
      cause: error,
    });
  }
  if (isFilterError(error)) return new HeaphouseError('invalid-argument', error.message, { cause: error });
  if (isSystemError(error)) return ioError(error, 'read', path ?? 'the file');
  if (error instanceof RangeError) {
    if (OUT_OF_MEMORY.test(error.message)) {
      return new HeaphouseError('out-of-memory', 'There is not enough memory for this snapshot.', {
        advice: 'Close other snapshots, or open it on a machine with more memory.',
        detail: error.message,
        cause: error,
      });
    }
    return new HeaphouseError('invalid-argument', error.message, { cause: error });
  }
  return new HeaphouseError('internal', error instanceof Error ? error.message : String(error), {
    detail: error instanceof Error ? (error.stack ?? '') : '',
    cause: error,
  });
}
