import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';

import { analyseHeap } from '#main/heap/analyse.ts';
import { compareHeaps } from '#main/heap/compare.ts';
import type { Heap } from '#main/heap/heap.ts';
import { openHeap } from '#main/heap/open.ts';
import { openHeapDatabase, type HeapDatabase } from '#main/query/database.ts';
import { QUERY_EXAMPLES, QUERY_TABLES } from '#shared/model/heap-query.ts';
import { comparisonPair } from '#test/fixtures/comparison-pair.ts';
import { heapOf } from '#test/fixtures/heap/build.ts';
import { largeSnapshot } from '#test/fixtures/heap/large.ts';

const open: HeapDatabase[] = [];
afterEach(() => open.splice(0).forEach((database) => database.close()));

async function databaseOf(heap: Heap, memoryBytes = 256 * 2 ** 20): Promise<HeapDatabase> {
  const database = await openHeapDatabase({ heap, analysis: await analyseHeap(heap), survives: null }, null, { memoryBytes });
  open.push(database);
  return database;
}

const GRAPH = `root -> [0] app; app:40 (object App) -> .cache c, .name s, .name2 t; c:64 (object Cache) -> [7] a, [8] b, ~w s;
  a:10 (object Item) -> .owner app; b:20 (object Item); s:8 (string) "it's -- DROP"; t:8 (string) "it's -- DROP"`;

describe('a heap asked in SQL', () => {
  it('has the tables and columns that are promised', async () => {
    const { heap } = await heapOf(GRAPH);
    const database = await databaseOf(heap);
    for (const { name, columns } of QUERY_TABLES) {
      const answer = await database.query(`SELECT * FROM ${name}`);
      expect(answer.columns.map((column) => column.name), name).toEqual(columns.map((column) => column.name));
      expect(answer.rows.length, name).toBeGreaterThan(0);
    }
  });

  it('is documented as it is', () => {
    const text = readFileSync(new URL('../../../docs/query.md', import.meta.url), 'utf8');
    for (const { name, about, columns } of QUERY_TABLES) {
      expect(text).toContain(`### ${name}\n\n${about}\n`);
      for (const column of columns) expect(text).toContain(`| \`${column.name}\` | ${column.about} |`);
    }
    for (const { sql } of QUERY_EXAMPLES) expect(text).toContain(`\`\`\`sql\n${sql}\n\`\`\``);
  });

  it('gives the numbers of the engine', async () => {
    const { heap, at } = await heapOf(GRAPH);
    const analysis = await analyseHeap(heap);
    const database = await databaseOf(heap);
    const nodes = await database.query('SELECT node, id, shallow_bytes, retained_bytes, distance, dominator, edge_count, is_new, refcount FROM nodes ORDER BY node');
    expect(nodes.rows).toHaveLength(heap.nodeCount);
    for (const [node, id, shallow, retained, distance, dominator, edges, isNew, refcount] of nodes.rows) {
      const ordinal = node as number;
      expect([id, shallow, retained]).toEqual([heap.nodeId[ordinal], heap.shallow[ordinal], analysis.retained[ordinal]]);
      expect(distance ?? 0xffffffff).toBe(analysis.distance[ordinal]);
      expect(dominator ?? heap.root).toBe(analysis.dominator[ordinal]);
      expect(edges).toBe(heap.firstEdge[ordinal + 1]! - heap.firstEdge[ordinal]!);
      expect([isNew, refcount]).toEqual([null, null]);
    }
    expect(nodes.columns.map(({ name, objects }) => [name, objects]).filter(([, objects]) => objects !== null)).toEqual([['node', 'this'], ['dominator', 'this']]);

    const items = await database.query("SELECT e.from_node, e.name, e.position, e.keeps_alive FROM edges e JOIN nodes n ON n.node = e.to_node WHERE n.class = 'Item' ORDER BY position");
    expect(items.rows).toEqual([[at('c'), '7', 7, true], [at('c'), '8', 8, true]]);
    const weak = await database.query(`SELECT name FROM edges WHERE to_node = ${at('s')} AND NOT keeps_alive`);
    expect(weak.rows).toEqual([['w']]);
    const strings = await database.query('SELECT text, count(*) AS n FROM strings GROUP BY text');
    expect(strings.rows).toEqual([["it's -- DROP", 2]]);
    const below = await database.query(`SELECT count(*) FROM dominators top JOIN dominators d ON d.position BETWEEN top.position AND top.position + top.subtree_objects - 1 WHERE top.node = ${at('c')}`);
    expect(below.rows).toEqual([[analysis.domSize[at('c')]]]);
  });

  it('answers every example', async () => {
    const pair = comparisonPair({ sessions: 5 });
    const [first, second] = [await openHeap(pair.base), await openHeap(pair.compared)];
    const comparison = await compareHeaps(first, second);
    const database = await openHeapDatabase(
      { heap: second, analysis: await analyseHeap(second), survives: comparison.survivesInCompared },
      { heap: first, analysis: await analyseHeap(first), survives: comparison.survivesFromBase },
    );
    open.push(database);
    for (const { title, sql } of QUERY_EXAMPLES) {
      const { columns, rows } = await database.query(sql);
      expect(columns.length, title).toBeGreaterThan(0);
      expect(rows.length, title).toBeGreaterThanOrEqual(0);
    }
    const fresh = await database.query("SELECT class, count(*) FROM nodes WHERE is_new GROUP BY class ORDER BY class");
    expect(fresh.rows).toEqual([['__main__.Session', 5], ['str', 5]]);
    expect((await database.query('SELECT count(*) FROM base.nodes')).rows).toEqual([[first.nodeCount]]);
    expect((await database.query('SELECT min(node) AS base_node FROM base.nodes')).columns[0]!.objects).toBe('base');
  });

  it('keeps the first rows and says that there were more', async () => {
    const { heap } = await heapOf(GRAPH);
    const database = await databaseOf(heap);
    const { rows, cut } = await database.query('SELECT i FROM range(100000) t(i)', { maxRows: 10 });
    expect([rows.length, cut]).toEqual([10, true]);
    expect((await database.query('SELECT i FROM range(10) t(i)', { maxRows: 10 })).cut).toBe(false);
    const values = await database.query("SELECT 1.5::DECIMAL(8,2), 2::HUGEINT * 9223372036854775807, [1, 2], {'a': 1}, DATE '2024-01-02', 'x', true, NULL, 'nan'::DOUBLE");
    expect(values.rows[0]).toEqual([1.5, '18446744073709551614', '[1, 2]', "{'a': 1}", '2024-01-02', 'x', true, null, 'NaN']);
  });

  it('says what is wrong in words', async () => {
    const { heap } = await heapOf(GRAPH);
    const database = await databaseOf(heap);
    const fails = (sql: string) => database.query(sql).then(() => null, (error: { code: string; message: string }) => [error.code, error.message]);
    expect(await fails('SELECT nmae FROM nodes')).toEqual(['invalid-argument', expect.stringContaining('"nmae" not found')]);
    expect(await fails('SELEC 1')).toEqual(['invalid-argument', expect.stringContaining('syntax error')]);
    expect(await fails('')).toEqual(['invalid-argument', expect.stringContaining('no statement')]);
    expect(await fails('SELECT 1; SELECT 2')).toEqual(['invalid-argument', expect.stringContaining('One statement')]);
    expect(await fails('SELECT * FROM base.nodes')).toEqual(['invalid-argument', expect.any(String)]);
    expect(await fails('SELECT $1')).toEqual(['invalid-argument', expect.stringContaining('parameters')]);
    expect((await database.query('SELECT count(*) FROM nodes')).rows).toEqual([[heap.nodeCount]]);
  });

  it('changes nothing and reaches nothing outside', async () => {
    const { heap } = await heapOf(GRAPH);
    const database = await databaseOf(heap);
    const file = import.meta.filename;
    for (const sql of [
      `SELECT * FROM read_csv('${file}')`,
      `SELECT * FROM read_text('${file}')`,
      `SELECT * FROM '${file}'`,
      `SELECT * FROM glob('/*')`,
      "COPY (SELECT 1) TO '/tmp/heaphouse-query.csv'",
      "ATTACH '/tmp/heaphouse-query.db'",
      'INSTALL httpfs',
      'LOAD httpfs',
      "SELECT * FROM read_csv('https://example.com/x.csv')",
      "SET memory_limit = '100GB'",
      'SET enable_external_access = true',
      'DROP VIEW nodes',
      'DELETE FROM store.node_rows',
      'CREATE TABLE x AS SELECT 1',
      'PRAGMA enable_profiling',
      "EXPORT DATABASE '/tmp/heaphouse-query'",
      'CALL enable_logging()',
      "EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/heaphouse-query.csv'",
    ]) {
      await expect(database.query(sql), sql).rejects.toMatchObject({ name: 'HeaphouseError' });
    }
    expect(readFileSync(file, 'utf8')).toContain('reaches nothing');
  });

  it('is stopped in the middle, and goes on with the next', async () => {
    const { heap } = await heapOf(GRAPH);
    const database = await databaseOf(heap);
    const controller = new AbortController();
    const startedAt = performance.now();
    setTimeout(() => controller.abort(), 100);
    await expect(
      database.query('SELECT count(*) FROM range(1000000000) a(i), range(1000000) b(j) WHERE (i * j) % 7 = 3', { signal: controller.signal }),
    ).rejects.toMatchObject({ code: 'cancelled' });
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect((await database.query('SELECT 1')).rows).toEqual([[1]]);
  });

  it('stays within its memory', async () => {
    const { heap } = await heapOf(GRAPH);
    const database = await databaseOf(heap, 64 * 2 ** 20);
    await expect(database.query('SELECT i, count(*) FROM range(50000000) t(i) GROUP BY i ORDER BY 2, 1')).rejects.toMatchObject({ code: 'out-of-memory' });
    expect((await database.query('SELECT count(*) FROM nodes')).rows).toEqual([[heap.nodeCount]]);
  });

  it('fills its tables once, with progress, and can be stopped while it does', async () => {
    const heap = await openHeap(largeSnapshot({ nodes: 200_000, shape: 'list' }));
    const database = await databaseOf(heap);
    const stopped = new AbortController();
    await expect(database.query('SELECT count(*) FROM edges', { signal: stopped.signal, onLoading: () => stopped.abort() })).rejects.toMatchObject({ code: 'cancelled' });
    const seen: [number, number][] = [];
    const first = await database.query('SELECT count(*) FROM edges', { onLoading: (done, total) => seen.push([done, total]) });
    expect(first.rows).toEqual([[heap.edgeCount]]);
    expect(seen.at(-1)![0]).toBe(seen.at(-1)![1]);
    expect((await database.query('SELECT count(*) FROM edges')).loadedMs).toBeLessThan(20);
  });
});
