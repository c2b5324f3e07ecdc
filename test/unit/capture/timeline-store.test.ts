import { describe, expect, it } from 'vitest';
import { createTimelineStore, type CollectionRow } from '#main/capture/timeline-store.ts';
import type { GcEvent, MemorySample } from '#shared/model/target.ts';

const sample = (at: number, rssBytes: number | null, heapUsedBytes: number | null = null): MemorySample => ({
  at,
  rssBytes,
  heapUsedBytes,
  heapTotalBytes: null,
  externalBytes: null,
});
const collection = (at: number, pauseMs: number, kind = 'scavenge'): GcEvent => ({ at, pauseMs, kind, generation: 0, collected: null, uncollectable: null });

describe('timeline store', () => {
  it('is empty at first', () => {
    const window = createTimelineStore().window({ maxPoints: 10 });
    expect(window).toMatchObject({ firstAt: 0, lastAt: 0, at: [], marks: [], downSampled: false });
    expect(window.totals).toEqual({ samples: 0, collections: 0, totalPauseMs: 0, longestPauseMs: 0 });
  });

  it('gives a window with its own totals and the bounds of everything', () => {
    const store = createTimelineStore();
    for (let i = 0; i < 10_000; i++) store.appendSample(sample(1_000 + i * 100, i, i * 2));
    store.appendCollection(collection(2_000, 5));
    store.appendCollection(collection(500_000, 7));
    store.appendMark({ at: 400_000, kind: 'snapshot', label: 'one' });
    const window = store.window({ fromAt: 101_000, toAt: 102_000, maxPoints: 100 });
    expect(window.at).toHaveLength(11);
    expect(window.series.rssBytes[0]).toBe(1_000);
    expect(window.series.heapUsedBytes[0]).toBe(2_000);
    expect(window.series.externalBytes[0]).toBeNull();
    expect(window).toMatchObject({ firstAt: 1_000, lastAt: 1_000 + 9_999 * 100, marks: [] });
    expect(window.totals.collections).toBe(0);
    expect(store.window({ maxPoints: 100 }).totals).toEqual({ samples: 10_000, collections: 2, totalPauseMs: 12, longestPauseMs: 7 });
  });

  it('sorts collections that are reported late', () => {
    const store = createTimelineStore();
    for (const at of [10, 30, 20, 5, 40]) store.appendCollection(collection(at, at, `kind ${at}`));
    const { gc } = store.window({ maxPoints: 10 });
    expect(gc.at).toEqual([5, 10, 20, 30, 40]);
    expect(gc.kind).toEqual(['kind 5', 'kind 10', 'kind 20', 'kind 30', 'kind 40']);
  });

  it('does not let the axis run backwards with the clock', () => {
    const store = createTimelineStore();
    store.appendSample(sample(1_000, 1));
    store.appendSample(sample(500, 2));
    expect(store.window({ maxPoints: 10 }).at).toEqual([1_000, 1_000]);
  });

  it('survives more kinds of collection than it can name', () => {
    const store = createTimelineStore();
    for (let i = 0; i < 400; i++) store.appendCollection(collection(i, 1, `kind ${i}`));
    expect(store.window({ maxPoints: 1_000 }).gc.kind).toHaveLength(400);
  });

  it('answers an empty range that is the wrong way round', () => {
    const store = createTimelineStore();
    for (let i = 0; i < 100; i++) store.appendSample(sample(i, i));
    expect(store.window({ fromAt: 50, toAt: 20, maxPoints: 10 }).at).toEqual([]);
  });

  it('thins a range without losing peaks, sums or what lies outside', () => {
    const store = createTimelineStore();
    for (let i = 0; i < 6_000; i++) store.appendSample(sample(i * 100, i === 1_234 ? 9e9 : 100 + (i % 7)));
    for (let i = 0; i < 6_000; i++) store.appendCollection(collection(i * 100, i === 4_321 ? 500 : 1));
    store.thin(0, 300_000, 10_000);
    expect(store.samples).toBe(3_000 + 60);
    expect(store.collections).toBe(6_000 - 3_000 + 30);
    const window = store.window({ maxPoints: 20_000 });
    expect(Math.max(...(window.series.rssBytes as number[]))).toBe(9e9);
    expect(window.totals).toMatchObject({ collections: 6_000, totalPauseMs: 5_999 + 500, longestPauseMs: 500 });
    const rows: CollectionRow[] = [];
    store.forEachRow({ sample: () => undefined, collection: (row) => rows.push(row) });
    expect(rows[0]).toMatchObject({ count: 100, totalPauseMs: 100, pauseMs: 1, collected: null });
  });

  it('answers an hour of samples and 100,000 collections in under 20 ms', () => {
    const store = createTimelineStore();
    for (let i = 0; i < 36_000; i++) store.appendSample(sample(i * 100, Math.random() * 1e9, Math.random() * 1e8));
    for (let i = 0; i < 100_000; i++) store.appendCollection(collection(i * 36, Math.random() * 10, i % 9 ? 'scavenge' : 'mark-sweep-compact'));
    store.window({ maxPoints: 2_000 });
    const times = Array.from({ length: 9 }, () => {
      const startedAt = performance.now();
      store.window({ maxPoints: 2_000 });
      return performance.now() - startedAt;
    });
    expect(Math.min(...times)).toBeLessThan(20);
  });
});
