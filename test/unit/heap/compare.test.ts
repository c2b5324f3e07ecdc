import { describe, expect, it } from 'vitest';

import { compareHeaps, comparisonNodes, comparisonRows, sameObject } from '#main/heap/compare.ts';
import type { Comparison } from '#main/heap/compare.ts';
import { openOf } from '#test/fixtures/heap/build.ts';
import type { BuildOptions, TestHeap } from '#test/fixtures/heap/build.ts';
import type { ComparisonRow } from '#shared/model/heap.ts';

const ALL = { start: 0, end: 100 };

interface Pair {
  readonly comparison: Comparison;
  readonly base: TestHeap;
  readonly compared: TestHeap;
  /** Row of a class. */
  row(name: string): Promise<ComparisonRow>;
  /** Keys of the objects behind a cell. */
  keys(name: string, side: 'new' | 'dead' | 'survived'): Promise<string[]>;
}

async function pair(baseText: string, comparedText: string, options: BuildOptions = {}): Promise<Pair> {
  const base = await openOf(baseText, options);
  const compared = await openOf(comparedText, options);
  const comparison = await compareHeaps(base.heap, compared.heap);
  const row = async (name: string): Promise<ComparisonRow> => {
    const { rows } = await comparisonRows(comparison, ALL);
    const found = rows.find((entry) => entry.name === name);
    if (!found) throw new Error(`There is no class ${name} among ${rows.map((entry) => entry.name).join(', ')}`);
    return found;
  };
  return {
    comparison,
    base,
    compared,
    row,
    async keys(name, side) {
      const { heap, ordinals } = comparisonNodes(comparison, (await row(name)).classIndex, side);
      return Array.from(ordinals, heap === base.heap ? base.key : compared.key);
    },
  };
}

const amount = (objects: number, shallowBytes: number, retainedBytes: number): object => ({ objects, shallowBytes, retainedBytes });

describe('two V8 snapshots', () => {
  const base = 'root@1 -> !app; app@3:10 (object App) -> a, b; a@5:20 (object S) -> d; b@7:30 (object S); d@9:5 (object D)';
  const compared = 'root@1 -> !app; app@3:10 (object App) -> b, c, e; b@7:35 (object S); c@11:40 (object S) -> f; e@13:1 (object S); f@15:7 (object D)';

  it('are compared by id, per class in objects and bytes', async () => {
    const { row, keys } = await pair(base, compared);
    expect(await row('S')).toMatchObject({
      base: amount(2, 50, 55),
      compared: amount(3, 76, 83),
      new: amount(2, 41, 48),
      dead: amount(1, 20, 25),
      survived: amount(1, 35, 35),
      delta: amount(1, 26, 28),
    });
    expect(await keys('S', 'new')).toEqual(['c', 'e']);
    expect(await keys('S', 'dead')).toEqual(['a']);
    expect(await keys('S', 'survived')).toEqual(['b']);
    expect(await row('App')).toMatchObject({ new: amount(0, 0, 0), survived: amount(1, 10, 93) });
  });

  it('count new objects inside of new objects once', async () => {
    const { row } = await pair('root@1 -> !a; a@3:1 (object A)', 'root@1 -> !a; a@3:1 (object A) -> b; b@5:10 (object B) -> c; c@7:20 (object B)');
    expect(await row('B')).toMatchObject({ new: amount(2, 30, 30) });
  });

  // What Node.js does: a timer list made between the snapshots is all that leads to a cache that was there before.
  it('credit what an old object was given to that and to the new ones, not to a new object that leads to it', async () => {
    const { row, comparison } = await pair(
      'root@1 -> !t; t@3:40 (object Timers) -> c; c@7:100 (object Map) -> s1; s1@9:10 (object Session)',
      'root@1 -> !t; t@5:40 (object Timers) -> p, c; p@4:7 (object Part); c@7:100 (object Map) -> s1, s2, s3; s1@9:10 (object Session); s2@11:10 (object Session) -> u; s3@13:10 (object Session); u@15:20 (string u)',
    );
    expect(await row('Timers')).toMatchObject({ new: amount(1, 40, 47), dead: amount(1, 40, 40), compared: amount(1, 40, 197) });
    expect(await row('Session')).toMatchObject({ new: amount(2, 20, 40) });
    expect(await row('Map')).toMatchObject({ new: amount(0, 0, 0), survived: amount(1, 100, 150) });
    expect((await comparisonRows(comparison, ALL)).rows.slice(0, 2).map(({ name }) => name)).toEqual(['Timers', 'Session']);
  });

  it('count objects of a class once below each other, and again below an old one', async () => {
    const { row } = await pair(
      'root@1 -> !o; o@3:1 (object Old)',
      'root@1 -> !a; a@5:10 (object N) -> b, o, e; b@7:100 (object N); o@3:1 (object Old) -> c, d; c@9:1000 (object N) -> f; f@15:5000 (object N); d@11:10000 (object N); e@13:100000 (object N)',
    );
    expect(await row('N')).toMatchObject({ new: amount(6, 116110, 116110) });
  });

  it('pass through parts without a size, as the table of a map is', async () => {
    const { row } = await pair(
      'root@1 -> !m; m@3:50 (object M)',
      'root@1 -> !x; x@5:10 (object X) -> p; p@3:0 (array) -> s; s@7:7 (object S)',
    );
    expect(await row('X')).toMatchObject({ new: { retainedBytes: 17 } });
  });

  it('sort by any cell, deltas below zero last', async () => {
    const { comparison } = await pair(
      'root@1 -> !a; a@3:1 (object A) -> b, c; b@5:100 (object B); c@7:50 (object C)',
      'root@1 -> !a; a@3:1 (object A) -> c, d; c@7:80 (object C); d@9:10 (object D)',
    );
    const names = async (by: 'delta.shallowBytes' | 'name' | 'dead.objects', descending: boolean): Promise<string[]> =>
      (await comparisonRows(comparison, { ...ALL, sort: { by, order: descending ? 'descending' : 'ascending' } })).rows.map(({ name }) => name);
    expect(await names('delta.shallowBytes', true)).toEqual(['C', 'D', 'A', 'B']);
    expect(await names('delta.shallowBytes', false)).toEqual(['B', 'A', 'D', 'C']);
    expect((await names('dead.objects', true))[0]).toBe('B');
    expect(await names('name', true)).toEqual(['D', 'C', 'B', 'A']);
    const filtered = await comparisonRows(comparison, { ...ALL, filter: '/^[ab]$/i' });
    expect([filtered.total, filtered.unfiltered]).toEqual([2, 4]);
  });

  it('with nothing in common, and a snapshot with itself', async () => {
    const none = await pair('root@1 -> !a; a@3:1 (object A)', 'root@101 -> !b; b@103:1 (object B)');
    expect(await none.row('A')).toMatchObject({ dead: amount(1, 1, 1), compared: amount(0, 0, 0) });
    expect(await none.row('B')).toMatchObject({ new: amount(1, 1, 1), base: amount(0, 0, 0) });
    const self = await openOf(base);
    const { rows } = await comparisonRows(await compareHeaps(self.heap, self.heap), ALL);
    for (const row of rows) expect([row.new.objects, row.dead.objects, row.delta.retainedBytes]).toEqual([0, 0, 0]);
  });

  it('match classes whose only script got another position', async () => {
    const first = await openOf('root@1 -> !a; a@3:1 (object A)', { locations: { a: [1, 2, 3] } });
    const second = await openOf('root@1 -> !a; a@3:1 (object A)', { locations: { a: [8, 2, 3] } });
    const { rows } = await comparisonRows(await compareHeaps(first.heap, second.heap), ALL);
    expect(rows).toHaveLength(1);
  });

  it('with ids of any size', async () => {
    const { row } = await pair('root@1 -> !a; a@281474976710655:1 (object A)', 'root@1 -> !a, b; a@281474976710655:1 (object A); b@140737488355327:1 (object A)');
    expect(await row('A')).toMatchObject({ new: amount(1, 1, 1), survived: amount(1, 1, 1) });
  });
});

describe('two Python snapshots: an address alone proves nothing', () => {
  const cases: [name: string, base: string, compared: string, same: boolean][] = [
    ['a string with the same text', 'x@16:50 (string str) "abc"', 'x@16:50 (string str) "abc"', true],
    ['a string with another text', 'x@16:50 (string str) "abc"', 'x@16:50 (string str) "abd"', false],
    ['a string of another size', 'x@16:50 (string str) "abc"', 'x@16:90 (string str) "abc"', false],
    ['another address', 'x@16:50 (string str) "abc"', 'x@32:50 (string str) "abc"', false],
    ['another class', 'x@16:48 (object m.A) "A"', 'x@16:48 (object m.B) "A"', false],
    ['no edges on either side', 'x@16:48 (object object) "object"', 'x@16:48 (object object) "object"', true],
    ['an instance with its name in common', 'x@16:48 (object m.S) -> .name n; n@48:50 (string str) "n"', 'x@16:48 (object m.S) -> .name n, .more o; n@48:50 (string str) "n"; o@64:50 (string str) "o"', true],
    ['an instance at a used address', 'x@16:48 (object m.S) -> .name n; n@48:50 (string str) "n"', 'x@16:48 (object m.S) -> .name o; o@64:50 (string str) "o"', false],
    ['in common only the type', 'x@16:48 (object m.S) -> {__class__} t, .n n; t@80 (object type) "class S"; n@48 (object m.N)', 'x@16:48 (object m.S) -> {__class__} t, .n o; t@80 (object type) "class S"; o@64 (object m.N)', false],
    ['in common only None', 'x@16:48 (object m.S) -> .p z, .n n; z@80 (object NoneType) "None"; n@48 (object m.N)', 'x@16:48 (object m.S) -> .p z, .n o; z@80 (object NoneType) "None"; o@64 (object m.N)', false],
    ['nothing but None, in the same places', 'x@16:48 (object m.S) -> .p z; z@80 (object NoneType) "None"', 'x@16:48 (object m.S) -> .p z; z@80 (object NoneType) "None"', true],
    ['in common only the keys of dicts', 'x@16:232 (object dict) -> {(key)} k, .a n; k@80:50 (string str) "a"; n@48 (object m.N)', 'x@16:232 (object dict) -> {(key)} k, .a o; k@80:50 (string str) "a"; o@64 (object m.N)', false],
    ['a target at the same address, but of another class', 'x@16:48 (object m.S) -> .n n; n@48 (object m.N)', 'x@16:48 (object m.S) -> .n n; n@48 (object m.Other)', false],
    ['a list that grew', 'x@16:80 (object list) -> [0] n; n@48 (object m.N)', 'x@16:120 (object list) -> [0] n, [1] o; n@48 (object m.N); o@64 (object m.N)', true],
    ['a dict that was emptied', 'x@16:232 (object dict) -> .a n; n@48 (object m.N)', 'x@16:64 (object dict)', false],
  ];
  it.each(cases)('%s', async (_name, base, compared, same) => {
    const first = await openOf(`root@1 -> .x x; ${base}`, { python: true });
    const second = await openOf(`root@1 -> .x x; ${compared}`, { python: true });
    expect(sameObject(first.heap, first.at('x'), second.heap, second.at('x'))).toBe(same);
  });

  it('churn at repeated addresses is new and dead, not survived', async () => {
    const session = (id: number, name: number): string =>
      `s${id}@${id}:48 (object m.S) -> .name n${name}; n${name}@${name}:${50 + (name % 7)} (string str) "name ${name}"`;
    const base = Array.from({ length: 50 }, (_, i) => session(1000 + i * 16, 5000 + i * 16));
    const compared = Array.from({ length: 50 }, (_, i) => session(1000 + i * 16, 5000 + ((i + 7) % 50) * 16 + 8));
    const list = (entries: readonly string[]): string =>
      `root@1 -> .l l; l@9:800 (object list) -> ${entries.map((entry, i) => `[${i}] ${entry.slice(0, entry.indexOf('@'))}`).join(', ')}; ${entries.join(';')}`;
    const { row } = await pair(list(base), list(compared), { python: true });
    expect(await row('m.S')).toMatchObject({ new: { objects: 50 }, dead: { objects: 50 }, survived: { objects: 0 } });
  });
});
