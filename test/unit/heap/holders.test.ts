import { describe, expect, it } from 'vitest';

import { describeHolder, holdersOf } from '#main/heap/holders.ts';
import { heapOf } from '#test/fixtures/heap/build.ts';
import type { TestHeap } from '#test/fixtures/heap/build.ts';

const PYTHON = `root -> [0] gc; gc:0 (synthetic) "(GC roots)" -> [0] mods; mods:0 (synthetic) "(modules)" -> .__main__ main;
  main:80 (object module) "module __main__" -> {__dict__} md; md:300 (object dict) -> ._cache cache, .items items, .App app, .state state;
  cache:500 (object dict) -> .[1] s1, .[2] s2, .[3] s3; items:90 (object list) -> [0] t1, [1] t2;
  app:1000 (object type) "class __main__.App" -> {__dict__} ad; ad:200 (object dict) -> .registry reg; reg:60 (object list) -> [0] r1;
  state:48 (object __main__.State) -> {__dict__} sd; sd:100 (object dict) -> .sessions live; live:64 (object list) -> [0] l1, [1] l2;
  ${['s1', 's2', 's3', 't1', 't2', 'r1', 'l1', 'l2'].map((key) => `${key}:48 (object __main__.Session)`).join(';')}`;

async function groups(built: TestHeap, keys: readonly string[]): Promise<[number, string][]> {
  const found = await holdersOf(built.heap, Uint32Array.from(keys, built.at));
  return found.map(({ objects, holder }) => [objects, holder]);
}

describe('holders in Python', () => {
  it('are named from the module on', async () => {
    const built = await heapOf(PYTHON, { python: true });
    const text = async (key: string): Promise<string> => (await describeHolder(built.heap, built.at(key))).text;
    expect(await text('s1')).toBe('module __main__ → _cache (dict)');
    expect(await text('t1')).toBe('module __main__ → items (list)');
    expect(await text('r1')).toBe('module __main__ → class __main__.App → registry (list)');
    expect(await text('l2')).toBe('module __main__ → state (__main__.State) → sessions (list)');
    expect(await text('cache')).toBe('module __main__');
  });

  it('group objects that hang alike, most objects first', async () => {
    const built = await heapOf(PYTHON, { python: true });
    expect(await groups(built, ['s1', 's2', 's3', 't1', 't2', 'r1'])).toEqual([
      [3, 'module __main__ → _cache (dict)'],
      [2, 'module __main__ → items (list)'],
      [1, 'module __main__ → class __main__.App → registry (list)'],
    ]);
    const [first] = await holdersOf(built.heap, Uint32Array.from(['s1', 's2'], built.at));
    expect(first).toMatchObject({ shallowBytes: 96, retainedBytes: 96, owner: { className: 'dict', shallowBytes: 500 } });
    expect(first!.steps).toEqual([
      { edge: '', node: 'module __main__' },
      { edge: '_cache', node: 'dict' },
      { edge: '[*]', node: '__main__.Session' },
    ]);
  });

  it('read the keys of a large dict as one', async () => {
    const keys = Array.from({ length: 100 }, (_, i) => `u${i}`);
    const built = await heapOf(
      `root -> [0] mods; mods:0 (synthetic) "(modules)" -> .m m; m (object module) "module m" -> {__dict__} md; md (object dict) -> .users users;
       users (object dict) -> ${keys.map((key) => `.user-${key} ${key}`).join(', ')}; ${keys.map((key) => `${key}:10 (object m.User)`).join(';')}`,
      { python: true },
    );
    expect(await groups(built, keys)).toEqual([[100, 'module m → users (dict)']]);
  });
});

describe('holders in JavaScript', () => {
  it('are named by globals, closures and properties, without the parts of the runtime', async () => {
    const text = `root -> !g; g (object global) -> .handler fn; fn (closure) "handler" -> {context} ctx; ctx (object) "system / Context" -> $cache map;
      map (object Map) -> {table} table; table (array) -> <0> s1, <1> s2; s1:5 (object Session) -> .data d; s2:5 (object Session) -> .data e;
      d:1 (object Data); e:1 (object Data)`;
    const built = await heapOf(text);
    expect(await groups(built, ['s1', 's2'])).toEqual([[2, 'global → handler() → cache (Map)']]);
    expect(await groups(built, ['d', 'e'])).toEqual([[2, 'global → handler() → cache (Map)[*]']]);
  });

  it('read chains as one step', async () => {
    const keys = Array.from({ length: 2_000 }, (_, i) => `n${i}`);
    const built = await heapOf(
      `root -> !g; g (object global) -> .head n0; ${keys.map((key, i) => `${key}:1 (object Node)${i + 1 < keys.length ? ` -> .next ${keys[i + 1]!}` : ''}`).join(';')}`,
    );
    const found = await groups(built, keys);
    expect(found[0]).toEqual([1_999, 'global → head (Node)']);
    expect(found).toHaveLength(2);
  });

  it('say when nothing holds an object, or nothing named', async () => {
    const built = await heapOf('root -> !g; g (object global) -> ~w; w:1 (object W); x:1 (object X)');
    expect(await groups(built, ['w', 'x'])).toEqual([[2, '(not reached from a root)']]);
    expect((await describeHolder(built.heap, built.at('g'))).text).toBe('(root)');
  });

  it('keep retained bytes of a group as a union', async () => {
    const built = await heapOf('root -> !g; g (object global) -> .a a; a:10 (object A) -> .n b; b:20 (object A) -> .n c; c:40 (object A)');
    const found = await holdersOf(built.heap, Uint32Array.from(['b', 'c'], built.at));
    expect(found.map(({ retainedBytes, shallowBytes }) => [retainedBytes, shallowBytes])).toEqual([[60, 60]]);
  });
});
