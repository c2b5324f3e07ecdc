/**
 * Fewer points with the same peaks. Pure functions on columns; times ascend.
 *
 * A range is cut into steps of equal length. A step with more than two samples becomes two points, at its first and its
 * last time; each series gives its smallest and largest value of the step, in the order in which they occurred. So no
 * peak and no dip disappears, each series keeps its shape, and all series share one axis; a value may move within its
 * step (`maxPoints` / 2 steps, less than a pixel when `maxPoints` is the width of the chart).
 */

export interface SampleColumns {
  at: Float64Array;
  /** NaN where there is no value. */
  series: Float64Array[];
}

export interface GcColumns {
  at: Float64Array;
  pauseMs: Float64Array;
  /** Index into a table of names. */
  kind: Uint8Array;
  generation: Uint8Array;
  /** NaN where the target does not tell. */
  collected: Float64Array;
  uncollectable: Float64Array;
  /** How many collections the row stands for, and their pauses together (`pauseMs` is the longest). */
  count: Float64Array;
  totalPauseMs: Float64Array;
}

export interface DownSampled {
  at: number[];
  series: (number | null)[][];
  downSampled: boolean;
}

export interface DownSampledGc {
  at: number[];
  pauseMs: number[];
  kind: number[];
  generation: number[];
  collected: (number | null)[];
  uncollectable: (number | null)[];
  count: number[];
  totalPauseMs: number[];
}

/** First index of `at[0..length)` whose time is not before `time`. */
export function lowerBound(at: Float64Array, length: number, time: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (at[middle] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Rows [start, end) as at most `maxPoints` points. */
export function downSample({ at, series }: SampleColumns, start: number, end: number, maxPoints: number): DownSampled {
  const result: DownSampled = { at: [], series: series.map(() => []), downSampled: false };
  if (end - start <= maxPoints) {
    for (let i = start; i < end; i++) result.at.push(at[i]);
    series.forEach((column, s) => {
      for (let i = start; i < end; i++) result.series[s].push(nullable(column[i]));
    });
    return result;
  }
  result.downSampled = true;
  const steps = Math.max(1, Math.floor(maxPoints / 2));
  const firstAt = at[start];
  const stepMs = (at[end - 1] - firstAt) / steps || 1;
  let from = start;
  for (let step = 0; step < steps && from < end; step++) {
    const to = step === steps - 1 ? end : stepEnd(at, from, end, firstAt + (step + 1) * stepMs);
    if (to > from) appendStep(result, at, series, from, to);
    from = to;
  }
  return result;
}

function stepEnd(at: Float64Array, from: number, end: number, limit: number): number {
  let to = from;
  while (to < end && at[to] < limit) to++;
  return to;
}

function appendStep(result: DownSampled, at: Float64Array, series: Float64Array[], from: number, to: number): void {
  const single = to - from === 1;
  result.at.push(at[from]);
  if (!single) result.at.push(at[to - 1]);
  for (let s = 0; s < series.length; s++) {
    const column = series[s];
    let lowest = -1;
    let highest = -1;
    for (let i = from; i < to; i++) {
      const value = column[i];
      // NaN compares false: a row without a value is never chosen.
      if (lowest < 0 ? !Number.isNaN(value) : value < column[lowest]) lowest = i;
      if (highest < 0 ? !Number.isNaN(value) : value > column[highest]) highest = i;
    }
    const points = result.series[s];
    if (lowest < 0) points.push(...(single ? [null] : [null, null]));
    else if (single) points.push(column[lowest]);
    else if (lowest <= highest) points.push(column[lowest], column[highest]);
    else points.push(column[highest], column[lowest]);
  }
}

/** Rows [start, end) as at most `maxMarks` marks; those that share a step become one: the longest, and how many. */
export function mergeCollections(rows: GcColumns, start: number, end: number, maxMarks: number): DownSampledGc {
  const result: DownSampledGc = { at: [], pauseMs: [], kind: [], generation: [], collected: [], uncollectable: [], count: [], totalPauseMs: [] };
  const merge = end - start > maxMarks;
  const firstAt = rows.at[start];
  const stepMs = merge ? (rows.at[end - 1] - firstAt) / maxMarks || 1 : 0;
  let step = -1;
  let last = -1;
  for (let i = start; i < end; i++) {
    const own = merge ? Math.min(maxMarks - 1, Math.floor((rows.at[i] - firstAt) / stepMs)) : i;
    const collected = nullable(rows.collected[i]);
    const uncollectable = nullable(rows.uncollectable[i]);
    if (own !== step) {
      step = own;
      last++;
      result.count.push(rows.count[i]);
      result.totalPauseMs.push(rows.totalPauseMs[i]);
      result.collected.push(collected);
      result.uncollectable.push(uncollectable);
    } else {
      result.count[last] += rows.count[i];
      result.totalPauseMs[last] += rows.totalPauseMs[i];
      if (collected !== null) result.collected[last] = (result.collected[last] ?? 0) + collected;
      if (uncollectable !== null) result.uncollectable[last] = (result.uncollectable[last] ?? 0) + uncollectable;
      if (rows.pauseMs[i] <= result.pauseMs[last]) continue;
    }
    result.at[last] = rows.at[i];
    result.pauseMs[last] = rows.pauseMs[i];
    result.kind[last] = rows.kind[i];
    result.generation[last] = rows.generation[i];
  }
  return result;
}

function nullable(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
