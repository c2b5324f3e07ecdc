import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm, utimes } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

import { bytes, float64, uint32 } from './columns.ts';
import type { Heap } from './heap.ts';
import { startHelper } from './helper.ts';
import { columnsOf, heapOfColumns } from './index-columns.ts';
import type { AnyColumn, HeapRest } from './index-columns.ts';
import { INDEX_SUFFIX, makeRoomForIndex } from './index-policy.ts';
import { readSlice, SLICE_BYTES, sliceReader, slicesOf } from './index-reading.ts';
import type { StoredColumn } from './index-reading.ts';
import { abortable, createPacer } from './run.ts';
import type { Pacer, RunOptions } from './run.ts';

/**
 * An analysed heap on disk, so that a snapshot opens at once the second time. A cache and no more: whatever is wrong
 * with an index, the snapshot is read instead.
 *
 * Layout: magic (8 bytes), length of the head (Uint32, little endian), SHA-256 of the head (32), head (JSON), columns one
 * after another, each from a multiple of 8 on. Numbers have the byte order of the machine, which the head names.
 */
const MAGIC = 'HHINDEX1';
const PREFIX_BYTES = 8 + 4 + 32;
/** Rises whenever the columns or their meaning change: indexes of other versions are not read. */
const VERSION = 3;
const BYTE_ORDER = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 'little' : 'big';
const MAX_HEAD_BYTES = 1 << 28;

export interface IndexOptions {
  /** Folder of the indexes; made when missing. */
  readonly folder: string;
  /** Smaller snapshots are read anew, which is as quick: default 8 MiB. */
  readonly minFileBytes?: number;
  /** All indexes of the folder together; those used longest ago go first: default 8 GiB. */
  readonly maxFolderBytes?: number;
  /** For tests: from how many bytes on a second thread takes part in reading. */
  readonly helperFromBytes?: number;
}

const MIN_FILE_BYTES = 8 * 2 ** 20;

interface ColumnEntry {
  readonly name: string;
  readonly type: 'bytes' | 'uint32' | 'float64';
  readonly length: number;
  /** CRC-32 of each slice. */
  readonly checks: readonly number[];
}

interface Head {
  readonly version: number;
  readonly byteOrder: string;
  readonly key: string;
  readonly rest: HeapRest;
  readonly columns: readonly ColumnEntry[];
}

/** Reads the index of a snapshot. Null when there is none, or it is not sound. Rejects only when cancelled. */
export async function readIndex(path: string, options: IndexOptions, run?: RunOptions): Promise<Heap | null> {
  run?.signal?.throwIfAborted();
  try {
    const key = await snapshotKey(path);
    const file = join(options.folder, key + INDEX_SUFFIX);
    const handle = await open(file, 'r');
    try {
      const heap = await readFrom(handle, { file, helperFromBytes: options.helperFromBytes ?? HELPER_FROM_BYTES }, path, key, run);
      const now = new Date();
      await utimes(file, now, now).catch(() => undefined);
      return heap;
    } catch (error) {
      if (!run?.signal?.aborted) await rm(file, { force: true });
      throw error;
    } finally {
      await handle.close();
    }
  } catch {
    run?.signal?.throwIfAborted();
    return null;
  }
}

/**
 * Writes the index of an analysed heap, whole or not at all. False when it was not to be written: too small, no room,
 * changed since it was read, or the disk refused. Rejects only when cancelled.
 */
export async function writeIndex(heap: Heap, options: IndexOptions, run?: RunOptions): Promise<boolean> {
  const { analysis } = heap;
  if (!analysis || heap.fileBytes < (options.minFileBytes ?? MIN_FILE_BYTES)) return false;
  let temporary: string | null = null;
  try {
    const key = await snapshotKey(heap.path);
    const { rest, columns } = columnsOf(heap, analysis);
    let total = 0;
    for (const column of columns.values()) total += padded(column.byteLength);
    await mkdir(options.folder, { recursive: true });
    if (!(await makeRoomForIndex(options.folder, total, options.maxFolderBytes))) return false;
    temporary = join(options.folder, `${key}.${process.pid}.${Date.now().toString(36)}.tmp`);
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await writeTo(handle, { version: VERSION, byteOrder: BYTE_ORDER, key, rest }, columns, run);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // The snapshot may have been written to while it was open.
    if ((await snapshotKey(heap.path)) !== key) throw new Error('The snapshot has changed');
    await rename(temporary, join(options.folder, key + INDEX_SUFFIX));
    return true;
  } catch {
    if (temporary !== null) await rm(temporary, { force: true }).catch(() => undefined);
    run?.signal?.throwIfAborted();
    return false;
  }
}

/** Samples of the content: so many, of so many bytes, evenly spread, the first and the last bytes among them. */
const SAMPLES = 64;
const SAMPLE_BYTES = 4096;

/**
 * What tells one content from another without reading all of it: SHA-256 over size, time of the last change in
 * nanoseconds, and samples. A change that keeps all three is not seen.
 */
export async function snapshotKey(path: string): Promise<string> {
  const handle = await open(path, 'r');
  try {
    const { size, mtimeNs } = await handle.stat({ bigint: true });
    const hash = createHash('sha256').update(`${VERSION} ${size} ${mtimeNs} `);
    const sample = new Uint8Array(SAMPLE_BYTES);
    const last = Math.max(0, Number(size) - SAMPLE_BYTES);
    for (let i = 0; i < SAMPLES; i++) {
      const { bytesRead } = await handle.read(sample, 0, SAMPLE_BYTES, Math.floor((last * i) / (SAMPLES - 1)));
      hash.update(sample.subarray(0, bytesRead));
    }
    return hash.digest('hex').slice(0, 40);
  } finally {
    await handle.close();
  }
}

function padded(length: number): number {
  return Math.ceil(length / 8) * 8;
}

function bytesOf(column: AnyColumn): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
}

async function writeTo(
  handle: FileHandle,
  known: Omit<Head, 'columns'>,
  columns: ReadonlyMap<string, AnyColumn>,
  run: RunOptions | undefined,
): Promise<void> {
  const pacer = createPacer(run?.signal ? { signal: run.signal } : undefined, 'aggregates', 0);
  const entries: ColumnEntry[] = [];
  for (const [name, column] of columns) {
    const checks: number[] = [];
    for (const part of slices(column)) {
      checks.push(crc32(part));
      if (pacer.due()) await pacer.pause(0);
    }
    const type = column instanceof Uint8Array ? 'bytes' : column instanceof Uint32Array ? 'uint32' : 'float64';
    entries.push({ name, type, length: column.length, checks });
  }
  const head = Buffer.from(JSON.stringify({ ...known, columns: entries } satisfies Head));
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.write(MAGIC, 'latin1');
  prefix.writeUInt32LE(head.length, 8);
  createHash('sha256').update(head).digest().copy(prefix, 12);
  await writeAll(handle, prefix, 0);
  await writeAll(handle, head, PREFIX_BYTES);
  let position = padded(PREFIX_BYTES + head.length);
  for (const column of columns.values()) {
    let at = position;
    for (const part of slices(column)) {
      run?.signal?.throwIfAborted();
      await writeAll(handle, part, at);
      at += part.length;
    }
    position += padded(column.byteLength);
  }
  await handle.truncate(position);
}

async function writeAll(handle: FileHandle, part: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < part.length; ) {
    const { bytesWritten } = await handle.write(part, done, part.length - done, position + done);
    if (bytesWritten === 0) throw new Error('The disk takes no more');
    done += bytesWritten;
  }
}

function* slices(column: AnyColumn): Generator<Uint8Array> {
  const all = bytesOf(column);
  for (let at = 0; at < all.length; at += SLICE_BYTES) yield all.subarray(at, Math.min(all.length, at + SLICE_BYTES));
}

async function readFrom(handle: FileHandle, index: IndexFile, path: string, key: string, run: RunOptions | undefined): Promise<Heap> {
  const fileBytes = (await handle.stat()).size;
  const prefix = await readExactly(handle, Buffer.alloc(PREFIX_BYTES), 0);
  const headBytes = prefix.readUInt32LE(8);
  if (prefix.toString('latin1', 0, 8) !== MAGIC || headBytes > Math.min(MAX_HEAD_BYTES, fileBytes)) throw new Error('No index');
  const text = await readExactly(handle, Buffer.alloc(headBytes), PREFIX_BYTES);
  if (!createHash('sha256').update(text).digest().equals(prefix.subarray(12))) throw new Error('The head is damaged');
  const head = JSON.parse(text.toString()) as Head; // written by us, as its hash says
  if (head.version !== VERSION || head.byteOrder !== BYTE_ORDER || head.key !== key) throw new Error('Another index');

  const columns = new Map<string, AnyColumn>();
  const shared: StoredColumn[] = [];
  const own: StoredColumn[] = [];
  let position = padded(PREFIX_BYTES + headBytes);
  for (const { name, type, length, checks } of head.columns) {
    // Pages of strings lie on memory of their own, as the reader makes them; the rest can be shared with threads.
    const isPage = name.startsWith('page ');
    const column = type === 'uint32' ? uint32(length) : type === 'float64' ? float64(length) : isPage ? new Uint8Array(length) : bytes(length);
    columns.set(name, column);
    (isPage ? own : shared).push({ bytes: bytesOf(column), position, checks });
    position += padded(column.byteLength);
    if (position > fileBytes) throw new Error('The index is cut off');
  }
  if (position !== fileBytes) throw new Error('The index has another length');
  await readColumns(handle, index, shared, own, createPacer(run, 'reading', fileBytes), run);
  return heapOfColumns(path, head.rest, columns);
}

interface IndexFile {
  readonly file: string;
  readonly helperFromBytes: number;
}

/** Smaller indexes are read before a thread has started. */
const HELPER_FROM_BYTES = 96 * 2 ** 20;

async function readColumns(
  handle: FileHandle,
  { file, helperFromBytes }: IndexFile,
  shared: readonly StoredColumn[],
  own: readonly StoredColumn[],
  pacer: Pacer,
  run: RunOptions | undefined,
): Promise<void> {
  const total = shared.reduce((sum, column) => sum + column.bytes.length, 0);
  const read = { columns: shared, claims: new Int32Array(new SharedArrayBuffer(4)) };
  const helper = total >= helperFromBytes && availableParallelism() > 1 ? startHelper() : null;
  try {
    const theirs = helper?.call('columns', { file, read });
    theirs?.catch(() => undefined); // awaited below, unless this side fails first
    let done = 0;
    const took = async (bytes: number): Promise<void> => {
      done += bytes;
      if (pacer.due()) await pacer.pause(done);
    };
    for (const column of own) for (let slice = 0; slice < slicesOf(column); slice++) await took(readSlice(handle.fd, column, slice));
    const next = sliceReader(handle.fd, read);
    for (let bytes = next(); bytes > 0; bytes = next()) await took(bytes);
    if (theirs) await abortable(theirs, run?.signal);
    pacer.finish();
  } finally {
    helper?.close();
  }
}

async function readExactly<B extends Uint8Array>(handle: FileHandle, target: B, position: number): Promise<B> {
  for (let done = 0; done < target.length; ) {
    const { bytesRead } = await handle.read(target, done, target.length - done, position + done);
    if (bytesRead === 0) throw new Error('The index is cut off');
    done += bytesRead;
  }
  return target;
}
