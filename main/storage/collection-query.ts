/** Questions about the collections of a recording: windows of rows, and figures over a span of time. */
import type { DatabaseSync } from 'node:sqlite';
import type { Page } from '#shared/model/heap.ts';
import type { COLLECTION_COLUMNS, CollectionRow, GcSummary, GcTrigger } from '#shared/model/memory.ts';
import { columnsOf } from './recording-schema.ts';
import { collectionFields, nullable, type Row } from './collection-fields.ts';

export interface CollectionFilter {
  fromAt?: number | undefined;
  toAt?: number | undefined;
  generations?: number[] | undefined;
  triggers?: GcTrigger[] | undefined;
  minPauseMs?: number | undefined;
  uncollectableOnly?: boolean | undefined;
  text?: string | undefined;
}

export interface CollectionQuery {
  start: number;
  end: number;
  sort?: { by: (typeof COLLECTION_COLUMNS)[number]; order: 'ascending' | 'descending' } | undefined;
  filter?: CollectionFilter | undefined;
}

/** Never from outside: what a query may sort by, as SQL. */
const SORT: Record<(typeof COLLECTION_COLUMNS)[number], string> = {
  at: 'at',
  generation: 'generation',
  kind: 'kind',
  pauseMs: 'pause_ms',
  collected: 'collected',
  uncollectable: 'uncollectable',
  trigger: 'cause',
  heapBeforeBytes: 'heap_before_bytes',
  heapAfterBytes: 'heap_after_bytes',
  freedBytes: '(heap_before_bytes - heap_after_bytes)',
  trackedBefore: 'tracked_before',
  trackedAfter: 'tracked_after',
};
const LATER_COLUMNS = ['cause', 'cause_at', 'counts', 'thresholds', 'tracked_before', 'tracked_after', 'heap_before_bytes', 'heap_after_bytes', 'reason'];

/** The table, with the columns that a recording of an older version lacks as NULL. */
function source(database: DatabaseSync): string {
  const present = columnsOf(database, 'collections');
  const missing = LATER_COLUMNS.filter((name) => !present.has(name)).map((name) => `, NULL AS ${name}`);
  return `(SELECT *${missing.join('')} FROM collections)`;
}

/** A window of rows; by default the newest first. */
export function pageOfCollections(database: DatabaseSync, { start, end, sort, filter = {} }: CollectionQuery): Page<CollectionRow> {
  const table = source(database);
  const { where, values } = conditions(filter);
  const order = sort ? `${SORT[sort.by]} ${sort.order === 'ascending' ? 'ASC' : 'DESC'} NULLS LAST, at DESC, id DESC` : 'at DESC, id DESC';
  const rows = database.prepare(`SELECT * FROM ${table} ${where} ORDER BY ${order} LIMIT ? OFFSET ?`).all(...values, end - start, start);
  const count = (sql: string, args: (string | number)[]) => Number(database.prepare(sql).get(...args)?.['n'] ?? 0);
  const total = count(`SELECT count(*) AS n FROM ${table} ${where}`, values);
  const unfiltered = where === '' ? total : count('SELECT count(*) AS n FROM collections', []);
  return { rows: rows.map(toRow), start, total, unfiltered };
}

function conditions(filter: CollectionFilter): { where: string; values: (string | number)[] } {
  const parts: string[] = [];
  const values: (string | number)[] = [];
  const add = (sql: string, ...more: (string | number)[]) => {
    parts.push(sql);
    values.push(...more);
  };
  if (filter.fromAt !== undefined) add('at >= ?', filter.fromAt);
  if (filter.toAt !== undefined) add('at <= ?', filter.toAt);
  if (filter.generations) add(`generation IN (${marks(filter.generations)})`, ...filter.generations);
  if (filter.triggers) add(`coalesce(cause, 'unknown') IN (${marks(filter.triggers)})`, ...filter.triggers);
  if (filter.minPauseMs !== undefined) add('pause_ms >= ?', filter.minPauseMs);
  if (filter.uncollectableOnly) add('uncollectable > 0');
  // instr and not LIKE: the text may hold wildcards.
  if (filter.text) add("instr(lower(kind || ' ' || coalesce(cause_at, '') || ' ' || coalesce(reason, '')), ?) > 0", filter.text.toLowerCase());
  return { where: parts.length > 0 ? `WHERE ${parts.join(' AND ')}` : '', values };
}

function marks(values: readonly unknown[]): string {
  return values.length > 0 ? values.map(() => '?').join(', ') : 'NULL';
}

function toRow(row: Row): CollectionRow {
  const heapBeforeBytes = nullable(row['heap_before_bytes']);
  const heapAfterBytes = nullable(row['heap_after_bytes']);
  return {
    id: Number(row['id']),
    ...collectionFields(row),
    trigger: toTrigger(row['cause']),
    reason: typeof row['reason'] === 'string' ? row['reason'] : null,
    triggerAt: typeof row['cause_at'] === 'string' ? row['cause_at'] : null,
    counts: numbers(row['counts']),
    thresholds: numbers(row['thresholds']),
    trackedBefore: nullable(row['tracked_before']),
    trackedAfter: nullable(row['tracked_after']),
    heapBeforeBytes,
    heapAfterBytes,
    freedBytes: heapBeforeBytes !== null && heapAfterBytes !== null ? heapBeforeBytes - heapAfterBytes : null,
    merged: Number(row['merged_count']),
  };
}

function toTrigger(value: unknown): GcTrigger {
  return value === 'allocation' || value === 'explicit' || value === 'heaphouse' || value === 'memory-pressure' ? value : 'unknown';
}

function numbers(value: unknown): number[] | null {
  return typeof value === 'string' && value !== '' ? value.split(',').map(Number) : null;
}

/** Adds to the collection we asked for between two times what only the asker knows; what V8 told of its heap is nearer. */
export function annotateOwnCollection(database: DatabaseSync, fromAt: number, toAt: number, known: Pick<CollectionRow, 'trackedBefore' | 'trackedAfter' | 'heapBeforeBytes' | 'heapAfterBytes'>): void {
  database
    .prepare(
      `UPDATE collections SET tracked_before = ?, tracked_after = ?, heap_before_bytes = coalesce(heap_before_bytes, ?), heap_after_bytes = coalesce(heap_after_bytes, ?)
       WHERE id = (SELECT id FROM collections WHERE cause = 'heaphouse' AND at >= ? AND at <= ? ORDER BY pause_ms DESC LIMIT 1)`,
    )
    .run(known.trackedBefore, known.trackedAfter, known.heapBeforeBytes, known.heapAfterBytes, fromAt, toAt);
}

/** Lengths of pauses in the distribution: from 1/64 ms, doubling, up to 16 s and more. */
const FIRST_STEP_MS = 1 / 64;
const STEPS = 21;
const MAX_GENERATIONS = 3;

export type GcFigures = Pick<GcSummary, 'fromAt' | 'toAt' | 'collections' | 'totalPauseMs' | 'longestPauseMs' | 'shareOfTimePercent' | 'byKind' | 'distribution' | 'byTrigger'>;

interface KindSums {
  kind: string;
  generation: number;
  pauses: number[];
  collections: number;
  totalPauseMs: number;
  collected: number | null;
  uncollectable: number | null;
  freedBytes: number | null;
  lookedAt: number;
  freedOfLookedAt: number;
}

/** Figures over [fromAt, toAt]; a merged row counts as often as it stands for, its pauses but once. */
export function gcFigures(database: DatabaseSync, fromAt: number, toAt: number): GcFigures {
  const kinds = new Map<string, KindSums>();
  const triggers = new Map<GcTrigger, { trigger: GcTrigger; collections: number; totalPauseMs: number }>();
  const steps = Array.from({ length: STEPS }, (_, i) => ({
    fromMs: i === 0 ? 0 : FIRST_STEP_MS * 2 ** (i - 1),
    toMs: i === STEPS - 1 ? Infinity : FIRST_STEP_MS * 2 ** i,
    count: 0,
    byGeneration: Array<number>(MAX_GENERATIONS).fill(0),
  }));
  let longestPauseMs = 0;
  for (const raw of database.prepare(`SELECT * FROM ${source(database)} WHERE at >= ? AND at <= ?`).iterate(fromAt, toAt)) {
    const row = toRow(raw);
    const total = Number((raw as Row)['total_pause_ms']);
    addTo(kinds, row, total);
    const cause = triggers.get(row.trigger) ?? { trigger: row.trigger, collections: 0, totalPauseMs: 0 };
    cause.collections += row.merged;
    cause.totalPauseMs += total;
    triggers.set(row.trigger, cause);
    const step = row.pauseMs < FIRST_STEP_MS ? 0 : Math.min(STEPS - 1, Math.floor(Math.log2(row.pauseMs / FIRST_STEP_MS)) + 1);
    steps[step].count += row.merged;
    steps[step].byGeneration[Math.min(row.generation, MAX_GENERATIONS - 1)] += row.merged;
    longestPauseMs = Math.max(longestPauseMs, row.pauseMs);
  }
  const byKind = [...kinds.values()].map(toKind).sort((a, b) => a.generation - b.generation || (a.kind < b.kind ? -1 : 1));
  const totalPauseMs = byKind.reduce((sum, each) => sum + each.totalPauseMs, 0);
  const first = steps.findIndex(({ count }) => count > 0);
  const last = steps.findLastIndex(({ count }) => count > 0);
  return {
    fromAt,
    toAt,
    collections: byKind.reduce((sum, each) => sum + each.collections, 0),
    totalPauseMs,
    longestPauseMs,
    shareOfTimePercent: toAt > fromAt ? (totalPauseMs / (toAt - fromAt)) * 100 : 0,
    byKind,
    // Infinity does not survive JSON: the last step ends where the longest pause does.
    distribution: first < 0 ? [] : steps.slice(first, last + 1).map((step) => ({ ...step, toMs: Number.isFinite(step.toMs) ? step.toMs : longestPauseMs + 1 })),
    byTrigger: [...triggers.values()].sort((a, b) => b.totalPauseMs - a.totalPauseMs),
  };
}

function addTo(kinds: Map<string, KindSums>, row: CollectionRow, totalPauseMs: number): void {
  const key = `${row.generation} ${row.kind}`;
  let sums = kinds.get(key);
  if (!sums) {
    sums = { kind: row.kind, generation: row.generation, pauses: [], collections: 0, totalPauseMs: 0, collected: null, uncollectable: null, freedBytes: null, lookedAt: 0, freedOfLookedAt: 0 };
    kinds.set(key, sums);
  }
  sums.pauses.push(row.pauseMs);
  sums.collections += row.merged;
  sums.totalPauseMs += totalPauseMs;
  sums.collected = plus(sums.collected, row.collected);
  sums.uncollectable = plus(sums.uncollectable, row.uncollectable);
  sums.freedBytes = plus(sums.freedBytes, row.freedBytes);
  if (row.trackedBefore !== null && row.collected !== null) {
    sums.lookedAt += row.trackedBefore;
    sums.freedOfLookedAt += row.collected;
  }
}

function plus(sum: number | null, more: number | null): number | null {
  return more === null ? sum : (sum ?? 0) + more;
}

function toKind({ pauses, lookedAt, freedOfLookedAt, ...sums }: KindSums): GcSummary['byKind'][number] {
  const sorted = Float64Array.from(pauses).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? 0;
  return {
    ...sums,
    longestPauseMs: at(1),
    medianPauseMs: at(0.5),
    p99PauseMs: at(0.99),
    reclaimedPercent: lookedAt > 0 ? (freedOfLookedAt / lookedAt) * 100 : null,
  };
}

/** Readings of one kind in a span of time, oldest first, at most `limit` evenly spread ones. */
export function readReadings(database: DatabaseSync, kind: string, fromAt: number, toAt: number, limit: number): { at: number; body: unknown }[] {
  if (columnsOf(database, 'readings').size === 0) return [];
  const total = Number(database.prepare('SELECT count(*) AS n FROM readings WHERE kind = ? AND at >= ? AND at <= ?').get(kind, fromAt, toAt)?.['n'] ?? 0);
  const every = Math.max(1, Math.ceil(total / limit));
  const rows = database
    .prepare('SELECT at, body FROM (SELECT at, body, row_number() OVER (ORDER BY at) AS number FROM readings WHERE kind = ? AND at >= ? AND at <= ?) WHERE (number - 1) % ? = 0')
    .all(kind, fromAt, toAt, every);
  return rows.flatMap((row) => {
    try {
      return [{ at: Number(row['at']), body: JSON.parse(String(row['body'])) as unknown }];
    } catch {
      return [];
    }
  });
}
