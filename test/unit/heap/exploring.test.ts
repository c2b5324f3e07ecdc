import { describe, expect, it } from 'vitest';

import { dominatorClasses, dominatorClassRows } from '#main/heap/dominator-tree.ts';
import { objectExpression } from '#main/heap/expression.ts';
import { openHeap } from '#main/heap/open.ts';
import { pathsIgnoring } from '#main/heap/paths-ignoring.ts';
import { objectsOfString, stringTable, stringValues } from '#main/heap/string-table.ts';
import { tablePage } from '#main/heap/table.ts';
import { treemap } from '#main/heap/treemap.ts';
import { packageOf } from '#main/heap/modules.ts';
import { heapOf } from '#test/fixtures/heap/build.ts';
import { largeSnapshot } from '#test/fixtures/heap/large.ts';

const ALL = { start: 0, end: 100 };

describe('paths without some retainers', () => {
  const text = 'root -> !g; g (object global) -> .a a, .b b; a (object A) -> .x x; b (object B) -> .c c; c (object C) -> .x x; x:5 (object X)';

  it('take the next way, and say how far it is', async () => {
    const { heap, at, key } = await heapOf(text);
    const ways = async (ignore: string[]): Promise<[number | null, string[]]> => {
      const { distance, paths } = await pathsIgnoring(heap, at('x'), ignore.map(at));
      return [distance, paths.map(({ steps }) => steps.map(({ node }) => key(node.ordinal)).join(' '))];
    };
    expect(await ways([])).toEqual([3, ['root g a x', 'root g b c x']]);
    expect(await ways(['a'])).toEqual([4, ['root g b c x']]);
    expect(await ways(['b'])).toEqual([3, ['root g a x']]);
    expect(await ways(['a', 'c'])).toEqual([null, []]);
    expect(await ways(['x', 'root'])).toEqual([3, ['root g a x', 'root g b c x']]);
    await expect(pathsIgnoring(heap, at('x'), [999])).rejects.toThrow(RangeError);
    expect((await pathsIgnoring(heap, at('x'), [])).distance).toBe(3);
  });
});

describe('expressions', () => {
  it('of Python are written from attributes, literal keys and indexes', async () => {
    const { heap, at } = await heapOf(
      `root -> [0] mods; mods:0 (synthetic) "(modules)" -> .app.handlers m;
       m (object module) "module app.handlers" -> {__dict__} md; md (object dict) -> ._cache c, .obj o, .members s, .not-a-name bad;
       c (object dict) -> [42] i, .it's j, .[b'q'] k, .[<Thing>] t; i (object app.Item) -> .payload p; p (native bytes);
       o (object app.O) -> .items l; l (object list) -> [3] n; s (object set) -> [0] e`,
      { python: true },
    );
    const of = async (key: string): Promise<string | null> => (await objectExpression(heap, at(key))).expression;
    expect(await of('p')).toBe('app.handlers._cache[42].payload');
    expect(await of('j')).toBe("app.handlers._cache['it\\'s']");
    expect(await of('k')).toBe("app.handlers._cache[b'q']");
    expect(await of('n')).toBe('app.handlers.obj.items[3]');
    expect(await of('m')).toBe('app.handlers');
    for (const key of ['t', 'e', 'bad', 'mods']) expect(await of(key), key).toBeNull();
    expect((await objectExpression(heap, at('e'))).note).toMatch(/member of a set/);
  });

  it('of JavaScript begin at the global object or a variable', async () => {
    const { heap, at } = await heapOf(
      `root -> !g; g (object global) -> .app a, .fn f; a (object App) -> .odd-name o; o (object O) -> [2] e;
       f (closure) "run" -> {context} c; c (object) "system / Context" -> $state s; s (object S) -> .x x; s -> .m m; m (object Map) -> {table} t; t (array) -> <1> v`,
    );
    expect((await objectExpression(heap, at('e'))).expression).toBe('globalThis.app["odd-name"][2]');
    expect(await objectExpression(heap, at('x'))).toMatchObject({ expression: 'state.x', note: 'A variable that run() sees: valid in its scope only.' });
    expect((await objectExpression(heap, at('v'))).expression).toBeNull();
  });
});

describe('strings', () => {
  it('are one value when their text is, also where the file repeats it, and waste all but the largest', async () => {
    const { heap } = await heapOf(
      'root -> a, b, c, d; a:20 (string) "same"; b:30 (string) "same"; c:24 (string) "other"; d:40 (concatenated string) "same"',
    );
    const values = await stringValues(heap);
    const { rows } = await tablePage(stringTable(values, 'duplicates'), ALL);
    expect(rows).toMatchObject([{ text: 'same', objects: 2, shallowBytes: 50, largestBytes: 30, wastedBytes: 20, cutInFile: false }]);
    expect(await objectsOfString(values, rows[0]!.stringId)).toHaveLength(2);
    expect(values.duplicateBytes).toBe(20);
  });

  it('that the file cuts count for no waste', async () => {
    const long = 'x'.repeat(100);
    const { heap } = await heapOf(`root -> a, b; a:20 (string str) "${long}"; b:20 (string str) "${long}"`, { python: true });
    const { rows } = await tablePage(stringTable(await stringValues(heap), 'duplicates'), ALL);
    expect(rows).toMatchObject([{ objects: 2, wastedBytes: 0, cutInFile: true }]);
  });
});

describe('large trees', () => {
  it('are drawn in at most so many cells that add up, also with a million children', async () => {
    const heap = await openHeap(largeSnapshot({ nodes: 300_000, shape: 'star' }));
    const map = await treemap(heap, null, 1_500);
    expect(map.cells.length).toBeLessThanOrEqual(1_500);
    for (const parent of new Set(map.cells.slice(1).map((cell) => cell.parent))) {
      const below = map.cells.filter((cell) => cell.parent === parent);
      expect(below.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(map.cells[parent]!.bytes);
    }
    expect(map.cells.some(({ role, className, objects }) => role === 'class' && className === 'Link' && objects > 250_000)).toBe(true);
  });

  it('show objects of one class together, each of them where there is room', async () => {
    const members = Array.from({ length: 40 }, (_, i) => `s${i}:${100 + i} (object Session)`);
    const { heap, at } = await heapOf(`root -> .c c; c:10 (object Map) -> ${members.map((_, i) => `[${i}] s${i}`).join(', ')}, .n n; n:500 (object Names); ${members.join(';')}`);
    const { cells } = await treemap(heap, at('c'), 1_500);
    const sessions = cells.findIndex(({ role }) => role === 'class');
    expect(cells[sessions]).toMatchObject({ className: 'Session', objects: 40, ordinal: at('s39'), parent: 0 });
    const below = cells.filter(({ parent }) => parent === sessions);
    expect(below).toHaveLength(40);
    expect(below.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(cells[sessions]!.bytes);
    expect(cells.filter(({ parent }) => parent === 0).map(({ role, name }) => `${role} ${name}`)).toEqual(['class Session', 'object Names', 'own ']);
  });

  it('of one class are one line, however long the list', async () => {
    const heap = await openHeap(largeSnapshot({ nodes: 200_000, shape: 'list' }));
    const tree = await dominatorClasses(heap);
    const { rows } = await dominatorClassRows(tree, null, ALL);
    expect(rows).toMatchObject([{ objects: 199_999, retainedBytes: 199_999, children: 0 }]);
    expect((await treemap(heap, null, 100)).cells.length).toBeLessThanOrEqual(100);
  });
});

describe('packages', () => {
  it('are the first part of a module, or the folder below node_modules', () => {
    const v8 = { producer: 'v8' } as never;
    expect(packageOf(v8, '/srv/node_modules/@a/b/lib/x.js')).toBe('@a/b');
    expect(packageOf(v8, 'file:///srv/node_modules/q/node_modules/ws/index.js')).toBe('ws');
    expect(packageOf(v8, 'node:internal/fs')).toBe('node');
    expect(packageOf(v8, '/srv/app.js')).toBe('(the program)');
    expect(packageOf(v8, 'https://cdn.example/x.js')).toBe('cdn.example');
    expect(packageOf({ producer: 'cpython' } as never, 'app.models.user')).toBe('app');
  });
});
