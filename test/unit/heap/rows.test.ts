import { describe, expect, it } from 'vitest';

import { classIndexOf, classRows, nodesOfClass } from '#main/heap/classes.ts';
import { isFilterError } from '#main/heap/errors.ts';
import { instanceRows, nodeRef, nodeSetRows, ordinalOfId, searchNodes } from '#main/heap/nodes.ts';
import { dominatedRows, fieldRows, objectDetails, retainerRows } from '#main/heap/object.ts';
import { pathsToRoot } from '#main/heap/paths.ts';
import { orderByNumber, orderByText } from '#main/heap/order.ts';
import { heapSummary } from '#main/heap/summary.ts';
import { heapOf, openOf } from '#test/fixtures/heap/build.ts';
import { mulberry32 } from '#test/fixtures/heap/generate.ts';

const TEXT = `root -> !app; app:10 (object App) -> .list list, .cache cache, ~old s1; list:20 (object Array) -> [0] s1, [1] s2, [2] s3;
  cache:30 (object Map) -> {table} t, {other} x; t:5 (array) -> <0> s3; x:1 (object X);
  s1@101:100 (object Session) -> .name n1; s2@102:50 (object Session); s3@103:75 (object Session) -> .next s1, .name n1;
  n1:8 (string) "alpha"`;
const ALL = { start: 0, end: 100 };

describe('classes', () => {
  it('are sorted, cut to the window and counted', async () => {
    const { heap } = await heapOf(TEXT);
    const page = await classRows(heap, { start: 0, end: 2 });
    expect(page.rows.map(({ name, objects, shallowBytes, retainedBytes, distance }) => [name, objects, shallowBytes, retainedBytes, distance])).toEqual([
      ['App', 1, 10, 299, 1],
      ['Session', 3, 225, 225, 3],
    ]);
    expect(page).toMatchObject({ start: 0, total: 6, unfiltered: 6 });
    const byName = await classRows(heap, { ...ALL, sort: { by: 'name', order: 'descending' } });
    expect(byName.rows.map(({ name }) => name)).toEqual(['X', 'Session', 'Map', 'Array', 'App', '(string)']);
    const byCount = await classRows(heap, { start: 0, end: 1, sort: { by: 'objects', order: 'descending' } });
    expect(byCount.rows[0]!.name).toBe('Session');
  });

  it('have shallow sizes before the analysis, sorted by them', async () => {
    const { heap } = await openOf(TEXT);
    const page = await classRows(heap, { start: 0, end: 1 });
    expect(page.rows[0]).toMatchObject({ name: 'Session', shallowBytes: 225, retainedBytes: null, distance: null });
    expect(heapSummary(heap)).toMatchObject({ analysed: false, nodes: 10, edges: 13, classes: 6, shallowBytes: 299 });
  });

  it('are filtered by text in any case and by expression', async () => {
    const { heap } = await heapOf(TEXT);
    const names = async (filter: string): Promise<string[]> =>
      (await classRows(heap, { ...ALL, filter, sort: { by: 'name', order: 'ascending' } })).rows.map(({ name }) => name);
    expect(await names('SESS')).toEqual(['Session']);
    expect(await names('/^a/i')).toEqual(['App', 'Array']);
    expect(await names('/^a/')).toEqual([]);
    expect(await names('(')).toEqual(['(string)']);
    expect((await classRows(heap, { ...ALL, filter: 'sess' })).unfiltered).toBe(6);
  });

  it('refuse bad and endless expressions', async () => {
    const { heap } = await heapOf(`${TEXT}; z:1 (object ${'a'.repeat(60)}b)`);
    const error = await classRows(heap, { ...ALL, filter: '/(/' }).catch((reason: unknown) => reason);
    expect(isFilterError(error)).toBe(true);
    const started = performance.now();
    const endless = await classRows(heap, { ...ALL, filter: '/^(a+)+$/' }).catch((reason: unknown) => reason);
    expect(isFilterError(endless)).toBe(true);
    expect(performance.now() - started).toBeLessThan(2_000);
    await expect(classRows(heap, { ...ALL, filter: 'x'.repeat(2_000) })).rejects.toThrow(/longer than/);
  });

  it('are found by name', async () => {
    const { heap, key } = await heapOf(TEXT);
    expect(Array.from(nodesOfClass(heap, classIndexOf(heap, 'Session')), key)).toEqual(['s1', 's2', 's3']);
    expect(classIndexOf(heap, 'Nothing')).toBe(-1);
    expect(() => nodesOfClass(heap, 99)).toThrow(RangeError);
  });
});

describe('objects', () => {
  it('of a class, by every column', async () => {
    const { heap, key } = await heapOf(TEXT);
    const index = classIndexOf(heap, 'Session');
    const order = async (by: 'id' | 'shallowBytes' | 'retainedBytes' | 'distance' | 'name', descending: boolean): Promise<string[]> => {
      const page = await instanceRows(heap, index, { ...ALL, sort: { by, order: descending ? 'descending' : 'ascending' } });
      return page.rows.map(({ ordinal }) => key(ordinal));
    };
    expect(await order('id', false)).toEqual(['s1', 's2', 's3']);
    expect(await order('id', true)).toEqual(['s3', 's2', 's1']);
    expect(await order('shallowBytes', true)).toEqual(['s1', 's3', 's2']);
    expect(await order('retainedBytes', true)).toEqual(['s1', 's3', 's2']);
    expect(await order('name', false)).toEqual(['s1', 's2', 's3']);
    expect(await order('distance', false)).toEqual(['s1', 's2', 's3']);
  });

  it('are found by text, expression and id', async () => {
    const { heap, key } = await heapOf(TEXT);
    const found = async (text: string): Promise<string[]> =>
      (await searchNodes(heap, text, { ...ALL, sort: { by: 'id', order: 'ascending' } })).rows.map(({ ordinal }) => key(ordinal)).sort();
    expect(await found('LPH')).toEqual(['n1']);
    expect(await found('/^al/')).toEqual(['n1']);
    expect(await found('@102')).toEqual(['s2']);
    expect(await found('@999')).toEqual([]);
    expect(await found('session')).toEqual(['s1', 's2', 's3']);
    expect(ordinalOfId(heap, 5_000)).toBe(-1);
  });

  it('are checked', async () => {
    const { heap } = await heapOf(TEXT);
    for (const ordinal of [-1, 10, 1.5, Number.NaN]) expect(() => nodeRef(heap, ordinal)).toThrow(RangeError);
    await expect(fieldRows(heap, 99, ALL)).rejects.toThrow(RangeError);
    await expect(pathsToRoot(heap, 99)).rejects.toThrow(RangeError);
  });

  it('have windows within bounds', async () => {
    const { heap } = await heapOf(TEXT);
    const all = Uint32Array.from({ length: heap.nodeCount }, (_, node) => node);
    for (const [start, end, rows] of [[8, 100, 2], [-5, 3, 3], [5, 2, 0], [100, 200, 0], [Number.NaN, 4, 4]] as const) {
      expect((await nodeSetRows(heap, all, { start, end })).rows.length).toBe(rows);
    }
  });
});

describe('references', () => {
  it('of an object in the order of the file', async () => {
    const { heap, at } = await heapOf(TEXT);
    const page = await fieldRows(heap, at('app'), ALL);
    expect(page.rows.map(({ edgeName, edgeKind, weak, node }) => [edgeName, edgeKind, weak, node.className])).toEqual([
      ['list', 'property', false, 'Array'],
      ['cache', 'property', false, 'Map'],
      ['old', 'weak', true, 'Session'],
    ]);
    const filtered = await fieldRows(heap, at('app'), { ...ALL, filter: 'cach' });
    expect(filtered.rows.map(({ edgeName }) => edgeName)).toEqual(['cache']);
    const sorted = await fieldRows(heap, at('app'), { ...ALL, sort: { by: 'shallowBytes', order: 'ascending' } });
    expect(sorted.rows.map(({ edgeName }) => edgeName)).toEqual(['list', 'cache', 'old']);
  });

  it('to an object, nearest first, each with its own edge', async () => {
    const { heap, at, key } = await heapOf(TEXT);
    const page = await retainerRows(heap, at('s1'), ALL);
    expect(page.rows.map(({ edgeName, node }) => [edgeName, key(node.ordinal)])).toEqual([
      ['old', 'app'],
      ['0', 'list'],
      ['next', 's3'],
    ]);
  });

  it('from one object twice are two', async () => {
    const { heap, at } = await heapOf('root -> !a; a -> .x b, .y c, .z b; c -> b');
    const page = await retainerRows(heap, at('b'), { ...ALL, sort: { by: 'edgeName', order: 'descending' } });
    expect(page.rows.map(({ edgeName }) => edgeName)).toEqual(['z', 'x', 'b']);
  });

  it('sort positions as numbers', async () => {
    const { heap, at } = await heapOf(`root -> !a; a -> ${[10, 9, 100, 1].map((i) => `[${i}] e${i}`).join(', ')}`);
    const page = await fieldRows(heap, at('a'), { ...ALL, sort: { by: 'edgeName', order: 'ascending' } });
    expect(page.rows.map(({ edgeName }) => edgeName)).toEqual(['1', '9', '10', '100']);
  });

  it('and what an object dominates', async () => {
    const { heap, at, key } = await heapOf(TEXT);
    const page = await dominatedRows(heap, at('app'), ALL);
    expect(page.rows.map(({ ordinal }) => key(ordinal)).sort()).toEqual(['cache', 'list', 'n1', 's1', 's3']);
    expect(objectDetails(heap, at('s2'))).toMatchObject({ retainers: 1, dominated: 0 });
    expect(key(objectDetails(heap, at('s2')).dominator!.ordinal)).toBe('list');
  });
});

describe('paths to the root', () => {
  async function paths(text: string, target: string, limit?: number): Promise<string[]> {
    const { heap, at, key } = await heapOf(text);
    const found = await pathsToRoot(heap, at(target), limit === undefined ? {} : { limit });
    return found.paths.map(({ steps }) => steps.map((step) => `${step.edgeName}:${key(step.node.ordinal)}`).join(' '));
  }

  it('are shortest first, through different holders, without weak edges', async () => {
    expect(await paths(TEXT, 's1')).toEqual([
      ':root app:app list:list 0:s1',
      ':root app:app list:list 2:s3 next:s1',
    ]);
    expect(await paths(TEXT, 's1', 1)).toHaveLength(1);
  });

  it('do not run through the object itself', async () => {
    expect(await paths('root -> !a; a -> b; b -> c; c -> b', 'b')).toEqual([':root a:a b:b']);
  });

  it('prefer names over parts of the runtime', async () => {
    expect(await paths('root -> !a; a -> {x} h, .y o; h (hidden) -> {z} t; o -> .n t', 't')).toEqual([
      ':root a:a y:o n:t',
      ':root a:a x:h z:t',
    ]);
  });

  it('of the root and of what is not reached', async () => {
    expect(await paths('root -> !a; a -> ~b; b', 'root')).toEqual([':root']);
    expect(await paths('root -> !a; a -> ~b; b', 'b')).toEqual([]);
  });

  it('are cut by count and say so', async () => {
    const holders = Array.from({ length: 200 }, (_, i) => `h${i}`);
    const text = `root -> !a; a -> ${holders.map((key) => `.${key} ${key}`).join(', ')}; ${holders.map((key) => `${key} -> t`).join(';')}`;
    const { heap, at } = await heapOf(text);
    const some = await pathsToRoot(heap, at('t'), { limit: 7 });
    expect([some.paths.length, some.complete]).toEqual([7, false]);
  });
});

describe('sorting', () => {
  it('agrees with Array.sort and is stable', async () => {
    const random = mulberry32(3);
    const keys = Array.from({ length: 5_000 }, () => Math.floor(random() * 2 ** (random() * 50)));
    const expected = keys.map((_, i) => i).sort((a, b) => keys[a]! - keys[b]! || a - b);
    expect(Array.from(await orderByNumber(keys.length, (i) => keys[i]!, false))).toEqual(expected);
    const descending = keys.map((_, i) => i).sort((a, b) => keys[b]! - keys[a]! || a - b);
    expect(Array.from(await orderByNumber(keys.length, (i) => keys[i]!, true))).toEqual(descending);
  });

  it('orders texts without regard to case first', async () => {
    const texts = ['b', 'B', 'a', 'abcdefgz', 'abcdefga', '', '\u00e9', 'abcdefg'];
    const order = await orderByText(texts.length, (i) => texts[i]!, false);
    expect(Array.from(order, (i) => texts[i])).toEqual(['', 'a', 'abcdefg', 'abcdefga', 'abcdefgz', 'B', 'b', '\u00e9']);
  });
});
