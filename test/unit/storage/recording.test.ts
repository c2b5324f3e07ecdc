import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { maintain } from '#main/capture/recording-maintenance.ts';
import { createTimelineStore } from '#main/capture/timeline-store.ts';
import { openRecording, readRecording, RECORDING_FILE } from '#main/storage/recording.ts';
import { FULL_DETAIL_MS, nextThinSlice, oversizeSlice, THIN_SLICE_MS, THIN_STEP_MS } from '#main/storage/recording-policy.ts';
import type { GcEvent, MemorySample } from '#shared/model/target.ts';

const START = 1_700_000_000_000;
const sample = (at: number, rssBytes = 1): MemorySample => ({ at, rssBytes, heapUsedBytes: 2, heapTotalBytes: null, externalBytes: 4 });
const collection = (at: number, pauseMs = 1.25): GcEvent => ({ at, pauseMs, kind: 'generation 2', generation: 2, collected: 10, uncollectable: 1 });

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-recording-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function load(from = dir) {
  const store = createTimelineStore();
  readRecording(from, { sample: store.appendSample, collection: store.appendCollection, mark: store.appendMark });
  return store;
}

describe('recording', () => {
  it('gives back what was recorded', () => {
    const recording = openRecording(dir);
    recording.addSample(sample(START));
    recording.addCollection(collection(START + 1));
    recording.addMark({ at: START + 2, kind: 'snapshot', label: 'first' });
    recording.close();
    const window = load().window({ maxPoints: 10 });
    expect(window).toMatchObject({ firstAt: START, lastAt: START + 2, at: [START], marks: [{ at: START + 2, kind: 'snapshot', label: 'first' }] });
    expect(window.series).toEqual({ rssBytes: [1], heapUsedBytes: [2], heapTotalBytes: [null], externalBytes: [4] });
    expect(window.gc).toMatchObject({ pauseMs: [1.25], kind: ['generation 2'], collected: [10], count: [1] });
    expect(statSync(join(dir, RECORDING_FILE)).mode & 0o777).toBe(0o600);
  });

  it('goes on where an earlier run stopped', () => {
    const first = openRecording(dir);
    first.addSample(sample(START));
    first.close();
    const store = createTimelineStore();
    const second = openRecording(dir, { restore: { sample: store.appendSample, collection: store.appendCollection, mark: store.appendMark } });
    expect(store.samples).toBe(1);
    second.addSample(sample(START + 100));
    second.close();
    expect(load().samples).toBe(2);
  });

  it('can be read while it is written', () => {
    const recording = openRecording(dir);
    recording.addSample(sample(START));
    expect(recording.flush()).toBe(true);
    expect(load().samples).toBe(1);
    recording.close();
  });

  it('refuses what is no recording, a newer one and none', () => {
    expect(() => load()).toThrow(expect.objectContaining({ code: 'not-found' }));
    writeFileSync(join(dir, RECORDING_FILE), 'this is not a database, but it is long enough to look like one'.repeat(50));
    expect(() => load()).toThrow(expect.objectContaining({ code: 'bad-file' }));
    expect(() => openRecording(dir)).toThrow(expect.objectContaining({ code: 'bad-file' }));
    rmSync(join(dir, RECORDING_FILE));
    openRecording(dir).close();
    const database = new DatabaseSync(join(dir, RECORDING_FILE));
    database.exec('PRAGMA user_version = 99');
    database.close();
    expect(() => load()).toThrow(expect.objectContaining({ code: 'unsupported' }));
    const other = mkdtempSync(join(dir, 'other-'));
    const foreign = new DatabaseSync(join(other, RECORDING_FILE));
    foreign.exec('CREATE TABLE t (x)');
    foreign.close();
    expect(() => openRecording(other)).toThrow(expect.objectContaining({ code: 'bad-file' }));
  });

  it('says once that the disk is full, goes on in memory and catches up', () => {
    const problems: string[] = [];
    const recording = openRecording(dir, { onProblem: (error) => problems.push(error ? `${error.code}: ${error.message}` : 'over') });
    recording.limitBytes(80 * 1024);
    for (let i = 0; i < 20_000; i++) recording.addSample(sample(START + i));
    expect(recording.flush()).toBe(false);
    recording.addSample(sample(START + 20_000));
    expect(recording.flush()).toBe(false);
    expect(problems).toEqual(['io: The disk is full: the timeline is kept in memory only.']);
    recording.limitBytes(100 * 1024 * 1024);
    expect(recording.flush()).toBe(true);
    recording.close();
    expect(load().samples).toBe(20_001);
  });

  it('is thinned in step with the copy in memory, in bounded pieces', () => {
    const store = createTimelineStore();
    const recording = openRecording(dir);
    for (let i = 0; i < 12_000; i++) {
      const one = sample(START + i * 100, i === 777 ? 5e9 : 100 + (i % 3));
      store.appendSample(one);
      recording.addSample(one);
      store.appendCollection(collection(START + i * 100));
      recording.addCollection(collection(START + i * 100));
    }
    recording.addMark({ at: START + 50, kind: 'mark', label: 'kept' });
    store.appendMark({ at: START + 50, kind: 'mark', label: 'kept' });
    recording.flush();
    const before = recording.sizeBytes();
    for (let i = 0; i < 12; i++) maintain(recording, store, START + FULL_DETAIL_MS + 10 * THIN_SLICE_MS);
    expect(recording.sizeBytes()).toBeLessThan(before / 2);
    recording.close();
    expect(store.samples).toBe(10 * 2 * (THIN_SLICE_MS / THIN_STEP_MS));
    const window = load().window({ maxPoints: 20_000 });
    expect(window).toEqual(store.window({ maxPoints: 20_000 }));
    expect(Math.max(...(window.series.rssBytes as number[]))).toBe(5e9);
    expect(window.totals).toMatchObject({ collections: 12_000, totalPauseMs: 15_000 });
    expect(window.marks).toHaveLength(1);
  });

  it('thins only what is older than six hours', () => {
    expect(nextThinSlice(START + FULL_DETAIL_MS, START, 0)).toBeNull();
    expect(nextThinSlice(START + FULL_DETAIL_MS + THIN_SLICE_MS, START, 0)).toEqual({ fromAt: START, toAt: START + THIN_SLICE_MS, stepMs: THIN_STEP_MS });
    expect(nextThinSlice(START + FULL_DETAIL_MS + THIN_SLICE_MS, START, START + THIN_SLICE_MS)).toBeNull();
  });

  it('thins younger parts, piece by piece, when it is too large all the same', () => {
    const first = oversizeSlice(START, START + 10_000_000, 0);
    expect(first).toMatchObject({ fromAt: START, toAt: START + 600_000 });
    const second = oversizeSlice(START, START + 10_000_000, START + 9_900_000);
    expect(second).toMatchObject({ fromAt: START + 9_900_000, toAt: START + 9_950_000 });
  });
});
