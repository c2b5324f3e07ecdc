import { describe, expect, it } from 'vitest';
import { downSample, lowerBound, mergeCollections, type GcColumns } from '#main/capture/downsample.ts';

function columns(values: number[][], at = values[0].map((_, i) => i * 100)) {
  return { at: Float64Array.from(at), series: values.map((series) => Float64Array.from(series)) };
}

function collections(rows: { at: number; pauseMs: number; collected?: number; kind?: number }[]): GcColumns {
  const of = (pick: (row: (typeof rows)[number]) => number) => Float64Array.from(rows.map(pick));
  return {
    at: of((r) => r.at),
    pauseMs: of((r) => r.pauseMs),
    totalPauseMs: of((r) => r.pauseMs),
    kind: Uint8Array.from(rows.map((r) => r.kind ?? 0)),
    generation: Uint8Array.from(rows.map(() => 2)),
    collected: of((r) => r.collected ?? NaN),
    uncollectable: of(() => NaN),
    count: of(() => 1),
  };
}

describe('downSample', () => {
  it('gives all samples when they fit, NaN as null', () => {
    const result = downSample(columns([[1, NaN, 3]]), 0, 3, 10);
    expect(result).toEqual({ at: [0, 100, 200], series: [[1, null, 3]], downSampled: false });
  });

  it('keeps the highest and the lowest value of every series, wherever they are', () => {
    const rows = 10_000;
    for (const peak of [0, 1, 4_999, 5_000, 9_998, 9_999]) {
      const first = new Array<number>(rows).fill(50);
      const second = new Array<number>(rows).fill(7);
      first[peak] = 1_000;
      second[rows - 1 - peak] = -1;
      const result = downSample(columns([first, second]), 0, rows, 100);
      expect(result.downSampled).toBe(true);
      expect(Math.max(...(result.series[0] as number[]))).toBe(1_000);
      expect(Math.min(...(result.series[1] as number[]))).toBe(-1);
    }
  });

  it('keeps the order of rise and fall within a step', () => {
    const rising = downSample(columns([[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]]), 0, 12, 10);
    expect(rising.series[0]).toEqual([...(rising.series[0] as number[])].sort((a, b) => a - b));
    const falling = downSample(columns([[12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]]), 0, 12, 10);
    expect(falling.series[0]).toEqual([...(falling.series[0] as number[])].sort((a, b) => b - a));
  });

  it('never gives more points than asked for, and ascending times', () => {
    for (const rows of [11, 20, 999, 5_000]) {
      const at = Array.from({ length: rows }, (_, i) => i * 100 + (i > rows / 2 ? 1e6 : 0));
      const result = downSample(columns([at.map((_, i) => i)], at), 0, rows, 10);
      expect(result.at.length).toBeLessThanOrEqual(10);
      expect(result.series[0].length).toBe(result.at.length);
      expect(result.at).toEqual([...result.at].sort((a, b) => a - b));
      expect(result.at[0]).toBe(at[0]);
      expect(result.at.at(-1)).toBe(at[rows - 1]);
    }
  });

  it('keeps gaps', () => {
    const result = downSample(columns([new Array<number>(100).fill(NaN)]), 0, 100, 10);
    expect(new Set(result.series[0])).toEqual(new Set([null]));
  });

  it('survives samples of one moment', () => {
    const result = downSample(columns([[1, 5, 2, 4]], [7, 7, 7, 7]), 0, 4, 2);
    expect(result.at).toEqual([7, 7]);
    expect(result.series[0]).toEqual([1, 5]);
  });
});

describe('mergeCollections', () => {
  it('keeps the longest pause, counts and sums the rest', () => {
    const rows = collections([
      { at: 0, pauseMs: 1, collected: 5 },
      { at: 1, pauseMs: 9, collected: 2, kind: 1 },
      { at: 2, pauseMs: 3 },
      { at: 100, pauseMs: 4 },
    ]);
    const merged = mergeCollections(rows, 0, 4, 2);
    expect(merged).toMatchObject({ at: [1, 100], pauseMs: [9, 4], kind: [1, 0], collected: [7, null], count: [3, 1], totalPauseMs: [13, 4] });
  });

  it('gives every collection when they fit', () => {
    const rows = collections([
      { at: 5, pauseMs: 1 },
      { at: 5, pauseMs: 2 },
    ]);
    expect(mergeCollections(rows, 0, 2, 10).pauseMs).toEqual([1, 2]);
    expect(mergeCollections(rows, 2, 2, 10).at).toEqual([]);
  });
});

it('lowerBound finds the first row not before a time', () => {
  const at = Float64Array.of(1, 2, 2, 3, 99);
  expect([0, 1, 2, 2.5, 4].map((time) => lowerBound(at, 4, time))).toEqual([0, 0, 1, 3, 4]);
});
