import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createOwnCollections } from '#main/capture/own-collections.ts';
import { annotateOwnCollection, gcFigures, pageOfCollections, readReadings } from '#main/storage/collection-query.ts';
import { openFinishedRecording, openRecording, RECORDING_FILE, type Recording } from '#main/storage/recording.ts';
import type { GcTrigger } from '#shared/model/memory.ts';
import type { GcEvent } from '#shared/model/target.ts';

let dir: string;
let recording: Recording;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-collections-'));
  recording = openRecording(dir);
});
afterEach(() => {
  recording.close();
  rmSync(dir, { recursive: true, force: true });
});

const event = (at: number, pauseMs: number, generation = 0, trigger: GcTrigger = 'allocation', more: Partial<GcEvent> = {}): GcEvent => ({
  at,
  pauseMs,
  kind: `generation ${generation}`,
  generation,
  collected: at,
  uncollectable: 0,
  details: { trigger, counts: [701, 2, 3], thresholds: [700, 10, 10], triggerAt: trigger === 'explicit' ? 'app.py:88' : null },
  ...more,
});

function fill() {
  for (let i = 0; i < 100; i++) recording.addCollection(event(1000 + i, 0.1 + i / 1000));
  recording.addCollection(event(2000, 30, 2, 'explicit', { uncollectable: 4 }));
  recording.addCollection(event(2001, 8, 1));
  return recording.database();
}

describe('the table of collections', () => {
  it('gives windows, newest first unless sorted', () => {
    const page = pageOfCollections(fill(), { start: 0, end: 2 });
    expect(page).toMatchObject({ start: 0, total: 102, unfiltered: 102 });
    expect(page.rows.map(({ at }) => at)).toEqual([2001, 2000]);
    expect(page.rows[1]).toMatchObject({ trigger: 'explicit', triggerAt: 'app.py:88', counts: [701, 2, 3], thresholds: [700, 10, 10], merged: 1 });
    const longest = pageOfCollections(recording.database(), { start: 1, end: 3, sort: { by: 'pauseMs', order: 'descending' } });
    expect(longest.rows.map(({ pauseMs }) => pauseMs)).toEqual([8, 0.1 + 99 / 1000]);
  });

  it('filters', () => {
    const database = fill();
    const total = (filter: NonNullable<Parameters<typeof pageOfCollections>[1]['filter']>) => pageOfCollections(database, { start: 0, end: 10, filter }).total;
    expect(total({ generations: [1, 2] })).toBe(2);
    expect(total({ generations: [] })).toBe(0);
    expect(total({ triggers: ['explicit'] })).toBe(1);
    expect(total({ minPauseMs: 8 })).toBe(2);
    expect(total({ fromAt: 1050, toAt: 1059 })).toBe(10);
    expect(total({ uncollectableOnly: true })).toBe(1);
    expect(total({ text: 'APP.py' })).toBe(1);
    expect(total({ text: "%' OR 1=1 --" })).toBe(0);
  });

  it('sums up: by kind, by trigger, by length of pause', () => {
    const figures = gcFigures(fill(), 0, 10_000);
    const pauses = [...Array.from({ length: 100 }, (_, i) => 0.1 + i / 1000), 30, 8];
    expect(figures.collections).toBe(102);
    expect(figures.totalPauseMs).toBeCloseTo(pauses.reduce((a, b) => a + b, 0), 9);
    expect(figures.longestPauseMs).toBe(30);
    expect(figures.shareOfTimePercent).toBeCloseTo(figures.totalPauseMs / 100, 9);
    expect(figures.byKind.map(({ kind, collections }) => [kind, collections])).toEqual([['generation 0', 100], ['generation 1', 1], ['generation 2', 1]]);
    expect(figures.byKind[0].medianPauseMs).toBeCloseTo(0.149, 9);
    expect(figures.byKind[0].p99PauseMs).toBeCloseTo(0.198, 9);
    expect(figures.byTrigger).toEqual([{ trigger: 'explicit', collections: 1, totalPauseMs: 30 }, { trigger: 'allocation', collections: 101, totalPauseMs: expect.any(Number) as number }]);
    for (const { fromMs, toMs, count } of figures.distribution) expect(count).toBe(pauses.filter((pause) => pause >= fromMs && pause < toMs).length);
    expect(gcFigures(recording.database(), 5000, 6000)).toMatchObject({ collections: 0, byKind: [], distribution: [] });
  });

  it('adds what only the asker knows to our own collection', () => {
    recording.addCollection(event(3000, 5, 2, 'heaphouse'));
    recording.addCollection(event(3001, 1, 0));
    annotateOwnCollection(recording.database(), 2990, 3100, { trackedBefore: 500, trackedAfter: 400, heapBeforeBytes: 9000, heapAfterBytes: 8000 });
    expect(pageOfCollections(recording.database(), { start: 0, end: 2 }).rows).toMatchObject([{ trackedBefore: null }, { trackedBefore: 500, trackedAfter: 400, freedBytes: 1000 }]);
  });

  it('thins readings of segments with the rest, and keeps what is rare', () => {
    for (let i = 0; i < 120; i++) recording.addReading({ at: i * 5_000, kind: 'segments', body: { heap: i } });
    recording.addReading({ at: 7, kind: 'gc-settings', body: { text: 'x' } });
    recording.flush();
    recording.thin(0, 300_000, 10_000);
    expect(readReadings(recording.database(), 'segments', 0, 299_999, 1_000).map(({ at }) => at)).toEqual([55_000, 115_000, 175_000, 235_000, 295_000]);
    expect(readReadings(recording.database(), 'segments', 300_000, 1e9, 1_000)).toHaveLength(60);
    expect(readReadings(recording.database(), 'segments', 300_000, 1e9, 20)).toHaveLength(20);
    expect(readReadings(recording.database(), 'gc-settings', 0, 1e9, 10)).toHaveLength(1);
  });
});

describe('recordings of version 1', () => {
  function makeOld(): void {
    recording.close();
    rmSync(join(dir, RECORDING_FILE));
    const old = new DatabaseSync(join(dir, RECORDING_FILE));
    old.exec(`CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE samples (id INTEGER PRIMARY KEY, at REAL NOT NULL, rss_bytes INTEGER, heap_used_bytes INTEGER, heap_total_bytes INTEGER, external_bytes INTEGER);
      CREATE TABLE collections (id INTEGER PRIMARY KEY, at REAL NOT NULL, pause_ms REAL NOT NULL, kind TEXT NOT NULL, generation INTEGER NOT NULL, collected INTEGER, uncollectable INTEGER, merged_count INTEGER NOT NULL DEFAULT 1, total_pause_ms REAL NOT NULL);
      CREATE TABLE marks (id INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, label TEXT NOT NULL);
      INSERT INTO collections (at, pause_ms, kind, generation, total_pause_ms) VALUES (5, 1.5, 'scavenge', 0, 1.5);
      PRAGMA user_version = 1; PRAGMA application_id = ${0x48504852};`);
    old.close();
  }

  it('answer as they are, without being changed', () => {
    makeOld();
    const database = openFinishedRecording(dir);
    expect(pageOfCollections(database, { start: 0, end: 5, sort: { by: 'trigger', order: 'ascending' } }).rows).toMatchObject([{ at: 5, trigger: 'unknown', counts: null }]);
    expect(gcFigures(database, 0, 10).collections).toBe(1);
    expect(readReadings(database, 'segments', 0, 10, 5)).toEqual([]);
    expect(database.prepare('PRAGMA user_version').get()).toEqual({ user_version: 1 });
    database.close();
  });

  it('are upgraded when they are written again', () => {
    makeOld();
    recording = openRecording(dir);
    recording.addCollection(event(9, 2, 2, 'explicit'));
    expect(pageOfCollections(recording.database(), { start: 0, end: 5 }).rows.map(({ trigger }) => trigger)).toEqual(['explicit', 'unknown']);
    expect(recording.database().prepare('PRAGMA user_version').get()).toEqual({ user_version: 3 });
  });
});

describe('our own collections', () => {
  it('are told by time for V8 and by what CPython says', () => {
    let now = 1000;
    const own = createOwnCollections(() => now);
    const v8 = (at: number, generation = 2): GcEvent => ({ at, pauseMs: 1, kind: '', generation, collected: null, uncollectable: null, details: { trigger: 'allocation' } });
    expect(own.isOurs(v8(1000))).toBe(false);
    const end = own.begin();
    expect(own.isOurs(v8(1500))).toBe(true);
    expect(own.isOurs(v8(1500, 0))).toBe(false);
    expect(own.isOurs(event(1500, 1, 2))).toBe(false);
    now = 2000;
    end();
    expect(own.isOurs(v8(2100))).toBe(false);
    expect(own.isOurs(event(9000, 1, 2, 'heaphouse'))).toBe(true);
  });
});
