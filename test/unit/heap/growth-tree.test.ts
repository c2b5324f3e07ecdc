import { describe, expect, it } from 'vitest';

import { growthLines, growthObjects, growthSummary, growthTree } from '#main/heap/growth-tree.ts';
import type { GrowthTree } from '#main/heap/growth-tree.ts';
import { builtPair, elements, many } from '#test/fixtures/heap/pair.ts';

const ALL = { start: 0, end: 100 };

const python = (cache: number): string => `root@1 -> [0] gc; gc@3:0 (synthetic) "(GC roots)" -> [0] mods; mods@5:0 (synthetic) "(modules)" -> .app main;
  main@7:80 (object module) "module app" -> {__dict__} md;
  md@9:300 (object dict) -> ._cache cache, .settings settings;
  settings@11:90 (object list) -> [0] t; t@13:10 (object app.T) -> .next u; u@15:10 (object app.T);
  cache@17:${100 + 8 * cache} (object dict) -> [99999] t${cache > 0 ? `, ${elements(cache, 's')}` : ''};
  ${many(cache, 's', 1001, ':48 (object app.Session)', (i) => `.user n${i}, .owner owner`)};
  ${many(cache, 'n', 3001, ':20 (string str) "name"')}
  ${cache > 0 ? '; owner@21:5 (object app.Owner)' : ''}`;

async function lines(tree: GrowthTree, lineId: number | null = null): Promise<[string, number, number, number, number][]> {
  const { rows } = await growthLines(tree, lineId, ALL);
  return rows.map(({ text, objects, shallowBytes, retainedBytes, grownBytes }) => [text, objects, shallowBytes, retainedBytes, grownBytes]);
}

describe('growth tree of Python', () => {
  it('has the holder of a leak as its first line, and its objects by folded path below', async () => {
    const { comparison } = await builtPair(python(0), python(100), { python: true });
    const tree = await growthTree(comparison);
    expect(growthSummary(tree)).toMatchObject({
      newObjects: 201, newShallowBytes: 100 * 68 + 5, grownObjects: 1, grownBytes: 800, unreachedObjects: 0,
    });
    expect(await lines(tree)).toEqual([['module app → _cache (dict)', 201, 6805, 6805, 800]]);
    const [cache] = (await growthLines(tree, null, ALL)).rows;
    expect(cache).toMatchObject({
      depth: 0, parentId: null, children: 1, ownObjects: 0, holderSurvived: true, holder: { id: 17, className: 'dict' },
      first: { id: 21 }, last: { id: 3199 }, edge: '_cache', node: 'dict',
      steps: [{ edge: '', node: 'module app' }, { edge: '_cache', node: 'dict' }],
    });
    expect(await lines(tree, cache!.lineId)).toEqual([['[*] (app.Session)', 201, 6805, 6805, 0]]);
    const [sessions] = (await growthLines(tree, cache!.lineId, ALL)).rows;
    expect(sessions).toMatchObject({ depth: 1, parentId: cache!.lineId, ownObjects: 100, edge: '[*]', node: 'app.Session' });
    expect(await lines(tree, sessions!.lineId)).toEqual([
      ['user (str)', 100, 2000, 2000, 0],
      ['owner (app.Owner)', 1, 5, 5, 0],
    ]);
    expect(await growthObjects(tree, sessions!.lineId)).toHaveLength(201);
  });

  it('sorts, filters and pages its lines', async () => {
    const { comparison } = await builtPair(python(0), python(10), { python: true });
    const tree = await growthTree(comparison);
    const { rows: [cache] } = await growthLines(tree, null, ALL);
    const { rows: [sessions] } = await growthLines(tree, cache!.lineId, ALL);
    const below = sessions!.lineId;
    const byObjects = await growthLines(tree, below, { ...ALL, sort: { by: 'objects', order: 'ascending' } });
    expect(byObjects.rows.map(({ text }) => text)).toEqual(['owner (app.Owner)', 'user (str)']);
    const filtered = await growthLines(tree, below, { ...ALL, filter: 'OWNER' });
    expect(filtered).toMatchObject({ total: 1, unfiltered: 2 });
    expect((await growthLines(tree, below, { start: 1, end: 2 })).rows.map(({ text }) => text)).toEqual(['owner (app.Owner)']);
    await expect(growthLines(tree, 99_999, ALL)).rejects.toThrow(RangeError);
    await expect(growthLines(tree, 0, ALL)).rejects.toThrow(RangeError);
  });

  it('counts survivors that grew', async () => {
    const text = (bytes: number): string => `root@1 -> .m m; m@3:10 (object module) "module m" -> .rows rows;
      rows@5:${bytes} (object list) -> [0] a, [1] b; a@7:${bytes / 10} (object m.A) -> .x x; b@9:${bytes / 10} (object m.A) -> .x x; x@11:3 (object m.X)`;
    const { comparison } = await builtPair(text(100), text(500), { python: true });
    const tree = await growthTree(comparison);
    const { rows: [rows] } = await growthLines(tree, null, ALL);
    expect(rows).toMatchObject({ text: 'module m → rows (list)', objects: 0, first: null, grownObjects: 3, grownBytes: 400 + 80 });
    expect(await lines(tree, rows!.lineId)).toEqual([['[*] (m.A)', 0, 0, 0, 80]]);
  });
});

describe('growth tree of JavaScript', () => {
  it('names the holder that was there before, also where what leads to it is new', async () => {
    const text = (timer: number, sessions: number): string => `root@1 -> !g; g@3 (object global) -> .timers timers;
      timers@5:20 (object Timers) -> .next timer; timer@${timer}:30 (object Timeout) -> .callback fn; fn@7 (closure) "tick" -> {context} ctx;
      ctx@9 (object) "system / Context" -> $cache map; map@11:16 (object Map) -> {table} table;
      table@${timer + 2}:${sessions * 8 + 8} (array)${sessions > 0 ? ` -> ${Array.from({ length: sessions }, (_, i) => `<${i}> s${i}`).join(', ')}` : ''};
      ${many(sessions, 's', 101, ':40 (object Session)')}`;
    const { comparison } = await builtPair(text(21, 0), text(31, 50));
    const tree = await growthTree(comparison);
    const found = (await growthLines(tree, null, ALL)).rows;
    expect(found[0]).toMatchObject({ text: 'global → timers (Timers) → next (Timeout) → callback (tick()) → cache (Map)', objects: 50, holder: { className: 'Map' } });
    expect(found[1]).toMatchObject({ text: 'global → timers (Timers)', objects: 1 });
    expect(await lines(tree, found[0]!.lineId)).toEqual([['[*] (Session)', 50, 2000, 2000, 0]]);
  });

  it('has a line for what no root reaches', async () => {
    const { comparison } = await builtPair(
      'root@1 -> !g; g@3 (object global)',
      'root@1 -> !g; g@3 (object global); x@5:7 (object X) -> y; y@7:8 (object Y) -> x',
    );
    const tree = await growthTree(comparison);
    expect(growthSummary(tree).unreachedObjects).toBe(2);
    expect(await lines(tree)).toEqual([['(not reached from a root)', 2, 15, 15, 0]]);
  });

  it('takes long chains without recursion and adds them up', async () => {
    const chain = (length: number): string => Array.from({ length }, (_, i) => `c${i}@${101 + 2 * i}:2 (object ${i % 2 ? 'A' : 'B'}) -> .next c${i + 1}`).join(';');
    const { comparison } = await builtPair('root@1 -> !g; g@3 (object global)', `root@1 -> !g; g@3 (object global) -> .head c0; ${chain(2_000)}`);
    const tree = await growthTree(comparison);
    expect(await lines(tree)).toEqual([['global → head (B)', 2001, 4001, 4001, 0]]);
  });
});
