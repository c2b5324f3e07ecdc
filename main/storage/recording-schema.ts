/**
 * The tables of `recording.db` and how older files become this version. docs/recording-format.md describes them for
 * people; a change of shape raises VERSION and adds an upgrade.
 */
import type { DatabaseSync } from 'node:sqlite';
import { HeaphouseError } from '#shared/rpc/errors.ts';

export const RECORDING_VERSION = 3;
/** `HPHR`, so that tools can tell the file from any other database. */
const APPLICATION_ID = 0x48504852;

const CREATE = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE samples (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    rss_bytes INTEGER,
    heap_used_bytes INTEGER,
    heap_total_bytes INTEGER,
    external_bytes INTEGER
  );
  CREATE TABLE collections (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    pause_ms REAL NOT NULL,
    kind TEXT NOT NULL,
    generation INTEGER NOT NULL,
    collected INTEGER,
    uncollectable INTEGER,
    merged_count INTEGER NOT NULL DEFAULT 1,
    total_pause_ms REAL NOT NULL
  );
  CREATE TABLE marks (id INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, label TEXT NOT NULL);
`;

/**
 * Version 2: what started a collection and how the collector stood, and readings of other kinds (segments, allocators)
 * as JSON. Lists of numbers are text, separated by commas.
 */
const TO_VERSION_2 = `
  ALTER TABLE collections ADD COLUMN cause TEXT;
  ALTER TABLE collections ADD COLUMN cause_at TEXT;
  ALTER TABLE collections ADD COLUMN counts TEXT;
  ALTER TABLE collections ADD COLUMN thresholds TEXT;
  ALTER TABLE collections ADD COLUMN tracked_before INTEGER;
  ALTER TABLE collections ADD COLUMN tracked_after INTEGER;
  ALTER TABLE collections ADD COLUMN heap_before_bytes INTEGER;
  ALTER TABLE collections ADD COLUMN heap_after_bytes INTEGER;
  CREATE TABLE readings (id INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL);
`;

/** Version 3: V8's own word for why it collected. Readings of kind `allocators` begin with it. */
const TO_VERSION_3 = 'ALTER TABLE collections ADD COLUMN reason TEXT;';

/** `upgrades[n]` turns version n into n + 1. */
const upgrades: Record<number, (database: DatabaseSync) => void> = {
  1: (database) => database.exec(TO_VERSION_2),
  2: (database) => database.exec(TO_VERSION_3),
};

/** Creates the tables in a new file or upgrades an older one. Errors: `bad-file`. */
export function prepareSchema(database: DatabaseSync): void {
  const version = readNumber(database, 'PRAGMA user_version', 'user_version');
  if (version === 0) {
    const tables = readNumber(database, 'SELECT count(*) AS tables FROM sqlite_schema', 'tables');
    if (tables > 0) throw notOurs();
    inTransaction(database, () => {
      database.exec(CREATE);
      database.exec(TO_VERSION_2);
      database.exec(TO_VERSION_3);
      database.exec(`PRAGMA user_version = ${RECORDING_VERSION}; PRAGMA application_id = ${APPLICATION_ID};`);
      database.prepare("INSERT INTO meta VALUES ('createdBy', 'heaphouse'), ('createdAt', ?)").run(String(Date.now()));
    });
    return;
  }
  checkVersion(database);
  for (let from = version; from < RECORDING_VERSION; from++) {
    const upgrade = upgrades[from];
    if (!upgrade) throw notOurs();
    inTransaction(database, () => {
      upgrade(database);
      database.exec(`PRAGMA user_version = ${from + 1}`);
    });
  }
}

/** Errors: `bad-file` when it is another database, `unsupported` when a newer Heaphouse wrote it. */
export function checkVersion(database: DatabaseSync): void {
  if (readNumber(database, 'PRAGMA application_id', 'application_id') !== APPLICATION_ID) throw notOurs();
  const version = readNumber(database, 'PRAGMA user_version', 'user_version');
  if (version > RECORDING_VERSION) {
    throw new HeaphouseError('unsupported', `This recording has version ${version}; this Heaphouse reads up to ${RECORDING_VERSION}.`, {
      advice: 'Open it with a newer Heaphouse.',
    });
  }
}

export function inTransaction(database: DatabaseSync, work: () => void): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    work();
    database.exec('COMMIT');
  } catch (error) {
    // A full disk rolls back by itself; then there is nothing left to roll back.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** Columns of a table: a recording that was opened for reading only keeps the version it was written with. */
export function columnsOf(database: DatabaseSync, table: 'collections' | 'readings'): Set<string> {
  return new Set(database.prepare(`SELECT name FROM pragma_table_info('${table}')`).all().map((row) => String(row['name'])));
}

function readNumber(database: DatabaseSync, sql: string, column: string): number {
  const value = database.prepare(sql).get()?.[column];
  return typeof value === 'number' ? value : 0;
}

function notOurs(): HeaphouseError {
  return new HeaphouseError('bad-file', 'recording.db is not a recording of Heaphouse.', { advice: 'Choose another folder for the session.' });
}
