import type { RowQuery } from '#shared/model/heap.ts';

import { quiet } from './filter.ts';
import type { Heap } from './heap.ts';
import { MAX_TEXT_RUN, orderByText, PREFIX_CHARS, textPrefix } from './order.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';
import { PAGE_BYTES } from './strings.ts';

/**
 * The beginning of an order without the rest of it: what a person sees first of millions of rows. The same rows in the
 * same order as order.ts gives; whoever pages further gets the whole order.
 */

/** Rows that are found at once: the first pages. */
export const FIRST_ROWS = 1_024;
/** Shorter lists are sorted whole. */
const MIN_ROWS = 20_000;

/** Whether a query asks for no more than the first rows of a long list. */
export function wantsFirst(query: RowQuery, count: number): boolean {
  return count >= MIN_ROWS && query.end <= FIRST_ROWS;
}

/**
 * The first of 0 … count − 1 by a numeric key, as `orderByNumber`: equal keys keep their order. A heap of the best so
 * far, whose top is the worst of them: O(count · log FIRST_ROWS) at worst, mostly one comparison each.
 */
export async function firstByNumber(
  count: number,
  key: (index: number) => number,
  descending: boolean,
  run?: RunOptions,
): Promise<Uint32Array> {
  const candidates = await likelyFirst(count, key, descending, run);
  if (candidates) {
    const order = await bestOf(candidates.length, (i) => key(candidates[i]!), descending, run);
    return order.map((i) => candidates[i]!);
  }
  return bestOf(count, key, descending, run);
}

/** Keys looked at to guess which are among the first, and how many more than the first may pass by that guess. */
const SAMPLES = 4_096;
const MAX_CANDIDATES = 64 * FIRST_ROWS;

/**
 * Rows that are no worse than a bound guessed from a sample, of which at least FIRST_ROWS exist; null when the guess was
 * too good or too bad. It spares the heap the lists that come in just the other order, such as ids.
 */
async function likelyFirst(
  count: number,
  key: (index: number) => number,
  descending: boolean,
  run: RunOptions | undefined,
): Promise<number[] | null> {
  if (count < 16 * FIRST_ROWS) return null;
  const step = count / SAMPLES;
  const sample = Float64Array.from({ length: SAMPLES }, (_, i) => key(Math.floor(i * step))).sort();
  const rank = Math.ceil((4 * FIRST_ROWS * SAMPLES) / count);
  const bound = sample[Math.max(0, Math.min(SAMPLES - 1, descending ? SAMPLES - 1 - rank : rank))]!;
  const found: number[] = [];
  await inSlices(quiet(run), 'aggregates', count, 1 << 16, (from, to) => {
    if (found.length > MAX_CANDIDATES) return;
    for (let i = from; i < to; i++) {
      const value = key(i);
      if (descending ? value >= bound : value <= bound) found.push(i);
    }
  });
  return found.length >= FIRST_ROWS && found.length <= MAX_CANDIDATES ? found : null;
}

async function bestOf(
  count: number,
  key: (index: number) => number,
  descending: boolean,
  run: RunOptions | undefined,
): Promise<Uint32Array> {
  const limit = Math.min(count, FIRST_ROWS);
  const keys = new Float64Array(limit);
  const indexes = new Uint32Array(limit);
  const sign = descending ? -1 : 1;
  let size = 0;
  const isWorse = (aKey: number, aIndex: number, b: number): boolean =>
    aKey > keys[b]! || (aKey === keys[b] && aIndex > indexes[b]!);
  /** Puts a row at `hole` or below, so that each parent is worse than its children. */
  const sink = (hole: number, rowKey: number, rowIndex: number, end: number): void => {
    let at = hole;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= end) break;
      if (child + 1 < end && isWorse(keys[child + 1]!, indexes[child + 1]!, child)) child++;
      if (isWorse(rowKey, rowIndex, child)) break;
      keys[at] = keys[child]!;
      indexes[at] = indexes[child]!;
      at = child;
    }
    keys[at] = rowKey;
    indexes[at] = rowIndex;
  };
  await inSlices(quiet(run), 'aggregates', count, 1 << 16, (from, to) => {
    for (let i = from; i < to; i++) {
      const value = key(i) * sign;
      if (size < limit) {
        keys[size] = value;
        indexes[size++] = i;
        if (size === limit) for (let at = (limit >> 1) - 1; at >= 0; at--) sink(at, keys[at]!, indexes[at]!, limit);
      } else if (value < keys[0]!) sink(0, value, i, limit); // an equal one comes later and loses
    }
  });
  const rows = Array.from(indexes, (index, at) => ({ index, key: keys[at]! }));
  rows.sort((a, b) => a.key - b.key || a.index - b.index);
  return Uint32Array.from(rows, ({ index }) => index);
}

/**
 * The first by text, as `orderByText`: whatever begins like one of the first rows is ordered whole, so that runs of
 * equal beginnings are what they are in the whole order. `prefix` is that of `namePrefix`.
 */
export async function firstByText(
  count: number,
  prefix: (index: number) => number,
  text: (index: number) => string,
  descending: boolean,
  run?: RunOptions,
): Promise<Uint32Array> {
  const prefixes = new Float64Array(count);
  await inSlices(quiet(run), 'aggregates', count, 1 << 16, (from, to) => {
    for (let i = from; i < to; i++) prefixes[i] = prefix(i);
  });
  const first = await firstByNumber(count, (i) => prefixes[i]!, descending, run);
  const last = prefixes[first[first.length - 1]!]!;
  const before: number[] = [];
  const ties: number[] = [];
  await inSlices(quiet(run), 'aggregates', count, 1 << 17, (from, to) => {
    for (let i = from; i < to; i++) {
      const value = prefixes[i]!;
      // More ties than are told apart stay in file order: no more of them are needed.
      if (value === last) {
        if (ties.length <= MAX_TEXT_RUN) ties.push(i);
      } else if (descending ? value > last : value < last) before.push(i);
    }
  });
  const ordered = async (rows: readonly number[]): Promise<Uint32Array> => {
    const order = await orderByText(rows.length, (i) => text(rows[i]!), descending, run, (i) => prefixes[rows[i]!]!);
    return order.map((i) => rows[i]!);
  };
  const head = await ordered(before);
  const tail = ties.length > MAX_TEXT_RUN ? ties : await ordered(ties);
  const order = new Uint32Array(Math.min(FIRST_ROWS, count));
  order.set(head);
  for (let at = head.length; at < order.length; at++) order[at] = tail[at - head.length]!;
  return order;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** What a byte of a name counts in its prefix: small letters, 0 at the end; −1 where only the text tells. */
const FOLDED = Int16Array.from({ length: 256 }, (_, byte) => {
  if (byte === QUOTE) return 0;
  if (byte === 0 || byte === BACKSLASH || byte >= 0x80) return -1;
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
});

/** The number that `orderByText` sorts names by first, from the bytes of the string where they are plain. */
export function namePrefix(heap: Heap, string: number, text: () => string): number {
  const { starts, pages } = heap.strings;
  const start = starts[string]!;
  const pageIndex = Math.floor(start / PAGE_BYTES);
  const page = pages[pageIndex]!;
  let at = start - pageIndex * PAGE_BYTES;
  const end = at + PREFIX_CHARS;
  if (end > PAGE_BYTES) return textPrefix(text());
  // Two halves of three bytes, so that the loop has small integers only.
  let high = 0;
  let low = 0;
  let byte = 1;
  for (const middle = at + HALF; at < middle; at++) {
    if (byte > 0) byte = FOLDED[page[at]!]!;
    high = (high << 8) | byte;
  }
  for (; at < end; at++) {
    if (byte > 0) byte = FOLDED[page[at]!]!;
    low = (low << 8) | byte;
  }
  // A byte that does not count made everything behind it negative, and all ones.
  return high < 0 || low < 0 ? textPrefix(text()) : high * 2 ** 24 + low;
}

const HALF = PREFIX_CHARS / 2;
