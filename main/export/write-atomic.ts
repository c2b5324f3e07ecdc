/** Files that appear whole or not at all: written beside the target under another name, flushed, then renamed. */
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ioError } from '#main/storage/io-error.ts';
import { isCancelled } from '#shared/rpc/errors.ts';

/** Bytes gathered before they go to the disk. */
const CHUNK_BYTES = 1 << 20;

/**
 * Writes the parts as UTF-8, mode 0600, folders made as needed. Devices and pipes are written in place. A cancelled or
 * failed write leaves nothing behind and an older file as it was.
 * @returns bytes written
 */
export async function writeFileAtomic(
  path: string,
  parts: Iterable<string> | AsyncIterable<string>,
  signal?: AbortSignal,
): Promise<number> {
  signal?.throwIfAborted();
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const inPlace = await isSpecialFile(path);
    const temporary = join(dirname(path), `.${basename(path).slice(0, 100)}.${randomBytes(6).toString('hex')}.part`);
    const destination = inPlace ? path : temporary;
    try {
      const bytes = await writeParts(destination, inPlace ? 'w' : 'wx', parts, signal);
      if (!inPlace) await rename(temporary, path);
      return bytes;
    } catch (error) {
      if (!inPlace) await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
  } catch (error) {
    throw isCancelled(error) || signal?.aborted ? error : ioError(error, 'write', path);
  }
}

async function isSpecialFile(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => null);
  return stats !== null && (stats.isCharacterDevice() || stats.isBlockDevice() || stats.isFIFO());
}

async function writeParts(
  path: string,
  flags: string,
  parts: Iterable<string> | AsyncIterable<string>,
  signal: AbortSignal | undefined,
): Promise<number> {
  const file = await open(path, flags, 0o600);
  try {
    let bytes = 0;
    let pending: string[] = [];
    let pendingChars = 0;
    const flush = async () => {
      const buffer = Buffer.from(pending.join(''), 'utf8');
      pending = [];
      pendingChars = 0;
      for (let offset = 0; offset < buffer.length; ) {
        offset += (await file.write(buffer, offset)).bytesWritten;
      }
      bytes += buffer.length;
    };
    for await (const part of parts) {
      signal?.throwIfAborted();
      pending.push(part);
      pendingChars += part.length;
      if (pendingChars >= CHUNK_BYTES) await flush();
    }
    await flush();
    if (flags === 'wx') await file.sync();
    return bytes;
  } finally {
    await file.close();
  }
}
