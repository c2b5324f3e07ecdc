/** Answers questions in SQL: one database at a time, made for the heap that was asked last, and the answers given. */
import { filterIndexes, textFilter } from '#main/heap/filter.ts';
import type { Heap } from '#main/heap/heap.ts';
import { nodeRef } from '#main/heap/nodes.ts';
import type { HeapDatabase, OpenHeapDatabase, QueriedHeap } from '#main/query/database.ts';
import type { HeapProgress, NodeRef, Page } from '#shared/model/heap.ts';
import type { QueryAnswer, QueryColumn, QueryRow, QueryValue } from '#shared/model/heap-query.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import type { ComparisonStore } from './comparison-store.ts';
import type { HeapStore } from './heap-store.ts';
import type { TaskRun } from './shared-task.ts';

const MAX_ANSWERS = 6;
const LINK_NAME_CHARS = 120;

export interface AnswerQuery {
  start: number;
  end: number;
  sort?: { by: string; order: 'ascending' | 'descending' } | undefined;
  filter?: string | undefined;
}

export interface QueryService {
  query(question: { snapshotId: string; baseId: string | null; sql: string }, run: TaskRun<HeapProgress>): Promise<QueryAnswer>;
  rows(answer: { snapshotId: string; answerId: number; query: AnswerQuery }, run: TaskRun<HeapProgress>): Promise<Page<QueryRow>>;
  /** An answer whole, in the order of the statement. Throws `not-found` when it is not kept any more. */
  whole(snapshotId: string, answerId: number): { columns: readonly QueryColumn[]; rows: readonly QueryValue[][] };
  /** The heap was given back: its database would keep it in memory. */
  forget(snapshotId: string): void;
}

interface Answer {
  snapshotId: string;
  baseId: string | null;
  columns: QueryColumn[];
  rows: QueryValue[][];
  /** Orders already made, by sort and filter. */
  orders: Map<string, number[]>;
}

interface Opened {
  key: string;
  ids: readonly string[];
  heaps: readonly Heap[];
  database: Promise<HeapDatabase>;
}

export function createQueryService(heaps: HeapStore, comparisons: ComparisonStore): QueryService {
  const answers = new Map<number, Answer>();
  let lastAnswer = 0;
  let opened: Opened | null = null;

  function drop(): void {
    void opened?.database.then((database) => database.close()).catch(() => undefined);
    opened = null;
  }

  function databaseOf(key: string, ids: readonly string[], queried: QueriedHeap, base: QueriedHeap | null): Promise<HeapDatabase> {
    const now = [queried.heap, ...(base ? [base.heap] : [])];
    if (opened?.key === key && opened.heaps.every((heap, index) => heap === now[index])) return opened.database;
    drop();
    const database = loadEngine().then(({ openHeapDatabase }) => openHeapDatabase(queried, base));
    const made: Opened = { key, ids, heaps: now, database };
    opened = made;
    database.catch(() => {
      if (opened === made) opened = null;
    });
    return database;
  }

  /** Runs `body` with the database of the pair, both heaps held open meanwhile. */
  function withDatabase<R>(snapshotId: string, baseId: string | null, run: TaskRun<HeapProgress>, body: (database: HeapDatabase) => Promise<R>): Promise<R> {
    const queried = (heap: Heap, survives: Uint8Array | null): QueriedHeap => ({ heap, analysis: heap.analysis!, survives });
    if (baseId === null) {
      return heaps.use(snapshotId, 'analysed', run, async (heap) => body(await databaseOf(snapshotId, [snapshotId], queried(heap, null), null)));
    }
    return comparisons.use({ baseId, comparedId: snapshotId }, run, async (comparison) =>
      body(
        await databaseOf(
          JSON.stringify([snapshotId, baseId]),
          [snapshotId, baseId],
          queried(comparison.compared, comparison.survivesInCompared),
          queried(comparison.base, comparison.survivesFromBase),
        ),
      ),
    );
  }

  function answerOf(snapshotId: string, answerId: number): Answer {
    const answer = answers.get(answerId);
    if (answer?.snapshotId === snapshotId) return answer;
    throw new HeaphouseError('not-found', 'These results are not kept any more.', { advice: 'Run the statement again.' });
  }

  return {
    whole: answerOf,
    query: ({ snapshotId, baseId, sql }, run) =>
      withDatabase(snapshotId, baseId === snapshotId ? null : baseId, run, async (database) => {
        const { columns, rows, cut, elapsedMs, loadedMs } = await database.query(sql, {
          signal: run.signal,
          onLoading: (done, total) => run.onProgress?.({ phase: 'tables', done, total }),
        });
        answers.set(++lastAnswer, { snapshotId, baseId, columns, rows, orders: new Map() });
        for (const oldest of answers.keys()) {
          if (answers.size <= MAX_ANSWERS) break;
          answers.delete(oldest);
        }
        return { answerId: lastAnswer, columns, rows: rows.length, cut, elapsedMs, loadedMs };
      }),

    rows({ snapshotId, answerId, query }, run) {
      const answer = answerOf(snapshotId, answerId);
      return heaps.use(snapshotId, 'open', run, (heap) => {
        const page = (base: Heap | null) => answerPage(answer, query, heap, base);
        return answer.baseId !== null && answer.columns.some(({ objects }) => objects === 'base')
          ? heaps.use(answer.baseId, 'open', run, page)
          : page(null);
      });
    },

    forget(snapshotId) {
      if (opened?.ids.includes(snapshotId)) drop();
    },
  };
}

/** The database's library is large and native: loaded when the first question is asked. */
async function loadEngine(): Promise<{ openHeapDatabase: OpenHeapDatabase }> {
  try {
    return await import('#main/query/database.ts');
  } catch (error) {
    throw new HeaphouseError('missing-part', 'The database for queries cannot be loaded on this machine.', {
      advice: 'Install Heaphouse anew for this system and processor. Everything else works without it.',
      detail: error instanceof Error ? error.message : String(error),
      cause: error,
    });
  }
}

async function answerPage(answer: Answer, query: AnswerQuery, heap: Heap, base: Heap | null): Promise<Page<QueryRow>> {
  const order = await orderOf(answer, query);
  const start = Math.min(query.start, order.length);
  const shown = order.slice(start, query.end);
  const rows = shown.map((index) => {
    const values = answer.rows[index]!;
    const links = answer.columns.map(({ objects }, column) => linkOf(objects === 'base' ? base : objects === 'this' ? heap : null, values[column]!));
    return { index, values, links };
  });
  return { rows, start, total: order.length, unfiltered: answer.rows.length };
}

function linkOf(heap: Heap | null, value: QueryValue): NodeRef | null {
  if (heap === null || typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= heap.nodeCount) return null;
  return nodeRef(heap, value, LINK_NAME_CHARS);
}

async function orderOf(answer: Answer, { sort, filter }: AnswerQuery): Promise<readonly number[]> {
  const key = JSON.stringify([sort, filter ?? '']);
  const known = answer.orders.get(key);
  if (known) return known;
  let order = Array.from(answer.rows.keys());
  const wanted = textFilter(filter);
  if (wanted) order = Array.from(await filterIndexes(order.length, (index) => answer.rows[index]!.join('\n'), wanted));
  if (sort) {
    const column = Number(sort.by.slice(1));
    if (column >= answer.columns.length) throw new HeaphouseError('invalid-argument', 'There is no such column.');
    const sign = sort.order === 'descending' ? -1 : 1;
    const keys = new Map(order.map((index) => [index, answer.rows[index]![column] ?? null]));
    order.sort((a, b) => compareValues(keys.get(a)!, keys.get(b)!, sign) || a - b);
  }
  answer.orders.set(key, order);
  return order;
}

/** Nulls last in both directions; numbers by size, everything else as text. */
function compareValues(a: QueryValue, b: QueryValue, sign: number): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  if (typeof a === 'number' && typeof b === 'number') return sign * (a - b);
  const [left, right] = [String(a), String(b)];
  return left < right ? -sign : left > right ? sign : 0;
}
