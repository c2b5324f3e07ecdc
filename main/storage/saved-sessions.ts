/** Sessions that lie on disk: listing, renaming, deleting, and finding out what a crash has left of their snapshots. */
import { lstat, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { ioError } from './io-error.ts';
import { PROFILE_FILE } from './profile-name.ts';
import { EXPORTS_DIR, INDEX_DIR, OUTPUT_FILE, readSessionFile, RECORDING_FILE, SESSION_FILE, TARGETS_DIR, writeSessionFile, type SessionFile } from './session-file.ts';

export interface SavedSession {
  dir: string;
  file: SessionFile;
  /** Of everything in it that belongs to a session. */
  bytes: number;
}

/** Folders read at the same time. */
const AT_ONCE = 16;
/** A recording whose log was written to this recently has somebody who writes it. */
const WRITTEN_JUST_NOW_MS = 4_000;
const SNAPSHOT_FILE = /^snapshot-(\d{1,6})\.heapsnapshot$/;

/** Newest first. A folder that cannot be read as a session is passed over. */
export async function listSessions(sessionsDir: string): Promise<SavedSession[]> {
  const names = await readdir(sessionsDir).catch(() => [] as string[]);
  const found: SavedSession[] = [];
  for (let from = 0; from < names.length; from += AT_ONCE) {
    const some = names.slice(from, from + AT_ONCE).map(async (name) => {
      const dir = join(sessionsDir, name);
      const file = await readSessionFile(dir).catch(() => null);
      if (file) found.push({ dir, file, bytes: await bytesIn(dir) });
    });
    await Promise.all(some);
  }
  return found.sort((a, b) => b.file.createdAt - a.file.createdAt);
}

async function bytesIn(dir: string): Promise<number> {
  const names = (await ownNames(dir).catch(() => [] as string[])).filter((name) => name !== INDEX_DIR);
  const sizes = await Promise.all(
    names.map(async (name) => {
      const info = await lstat(join(dir, name)).catch(() => null);
      return info?.isFile() ? info.size : 0;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

export async function renameSession(dir: string, title: string): Promise<void> {
  await writeSessionFile(dir, { ...(await readSessionFile(dir)), title });
}

/** Names in a session folder that we have made: everything else in it is somebody else's. */
async function ownNames(dir: string): Promise<string[]> {
  const { snapshots } = await readSessionFile(dir);
  const named = new Set(snapshots.flatMap(({ file }) => [file, `${file}.part`]));
  const ours = new Set([SESSION_FILE, OUTPUT_FILE, RECORDING_FILE, `${RECORDING_FILE}-wal`, `${RECORDING_FILE}-shm`, `${RECORDING_FILE}-journal`, INDEX_DIR, EXPORTS_DIR, TARGETS_DIR]);
  return (await readdir(dir)).filter(
    (name) => ours.has(name) || named.has(name) || /^snapshot-\d{1,6}\.heapsnapshot(\.part)?$/.test(name) || /^comparison\.(json|csv|html|md)$/.test(name) || PROFILE_FILE.test(name) || /^session\.json\.\d+(\.\d+)?\.tmp$/.test(name),
  );
}

/**
 * Deletes what a session consists of, and its folder if that empties it. Other files stay and are returned. Errors:
 * `not-found`, `bad-file` (no session), `busy` (it is being recorded), `io`.
 */
export async function deleteSession(dir: string): Promise<{ kept: string[] }> {
  await readSessionFile(dir);
  const log = await stat(join(dir, `${RECORDING_FILE}-wal`)).catch(() => null);
  if (log && Date.now() - log.mtimeMs < WRITTEN_JUST_NOW_MS) {
    throw new HeaphouseError('busy', `${dir} is being recorded.`, { advice: 'Close the session first, here or in the other Heaphouse.' });
  }
  try {
    const names = await ownNames(dir);
    // session.json last: what is left of an interrupted deletion can be deleted again.
    for (const name of names.sort((a, b) => Number(a === SESSION_FILE) - Number(b === SESSION_FILE))) {
      if (name === TARGETS_DIR) await deleteTargets(join(dir, name));
      else await rm(join(dir, name), { recursive: name === INDEX_DIR || name === EXPORTS_DIR, force: true });
    }
    const kept = await readdir(dir);
    if (kept.length === 0) await rmdir(dir);
    return { kept };
  } catch (error) {
    throw ioError(error, 'delete', dir);
  }
}

async function deleteTargets(dir: string): Promise<void> {
  for (const name of await readdir(dir)) await deleteSession(join(dir, name)).catch(() => undefined);
  await rmdir(dir).catch(() => undefined);
}

type Snapshot = SessionFile['snapshots'][number];

/**
 * The snapshots of a session as they are on disk, after whatever happened: one that was being written is complete (its
 * file got its name in the last moment) or is said to be incomplete; one whose file is gone is said to be gone; a file
 * that the session does not list is listed.
 */
export async function recoverSnapshots(dir: string, file: SessionFile): Promise<Snapshot[]> {
  const names = await readdir(dir).catch((error: unknown) => {
    throw ioError(error, 'read', dir);
  });
  const snapshots = await Promise.all(file.snapshots.map((snapshot) => asOnDisk(dir, snapshot)));
  const listed = new Set(file.snapshots.map((snapshot) => snapshot.file));
  for (const name of names) {
    const match = SNAPSHOT_FILE.exec(name.replace(/\.part$/, ''));
    if (!match || listed.has(match[0])) continue;
    listed.add(match[0]);
    const number = Number(match[1]);
    const unlisted: Snapshot = { id: `h-found-${number}`, number, name: `Snapshot ${number}`, file: match[0], bytes: 0, takenAt: 0, nodes: null, state: 'writing', error: null, idEpoch: null, receipt: null };
    snapshots.push(await asOnDisk(dir, unlisted));
  }
  return snapshots.sort((a, b) => a.number - b.number);
}

async function asOnDisk(dir: string, snapshot: Snapshot): Promise<Snapshot> {
  const whole = await stat(join(dir, snapshot.file)).catch(() => null);
  if (whole?.isFile()) {
    if (snapshot.state === 'ready') return snapshot;
    return { ...snapshot, state: 'ready', error: null, bytes: whole.size, takenAt: snapshot.takenAt || Math.round(whole.mtimeMs) };
  }
  const part = await stat(join(dir, `${snapshot.file}.part`)).catch(() => null);
  if (snapshot.state === 'failed') {
    if (!part || !snapshot.error) return snapshot;
    return { ...snapshot, bytes: part.size, error: { ...snapshot.error, message: `${snapshot.error.message.slice(0, 3_000)} The file of this snapshot is incomplete (${part.size} bytes).` } };
  }
  if (snapshot.state === 'ready') {
    return { ...snapshot, state: 'failed', error: { code: 'not-found', message: `The file of this snapshot is gone: ${join(dir, snapshot.file)}.`, advice: 'Put it back and open the session again, or delete the snapshot.' } };
  }
  return {
    ...snapshot,
    state: 'failed',
    bytes: part?.size ?? 0,
    takenAt: snapshot.takenAt || Math.round(part?.mtimeMs ?? 0),
    error: {
      code: 'bad-file',
      message: part ? `This snapshot is incomplete: Heaphouse or the target ended while it was being written (${part.size} bytes were).` : 'This snapshot is incomplete: Heaphouse or the target ended while it was being taken.',
      advice: 'Everything before it is whole. Delete it to free the space, and take another one.',
    },
  };
}

