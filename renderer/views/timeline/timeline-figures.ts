/** Figures read off a timeline: values at a moment, changes over a range. Pure. */
import type { SeriesName, TimelineWindow } from '#shared/contracts/timeline.ts';

/** Index of the last point at or before `at`, −1 when there is none. */
export function indexAt(times: readonly number[], at: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] as number) <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export function valueAt(window: TimelineWindow, name: SeriesName, at: number): number | null {
  const values = window.series[name];
  for (let index = indexAt(window.at, at); index >= 0; index--) {
    const value = values[index];
    if (value !== null && value !== undefined) return value;
  }
  return null;
}

export function peakOf(window: TimelineWindow, name: SeriesName): number | null {
  return window.series[name].reduce<number | null>((most, value) => (value !== null && (most === null || value > most) ? value : most), null);
}

export interface Collection {
  at: number;
  pauseMs: number;
  kind: string;
  generation: number;
  collected: number | null;
  count: number;
}

/** The collection nearest to `at`, if it is within `withinMs`. */
export function collectionNear({ gc }: TimelineWindow, at: number, withinMs: number): Collection | null {
  const before = indexAt(gc.at, at);
  let best = -1;
  for (const index of [before, before + 1]) {
    const time = gc.at[index];
    if (time === undefined || Math.abs(time - at) > withinMs) continue;
    if (best < 0 || Math.abs(time - at) < Math.abs((gc.at[best] as number) - at)) best = index;
  }
  return best < 0 ? null : collectionOf(gc, best);
}

function collectionOf(gc: TimelineWindow['gc'], index: number): Collection {
  return {
    at: gc.at[index] ?? 0,
    pauseMs: gc.pauseMs[index] ?? 0,
    kind: gc.kind[index] ?? '',
    generation: gc.generation[index] ?? 0,
    collected: gc.collected[index] ?? null,
    count: gc.count[index] ?? 1,
  };
}

export interface RangeFigures {
  spanMs: number;
  deltaBytes: Record<SeriesName, number | null>;
  collections: number;
  /** At least this much: a down-sampled mark carries only its longest pause. */
  pauseMs: number;
  longestPauseMs: number;
}

export function rangeFigures(window: TimelineWindow, fromAt: number, toAt: number): RangeFigures {
  const delta = (name: SeriesName) => {
    const before = valueAt(window, name, fromAt) ?? window.series[name].find((value) => value !== null) ?? null;
    const after = valueAt(window, name, toAt);
    return before === null || after === null ? null : after - before;
  };
  let collections = 0;
  let pauseMs = 0;
  let longestPauseMs = 0;
  window.gc.at.forEach((at, index) => {
    if (at < fromAt || at > toAt) return;
    collections += window.gc.count[index] ?? 1;
    pauseMs += window.gc.pauseMs[index] ?? 0;
    longestPauseMs = Math.max(longestPauseMs, window.gc.pauseMs[index] ?? 0);
  });
  return {
    spanMs: toAt - fromAt,
    deltaBytes: {
      rssBytes: delta('rssBytes'),
      heapUsedBytes: delta('heapUsedBytes'),
      heapTotalBytes: delta('heapTotalBytes'),
      externalBytes: delta('externalBytes'),
    },
    collections,
    pauseMs,
    longestPauseMs,
  };
}
