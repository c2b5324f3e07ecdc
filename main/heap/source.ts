import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';

import { heapFormatError } from './errors.ts';

/** Bytes read at once: large enough to make the calls cheap, small enough to stay in the cache while tokenising. */
const CHUNK_BYTES = 1 << 20;

/** Room in front of each chunk for what the last one left over. No token is longer (long strings are taken in parts). */
const HEAD_BYTES = 1 << 16;

/**
 * A window on the uncompressed text. `bytes[pos … end)` is what is left; `base` is the offset in the text of
 * `bytes[0]`. The window moves by `refill`, which keeps the rest.
 */
export interface ByteSource {
  bytes: Uint8Array;
  pos: number;
  end: number;
  base: number;
  /** Size of the file on disk. */
  readonly fileBytes: number;
  /** How many of those bytes have been read. */
  consumed(): number;
  readonly compression: 'none' | 'gzip' | 'zstd';
  /** Reads on; false at the end of the file. */
  refill(): Promise<boolean>;
  /**
   * Passes over everything before the next such byte, faster than by looking at it; stops in front of it. False at the
   * end of the file. `beforeRead` is called between reads, for cancel and progress.
   */
  skipTo(byte: number, beforeRead: () => Promise<void> | undefined): Promise<boolean>;
  /** Goes on at another offset of a plain file. */
  seek(offset: number): Promise<void>;
  /** The open file, where its bytes are the text. */
  readonly plainFile: number | null;
  close(): Promise<void>;
}

/** Bytes read at once where they are only passed over. */
const SKIP_BYTES = 1 << 20;

type Fill = (target: Uint8Array, at: number) => Promise<number>;

/** Opens a file; finds gzip and zstd by their first bytes. */
export async function openSource(path: string): Promise<ByteSource> {
  let file: FileHandle;
  let fileBytes: number;
  try {
    file = await open(path, 'r');
  } catch (cause) {
    throw ioError(path, cause);
  }
  try {
    const stats = await file.stat();
    if (stats.isDirectory()) throw heapFormatError('io', `${path} is a folder, not a file`);
    if (!stats.isFile()) throw heapFormatError('io', `${path} is not a regular file`);
    fileBytes = stats.size;
    if (fileBytes === 0) throw heapFormatError('empty', `${path} is empty`, 0);
    const magic = new Uint8Array(4);
    await file.read(magic, 0, 4, 0);
    const compression = compressionOf(magic);
    return sourceOf(path, file, fileBytes, compression);
  } catch (error) {
    await file.close();
    throw error instanceof Error && 'syscall' in error ? ioError(path, error) : error;
  }
}

function compressionOf(magic: Uint8Array): ByteSource['compression'] {
  if (magic[0] === 0x1f && magic[1] === 0x8b) return 'gzip'; // RFC 1952
  if (magic[0] === 0x28 && magic[1] === 0xb5 && magic[2] === 0x2f && magic[3] === 0xfd) return 'zstd'; // RFC 8878
  return 'none';
}

function ioError(path: string, cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return heapFormatError('io', `${path} could not be read (${reason})`, null, cause);
}

function sourceOf(
  path: string,
  file: FileHandle,
  fileBytes: number,
  compression: ByteSource['compression'],
): ByteSource {
  let position = 0;
  const readFile: Fill = async (target, at) => {
    const { bytesRead } = await file.read(target, at, target.length - at, position);
    position += bytesRead;
    return bytesRead;
  };
  const { fill, stop } =
    compression === 'none' ? { fill: readFile, stop: () => undefined } : inflating(readFile, compression);

  // Two buffers: the next chunk is read while this one is tokenised.
  const buffers = [new Uint8Array(HEAD_BYTES + CHUNK_BYTES), new Uint8Array(HEAD_BYTES + CHUNK_BYTES)];
  let current = 0;
  const load = (target: Uint8Array): Promise<number | Error> =>
    fill(target, HEAD_BYTES).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
  let pending: Promise<number | Error> | null = load(buffers[0]!);
  const source: ByteSource = {
    bytes: buffers[1]!,
    pos: HEAD_BYTES,
    end: HEAD_BYTES,
    base: -HEAD_BYTES,
    fileBytes,
    compression,
    consumed: () => Math.min(position, fileBytes),
    async refill() {
      if (pending === null) return false;
      const read = await pending;
      const textOffset = source.base + source.end;
      if (read instanceof Error) {
        pending = null;
        if (compression === 'none') throw ioError(path, read);
        const code = /unexpected end/i.test(read.message) ? 'truncated' : 'corrupt';
        throw heapFormatError(code, `The ${compression} data ends or breaks (${read.message})`, textOffset, read);
      }
      if (read === 0) {
        pending = null;
        return false;
      }
      const rest = source.end - source.pos;
      if (rest > HEAD_BYTES) throw heapFormatError('corrupt', 'A token is longer than 64 KiB', textOffset - rest);
      const next = buffers[current]!;
      next.set(source.bytes.subarray(source.pos, source.end), HEAD_BYTES - rest);
      source.base = textOffset - HEAD_BYTES;
      source.bytes = next;
      source.pos = HEAD_BYTES - rest;
      source.end = HEAD_BYTES + read;
      current = 1 - current;
      pending = load(buffers[current]!);
      return true;
    },
    plainFile: compression === 'none' ? file.fd : null,
    async skipTo(byte, beforeRead) {
      const found = source.bytes.subarray(source.pos, source.end).indexOf(byte);
      if (found >= 0) {
        source.pos += found;
        return true;
      }
      source.pos = source.end;
      if (compression !== 'none') {
        while (await source.refill()) {
          const at = source.bytes.subarray(source.pos, source.end).indexOf(byte);
          source.pos = at < 0 ? source.end : source.pos + at;
          if (at >= 0) return true;
          await beforeRead();
        }
        return false;
      }
      await pending;
      let offset = source.base + source.end;
      const window = Buffer.allocUnsafeSlow(SKIP_BYTES); // a buffer's indexOf is the processor's fastest
      for (;;) {
        const { bytesRead } = await file.read(window, 0, window.length, offset);
        if (bytesRead === 0) break;
        const at = window.subarray(0, bytesRead).indexOf(byte);
        offset += at < 0 ? bytesRead : at;
        position = offset;
        if (at >= 0) break;
        await beforeRead();
      }
      await source.seek(offset);
      return (await source.refill()) && source.bytes[source.pos] === byte;
    },
    async seek(offset) {
      await pending;
      position = offset;
      source.base = offset - HEAD_BYTES;
      source.pos = HEAD_BYTES;
      source.end = HEAD_BYTES;
      pending = load(buffers[current]!);
    },
    async close() {
      await pending?.catch(() => undefined);
      pending = null;
      stop();
      await file.close();
    },
  };
  return source;
}

/** Turns a reader of compressed bytes into one of plain bytes. */
function inflating(readFile: Fill, compression: 'gzip' | 'zstd'): { fill: Fill; stop: () => void } {
  const compressed = Readable.from(
    (async function* chunks() {
      for (;;) {
        const chunk = new Uint8Array(CHUNK_BYTES);
        const read = await readFile(chunk, 0);
        if (read === 0) return;
        yield chunk.subarray(0, read);
      }
    })(),
    { objectMode: true, highWaterMark: 1 },
  );
  const options = { chunkSize: CHUNK_BYTES };
  const inflate = compression === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
  compressed.on('error', (error) => inflate.destroy(error));
  compressed.pipe(inflate);
  const plain: AsyncIterator<Uint8Array> = inflate[Symbol.asyncIterator]();
  let rest = new Uint8Array(0) as Uint8Array;
  return {
    async fill(target, at) {
      if (rest.length === 0) {
        const next = await plain.next();
        if (next.done === true) return 0;
        rest = next.value;
      }
      const taken = rest.subarray(0, target.length - at);
      target.set(taken, at);
      rest = rest.subarray(taken.length);
      return taken.length;
    },
    stop() {
      compressed.destroy();
      inflate.destroy();
    },
  };
}
