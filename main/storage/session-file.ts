/**
 * `session.json`: what a session folder holds. The format is versioned; a file of an older version goes through the
 * upgraders, a newer one is refused by name. Writing is atomic, so a crash leaves the old or the new file, never half.
 */
import { rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { TARGET_KINDS } from '#shared/model/target.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { ERROR_CODES } from '#shared/rpc/errors.ts';
import { ioError } from './io-error.ts';
import { readTextFile, writeJsonFile } from './json-file.ts';
import { makeFolders } from './make-folders.ts';

export const SESSION_FILE = 'session.json';
export const RECORDING_FILE = 'recording.db';
export const OUTPUT_FILE = 'output.log';
export const EXPORTS_DIR = 'exports';
/** Indexes of the session's snapshots: a cache, may be deleted at any time. */
export const INDEX_DIR = 'index';
/** Further targets of the session, each a session folder of its own. */
export const TARGETS_DIR = 'targets';
export const SESSION_VERSION = 2;
export const MAX_NOTES_CHARS = 50_000;
export const MAX_COMPARISONS = 200;
export const MAX_IGNORED_RETAINERS = 200;
const MAX_SESSION_FILE_BYTES = 16 * 1024 * 1024;

const nullable = <S extends v.GenericSchema>(schema: S) => v.nullable(schema);

const receiptSchema = v.object({
  action: v.picklist(['attach', 'snapshot', 'collect', 'detach']),
  at: v.number(),
  pauseMs: nullable(v.number()),
  elapsedMs: v.number(),
  bytes: nullable(v.number()),
  notes: v.array(v.string()),
});

const exitSchema = v.object({
  at: v.number(),
  code: nullable(v.number()),
  signal: nullable(v.string()),
  headline: v.string(),
  explanation: v.string(),
  likelyOutOfMemory: v.boolean(),
  lastSample: nullable(
    v.object({
      at: v.number(),
      rssBytes: nullable(v.number()),
      heapUsedBytes: nullable(v.number()),
      heapTotalBytes: nullable(v.number()),
      externalBytes: nullable(v.number()),
    }),
  ),
  cgroup: nullable(
    v.object({
      path: v.string(),
      limitBytes: nullable(v.number()),
      currentBytes: nullable(v.number()),
      peakBytes: nullable(v.number()),
      oomCount: nullable(v.number()),
      oomKillCount: nullable(v.number()),
    }),
  ),
});

const errorSchema = v.object({
  code: v.picklist(ERROR_CODES),
  message: v.pipe(v.string(), v.maxLength(4_000)),
  advice: v.optional(v.pipe(v.string(), v.maxLength(4_000))),
});

const comparisonSchema = v.object({
  id: v.pipe(v.string(), v.maxLength(64)),
  name: v.pipe(v.string(), v.maxLength(200)),
  baseId: v.pipe(v.string(), v.maxLength(64)),
  comparedId: v.pipe(v.string(), v.maxLength(64)),
  /** How it is looked at, as in the address of the Compare view: `tab=growth&filter=…`. */
  view: v.pipe(v.string(), v.maxLength(4_096)),
  createdAt: v.number(),
});

const sessionFileSchema = v.object({
  format: v.literal('heaphouse-session'),
  version: v.literal(SESSION_VERSION),
  id: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,64}$/)),
  title: v.pipe(v.string(), v.maxLength(200)),
  createdAt: v.number(),
  target: nullable(
    v.object({
      kind: v.picklist(TARGET_KINDS),
      pid: nullable(v.number()),
      title: v.string(),
      commandLine: v.string(),
      cwd: nullable(v.string()),
      runtime: v.string(),
      launched: v.boolean(),
      startedAt: nullable(v.number()),
    }),
  ),
  exit: nullable(exitSchema),
  snapshots: v.array(
    v.object({
      id: v.pipe(v.string(), v.maxLength(64)),
      number: v.number(),
      name: v.string(),
      /** File name inside the folder. */
      file: v.pipe(v.string(), v.regex(/^[^/\\\0]+$/, 'must be a file name without a folder')),
      bytes: v.number(),
      takenAt: v.number(),
      nodes: nullable(v.number()),
      /** `writing` in a file that is read again: whoever wrote it did not live to finish. */
      state: v.picklist(['ready', 'writing', 'failed']),
      error: nullable(errorSchema),
      /** Absent in files written before it was known. */
      idEpoch: v.optional(nullable(v.string()), null),
      /** The worker thread it was taken of. Absent: the main thread. */
      thread: v.exactOptional(v.object({ id: v.pipe(v.string(), v.maxLength(64)), label: v.pipe(v.string(), v.maxLength(200)) })),
      receipt: nullable(receiptSchema),
    }),
  ),
  receipts: v.array(receiptSchema),
  comparisons: v.pipe(v.array(comparisonSchema), v.maxLength(MAX_COMPARISONS)),
  notes: v.pipe(v.string(), v.maxLength(MAX_NOTES_CHARS)),
  /** Objects that paths look past, by snapshot. Absent in files written before it could be kept. */
  ignoredRetainers: v.optional(
    v.array(
      v.object({
        snapshotId: v.pipe(v.string(), v.maxLength(64)),
        objects: v.pipe(
          v.array(v.object({ ordinal: v.pipe(v.number(), v.safeInteger(), v.minValue(0)), id: v.number(), name: v.pipe(v.string(), v.maxLength(200)) })),
          v.maxLength(MAX_IGNORED_RETAINERS),
        ),
      }),
    ),
  ),
});
export type SessionFile = v.InferOutput<typeof sessionFileSchema>;

/** One function per version step, oldest first: `upgraders[n]` turns version n+1 into n+2. */
const upgraders: ((file: Record<string, unknown>) => Record<string, unknown>)[] = [
  // 2: notes, comparisons, and snapshots that did not become complete.
  (file) => ({
    ...file,
    version: 2,
    notes: '',
    comparisons: [],
    snapshots: Array.isArray(file.snapshots) ? file.snapshots.map((snapshot: unknown) => (isRecord(snapshot) ? { ...snapshot, state: 'ready', error: null } : snapshot)) : file.snapshots,
  }),
];

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function upgrade(parsed: unknown, path: string): unknown {
  if (typeof parsed !== 'object' || parsed === null || (parsed as { format?: unknown }).format !== 'heaphouse-session') {
    throw new HeaphouseError('bad-file', `${path} is not a Heaphouse session file.`);
  }
  let file = parsed as Record<string, unknown>;
  const version = file.version;
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 1) {
    throw new HeaphouseError('bad-file', `${path} has no valid version.`);
  }
  if (version > SESSION_VERSION) {
    throw new HeaphouseError('unsupported', `${path} was written by a newer Heaphouse (format ${version}).`, {
      advice: `This version reads formats up to ${SESSION_VERSION}: update Heaphouse.`,
    });
  }
  for (const step of upgraders.slice(version - 1)) file = step(file);
  return file;
}

/** Reads and checks a session folder. Errors: `not-found`, `bad-file`, `unsupported`, `io`. */
export async function readSessionFile(dir: string): Promise<SessionFile> {
  const path = join(dir, SESSION_FILE);
  const text = await readTextFile(path, MAX_SESSION_FILE_BYTES);
  if (text === null) {
    throw new HeaphouseError('not-found', `${dir} holds no session (no ${SESSION_FILE}).`, {
      advice: 'Choose a folder that Heaphouse has written, or open a .heapsnapshot file.',
    });
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new HeaphouseError('bad-file', `${path} is not valid JSON: ${(error as Error).message}`, {
      advice: 'The snapshots in the folder can still be opened one by one.',
    });
  }
  const result = v.safeParse(sessionFileSchema, upgrade(parsed, path));
  if (!result.success) {
    const issue = result.issues[0];
    throw new HeaphouseError('bad-file', `${path} is damaged at ${v.getDotPath(issue) ?? 'its top'}: ${issue.message}`, {
      advice: 'The snapshots in the folder can still be opened one by one.',
    });
  }
  return result.output;
}

/** Writes the session file; a crash leaves the old or the new one. Errors: `io`. */
export async function writeSessionFile(dir: string, file: SessionFile): Promise<void> {
  await writeJsonFile(join(dir, SESSION_FILE), file);
}

/** Makes the folder of a new session, refusing one that holds a session already. Mode 0700. */
export async function createSessionDir(dir: string): Promise<void> {
  try {
    await makeFolders(dir);
  } catch (error) {
    throw ioError(error, 'create', dir);
  }
  const taken = await stat(join(dir, SESSION_FILE)).then(
    () => true,
    () => false,
  );
  if (taken) {
    throw new HeaphouseError('io', `${dir} already holds a session.`, {
      advice: 'Choose another folder, or remove that one first.',
    });
  }
}

/** Takes back `createSessionDir` for a session that never began: our own files only, and the folder if that empties it. */
export async function removeEmptySession(dir: string): Promise<void> {
  const ours = [SESSION_FILE, OUTPUT_FILE, RECORDING_FILE, `${RECORDING_FILE}-wal`, `${RECORDING_FILE}-shm`];
  for (const name of ours) await rm(join(dir, name), { force: true });
  await rmdir(dir).catch(() => undefined);
}
