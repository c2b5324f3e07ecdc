/** Fills a table of the database from a heap, block by block, with progress and cancel. */
import { DuckDBDataChunk, type DuckDBConnection } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SourceColumn, SourceTable } from './heap-tables.ts';

/** Rows of one block: DuckDB's vector size. */
const BLOCK_ROWS = 2_048;
/** The event loop gets its turn after this long. */
const SLICE_MS = 20;

const TYPES = {
  UINTEGER: { id: duckdb.Type.UINTEGER, bytes: 4 },
  UTINYINT: { id: duckdb.Type.UTINYINT, bytes: 1 },
  BIGINT: { id: duckdb.Type.BIGINT, bytes: 8 },
  VARCHAR: { id: duckdb.Type.VARCHAR, bytes: 0 },
} as const;

export interface LoadRun {
  signal?: AbortSignal | undefined;
  onRows?: (rows: number) => void;
}

/** Fills the table anew; left empty when it is not completed, because the views need it to be there. */
export async function loadTable(connection: DuckDBConnection, schema: string, table: SourceTable, run: LoadRun): Promise<void> {
  const columns = table.columns.map(({ name, type }) => `${name} ${type}`).join(', ');
  const create = () => connection.run(`CREATE OR REPLACE TABLE ${schema}.${table.name} (${columns})`);
  await create();
  try {
    await fill(connection, schema, table, run);
  } catch (error) {
    await create();
    throw error;
  }
}

async function fill(connection: DuckDBConnection, schema: string, table: SourceTable, { signal, onRows }: LoadRun): Promise<void> {
  const appender = await connection.createAppender(table.name, schema);
  try {
    const raw = duckdb.create_data_chunk(table.columns.map(({ type }) => duckdb.create_logical_type(TYPES[type].id)));
    const chunk = new DuckDBDataChunk(raw);
    const writers = table.columns.map(writer);
    let sliceEndsAt = performance.now() + SLICE_MS;
    for (let from = 0; from < table.rows; from += BLOCK_ROWS) {
      const to = Math.min(table.rows, from + BLOCK_ROWS);
      duckdb.data_chunk_reset(raw);
      writers.forEach((write, index) => write(duckdb.data_chunk_get_vector(raw, index), from, to));
      duckdb.data_chunk_set_size(raw, to - from);
      appender.appendDataChunk(chunk);
      if (performance.now() < sliceEndsAt) continue;
      onRows?.(to);
      await nextTurn();
      signal?.throwIfAborted();
      sliceEndsAt = performance.now() + SLICE_MS;
    }
    appender.flushSync();
    onRows?.(table.rows);
  } finally {
    appender.closeSync();
  }
}

type Vector = ReturnType<typeof duckdb.data_chunk_get_vector>;

function writer(column: SourceColumn): (vector: Vector, from: number, to: number) => void {
  if (column.type === 'VARCHAR') {
    return (vector, from, to) => {
      for (let row = from; row < to; row++) {
        const text = column.text(row);
        // The first of the two ends at a NUL character, and is the faster one.
        if (text.includes('\0')) duckdb.vector_assign_string_element_len(vector, row - from, Buffer.from(text));
        else duckdb.vector_assign_string_element(vector, row - from, text);
      }
    };
  }
  const { bytes } = TYPES[column.type];
  // One copy more than needed, because memory of the database may not be shown to JavaScript in every host.
  const buffer = new ArrayBuffer(BLOCK_ROWS * bytes);
  const copy = (vector: Vector, rows: number) => duckdb.copy_data_to_vector(vector, 0, buffer, 0, rows * bytes);
  if (column.type === 'UTINYINT') {
    const into = new Uint8Array(buffer);
    return (vector, from, to) => {
      column.fill(from, to, into);
      copy(vector, to - from);
    };
  }
  const into = new Uint32Array(buffer);
  return (vector, from, to) => {
    column.fill(from, to, into);
    copy(vector, to - from);
  };
}
