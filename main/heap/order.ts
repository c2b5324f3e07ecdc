import { quiet } from './filter.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';

/**
 * Sorts 0 … count − 1 by a numeric key (finite, not negative) with a radix sort: stable, linear, and it can stop
 * between slices, which Array.sort cannot. 16 bits a pass, as many passes as the largest key needs.
 */
export async function orderByNumber(
  count: number,
  key: (index: number) => number,
  descending: boolean,
  run?: RunOptions,
): Promise<Uint32Array> {
  const signal = quiet(run);
  const keys = new Float64Array(count);
  let most = 0;
  await inSlices(signal, 'aggregates', count, 1 << 16, (from, to) => {
    for (let i = from; i < to; i++) {
      const value = key(i);
      keys[i] = value;
      if (value > most) most = value;
    }
  });
  let order = Uint32Array.from({ length: count }, (_, i) => i);
  let other = new Uint32Array(count);
  for (let divisor = 1; divisor <= most && divisor < 2 ** 64; divisor *= 65_536) {
    const starts = new Uint32Array(65_537);
    const digit = (index: number): number => {
      const low = Math.floor(keys[index]! / divisor) % 65_536;
      return descending ? 65_535 - low : low;
    };
    await inSlices(signal, 'aggregates', count, 1 << 16, (from, to) => {
      for (let i = from; i < to; i++) starts[digit(i) + 1]!++;
    });
    for (let d = 0; d < 65_536; d++) starts[d + 1]! += starts[d]!;
    const source = order;
    const target = other;
    await inSlices(signal, 'aggregates', count, 1 << 16, (from, to) => {
      for (let i = from; i < to; i++) {
        const index = source[i]!;
        target[starts[digit(index)]!++] = index;
      }
    });
    order = target;
    other = source;
  }
  return order;
}

/** Runs of equal prefixes longer than this stay in file order. */
export const MAX_TEXT_RUN = 100_000;

/**
 * Sorts by text: by the first characters as a number, then the runs that are equal in them. Order is by UTF-16 unit,
 * any case first, so that it does not depend on the machine's language. `prefix` gives `textPrefix` of a text where that
 * can be had for less.
 */
export async function orderByText(
  count: number,
  text: (index: number) => string,
  descending: boolean,
  run?: RunOptions,
  prefix: (index: number) => number = (index) => textPrefix(text(index)),
): Promise<Uint32Array> {
  const prefixes = new Float64Array(count);
  const order = await orderByNumber(count, (i) => (prefixes[i] = prefix(i)), descending, run);
  for (let from = 0; from < count; ) {
    let to = from + 1;
    while (to < count && prefixes[order[to]!] === prefixes[order[from]!]) to++;
    if (to - from > 1 && to - from <= MAX_TEXT_RUN) {
      const texts = Array.from(order.subarray(from, to), (index) => ({ index, text: text(index) }));
      const sign = descending ? -1 : 1;
      texts.sort((a, b) => sign * compareText(a.text, b.text) || a.index - b.index);
      texts.forEach((entry, i) => {
        order[from + i] = entry.index;
      });
    }
    from = to;
  }
  return order;
}

/** Characters that are sorted by as one number: six bytes are exact in it. */
export const PREFIX_CHARS = 6;

/** The beginning of a text as a number, in any case. */
export function textPrefix(text: string): number {
  const start = text.toLowerCase();
  let value = 0;
  for (let i = 0; i < PREFIX_CHARS; i++) value = value * 256 + Math.min(255, i < start.length ? start.charCodeAt(i) : 0);
  return value;
}

export function compareText(a: string, b: string): number {
  const lowerA = a.toLowerCase();
  const lowerB = b.toLowerCase();
  if (lowerA !== lowerB) return lowerA < lowerB ? -1 : 1;
  return a === b ? 0 : a < b ? -1 : 1;
}
