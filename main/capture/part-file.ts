/**
 * A file that exists under its name only when it is complete: it grows as `<path>.part` (mode 0600, never over an
 * existing file's content of somebody else), is synced, and then renamed. Writing happens in the background; the owner
 * asks the source to wait while more than HIGH_WATER_BYTES are queued.
 */
import { constants } from 'node:fs';
import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HeaphouseError } from '#shared/rpc/errors.ts';

/** What we hold for a slow disk before the target has to hold it. */
const HIGH_WATER_BYTES = 16 * 1024 * 1024;
const LOW_WATER_BYTES = 4 * 1024 * 1024;
/** One write call: large enough that the call does not count, small enough to notice a cancel. */
const MAX_WRITE_BYTES = 4 * 1024 * 1024;

export interface PartFile {
  readonly partPath: string;
  readonly writtenBytes: number;
  write(bytes: Uint8Array): void;
  /** Hears `true` when the source should wait and `false` when it may go on. */
  onPressure(listener: (wait: boolean) => void): void;
  /** Hears once that the disk failed; nothing is written after that. */
  onError(listener: (error: HeaphouseError) => void): void;
  /** Everything written and on the disk. `check` looks at the part file before it gets its name. */
  finish(check: (handle: FileHandle, bytes: number) => Promise<void>): Promise<void>;
  /** Stops and deletes the part file. Safe to call at any time, also after `finish`. */
  discard(): Promise<void>;
}

/** Errors: `io`. A part file that a crashed capture left behind is replaced. */
export async function createPartFile(path: string): Promise<PartFile> {
  const partPath = `${path}.part`;
  const handle = await openExclusive(path, partPath);
  const queue: Uint8Array[] = [];
  let queuedBytes = 0;
  let writtenBytes = 0;
  let waiting = false;
  let failure: HeaphouseError | null = null;
  let ended = false;
  let pump: Promise<void> | null = null;
  let onPressure: (wait: boolean) => void = () => undefined;
  let onError: (error: HeaphouseError) => void = () => undefined;

  function take(): Uint8Array[] {
    const batch: Uint8Array[] = [];
    let bytes = 0;
    while (queue.length > 0 && (batch.length === 0 || bytes + queue[0].byteLength <= MAX_WRITE_BYTES)) {
      const next = queue.shift() as Uint8Array;
      batch.push(next);
      bytes += next.byteLength;
    }
    return batch;
  }

  async function drain(): Promise<void> {
    try {
      while (queue.length > 0 && !failure && !ended) {
        const bytes = Buffer.concat(take());
        let offset = 0;
        // A full disk first writes less than asked, and fails on the next call.
        while (offset < bytes.byteLength) offset += (await handle.write(bytes, offset)).bytesWritten;
        queuedBytes -= bytes.byteLength;
        writtenBytes += bytes.byteLength;
        if (waiting && queuedBytes <= LOW_WATER_BYTES) {
          waiting = false;
          onPressure(false);
        }
      }
    } catch (error) {
      failure = writeError(path, error);
      queue.length = 0;
      queuedBytes = 0;
      onError(failure);
    } finally {
      pump = null;
    }
  }

  return {
    partPath,
    get writtenBytes() {
      return writtenBytes;
    },
    write(bytes) {
      if (failure || ended) return;
      queue.push(bytes);
      queuedBytes += bytes.byteLength;
      if (!waiting && queuedBytes > HIGH_WATER_BYTES) {
        waiting = true;
        onPressure(true);
      }
      pump ??= drain();
    },
    onPressure(listener) {
      onPressure = listener;
    },
    onError(listener) {
      onError = listener;
      if (failure) listener(failure);
    },
    async finish(check) {
      while (pump) await pump;
      if (failure) throw failure;
      try {
        await handle.sync();
        await check(handle, writtenBytes);
        ended = true;
        await handle.close();
        await rename(partPath, path);
      } catch (error) {
        throw writeError(path, error);
      }
    },
    async discard() {
      if (ended) return;
      ended = true;
      queue.length = 0;
      while (pump) await pump;
      await handle.close().catch(() => undefined);
      await rm(partPath, { force: true }).catch(() => undefined);
    },
  };
}

async function openExclusive(path: string, partPath: string): Promise<FileHandle> {
  // Read as well as write: the end is checked through the same handle.
  const flags = constants.O_CREAT | constants.O_EXCL | constants.O_RDWR;
  try {
    if (await exists(path)) throw new HeaphouseError('io', `${path} exists already.`, { advice: 'Choose another name.' });
    try {
      return await open(partPath, flags, 0o600);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      await rm(partPath);
      return await open(partPath, flags, 0o600);
    }
  } catch (error) {
    throw writeError(path, error);
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Any failure of the file system as an `io` error that says what to do. Our own errors pass through. */
export function writeError(path: string, error: unknown): HeaphouseError {
  if (error instanceof HeaphouseError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const more = { detail: message, cause: error };
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new HeaphouseError('io', `The disk is full: ${path} could not be written.`, {
      ...more,
      advice: `Free some space in ${dirname(path)} or choose another folder. What was recorded before is kept; nothing half was left.`,
    });
  }
  if (code === 'ENOENT') return new HeaphouseError('io', `The folder ${dirname(path)} does not exist.`, { ...more, advice: 'Choose another folder.' });
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new HeaphouseError('io', `Writing ${path} is not allowed.`, { ...more, advice: 'Choose a folder you may write to.' });
  }
  return new HeaphouseError('io', `Writing ${path} failed (${code ?? 'unknown error'}).`, more);
}
