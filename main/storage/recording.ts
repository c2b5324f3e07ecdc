/**
 * `recording.db` of a session: samples, collections and marks as they come (SQLite, write-ahead log). Rows are written
 * together twice a second, so a killed host loses at most the last half second. When the disk is full the recording
 * goes on in memory, says so once, and catches up when there is room again.
 */
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { GcEvent, MemorySample } from '#shared/model/target.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import type { CollectionRow, TimelineMark, TimelineStore } from '../capture/timeline-store.ts';
import { createTimelineStore } from '../capture/timeline-store.ts';
import { checkVersion, inTransaction, prepareSchema } from './recording-schema.ts';
import { collectionFields, nullable, type Row } from './collection-fields.ts';

export const RECORDING_FILE = 'recording.db';
const WRITE_EVERY_MS = 500;
/** After a failed write: how long until the next attempt. */
const RETRY_EVERY_MS = 5_000;
/** Rows held while the disk takes none: about an hour of samples. */
const MAX_HELD_ROWS = 40_000;
const LOCK_WAIT_MS = 2_000;
const THIN_READINGS_MS = 60_000;

export interface RecordingListener {
  sample(sample: MemorySample): void;
  collection(collection: CollectionRow): void;
  mark(mark: TimelineMark): void;
}

export interface Recording {
  addSample(sample: MemorySample): void;
  addCollection(collection: GcEvent): void;
  addMark(mark: TimelineMark): void;
  /** A reading of another kind, kept as JSON. */
  addReading(reading: StoredReading): void;
  /** For questions about what is recorded; rows of the last half second are written first. */
  database(): DatabaseSync;
  /** Writes what is held now. False if the disk does not take it. */
  flush(): boolean;
  /** Replaces what lies in [fromAt, toAt) by at most two samples and one collection a step. */
  thin(fromAt: number, toAt: number, stepMs: number): void;
  /** Bytes in use in the file. */
  sizeBytes(): number;
  /** The file fails as on a full disk beyond so many bytes. */
  limitBytes(bytes: number): void;
  getMeta(key: string): string | null;
  setMeta(key: string, value: string): void;
  close(): void;
}

export const READING_KINDS = ['segments', 'allocators', 'gc-settings'] as const;

export interface StoredReading {
  at: number;
  kind: (typeof READING_KINDS)[number];
  body: unknown;
}

export interface OpenRecordingOptions {
  /** Hears each row that an earlier run left in the file, in time order. */
  restore?: RecordingListener;
  /** Hears once per outage that rows can only be held in memory, and null when they are on the disk again. */
  onProblem?: (error: HeaphouseError | null) => void;
}

/** Opens the recording in `dir` for writing, or begins one. Errors: `io`, `bad-file`, `unsupported`. */
export function openRecording(dir: string, { restore, onProblem = () => undefined }: OpenRecordingOptions = {}): Recording {
  const path = join(dir, RECORDING_FILE);
  const database = openDatabase(path);
  const insert = prepareInserts(database);
  if (restore) readRows(database, restore);

  const samples: MemorySample[] = [];
  const collections: GcEvent[] = [];
  const marks: TimelineMark[] = [];
  const readings: StoredReading[] = [];
  let failing = false;
  let retryAt = 0;
  let closed = false;

  function flush(): boolean {
    if (closed) return false;
    if (samples.length + collections.length + marks.length + readings.length === 0) return true;
    try {
      inTransaction(database, () => {
        for (const sample of samples) insert.sample(sample);
        for (const collection of collections) insert.collection({ ...collection, ...(collection.details?.merged ?? { count: 1, totalPauseMs: collection.pauseMs }) });
        for (const mark of marks) insert.mark(mark);
        for (const reading of readings) insert.reading(reading);
      });
      samples.length = collections.length = marks.length = readings.length = 0;
      if (failing) onProblem(null);
      failing = false;
      return true;
    } catch (error) {
      if (!failing) onProblem(recordingError(path, error));
      failing = true;
      retryAt = Date.now() + RETRY_EVERY_MS;
      return false;
    }
  }

  function hold<T>(rows: T[], row: T): void {
    rows.push(row);
    if (rows.length > MAX_HELD_ROWS) rows.splice(0, rows.length - MAX_HELD_ROWS);
  }

  const timer = setInterval(() => {
    if (!failing || Date.now() >= retryAt) flush();
  }, WRITE_EVERY_MS);

  return {
    addSample: (sample) => hold(samples, sample),
    addCollection: (collection) => hold(collections, collection),
    addMark(mark) {
      hold(marks, mark);
      // Rare, and the ones that matter after a crash.
      if (!failing) flush();
    },
    addReading: (reading) => hold(readings, reading),
    database() {
      if (!failing) flush();
      return database;
    },
    flush,
    thin: (fromAt, toAt, stepMs) => thinRows(database, insert, fromAt, toAt, stepMs),
    sizeBytes() {
      const row = database
        .prepare('SELECT (p.page_count - f.freelist_count) * s.page_size AS bytes FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s')
        .get();
      return Number(row?.['bytes'] ?? 0);
    },
    limitBytes(bytes) {
      const pageBytes = Number(database.prepare('PRAGMA page_size').get()?.['page_size'] ?? 4_096);
      database.exec(`PRAGMA max_page_count = ${Math.trunc(bytes / pageBytes)}`);
    },
    getMeta(key) {
      const value = database.prepare('SELECT value FROM meta WHERE key = ?').get(key)?.['value'];
      return typeof value === 'string' ? value : null;
    },
    setMeta(key, value) {
      database.prepare('INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value').run(key, value);
    },
    close() {
      if (closed) return;
      clearInterval(timer);
      flush();
      closed = true;
      database.close();
    },
  };
}

/** Opens a recording that nobody writes, for questions; the caller closes it. Errors: `not-found`, `bad-file`, `unsupported`. */
export function openFinishedRecording(dir: string): DatabaseSync {
  const path = join(dir, RECORDING_FILE);
  if (!existsSync(path)) throw new HeaphouseError('not-found', `There is no recording in ${dir}.`);
  let database: DatabaseSync | null = null;
  try {
    database = openReadable(path);
    checkVersion(database);
    return database;
  } catch (error) {
    database?.close();
    throw recordingError(path, error);
  }
}

/** What is held in memory as a database, for the same questions when the disk takes no recording. The caller closes it. */
export function copyInMemory(store: TimelineStore): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  prepareSchema(database);
  const insert = prepareInserts(database);
  inTransaction(database, () => store.forEachRow({ sample: insert.sample, collection: insert.collection }));
  return database;
}

/** Reads a recording that nobody writes. Errors: `not-found`, `bad-file`, `unsupported`. */
export function readRecording(dir: string, listener: RecordingListener): void {
  const database = openFinishedRecording(dir);
  try {
    readRows(database, listener);
  } catch (error) {
    throw recordingError(join(dir, RECORDING_FILE), error);
  } finally {
    database.close();
  }
}

function openDatabase(path: string): DatabaseSync {
  let database: DatabaseSync | null = null;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    database = new DatabaseSync(path, { timeout: LOCK_WAIT_MS });
    chmodSync(path, 0o600);
    // NORMAL: a killed process loses nothing that was committed, a power cut perhaps the last seconds.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
    prepareSchema(database);
    return database;
  } catch (error) {
    database?.close();
    throw recordingError(path, error);
  }
}

/** A log that a killed host left can only be read by somebody who may write; a copy on a read-only disk has none. */
function openReadable(path: string): DatabaseSync {
  try {
    const database = new DatabaseSync(path, { timeout: LOCK_WAIT_MS });
    database.prepare('SELECT count(*) FROM sqlite_schema').get();
    return database;
  } catch {
    return new DatabaseSync(path, { readOnly: true, timeout: LOCK_WAIT_MS });
  }
}

interface Inserts {
  sample(sample: MemorySample): void;
  collection(collection: CollectionRow): void;
  mark(mark: TimelineMark): void;
  reading(reading: StoredReading): void;
}

function prepareInserts(database: DatabaseSync): Inserts {
  const sample: StatementSync = database.prepare(
    'INSERT INTO samples (at, rss_bytes, heap_used_bytes, heap_total_bytes, external_bytes) VALUES (?, ?, ?, ?, ?)',
  );
  const collection = database.prepare(
    `INSERT INTO collections (at, pause_ms, kind, generation, collected, uncollectable, merged_count, total_pause_ms,
       cause, cause_at, counts, thresholds, tracked_before, tracked_after, heap_before_bytes, heap_after_bytes, reason)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const mark = database.prepare('INSERT INTO marks (at, kind, label) VALUES (?, ?, ?)');
  const reading = database.prepare('INSERT INTO readings (at, kind, body) VALUES (?, ?, ?)');
  return {
    sample: (s) => void sample.run(s.at, s.rssBytes, s.heapUsedBytes, s.heapTotalBytes, s.externalBytes),
    collection: ({ details: d, ...c }) =>
      void collection.run(
        ...[c.at, c.pauseMs, c.kind, c.generation, c.collected, c.uncollectable, c.count, c.totalPauseMs],
        ...[d?.trigger ?? null, d?.triggerAt ?? null, d?.counts?.join(',') ?? null, d?.thresholds?.join(',') ?? null],
        ...[d?.trackedBefore ?? null, d?.trackedAfter ?? null, d?.heapBeforeBytes ?? null, d?.heapAfterBytes ?? null, d?.reason ?? null],
      ),
    mark: (m) => void mark.run(m.at, m.kind, m.label),
    reading: (r) => void reading.run(r.at, r.kind, JSON.stringify(r.body)),
  };
}

const READ_SAMPLES = 'SELECT at, rss_bytes, heap_used_bytes, heap_total_bytes, external_bytes FROM samples';
const READ_COLLECTIONS = 'SELECT at, pause_ms, kind, generation, collected, uncollectable, merged_count, total_pause_ms FROM collections';
const BETWEEN = 'WHERE at >= ? AND at < ? ORDER BY at';
const MARK_KINDS: readonly string[] = ['snapshot', 'mark', 'exit', 'attach', 'detach'] satisfies TimelineMark['kind'][];

function readRows(database: DatabaseSync, listener: RecordingListener, fromAt = -1e300, toAt = 1e300): void {
  for (const row of database.prepare(`${READ_SAMPLES} ${BETWEEN}`).iterate(fromAt, toAt)) listener.sample(toSample(row));
  for (const row of database.prepare(`${READ_COLLECTIONS} ${BETWEEN}`).iterate(fromAt, toAt)) listener.collection(toCollection(row));
  for (const row of database.prepare(`SELECT at, kind, label FROM marks ${BETWEEN}`).iterate(fromAt, toAt)) {
    const { at, kind, label } = row as Row;
    if (typeof at === 'number' && MARK_KINDS.includes(String(kind))) listener.mark({ at, kind: kind as TimelineMark['kind'], label: String(label) });
  }
}

function toSample(row: Row): MemorySample {
  return {
    at: Number(row['at']),
    rssBytes: nullable(row['rss_bytes']),
    heapUsedBytes: nullable(row['heap_used_bytes']),
    heapTotalBytes: nullable(row['heap_total_bytes']),
    externalBytes: nullable(row['external_bytes']),
  };
}

function toCollection(row: Row): CollectionRow {
  return {
    ...collectionFields(row),
    count: Number(row['merged_count']),
    totalPauseMs: Number(row['total_pause_ms']),
  };
}

function thinRows(database: DatabaseSync, insert: Inserts, fromAt: number, toAt: number, stepMs: number): void {
  const part = createTimelineStore();
  readRows(database, { sample: part.appendSample, collection: part.appendCollection, mark: () => undefined }, fromAt, toAt);
  part.thin(fromAt, toAt, stepMs);
  inTransaction(database, () => {
    database.prepare('DELETE FROM samples WHERE at >= ? AND at < ?').run(fromAt, toAt);
    database.prepare('DELETE FROM collections WHERE at >= ? AND at < ?').run(fromAt, toAt);
    part.forEachRow({ sample: insert.sample, collection: insert.collection });
    // The last of each step; changes of the collector's settings are few and stay.
    const thinReadings = database.prepare(
      `DELETE FROM readings WHERE kind = ?4 AND at >= ?1 AND at < ?2
         AND id NOT IN (SELECT max(id) FROM readings WHERE kind = ?4 AND at >= ?1 AND at < ?2 GROUP BY CAST((at - ?1) / ?3 AS INTEGER))`,
    );
    for (const kind of ['segments', 'allocators']) thinReadings.run(fromAt, toAt, Math.max(stepMs, THIN_READINGS_MS), kind);
  });
}

function recordingError(path: string, error: unknown): HeaphouseError {
  if (error instanceof HeaphouseError) return error;
  const { message, errcode } = error as Error & { errcode?: number };
  const more = { detail: message, cause: error };
  // Primary result codes of SQLite: SQLITE_FULL 13, SQLITE_NOTADB 26, SQLITE_CORRUPT 11.
  const primary = (errcode ?? 0) & 0xff;
  if (primary === 13) {
    return new HeaphouseError('io', 'The disk is full: the timeline is kept in memory only.', {
      ...more,
      advice: `Free some space in ${dirname(path)}; the last hour is written as soon as there is room.`,
    });
  }
  if (primary === 26 || primary === 11) return new HeaphouseError('bad-file', `${path} is damaged or not a recording.`, more);
  return new HeaphouseError('io', `The recording ${path} cannot be used.`, { ...more, advice: 'Check that the folder exists and that you may write to it.' });
}
