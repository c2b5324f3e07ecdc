/**
 * One heap (or two) as a database in memory, asked in SQL. Tables are filled when a statement first uses them. The
 * database cannot reach files or the network, its memory is bounded, and only single SELECT statements are run: what
 * is asked comes from a person, but it may have been copied from anywhere.
 */
import { DuckDBInstance, StatementType, type DuckDBConnection } from '@duckdb/node-api';
import { availableParallelism, totalmem } from 'node:os';
import process from 'node:process';
import type { HeapAnalysis } from '#main/heap/analysis.ts';
import type { Heap } from '#main/heap/heap.ts';
import { MAX_QUERY_COLUMNS, MAX_QUERY_ROWS, type QueryColumn, type QueryValue } from '#shared/model/heap-query.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { queryError } from './errors.ts';
import { heapTable, type StoredTable } from './heap-tables.ts';
import { heapViews, NEEDED } from './heap-views.ts';
import { loadTable } from './load-table.ts';
import { plainValue, queryColumns } from './values.ts';

const MIB = 1024 ** 2;
const MAX_THREADS = 4;
/** Text of one answer (UTF-16 units); longer answers are cut at a row. */
const MAX_ANSWER_CHARS = 16 * MIB;

export interface QueriedHeap {
  heap: Heap;
  analysis: HeapAnalysis;
  /** 1 for nodes that are in the other snapshot as well; null without one. */
  survives: Uint8Array | null;
}

export interface QueryRun {
  signal?: AbortSignal | undefined;
  /** Rows of the tables being filled. */
  onLoading?: (done: number, total: number) => void;
}

export interface StatementResult {
  columns: QueryColumn[];
  rows: QueryValue[][];
  cut: boolean;
  elapsedMs: number;
  loadedMs: number;
}

export interface HeapDatabase {
  /** One statement after the other; `invalid-argument` with the database's words for a wrong one. */
  query(sql: string, run?: QueryRun & { maxRows?: number }): Promise<StatementResult>;
  close(): void;
}

/** A quarter of what this machine or container has, 512 MiB to 4 GiB. */
export function defaultQueryMemoryBytes(): number {
  const limit = process.constrainedMemory();
  const available = limit > 0 && limit < totalmem() ? limit : totalmem();
  return Math.min(4_096 * MIB, Math.max(512 * MIB, available / 4));
}

export async function openHeapDatabase(
  queried: QueriedHeap,
  base: QueriedHeap | null,
  { memoryBytes = defaultQueryMemoryBytes() }: { memoryBytes?: number } = {},
): Promise<HeapDatabase> {
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: `${Math.floor(memoryBytes / MIB)}MiB`,
    threads: String(Math.min(MAX_THREADS, availableParallelism())),
    temp_directory: '',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();
  const sides: Record<string, QueriedHeap> = { store: queried, ...(base ? { base_store: base } : {}) };
  const loaded = new Set<string>();
  let previous: Promise<unknown> = prepare();
  let closed = false;

  async function prepare(): Promise<void> {
    // Tables are packed as they are filled: some ten times smaller than the columns they come from.
    await connection.run("ATTACH ':memory:' AS heap (COMPRESS)");
    await connection.run('USE heap');
    for (const [schema, { heap, analysis }] of Object.entries(sides)) {
      await connection.run(`CREATE SCHEMA ${schema}`);
      const shown = schema === 'store' ? 'main' : 'base';
      if (shown === 'base') await connection.run('CREATE SCHEMA base');
      for (const table of new Set(Object.values(NEEDED).flat())) await createEmpty(schema, table, heap, analysis);
      for (const { name, sql } of heapViews(heap, `heap.${schema}`)) await connection.run(`CREATE VIEW ${shown}.${name} AS ${sql}`);
    }
    await connection.run('SET enable_external_access = false');
    await connection.run('SET lock_configuration = true');
  }

  async function createEmpty(schema: string, name: StoredTable, heap: Heap, analysis: HeapAnalysis): Promise<void> {
    const { columns } = heapTable(heap, analysis, name, null);
    await connection.run(`CREATE TABLE ${schema}.${name} (${columns.map((column) => `${column.name} ${column.type}`).join(', ')})`);
  }

  async function load(wantedTables: ReturnType<typeof wanted>, { signal, onLoading }: QueryRun): Promise<void> {
    const missing = wantedTables.filter(({ schema, table }) => !loaded.has(`${schema}.${table}`));
    const tables = missing.map(({ schema, table }) => {
      const { heap, analysis, survives } = sides[schema]!;
      return { schema, source: heapTable(heap, analysis, table, survives) };
    });
    const total = tables.reduce((sum, { source }) => sum + source.rows, 0);
    let done = 0;
    for (const { schema, source } of tables) {
      signal?.throwIfAborted();
      await loadTable(connection, schema, source, { signal, onRows: (rows) => onLoading?.(done + rows, total) });
      loaded.add(`${schema}.${source.name}`);
      done += source.rows;
    }
    if (total > 0) await connection.run('CHECKPOINT heap');
  }

  async function run(sql: string, maxRows: number, options: QueryRun): Promise<StatementResult> {
    options.signal?.throwIfAborted();
    const wantedTables = wanted(sql, base !== null);
    await checkStatement(connection, sql);
    const startedAt = performance.now();
    await load(wantedTables, options);
    const loadedAt = performance.now();
    const interrupt = () => connection.interrupt();
    options.signal?.addEventListener('abort', interrupt, { once: true });
    try {
      const reader = await connection.streamAndReadUntil(sql, maxRows + 1);
      if (reader.columnCount > MAX_QUERY_COLUMNS) {
        throw new HeaphouseError('invalid-argument', `The answer has ${reader.columnCount} columns; at most ${MAX_QUERY_COLUMNS} are shown.`);
      }
      const columns = queryColumns(reader, base !== null);
      const { rows, cut } = plainRows(reader.getRows() as Parameters<typeof plainValue>[0][][], columns, maxRows);
      return { columns, rows, cut, elapsedMs: performance.now() - loadedAt, loadedMs: loadedAt - startedAt };
    } finally {
      options.signal?.removeEventListener('abort', interrupt);
    }
  }

  return {
    query(sql, { maxRows = MAX_QUERY_ROWS, ...options } = {}) {
      const answer = previous.then(() => {
        if (closed) throw new HeaphouseError('not-found', 'The snapshot was closed.');
        return run(sql, maxRows, options);
      });
      previous = answer.catch(() => undefined);
      return answer.catch((error: unknown) => {
        throw queryError(options.signal?.aborted ? options.signal.reason : error);
      });
    },
    close() {
      closed = true;
      connection.interrupt();
      void previous
        .catch(() => undefined)
        .then(() => {
          connection.closeSync();
          instance.closeSync();
        });
    },
  };
}

export type OpenHeapDatabase = typeof openHeapDatabase;

/** One SELECT (or EXPLAIN of one), nothing that changes or configures the database. */
async function checkStatement(connection: DuckDBConnection, sql: string): Promise<void> {
  const statements = await connection.extractStatements(sql).catch((error: unknown) => {
    // Nothing but blanks and comments is reported as a fault of the binding.
    if (/native callback/.test(String(error))) return null;
    throw error;
  });
  if (statements === null || statements.count === 0) throw new HeaphouseError('invalid-argument', 'There is no statement.', { advice: 'Write a SELECT, or take one of the examples.' });
  if (statements.count > 1) throw new HeaphouseError('invalid-argument', 'One statement at a time, please.', { advice: 'Leave out what follows the first semicolon.' });
  const prepared = await statements.prepare(0);
  const type = prepared.statementType;
  const { parameterCount } = prepared;
  prepared.destroySync();
  if (type !== StatementType.SELECT && type !== StatementType.EXPLAIN) {
    throw new HeaphouseError('invalid-argument', 'Only SELECT statements can be run.', { advice: 'A query reads the heap; it cannot change anything. WITH … SELECT works as well.' });
  }
  if (parameterCount > 0) throw new HeaphouseError('invalid-argument', 'The statement has open parameters ($1 or ?); write the values.');
}

/**
 * Stored tables behind the names in a statement. Every word counts, also in comments and quotes: a table too many costs
 * a second, one too few would be a wrong answer. (The database's own list leaves some statements out.)
 */
function wanted(sql: string, hasBase: boolean): { schema: string; table: StoredTable }[] {
  const words = new Set(sql.toLowerCase().match(/[a-z_]+/g));
  if (!hasBase && /\bbase"?\s*\.\s*"?(nodes|edges|classes|dominators|strings)\b/i.test(sql)) {
    throw new HeaphouseError('invalid-argument', 'There is no snapshot to compare with, so there are no tables in base.', {
      advice: 'Choose one beside the examples; its tables are then base.nodes, base.classes and so on.',
    });
  }
  const schemas = hasBase && words.has('base') ? ['store', 'base_store'] : ['store'];
  const tables = new Set(Object.entries(NEEDED).flatMap(([name, needed]) => (words.has(name) ? needed : [])));
  return schemas.flatMap((schema) => [...tables].map((table) => ({ schema, table })));
}

function plainRows(values: Parameters<typeof plainValue>[0][][], columns: readonly QueryColumn[], maxRows: number): { rows: QueryValue[][]; cut: boolean } {
  const rows: QueryValue[][] = [];
  let chars = 0;
  for (const row of values.slice(0, maxRows)) {
    const plain = row.map((value, index) => plainValue(value, columns[index]!.numeric));
    for (const value of plain) if (typeof value === 'string') chars += value.length;
    if (chars > MAX_ANSWER_CHARS) return { rows, cut: true };
    rows.push(plain);
  }
  return { rows, cut: values.length > maxRows };
}
