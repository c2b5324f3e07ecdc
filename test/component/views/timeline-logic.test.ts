import { describe, expect, test } from 'vitest';
import { byteTicks, decimalTicks, timeStep, timeTicks } from '#renderer/charts/ticks.ts';
import { markTexts, stackLayers, timelineOption, type TimelineScale } from '#renderer/charts/options/timeline.ts';
import { pan, resolveRange, SHORTEST_MS, zoom, type TimeRange } from '#renderer/views/timeline/time-range.ts';
import { collectionNear, indexAt, rangeFigures, valueAt } from '#renderer/views/timeline/timeline-figures.ts';
import { fakeTimeline, T0 } from '../fake-workbench.ts';

const extent = { firstAt: T0, lastAt: T0 + 100_000 };
const theme = { text: '', textMuted: '', grid: '', border: '', font: '', rss: 'r', heapUsed: 'u', heapTotal: 't', external: 'e', gc: ['0', '1', '2'] as const, mark: 'm', accent: 'a' };
const scale: TimelineScale = { fromAt: T0, toAt: T0 + 100_000, heightPx: 500, widthPx: 892, zeroBased: true, hidden: new Set(), stacked: false };

describe('stacked memory', () => {
  const window = { ...fakeTimeline(3), series: { rssBytes: [100, 100, 90], heapUsedBytes: [10, null, 30], heapTotalBytes: [20, null, 40], externalBytes: [5, null, 60] } };
  const heights = (hidden: TimelineScale['hidden'] = new Set()) => Object.fromEntries(stackLayers(window, hidden).map(({ id, bytes }) => [id, bytes]));
  test('adds up to resident memory, with the last known figures', () => {
    expect(heights()).toEqual({ heapUsed: [10, 10, 30], heapFree: [10, 10, 10], external: [5, 5, 60], rest: [75, 75, 0] });
    expect(Object.keys(heights(new Set(['rssBytes'])))).toEqual(['heapUsed', 'heapFree', 'external']);
  });
  test('is drawn as areas on one stack, marks above it', () => {
    const series = timelineOption(window, null, { ...scale, stacked: true }, theme).series as { id: string; stack?: string }[];
    expect(series.filter(({ stack }) => stack === 'memory').map(({ id }) => id)).toEqual(['stack-heapUsed', 'stack-heapFree', 'stack-external', 'stack-rest']);
    expect(series.map(({ id }) => id)).toContain('marks');
    expect(series.map(({ id }) => id)).not.toContain('rssBytes');
  });
});

describe('time range', () => {
  test('follows the newest sample', () => {
    expect(resolveRange({ kind: 'follow', spanMs: 10_000 }, extent)).toEqual({ fromAt: T0 + 90_000, toAt: T0 + 100_000 });
    expect(resolveRange({ kind: 'all' }, extent)).toEqual({ fromAt: T0, toAt: T0 + 100_000 });
    expect(resolveRange({ kind: 'all' }, { firstAt: T0, lastAt: T0 + 500 }, 10_000).toAt).toBe(T0 + 10_000);
  });
  test('zooms around a moment, never below the shortest, and ends in everything', () => {
    const half = zoom({ kind: 'all' }, extent, 0.5, T0 + 25_000) as Extract<TimeRange, { kind: 'fixed' }>;
    expect(half).toEqual({ kind: 'fixed', fromAt: T0 + 12_500, toAt: T0 + 62_500 });
    let range: TimeRange = half;
    for (let turn = 0; turn < 60; turn++) range = zoom(range, extent, 0.5, T0 + 30_000);
    const { fromAt, toAt } = resolveRange(range, extent);
    expect(toAt - fromAt).toBeCloseTo(SHORTEST_MS, 0);
    expect(zoom(half, extent, 10, T0)).toEqual({ kind: 'all' });
  });
  test('pans within the recording', () => {
    const range: TimeRange = { kind: 'fixed', fromAt: T0 + 10_000, toAt: T0 + 20_000 };
    expect(pan(range, extent, 1e9)).toEqual({ kind: 'fixed', fromAt: T0 + 90_000, toAt: T0 + 100_000 });
    expect(pan(range, extent, -1e9)).toEqual({ kind: 'fixed', fromAt: T0, toAt: T0 + 10_000 });
    expect(pan({ kind: 'all' }, extent, 5_000)).toEqual({ kind: 'all' });
  });
});

describe('ticks', () => {
  test('bytes at powers of two', () => {
    expect(byteTicks(0, 28 * 1024 ** 2, 5)).toEqual({ min: 0, max: 32 * 1024 ** 2, interval: 8 * 1024 ** 2 });
    expect(byteTicks(0, 0, 5).max).toBeGreaterThan(0);
  });
  test('time and milliseconds at round steps', () => {
    expect(timeStep(60_000, 8)).toBe(10_000);
    expect(timeStep(3_600_000, 8)).toBe(600_000);
    expect(timeTicks(T0 + 1, T0 + 60_000, 20_000)).toEqual([T0 + 20_000, T0 + 40_000, T0 + 60_000]);
    expect(decimalTicks(11.6, 2)).toEqual({ max: 20, interval: 10 });
  });
});

describe('figures', () => {
  const window = fakeTimeline(100);
  test('the value at a moment is the last one before it', () => {
    expect(indexAt(window.at, T0 + 1_500)).toBe(1);
    expect(valueAt(window, 'rssBytes', T0 + 1_500)).toBe(50_100_000);
    expect(valueAt(window, 'rssBytes', T0 - 1)).toBeNull();
    expect(valueAt(window, 'externalBytes', T0 + 5_000)).toBeNull();
  });
  test('the nearest collection within reach', () => {
    expect(collectionNear(window, T0 + 8_800, 500)?.pauseMs).toBe(12);
    expect(collectionNear(window, T0 + 7_000, 500)).toBeNull();
  });
  test('a brushed range adds up', () => {
    expect(rangeFigures(window, T0, T0 + 10_000)).toMatchObject({ spanMs: 10_000, collections: 4, pauseMs: 12.4, longestPauseMs: 12, deltaBytes: { rssBytes: 1_000_000, externalBytes: null } });
  });
});

describe('option', () => {
  test('one bar series a generation, hidden lines left out, marks as lines', () => {
    const option = timelineOption(fakeTimeline(100), null, { ...scale, hidden: new Set(['externalBytes']) }, theme);
    const series = option.series as { id: string; data?: unknown[]; markLine?: { data: unknown[] } }[];
    expect(series.map(({ id }) => id)).toEqual(['rssBytes', 'heapTotalBytes', 'heapUsedBytes', 'marks', 'gc-0', 'gc-1', 'gc-2', 'overview-rssBytes', 'overview-heapUsedBytes']);
    expect(series.find(({ id }) => id === 'gc-2')?.data).toEqual([[T0 + 9_000, 12]]);
    expect(series.find(({ id }) => id === 'marks')?.markLine?.data).toHaveLength(1);
    expect(option.tooltip).toBeUndefined();
  });
  test('names of marks give way to their neighbours', () => {
    const mark = (offset: number, label: string) => ({ at: T0 + offset, kind: 'mark' as const, label });
    const texts = markTexts([mark(0, 'first'), mark(1_000, 'second name'), mark(50_000, 'a rather long name of a mark that goes on')], scale, T0 + 85_000);
    expect(texts[0]).toBe('');
    expect(texts[1]).toBe('second name');
    expect(texts[2]?.length).toBeLessThanOrEqual(30);
  });
});
