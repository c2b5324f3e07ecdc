import type { WeakMapNames } from './heap.ts';
import { PAGE_BYTES, rawString } from './strings.ts';
import type { StringTable } from './strings.ts';

/**
 * V8 writes each WeakMap entry as two edges, from the key and from the table, whose names differ only in the leading
 * number: `12 / part of key (K @3) -> value (V @5) pair in WeakMap (table @7)`. This finds those names.
 */
const ENTRY = /^\d+( \/ part of key \(.*? @\d+\) -> value \(.*? @\d+\) pair in WeakMap \(table @(\d+)\))$/;
const MARK = new TextEncoder().encode(' / part of key (');
/** Longest name looked at; both object names in it are class names or strings cut by V8 at 1,024 characters. */
const MAX_NAME_BYTES = 16_384;

/** O(strings); only those that begin like an entry are decoded. */
export function findWeakMapNames(table: StringTable): WeakMapNames {
  const strings: number[] = [];
  const pairs: number[] = [];
  const tableIds: number[] = [];
  const pairNumbers = new Map<string, number>();
  const { starts, pages, count } = table;
  const decoder = new TextDecoder();
  for (let index = 0; index < count; index++) {
    const start = starts[index]!;
    const pageIndex = Math.floor(start / PAGE_BYTES);
    const first = pages[pageIndex]![start - pageIndex * PAGE_BYTES]! - 0x30;
    if (first >>> 0 > 9 || !hasMark(table, index)) continue;
    const raw = rawString(table, index, MAX_NAME_BYTES);
    const match = ENTRY.exec(decoder.decode(raw.bytes.subarray(raw.from, raw.to)));
    if (!match) continue;
    const text = match[1]!;
    let pair = pairNumbers.get(text);
    if (pair === undefined) {
      pair = pairNumbers.size;
      pairNumbers.set(text, pair);
    }
    strings.push(index);
    pairs.push(pair);
    tableIds.push(Number(match[2]));
  }
  return {
    string: Uint32Array.from(strings),
    pair: Uint32Array.from(pairs),
    tableId: Float64Array.from(tableIds),
  };
}

function hasMark(table: StringTable, index: number): boolean {
  const raw = rawString(table, index, 16 + MARK.length);
  let at = raw.from;
  while (at < raw.to && (raw.bytes[at]! - 0x30) >>> 0 <= 9) at++;
  if (raw.to - at < MARK.length) return false;
  for (let i = 0; i < MARK.length; i++) if (raw.bytes[at + i] !== MARK[i]) return false;
  return true;
}
