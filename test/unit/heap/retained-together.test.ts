import { expect, test } from 'vitest';
import { retainedTogether } from '#main/heap/object-sets.ts';
import { heapOf } from '#test/fixtures/heap/build.ts';

test.each([
  ['one object', 'root -> a, x; a:1 -> b; b:2 -> c; c:4; x:1', ['b'], ['b', 'c']],
  ['one inside of another counts once', 'root -> a; a:1 -> b; b:2 -> c; c:4', ['c', 'a'], ['a', 'b', 'c']],
  ['what others hold as well stays', 'root -> a, b, x; a:1 -> c, s; b:1 -> d; c:1; d:1; x:1 -> s; s:1', ['a', 'b'], ['a', 'b', 'c', 'd']],
  ['objects that no root reaches', 'root -> a; a:1; u:2 -> v; v:4', ['u', 'a'], ['a', 'u', 'v']],
])('%s', async (_name, text, asked, expected) => {
  const { heap, at, key } = await heapOf(text);
  const found = await retainedTogether(heap, Uint32Array.from(asked, at).sort());
  expect([...found].map(key).sort()).toEqual(expected);
});
