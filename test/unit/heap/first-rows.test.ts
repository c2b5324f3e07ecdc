import { describe, expect, it } from 'vitest';

import { firstByNumber, firstByText, FIRST_ROWS, namePrefix } from '#main/heap/first-rows.ts';
import { matchStrings, requiredText, textFilter } from '#main/heap/filter.ts';
import { nodeSetRows } from '#main/heap/nodes.ts';
import { openHeap } from '#main/heap/open.ts';
import { orderByNumber, orderByText, textPrefix } from '#main/heap/order.ts';
import { stringOf } from '#main/heap/strings.ts';
import { tempFile } from '#test/fixtures/heap/build.ts';
import { mulberry32, writeSyntheticSnapshot } from '#test/fixtures/heap/generate.ts';

const COUNT = 60_000;
const random = mulberry32(7);
const KEYS: Record<string, (i: number) => number> = {
  ascending: (i) => i,
  descending: (i) => COUNT - i,
  'all equal': () => 5,
  'two values': (i) => i % 2,
  'a few large': (i) => (i % 1_000 === 0 ? i : 0),
  'a few small': (i) => (i % 1_000 === 0 ? i : 1e9),
  random: ((values) => (i: number) => values[i]!)(Float64Array.from({ length: COUNT }, () => Math.floor(random() * 5_000))),
  'in waves the sample does not see': (i) => (i % 15 === 0 ? 1_000_000 : i % 977),
};

describe('the first rows', () => {
  for (const [name, key] of Object.entries(KEYS)) {
    for (const descending of [false, true]) {
      it(`are those of the whole order: ${name}, ${descending ? 'descending' : 'ascending'}`, async () => {
        const whole = await orderByNumber(COUNT, key, descending);
        expect(await firstByNumber(COUNT, key, descending)).toEqual(whole.slice(0, FIRST_ROWS));
      });
    }
  }

  it('by text are those of the whole order', async () => {
    const file = tempFile('');
    await writeSyntheticSnapshot(file, { nodes: 150_000 });
    const heap = await openHeap(file);
    const { count } = heap.strings;
    const text = (i: number): string => stringOf(heap, i, 120);
    const prefix = (i: number): number => namePrefix(heap, i, () => text(i));
    for (const descending of [false, true]) {
      const whole = await orderByText(count, text, descending);
      expect(await firstByText(count, prefix, text, descending)).toEqual(whole.slice(0, FIRST_ROWS));
    }
  });

  it.each([
    ['most names begin alike: the order of the file', 250_000, (i: number) => (i % 1_000 === 0 ? 'aa' : i % 500 === 0 ? 'zz' : 'middle ') + String(i)],
    ['some thousands begin alike: sorted by what follows', COUNT, (i: number) => (i % 40 === 0 ? 'alike to ' : 'other to ') + String((i * 7_919) % COUNT)],
    ['fewer than a page come before', COUNT, (i: number) => (i < 700 ? 'before ' : i % 3 === 0 ? 'middle ' : `x${i % 10}`) + String(-i)],
  ])('by text, where %s', async (_name, count, text) => {
    for (const descending of [false, true]) {
      const whole = await orderByText(count, text, descending);
      expect(await firstByText(count, (i) => textPrefix(text(i)), text, descending)).toEqual(whole.slice(0, FIRST_ROWS));
    }
  });

  it('beyond them, pages that are given up while a list is scrolled do not throw the order away', async () => {
    const file = tempFile('');
    await writeSyntheticSnapshot(file, { nodes: 150_000 });
    const heap = await openHeap(file);
    const all = Uint32Array.from({ length: heap.nodeCount }, (_, i) => i);
    const sort = { by: 'shallowBytes', order: 'descending' } as const;
    const asked: Promise<unknown>[] = [];
    for (let page = 0; page < 5; page++) {
      const controller = new AbortController();
      asked.push(nodeSetRows(heap, all, { start: 50_000 + page * 100, end: 50_100 + page * 100, sort }, { signal: controller.signal }));
      controller.abort(new Error('scrolled on'));
    }
    for (const outcome of await Promise.allSettled(asked)) expect(outcome.status).toBe('rejected');
    const { rows } = await nodeSetRows(heap, all, { start: 60_000, end: 60_100, sort });
    const whole = await orderByNumber(heap.nodeCount, (i) => heap.shallow[i]!, true);
    expect(rows.map(({ ordinal }) => ordinal)).toEqual([...whole.slice(60_000, 60_100)]);
  });

  it('join on to the whole order when paging goes on', async () => {
    const file = tempFile('');
    await writeSyntheticSnapshot(file, { nodes: 40_000 });
    const heap = await openHeap(file);
    const all = Uint32Array.from({ length: heap.nodeCount }, (_, i) => i);
    const ids = async (start: number, end: number): Promise<number[]> => {
      const page = await nodeSetRows(heap, all, { start, end });
      expect(page.total).toBe(heap.nodeCount);
      return page.rows.map(({ ordinal }) => ordinal);
    };
    const early = [...(await ids(0, 500)), ...(await ids(500, 1_000))];
    const late = [...(await ids(1_000, 1_500)), ...(await ids(0, 500)), ...(await ids(500, 1_000))];
    expect(late.slice(500)).toEqual(early);
    expect(new Set([...early, ...late]).size).toBe(1_500);
  });
});

it('text is found in bytes where it is found in decoded names', async () => {
  const file = tempFile('');
  await writeSyntheticSnapshot(file, { nodes: 150_000 });
  const heap = await openHeap(file);
  for (const text of ['session', 'E', ',', '"', 'system / map', 'ss', '1', 'no such thing']) {
    const found = await matchStrings(heap, textFilter(text)!);
    const differing: number[] = [];
    for (let i = 0; i < heap.strings.count; i++) {
      const expected = stringOf(heap, i, 8_000).toLowerCase().includes(text.toLowerCase()) ? 1 : 0;
      if (found[i] !== expected) differing.push(i);
    }
    expect(differing, text).toEqual([]);
  }
});

describe('the text that every match of an expression holds', () => {
  it.each([
    ['session', '', 'session'],
    ['se[rs]s?', 'i', 'se'],
    ['^Sess.*ion$', '', 'sess'],
    ['abc?de', '', 'ab'],
    ['ab+cd', '', 'ab'],
    ['ab{0,2}cde', '', 'cde'],
    ['ab|cd', '', ''],
    ['(ab)?cd', '', ''],
    ['[a\\]b]cd', '', 'cd'],
    ['\\x41bc', '', ''],
    ['kk', 'iu', ''],
    ['a.b', '', ''],
  ])('/%s/%s: %j', (source, flags, text) => {
    expect(requiredText(source, flags)).toBe(text);
  });
});
