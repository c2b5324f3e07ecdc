import { describe, expect, it } from 'vitest';

import { heapOf } from '#test/fixtures/heap/build.ts';

/** Retained bytes of the keys, as text. */
async function retained(text: string): Promise<Record<string, number>> {
  const { heap, key } = await heapOf(text);
  return Object.fromEntries(Array.from(heap.analysis!.retained, (bytes, ordinal) => [key(ordinal), bytes]));
}

/** Immediate dominators by key. */
async function dominators(text: string): Promise<Record<string, string>> {
  const { heap, key } = await heapOf(text);
  return Object.fromEntries(Array.from(heap.analysis!.dominator, (above, ordinal) => [key(ordinal), key(above)]));
}

describe('retained sizes', () => {
  const cases: [name: string, text: string, expected: Record<string, number>][] = [
    ['a chain', 'root -> a; a:1 -> b; b:2 -> c; c:4', { a: 7, b: 6, c: 4, root: 7 }],
    ['a diamond', 'root -> a; a:1 -> b, c; b:2 -> d; c:4 -> d; d:8', { a: 15, b: 2, c: 4, d: 8 }],
    ['a cycle held from outside', 'root -> a; a:1 -> b; b:2 -> c; c:4 -> a', { a: 7, b: 6, c: 4 }],
    [
      'an object that holds a two-cycle that holds 10 MB',
      'root -> a; a:1 -> x; x:1 -> y; y:1 -> x, big; big:10000000',
      { a: 10_000_003, x: 10_000_002, y: 10_000_001 },
    ],
    ['a cycle entered at both ends', 'root -> a, b; a:1 -> b; b:2 -> a', { a: 1, b: 2, root: 3 }],
    ['an edge to itself', 'root -> a; a:1 -> .self a, b; b:2', { a: 3, b: 2 }],
    ['the same target twice', 'root -> a; a:1 -> .x b, .y b; b:2', { a: 3, b: 2 }],
    ['two roots', 'root -> !a, !b; a:1 -> c; b:2 -> c; c:4', { a: 1, b: 2, c: 4 }],
    ['a weak edge', 'root -> a, b; a:1 -> ~c; b:2 -> c; c:4', { a: 1, b: 6 }],
    ['only weak edges: a root of its own', 'root -> a; a:1 -> ~b; b:2 -> c; c:4', { a: 1, b: 6, root: 7 }],
    ['an unreachable tree', 'root -> a; a:1; b:2 -> c; c:4', { a: 1, b: 6, c: 4, root: 7 }],
    ['an unreachable tree that points into the reachable', 'root -> a; a:1 -> c; b:2 -> c; c:4', { a: 1, b: 2, c: 4 }],
    ['a cycle that holds itself', 'root -> a; a:1; x:2 -> y; y:4 -> x', { a: 1, x: 2, y: 4, root: 7 }],
    ['such a cycle that points into the reachable', 'root -> a; a:1 -> b; b:8; x:2 -> y; y:4 -> x, b', { a: 9, x: 2, y: 4 }],
    ['a loop with two exits', 'root -> a; a:1 -> b; b:2 -> c, d; c:4 -> b, e; d:8 -> e; e:16', { a: 31, b: 30, c: 4, d: 8, e: 16 }],
    [
      'the graph of Lengauer and Tarjan',
      `r -> a, b, c; a -> d; b -> a, d, e; c -> f, g; d -> l; e -> h; f -> i; g -> i, j; h -> e, k; i -> k; j -> i;
       k -> i, r; l -> h`,
      { r: 12, a: 1, b: 1, c: 4, d: 2, g: 2, i: 1, k: 1 },
    ],
  ];
  it.each(cases)('%s', async (_name, text, expected) => {
    expect(await retained(text)).toMatchObject(expected);
  });

  it('knows the dominators of the graph of Lengauer and Tarjan', async () => {
    const text = `r -> a, b, c; a -> d; b -> a, d, e; c -> f, g; d -> l; e -> h; f -> i; g -> i, j; h -> e, k; i -> k;
      j -> i; k -> i, r; l -> h`;
    expect(await dominators(text)).toEqual({
      r: 'r', a: 'r', b: 'r', c: 'r', d: 'r', e: 'r', f: 'c', g: 'c', h: 'r', i: 'r', j: 'g', k: 'r', l: 'd',
    });
  });

  it('does not wrap beyond 4 GiB', async () => {
    const sizes = await retained('root -> a; a:5000000000 -> b; b:6000000000');
    expect(sizes).toMatchObject({ a: 11_000_000_000, b: 6_000_000_000 });
  });
});
