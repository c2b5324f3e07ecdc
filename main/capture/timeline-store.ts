/**
 * The recording of a session in memory: typed columns that grow, and the window a view asks for. About 40 bytes a
 * sample and 50 a collection.
 */
import type { SeriesName, TimelineWindow } from '#shared/contracts/timeline.ts';
import type { GcEvent, MemorySample } from '#shared/model/target.ts';
import { downSample, lowerBound, mergeCollections, type GcColumns, type SampleColumns } from './downsample.ts';

export type TimelineMark = TimelineWindow['marks'][number];

/** A collection, or several that were merged when the recording was thinned: `pauseMs` is then the longest. */
export interface CollectionRow extends GcEvent {
  count: number;
  totalPauseMs: number;
}

export interface TimelineQuery {
  fromAt?: number | undefined;
  toAt?: number | undefined;
  maxPoints: number;
}

export interface TimelineStore {
  readonly samples: number;
  readonly collections: number;
  readonly lastAt: number;
  appendSample(sample: MemorySample): void;
  appendCollection(collection: GcEvent | CollectionRow): void;
  appendMark(mark: TimelineMark): void;
  window(query: TimelineQuery): TimelineWindow;
  /** Leaves at most two samples and one collection of every step of [fromAt, toAt). */
  thin(fromAt: number, toAt: number, stepMs: number): void;
  /** All rows, samples first, each in time order.  */
  forEachRow(listener: { sample(sample: MemorySample): void; collection(collection: CollectionRow): void }): void;
}

const SERIES = ['rssBytes', 'heapUsedBytes', 'heapTotalBytes', 'externalBytes'] as const satisfies readonly SeriesName[];
const INITIAL_ROWS = 4_096;
const MAX_KINDS = 255;
const MAX_MARKS = 10_000;

interface SampleTable extends SampleColumns {
  length: number;
}

interface GcTable extends GcColumns {
  length: number;
}

export function createTimelineStore(): TimelineStore {
  const samples: SampleTable = { length: 0, at: new Float64Array(INITIAL_ROWS), series: SERIES.map(() => new Float64Array(INITIAL_ROWS)) };
  const gc: GcTable = { length: 0, ...gcColumns(INITIAL_ROWS) };
  const marks: TimelineMark[] = [];
  const kinds: string[] = [];
  const kindIndex = new Map<string, number>();

  function indexOfKind(kind: string): number {
    const known = kindIndex.get(kind);
    if (known !== undefined) return known;
    if (kinds.length >= MAX_KINDS) return MAX_KINDS - 1;
    kinds.push(kind);
    kindIndex.set(kind, kinds.length - 1);
    return kinds.length - 1;
  }

  function appendSample(sample: MemorySample): void {
    growSamples(samples);
    const row = samples.length++;
    // The system's clock may be set back; the axis may not.
    samples.at[row] = row > 0 ? Math.max(sample.at, samples.at[row - 1]) : sample.at;
    SERIES.forEach((name, s) => {
      samples.series[s][row] = sample[name] ?? NaN;
    });
  }

  /** Reports come late and in groups, so a row may belong a little before the end. */
  function appendCollection(collection: GcEvent | CollectionRow): void {
    growGc(gc);
    let row = gc.length++;
    if (row > 0 && gc.at[row - 1] > collection.at) {
      row = lowerBound(gc.at, row, collection.at);
      for (const name of GC_COLUMNS) gc[name].copyWithin(row + 1, row, gc.length - 1);
    }
    gc.at[row] = collection.at;
    gc.pauseMs[row] = collection.pauseMs;
    gc.kind[row] = indexOfKind(collection.kind);
    gc.generation[row] = collection.generation;
    gc.collected[row] = collection.collected ?? NaN;
    gc.uncollectable[row] = collection.uncollectable ?? NaN;
    gc.count[row] = 'count' in collection ? collection.count : 1;
    gc.totalPauseMs[row] = 'totalPauseMs' in collection ? collection.totalPauseMs : collection.pauseMs;
  }

  function appendMark(mark: TimelineMark): void {
    if (marks.length < MAX_MARKS) marks.push(mark);
  }

  function bounds(): { firstAt: number; lastAt: number } {
    const times: number[] = [];
    if (samples.length > 0) times.push(samples.at[0], samples.at[samples.length - 1]);
    if (gc.length > 0) times.push(gc.at[0], gc.at[gc.length - 1]);
    for (const mark of marks) times.push(mark.at);
    let firstAt = Infinity;
    let lastAt = -Infinity;
    for (const time of times) {
      firstAt = Math.min(firstAt, time);
      lastAt = Math.max(lastAt, time);
    }
    return times.length > 0 ? { firstAt, lastAt } : { firstAt: 0, lastAt: 0 };
  }

  function window({ fromAt = -Infinity, toAt = Infinity, maxPoints }: TimelineQuery): TimelineWindow {
    const sampleStart = lowerBound(samples.at, samples.length, fromAt);
    const sampleEnd = upperBound(samples.at, samples.length, toAt);
    const gcStart = lowerBound(gc.at, gc.length, fromAt);
    const gcEnd = upperBound(gc.at, gc.length, toAt);
    const lines = downSample(samples, sampleStart, Math.max(sampleStart, sampleEnd), maxPoints);
    const merged = mergeCollections(gc, gcStart, Math.max(gcStart, gcEnd), maxPoints);
    const totals = { samples: Math.max(0, sampleEnd - sampleStart), collections: 0, totalPauseMs: 0, longestPauseMs: 0 };
    for (let i = 0; i < merged.at.length; i++) {
      totals.collections += merged.count[i];
      totals.totalPauseMs += merged.totalPauseMs[i];
      totals.longestPauseMs = Math.max(totals.longestPauseMs, merged.pauseMs[i]);
    }
    return {
      ...bounds(),
      at: lines.at,
      series: Object.fromEntries(SERIES.map((name, s) => [name, lines.series[s]])) as TimelineWindow['series'],
      gc: {
        at: merged.at,
        pauseMs: merged.pauseMs,
        kind: merged.kind.map((index) => kinds[index] ?? 'other'),
        generation: merged.generation,
        collected: merged.collected,
        count: merged.count,
      },
      marks: marks.filter((mark) => mark.at >= fromAt && mark.at <= toAt),
      totals,
      downSampled: lines.downSampled || merged.at.length < gcEnd - gcStart,
    };
  }

  function thin(fromAt: number, toAt: number, stepMs: number): void {
    const steps = Math.ceil((toAt - fromAt) / stepMs);
    if (!(steps > 0)) return;
    const sampleStart = lowerBound(samples.at, samples.length, fromAt);
    const sampleEnd = lowerBound(samples.at, samples.length, toAt);
    if (sampleEnd - sampleStart > steps * 2) {
      const kept = downSample(samples, sampleStart, sampleEnd, steps * 2);
      const end = sampleStart + kept.at.length;
      for (const [column, values] of [[samples.at, kept.at] as const, ...samples.series.map((c, s) => [c, kept.series[s]] as const)]) {
        values.forEach((value, i) => (column[sampleStart + i] = value ?? NaN));
        column.copyWithin(end, sampleEnd, samples.length);
      }
      samples.length -= sampleEnd - end;
    }
    const gcStart = lowerBound(gc.at, gc.length, fromAt);
    const gcEnd = lowerBound(gc.at, gc.length, toAt);
    if (gcEnd - gcStart > steps) {
      const kept = mergeCollections(gc, gcStart, gcEnd, steps);
      const end = gcStart + kept.at.length;
      for (const name of GC_COLUMNS) {
        kept[name].forEach((value, i) => (gc[name][gcStart + i] = value ?? NaN));
        gc[name].copyWithin(end, gcEnd, gc.length);
      }
      gc.length -= gcEnd - end;
    }
  }

  function forEachRow(listener: { sample(sample: MemorySample): void; collection(collection: CollectionRow): void }): void {
    const [rss, used, total, external] = samples.series;
    for (let i = 0; i < samples.length; i++) {
      listener.sample({
        at: samples.at[i],
        rssBytes: nullable(rss[i]),
        heapUsedBytes: nullable(used[i]),
        heapTotalBytes: nullable(total[i]),
        externalBytes: nullable(external[i]),
      });
    }
    for (let i = 0; i < gc.length; i++) {
      listener.collection({
        at: gc.at[i],
        pauseMs: gc.pauseMs[i],
        kind: kinds[gc.kind[i]] ?? 'other',
        generation: gc.generation[i],
        collected: nullable(gc.collected[i]),
        uncollectable: nullable(gc.uncollectable[i]),
        count: gc.count[i],
        totalPauseMs: gc.totalPauseMs[i],
      });
    }
  }

  return {
    get samples() {
      return samples.length;
    },
    get collections() {
      return gc.length;
    },
    get lastAt() {
      return bounds().lastAt;
    },
    appendSample,
    appendCollection,
    appendMark,
    window,
    thin,
    forEachRow,
  };
}

const GC_COLUMNS = ['at', 'pauseMs', 'kind', 'generation', 'collected', 'uncollectable', 'count', 'totalPauseMs'] as const satisfies readonly (keyof GcColumns)[];

function gcColumns(rows: number): GcColumns {
  return {
    at: new Float64Array(rows),
    pauseMs: new Float64Array(rows),
    kind: new Uint8Array(rows),
    generation: new Uint8Array(rows),
    collected: new Float64Array(rows),
    uncollectable: new Float64Array(rows),
    count: new Float64Array(rows),
    totalPauseMs: new Float64Array(rows),
  };
}

function nullable(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

function upperBound(at: Float64Array, length: number, time: number): number {
  let index = lowerBound(at, length, time);
  while (index < length && at[index] === time) index++;
  return index;
}

function growSamples(table: SampleTable): void {
  if (table.length < table.at.length) return;
  const rows = table.at.length * 2;
  table.at = grown(table.at, new Float64Array(rows));
  table.series = table.series.map((column) => grown(column, new Float64Array(rows)));
}

function growGc(table: GcTable): void {
  if (table.length < table.at.length) return;
  const larger = gcColumns(table.at.length * 2);
  table.kind = grown(table.kind, larger.kind);
  table.generation = grown(table.generation, larger.generation);
  for (const name of ['at', 'pauseMs', 'collected', 'uncollectable', 'count', 'totalPauseMs'] as const) table[name] = grown(table[name], larger[name]);
}

function grown<T extends Float64Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
