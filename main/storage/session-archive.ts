/**
 * A session as one file, `NAME.heaphouse`: a tar compressed with gzip, which any system can open. docs/session-format.md
 * describes it. Written and read as a stream. What is read may come from anybody: only plain files under names that a
 * session has, of the sizes the archive's own list says, within bounds, into a new folder that is removed on any failure.
 */
import { createReadStream, createWriteStream, type Stats } from 'node:fs';
import { lstat, mkdtemp, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { backup, DatabaseSync } from 'node:sqlite';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { tmpdir } from 'node:os';
import { createGunzip, createGzip } from 'node:zlib';
import { Header, Parser, Pax, type ReadEntry } from 'tar';
import * as v from 'valibot';
import type { CallContext, Progress } from '#shared/rpc/define-service.ts';
import { cancelledError, HeaphouseError } from '#shared/rpc/errors.ts';
import { ioError } from './io-error.ts';
import { makeFolders } from './make-folders.ts';
import { PROFILE_FILE } from './profile-name.ts';
import { openFinishedRecording } from './recording.ts';
import { EXPORTS_DIR, OUTPUT_FILE, readSessionFile, RECORDING_FILE, SESSION_FILE, TARGETS_DIR } from './session-file.ts';

export const ARCHIVE_ENDING = '.heaphouse';
const MANIFEST = 'heaphouse.json';
const ARCHIVE_VERSION = 1;
const BLOCK = 512;
const MAX_FILES = 5_000;
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
/** gzip packs a snapshot into a tenth or a thirtieth; zeros into a thousandth. Beyond this it is no session. */
const MAX_RATIO = 250;
const RATIO_FREE_BYTES = 64 * 1024 * 1024;
/** What has to stay free on the disk. */
const SPARE_BYTES = 64 * 1024 * 1024;
/** A little faster than the default and hardly larger on snapshots. */
const GZIP_LEVEL = 5;

const fileName = /^[A-Za-z0-9][A-Za-z0-9._ ()+@-]{0,149}$/;
/** Names that mean devices on Windows, whatever their ending. */
const deviceName = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** A name inside a session: a file at its top, in `exports/`, or the same in one of `targets/`. */
export function isSessionPath(path: string): boolean {
  const parts = path.split('/');
  if (!parts.every((part) => fileName.test(part) && !/[. ]$/.test(part) && !deviceName.test(part))) return false;
  const [first, , ...rest] = parts;
  const own = first === TARGETS_DIR ? rest : parts;
  return own.length === 1 || (own.length === 2 && own[0] === EXPORTS_DIR);
}

const manifestSchema = v.object({
  format: v.literal('heaphouse-archive'),
  version: v.number(),
  files: v.pipe(
    v.array(v.object({ path: v.pipe(v.string(), v.maxLength(400)), bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)) })),
    v.maxLength(MAX_FILES),
  ),
});

interface Part {
  path: string;
  source: string;
  bytes: number;
  modifiedAt: Date;
}

export interface ArchiveResult {
  path: string;
  bytes: number;
}

/**
 * Writes the session in `dir` to `path` (which must not exist), as `path`.part until it is complete. Works on a session
 * that is being recorded: the recording is copied as of one moment. Errors: `not-found`, `bad-file`, `io`, `cancelled`.
 */
export async function exportSession(dir: string, path: string, { signal, progress }: CallContext<Progress>): Promise<ArchiveResult> {
  const scratch = await mkdtemp(join(tmpdir(), 'heaphouse-export-')).catch((error: unknown) => {
    throw ioError(error, 'create', tmpdir());
  });
  const partPath = `${path}.part`;
  try {
    await readSessionFile(dir);
    const parts = [...(await partsOf(dir, '', scratch)), ...(await partsOfTargets(dir, scratch))];
    const total = parts.reduce((sum, { bytes }) => sum + bytes, 0);
    const top = fileName.test(basename(dir)) ? basename(dir) : 'session';
    const body = Readable.from(tarOf(top, parts, (done) => progress({ phase: 'Packing', done, total, unit: 'bytes' })));
    await pipeline(body, createGzip({ level: GZIP_LEVEL }), createWriteStream(partPath, { flags: 'wx', mode: 0o600 }), { signal });
    await rename(partPath, path);
    return { path, bytes: (await stat(path)).size };
  } catch (error) {
    await rm(partPath, { force: true }).catch(() => undefined);
    if (signal.aborted) throw cancelledError();
    throw ioError(error, 'write', path);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function partsOfTargets(dir: string, scratch: string): Promise<Part[]> {
  const names = await readdir(join(dir, TARGETS_DIR)).catch(() => [] as string[]);
  const parts: Part[] = [];
  for (const name of names.sort()) {
    const child = join(dir, TARGETS_DIR, name);
    const readable = await readSessionFile(child).then(
      () => true,
      () => false,
    );
    if (readable && isSessionPath(`${TARGETS_DIR}/${name}/${SESSION_FILE}`)) parts.push(...(await partsOf(child, `${TARGETS_DIR}/${name}/`, scratch)));
  }
  return parts;
}

/** What belongs to a session: nothing half written, no index, and nothing else that happens to lie in the folder. */
async function partsOf(dir: string, prefix: string, scratch: string): Promise<Part[]> {
  const { snapshots } = await readSessionFile(dir);
  const names = [SESSION_FILE, OUTPUT_FILE, ...snapshots.filter(({ state }) => state === 'ready').map(({ file }) => file)];
  for (const name of await readdir(dir)) if (/^comparison\.(json|csv|html|md)$/.test(name) || PROFILE_FILE.test(name)) names.push(name);
  for (const name of await readdir(join(dir, EXPORTS_DIR)).catch(() => [] as string[])) {
    if (!name.endsWith(ARCHIVE_ENDING) && !name.endsWith('.part')) names.push(`${EXPORTS_DIR}/${name}`);
  }
  const parts: Part[] = [];
  for (const name of names) {
    const info = await lstat(join(dir, name)).catch(() => null);
    if (info?.isFile() && isSessionPath(prefix + name)) parts.push(partOf(prefix + name, join(dir, name), info));
  }
  const recording = await recordingOf(dir, scratch);
  if (recording) parts.push(partOf(prefix + RECORDING_FILE, recording, await stat(recording)));
  return parts;
}

function partOf(path: string, source: string, { size, mtime }: Stats): Part {
  return { path, source, bytes: size, modifiedAt: mtime };
}

/** A copy of the recording with everything that its log still holds; a damaged one goes as it is. Null: there is none. */
async function recordingOf(dir: string, scratch: string): Promise<string | null> {
  const original = join(dir, RECORDING_FILE);
  if (!(await lstat(original).catch(() => null))?.isFile()) return null;
  const copy = join(scratch, `${(await readdir(scratch)).length}.db`);
  let database: DatabaseSync | null = null;
  try {
    database = openFinishedRecording(dir);
    await backup(database, copy);
    const copied = new DatabaseSync(copy);
    // One file that can be read from a disk without write access, too.
    copied.exec('PRAGMA journal_mode = DELETE');
    copied.close();
    return copy;
  } catch (error) {
    if (error instanceof HeaphouseError && error.code === 'bad-file') return original;
    throw error;
  } finally {
    database?.close();
  }
}

async function* tarOf(top: string, parts: readonly Part[], onBytes: (done: number) => void): AsyncGenerator<Buffer> {
  const now = new Date();
  const manifest = Buffer.from(
    JSON.stringify({ format: 'heaphouse-archive', version: ARCHIVE_VERSION, createdAt: now.getTime(), files: parts.map(({ path, bytes }) => ({ path, bytes })) }),
  );
  yield* headerOf(`${top}/${MANIFEST}`, manifest.length, now);
  yield manifest;
  yield padding(manifest.length);
  let done = 0;
  for (const { path, source, bytes, modifiedAt } of parts) {
    yield* headerOf(`${top}/${path}`, bytes, modifiedAt);
    let written = 0;
    if (bytes > 0) {
      // A log that grows meanwhile: as much of it as was announced.
      for await (const chunk of createReadStream(source, { end: bytes - 1, highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>) {
        written += chunk.length;
        onBytes((done += chunk.length));
        yield chunk;
      }
    }
    if (written !== bytes) throw new HeaphouseError('io', `${source} became shorter while it was read.`, { advice: 'Try again.' });
    yield padding(bytes);
  }
  yield Buffer.alloc(2 * BLOCK);
}

function* headerOf(path: string, size: number, mtime: Date): Generator<Buffer> {
  const fields = { path, size, mtime, mode: 0o600, type: 'File' as const, uid: 0, gid: 0, uname: '', gname: '' };
  const header = new Header(fields);
  const block = Buffer.alloc(BLOCK);
  if (header.encode(block)) yield new Pax({ path, size, mtime }).encode();
  yield block;
}

function padding(bytes: number): Buffer {
  return Buffer.alloc((BLOCK - (bytes % BLOCK)) % BLOCK);
}

function notOurs(path: string, why: string): HeaphouseError {
  return new HeaphouseError('bad-file', `${path} is not a session archive that can be used: ${why}.`, {
    advice: 'Nothing of it was kept. Ask for another copy, or open its snapshots one by one.',
  });
}

/** Unpacks the archive into `dir`, a new folder. Errors: `not-found`, `bad-file`, `unsupported`, `io`, `cancelled`. */
export async function importSession(path: string, dir: string, { signal, progress }: CallContext<Progress>): Promise<void> {
  const info = await stat(path).catch((error: unknown) => {
    throw ioError(error, 'read', path);
  });
  if (!info.isFile()) throw notOurs(path, 'it is not a file');
  if (info.size === 0) throw notOurs(path, 'it is empty');
  const partial = `${dir}.part`;
  try {
    await makeFolders(dirname(dir));
    await rm(partial, { recursive: true, force: true });
    await makeFolders(partial);
    await unpack(path, info.size, partial, signal, progress);
    await readSessionFile(partial);
    await rename(partial, dir);
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    if (signal.aborted) throw cancelledError();
    throw error instanceof HeaphouseError ? error : ioError(error, 'write', dir);
  }
}

async function unpack(path: string, archiveBytes: number, dir: string, signal: AbortSignal, progress: (value: Progress) => void): Promise<void> {
  const expected = new Map<string, number>();
  const seen = new Set<string>();
  let top: string | null = null;
  let total = 0;
  let done = 0;
  let failure: unknown = null;
  let current: ReadEntry | null = null as ReadEntry | null;
  let writing: Promise<void> = Promise.resolve();
  const parser = new Parser({ strict: true, maxMetaEntrySize: 64 * 1024 });
  const fail = (error: unknown) => {
    failure ??= error;
  };
  parser.on('error', (error: Error) => fail(notOurs(path, error.message)));

  function nameOf(entry: ReadEntry): string {
    const slash = entry.path.indexOf('/');
    const first = slash < 0 ? '' : entry.path.slice(0, slash);
    top ??= first;
    if (!fileName.test(first) || first !== top) throw notOurs(path, `it holds "${shown(entry.path)}", which is not inside one folder`);
    return entry.path.slice(slash + 1);
  }

  async function take(entry: ReadEntry): Promise<void> {
    current = entry;
    if (entry.type !== 'File' && entry.type !== 'OldFile') throw notOurs(path, `"${shown(entry.path)}" is a ${entry.type}, not a plain file`);
    const name = nameOf(entry);
    if (expected.size === 0 && seen.size === 0) {
      if (name !== MANIFEST) throw notOurs(path, `it begins with "${shown(entry.path)}" instead of its list of contents`);
      seen.add(name);
      await readManifest(entry);
      return;
    }
    const bytes = expected.get(name);
    if (bytes === undefined) throw notOurs(path, `"${shown(entry.path)}" is not in its list of contents`);
    if (seen.has(name)) throw notOurs(path, `it holds "${shown(entry.path)}" twice`);
    if (entry.size !== bytes) throw notOurs(path, `"${shown(entry.path)}" has ${entry.size} bytes instead of ${bytes}`);
    seen.add(name);
    const target = join(dir, ...name.split('/'));
    await makeFolders(dirname(target));
    const handle = await open(target, 'wx', 0o600);
    try {
      for await (const chunk of entry as AsyncIterable<Buffer>) {
        let offset = 0;
        while (offset < chunk.length) offset += (await handle.write(chunk, offset)).bytesWritten;
        progress({ phase: 'Unpacking', done: (done += chunk.length), total, unit: 'bytes' });
      }
    } finally {
      await handle.close();
    }
  }

  async function readManifest(entry: ReadEntry): Promise<void> {
    if (entry.size > MAX_MANIFEST_BYTES) throw notOurs(path, 'its list of contents is too long');
    const chunks: Buffer[] = [];
    for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk);
    let parsed: unknown;
    try {
      parsed = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    } catch {
      throw notOurs(path, 'its list of contents is not valid JSON');
    }
    const version = (parsed as { version?: unknown } | null)?.version;
    if (typeof version === 'number' && version > ARCHIVE_VERSION) {
      throw new HeaphouseError('unsupported', `${path} was written by a newer Heaphouse (archive format ${version}).`, { advice: `This version reads formats up to ${ARCHIVE_VERSION}: update Heaphouse.` });
    }
    const result = v.safeParse(manifestSchema, parsed);
    if (!result.success) throw notOurs(path, `its list of contents is wrong at ${v.getDotPath(result.issues[0]) ?? 'its top'}`);
    for (const file of result.output.files) {
      if (!isSessionPath(file.path)) throw notOurs(path, `it lists "${shown(file.path)}", which is no name inside a session`);
      if (expected.has(file.path)) throw notOurs(path, `it lists "${shown(file.path)}" twice`);
      expected.set(file.path, file.bytes);
      total += file.bytes;
    }
    if (!expected.has(SESSION_FILE)) throw notOurs(path, `it holds no ${SESSION_FILE}`);
    if (total > RATIO_FREE_BYTES + archiveBytes * MAX_RATIO) {
      throw notOurs(path, `it says that its ${archiveBytes} bytes unpack to ${total}, which no session does`);
    }
    const disk = await statfs(dir);
    if (total + SPARE_BYTES > disk.bavail * disk.bsize) {
      throw new HeaphouseError('io', `The disk has not enough room for this session: ${total} bytes are needed in ${dirname(dir)}.`, { advice: 'Free some space, or choose another sessions folder in the settings.' });
    }
  }

  parser.on('entry', (entry: ReadEntry) => {
    writing = writing.then(() => (failure ? entry.resume() : take(entry))).then(
      () => undefined,
      (error: unknown) => {
        fail(error);
        entry.resume();
      },
    );
  });

  const source = createReadStream(path, { highWaterMark: 256 * 1024 });
  const unzipped = source.pipe(createGunzip());
  source.on('error', (error) => unzipped.destroy(error));
  /** Bytes that came out; the tar's own blocks add a little to the files. */
  let unpacked = 0;
  try {
    for await (const chunk of unzipped as AsyncIterable<Buffer>) {
      if (signal.aborted) throw cancelledError();
      // A tar at once: the parser would unpack a second layer of compression by itself.
      if (unpacked === 0 && chunk.subarray(257, 262).toString('latin1') !== 'ustar') throw notOurs(path, 'it holds no tar');
      unpacked += chunk.length;
      if (unpacked > total + MAX_FILES * 4 * BLOCK + 2 * MAX_MANIFEST_BYTES) throw notOurs(path, 'it is longer than its list of contents says');
      if (failure) break;
      if (!parser.write(chunk)) await drained(parser, () => failure !== null);
    }
    if (!failure) {
      const ended = new Promise<void>((resolve) => parser.once('end', resolve).once('close', resolve).once('error', () => resolve()));
      parser.end();
      await ended;
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    fail(typeof code === 'string' && (code.startsWith('Z_') || code === 'ERR_PADDING_2') ? notOurs(path, code === 'Z_BUF_ERROR' ? 'it is cut off' : 'it is damaged or not compressed with gzip') : error);
  } finally {
    source.destroy();
    unzipped.destroy();
  }
  // Whoever waits for the rest of a file that does not come closes it now.
  if (failure) current?.destroy(failure);
  await writing;
  if (failure) throw failure;
  for (const name of expected.keys()) if (!seen.has(name)) throw notOurs(path, `"${name}" is missing, it is cut off`);
}

/** The parser takes more; or it has failed, and then nobody waits. */
function drained(parser: Parser, failed: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(() => failed() && finish(), 50);
    const finish = () => {
      clearInterval(timer);
      parser.off('drain', finish);
      resolve();
    };
    parser.once('drain', finish);
  });
}

function shown(name: string): string {
  return name.slice(0, 200);
}
