import { describe, expect, it } from 'vitest';

import { className } from '#main/heap/class-names.ts';
import { nodeName } from '#main/heap/node-names.ts';
import { nodeRef } from '#main/heap/nodes.ts';
import { objectDetails } from '#main/heap/object.ts';
import { parseNodes, snapshotText, tempFile, heapOf, openOf } from '#test/fixtures/heap/build.ts';
import type { BuildOptions, TestHeap } from '#test/fixtures/heap/build.ts';
import { openHeap } from '#main/heap/open.ts';
import { SYSTEM_DISTANCE } from '#shared/model/heap.ts';

/** Values of all nodes by key. */
function byKey<T>({ heap, key }: TestHeap, value: (ordinal: number) => T): Record<string, T> {
  return Object.fromEntries(Array.from({ length: heap.nodeCount }, (_, node) => [key(node), value(node)]));
}

async function shallow(text: string, options?: BuildOptions): Promise<Record<string, number>> {
  const built = await openOf(text, options);
  return byKey(built, (node) => built.heap.shallow[node]!);
}

async function retained(text: string): Promise<Record<string, number>> {
  const built = await heapOf(text);
  return byKey(built, (node) => built.heap.analysis!.retained[node]!);
}

async function distances(text: string): Promise<Record<string, number | null>> {
  const built = await heapOf(text);
  return byKey(built, (node) => nodeRef(built.heap, node).distance);
}

describe('shallow sizes: hidden parts count at their owner', () => {
  const cases: [name: string, text: string, expected: Record<string, number>][] = [
    ['an array of one object', 'root -> !a; a:10 -> {e} e; e:5 (array)', { a: 15, e: 0 }],
    ['through several hidden nodes', 'root -> !a; a:10 -> {e} e; e:5 (array) -> {f} f; f:3 (hidden)', { a: 18, e: 0, f: 0 }],
    ['two owners: it stays where it is', 'root -> !a, !b; a:10 -> {e} e; b:10 -> {e} e; e:5 (array)', { a: 10, b: 10, e: 5 }],
    ['two owners of the second: only that stays', 'root -> !a, !b; a:10 -> {e} e; e:5 (array) -> {f} f; b:10 -> {f} f; f:3 (hidden)', { a: 15, e: 0, f: 3 }],
    ['weak edges own nothing', 'root -> !a; a:10 -> ~e; e:5 (array)', { a: 10, e: 5 }],
    ['groups of roots get nothing', 'root -> !a, s; a:10; s (synthetic) -> {e} e; e:5 (array)', { e: 5 }],
    ['external strings', 'root -> !a; a:10 -> {e} e; e:5 (native) "system / ExternalStringData"', { a: 15, e: 0 }],
    ['other native nodes stay', 'root -> !a; a:10 -> {e} e; e:5 (native) "Other"', { a: 10, e: 5 }],
    ['without user roots nothing moves', 'root -> s; s (synthetic) -> a; a:10 -> {e} e; e:5 (array)', { a: 10, e: 5 }],
    ['beyond 4 GiB', 'root -> !a; a:4000000000 -> {e} e; e:4000000000 (array)', { a: 8_000_000_000, e: 0 }],
  ];
  it.each(cases)('%s', async (_name, text, expected) => {
    expect(await shallow(text)).toMatchObject(expected);
  });

  it('does not move sizes of a Python snapshot', async () => {
    expect(await shallow('root -> !a; a:10 -> {e} e; e:5 (array)', { python: true })).toMatchObject({ a: 10, e: 5 });
  });
});

describe('edges that do not count for retained sizes', () => {
  const entry = 'part of key (Key @5) -> value (Value @7) pair in WeakMap (table @3)';
  const cases: [name: string, text: string, expected: Record<string, number>][] = [
    ['shortcuts, except from the root', 'root -> !a, !b; a:10 -> !c; b:20 -> c; c:5', { a: 10, b: 25 }],
    ['from outside into what the page owns', 'root -> !a, debug; a:10 -> c; debug:20 -> c; c:5', { a: 15, debug: 20 }],
    [
      'the half of a WeakMap entry that the table has',
      `root -> !table, !key; table@3:10 -> {1 / ${entry}} value; key@5:20 -> {2 / ${entry}} value; value@7:5`,
      { table: 10, key: 25 },
    ],
  ];
  it.each(cases)('%s', async (_name, text, expected) => {
    expect(await retained(text)).toMatchObject(expected);
  });
});

describe('distances', () => {
  const entry = 'part of key (Key @5) -> value (Value @7) pair in WeakMap (table @3)';
  const cases: [name: string, text: string, expected: Record<string, number | null>][] = [
    ['count from the user roots', 'root -> !a; a -> b; b -> c; c -> a', { root: SYSTEM_DISTANCE, a: 1, b: 2, c: 3 }],
    ['and behind them from the root', 'root -> !a, s; a -> b; s (synthetic) -> c; c -> b', { b: 2, s: SYSTEM_DISTANCE + 1, c: SYSTEM_DISTANCE + 2 }],
    ['without user roots from the root', 'root -> s; s (synthetic) -> a', { root: 0, s: 1, a: 2 }],
    ['DOM trees are user roots', 'root -> [0] d; d (synthetic) "(Document DOM trees)" -> a', { d: 1, a: 2 }],
    ['not through weak edges', 'root -> !a; a -> ~b; b -> c', { a: 1, b: null, c: null }],
    [
      'values of WeakMaps from the later of key and table',
      `root -> !table, !x; table@3 -> {1 / ${entry}} value; x@99 -> y; y@97 -> key; key@5 -> {2 / ${entry}} value; value@7`,
      { table: 1, key: 3, value: 4 },
    ],
    [
      'not through sloppy function maps',
      'root -> !a; a -> {n} n; n (hidden) "system / NativeContext" -> {sloppy_function_map} m, {other} o; m (hidden)',
      { n: 2, m: null, o: 3 },
    ],
    [
      'not through descriptors, which are every third element from the fourth on',
      'root -> !a; a -> {d} d; d (array) "(map descriptors)" -> <0> p, <1> q, <3> r, <4> s, <7> t, <8> u',
      { d: 2, p: 3, q: 3, r: 3, s: null, t: null, u: 3 },
    ],
  ];
  it.each(cases)('%s', async (_name, text, expected) => {
    expect(await distances(text)).toMatchObject(expected);
  });
});

describe('classes', () => {
  async function classes(text: string, options?: BuildOptions): Promise<Record<string, string>> {
    const built = await openOf(text, options);
    return byKey(built, (node) => className(built.heap, built.heap.classOf[node]!));
  }

  it('follow the kind', async () => {
    const text = `root -> a, b, c, d, e, f, g, h, i; a (object Foo); b (hidden) "x"; c (code) "x"; d (closure) "fn"; e (regexp) "/x/";
      f (string) "text"; g (concatenated string) ""; h (native) "Blob"; i (array) "x"`;
    expect(await classes(text)).toMatchObject({
      a: 'Foo', b: '(system)', c: '(compiled code)', d: 'Function', e: 'RegExp', f: '(string)',
      g: '(concatenated string)', h: 'Blob', i: '(array)', root: '(synthetic)',
    });
  });

  it('of DOM nodes are their tags', async () => {
    const text = `root -> a, b, c; a (native) "<div id='x'>"; b (native) "<div>"; c (native) "Detached <div id='x'>"`.replaceAll("'", '=');
    expect(await classes(text)).toMatchObject({ a: '<div>', b: '<div>', c: 'Detached <div>' });
  });

  it.each([
    ['the tag comes first', 'a (native) "<p>"; b (native) "<p id=1>"; c (native) "Detached <p>"'],
    ['the tag comes last', 'b (native) "<p id=1>"; a (native) "<p>"; c (native) "Detached <p>"'],
  ])('of DOM nodes are one for a tag with attributes and without: %s', async (_name, lines) => {
    const nodes = parseNodes(`root -> .b b, .a a, .c c, .d d; ${lines}; d (native) "<p class=x>"`);
    for (const node of nodes) node.detachedness = node.key === 'd' ? 2 : 0;
    const heap = await openHeap(tempFile(snapshotText(nodes)));
    const of = (key: string): number => heap.classOf[nodes.findIndex((node) => node.key === key)]!;
    expect(of('b')).toBe(of('a'));
    expect(of('d')).toBe(of('c'));
    expect([className(heap, of('a')), className(heap, of('c'))]).toEqual(['<p>', 'Detached <p>']);
  });

  it('of plain objects are the properties that many share', async () => {
    const text = `root -> a, b, c, d, e, f; a (object Object) -> .x v, .y v, .__proto__ p; b (object Object) -> .x v, .y v;
      c (object Object) -> .y v, .x v, .z v; d (object Object) -> .q v; e (object Object); f (object Foo) -> .x v, .y v`;
    expect(await classes(text)).toMatchObject({
      a: '{x, y}', b: '{x, y}', c: '{x, y}', d: 'Object', e: 'Object', f: 'Foo',
    });
  });

  it('prefers the interface with most properties, then the more frequent one', async () => {
    const objects = (prefix: string, count: number, properties: string): string =>
      Array.from({ length: count }, (_, i) => `${prefix}${i} (object Object) -> ${properties}`).join(';');
    const text = `root -> v; ${objects('a', 3, '.x v')}; ${objects('b', 2, '.x v, .y v')}; ${objects('c', 4, '.y v')}`;
    expect(await classes(text)).toMatchObject({ a0: '{x}', b0: '{x, y}', c0: '{y}' });
  });

  it('of one name are told apart by source position', async () => {
    const built = await openOf('root -> a, b, c, d; a (object Foo); b (object Foo); c (object Foo); d (object Foo)', {
      locations: { a: [1, 2, 3], b: [1, 9, 3], c: [1, 2, 3] },
    });
    const { classOf } = built.heap;
    expect(classOf[built.at('a')]).toBe(classOf[built.at('c')]);
    expect(new Set(['a', 'b', 'd'].map((key) => classOf[built.at(key)])).size).toBe(3);
    expect(objectDetails(built.heap, built.at('b')).location).toEqual({ scriptId: 1, script: null, line: 9, column: 3 });
    expect(objectDetails(built.heap, built.at('d')).location).toBeNull();
  });
});

describe('detached DOM nodes', () => {
  it('spread over native nodes, attached first', async () => {
    const nodes = parseNodes(
      `root -> !win; win (native) "Window" -> a, .j j; a (native) "<body>" -> .both both; x (native) "<div id>" -> .both both, .own own, ~w;
       both (native) "<p>"; own (native) "<b>"; w (native) "<i>"; j (object J) -> .n n; n (native) "<u>"`,
    );
    for (const node of nodes) node.detachedness = node.key === 'win' ? 1 : node.key === 'x' ? 2 : 0;
    const heap = await openHeap(tempFile(snapshotText(nodes)));
    const state = Object.fromEntries(nodes.map((node, ordinal) => [node.key, [nodeName(heap, ordinal), nodeRef(heap, ordinal).detached ?? false]]));
    expect(state).toMatchObject({
      win: ['Window', false],
      a: ['<body>', false],
      both: ['<p>', false],
      x: ['Detached <div id>', true],
      own: ['Detached <b>', true],
      w: ['<i>', false],
      n: ['<u>', false],
    });
    expect(className(heap, heap.classOf[nodes.findIndex(({ key }) => key === 'x')]!)).toBe('Detached <div>');
  });
});

describe('names', () => {
  it('put concatenated strings together and list the properties of plain objects', async () => {
    const built = await openOf(
      `root -> s, o; s (concatenated string) "" -> {first} a, {second} t; t (concatenated string) "" -> {first} b, {second} c;
       a (string) "one "; b (string) "two "; c (string) "three"; o (object Object) -> .x a, .y b, [0] c, .__proto__ p`,
    );
    expect(nodeName(built.heap, built.at('s'))).toBe('one two three');
    expect(nodeName(built.heap, built.at('s'), 8)).toBe('one two…');
    expect(nodeName(built.heap, built.at('o'))).toBe('{x, y}');
    expect(objectDetails(built.heap, built.at('s'))).toMatchObject({ value: 'one two three', valueCut: false, fields: 2 });
  });

  it('come to an end with concatenated strings that contain themselves', async () => {
    const built = await openOf('root -> s; s (concatenated string) "" -> {first} a, {second} s; a (string) "x"');
    expect(nodeName(built.heap, built.at('s'), 50).length).toBeLessThanOrEqual(50);
    const empty = await openOf('root -> s; s (concatenated string) "" -> {first} s, {second} s');
    expect(nodeName(empty.heap, empty.at('s'))).toBe('…');
  });
});
