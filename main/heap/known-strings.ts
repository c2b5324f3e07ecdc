import type { WeakMapNames } from './heap.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';
import { PAGE_BYTES, rawString } from './strings.ts';
import type { StringTable } from './strings.ts';

/**
 * The strings that rules speak of, found in one pass over the table: O(strings), and only those whose first byte
 * fits are looked at any closer.
 */
export interface KnownStrings {
  /** Index of a text of `KNOWN_TEXTS` or a kind's class, −1 when the file does not have it. The first one counts. */
  indexOf(text: string): number;
  readonly weakMaps: WeakMapNames;
}

const KNOWN_TEXTS = [
  '',
  'Object',
  '__proto__',
  'sloppy_function_map',
  'system / NativeContext',
  'system / ExternalStringData',
  '(map descriptors)',
  '(Document DOM trees)',
  '(system)',
  '(compiled code)',
  'Function',
  'RegExp',
];

/**
 * V8 writes each WeakMap entry as two edges, from the key and from the table, whose names differ only in the leading
 * number: `12 / part of key (K @3) -> value (V @5) pair in WeakMap (table @7)`.
 */
const ENTRY = /^\d+ \/ part of key \(.*? @\d+\) -> value \(.*? @\d+\) pair in WeakMap \(table @(\d+)\)$/;
const MARK = new TextEncoder().encode(' / part of key (');
/** Longest name looked at; both object names in it are class names or strings cut by V8 at 1,024 characters. */
const MAX_NAME_BYTES = 16_384;

const QUOTE = 0x22;

/** The texts that are looked for in a file with these kinds of nodes. */
export function knownTexts(nodeKinds: readonly string[]): string[] {
  return [...new Set([...KNOWN_TEXTS, ...nodeKinds.map((kind) => `(${kind})`)])];
}

/** Index by text, as found before. */
export function knownStrings(found: ReadonlyMap<string, number>, weakMaps: WeakMapNames): KnownStrings {
  return { indexOf: (text) => found.get(text) ?? -1, weakMaps };
}

export async function scanStringTable(
  table: StringTable,
  nodeKinds: readonly string[],
  run?: RunOptions,
): Promise<KnownStrings> {
  const texts = knownTexts(nodeKinds);
  const wanted = texts.map((text) => new TextEncoder().encode(text));
  const found = new Map<string, number>();
  const byFirstByte: (number[] | null)[] = new Array<number[] | null>(256).fill(null);
  wanted.forEach((bytes, i) => (byFirstByte[bytes.length > 0 ? bytes[0]! : QUOTE] ??= []).push(i));

  const strings: number[] = [];
  const pairs: number[] = [];
  const tableIds: number[] = [];
  const pairOf = createPairNumbers(table);
  const decoder = new TextDecoder();
  const takeEntry = (index: number): void => {
    const raw = rawString(table, index, MAX_NAME_BYTES);
    const match = ENTRY.exec(decoder.decode(raw.bytes.subarray(raw.from, raw.to)));
    if (!match) return;
    strings.push(index);
    pairs.push(pairOf(index));
    tableIds.push(Number(match[1]));
  };

  const { starts, pages, count } = table;
  await inSlices(run, 'classes', count, 1 << 14, (from, to) => {
    for (let index = from; index < to; index++) {
      const start = starts[index]!;
      const pageIndex = Math.floor(start / PAGE_BYTES);
      const page = pages[pageIndex]!;
      let at = start - pageIndex * PAGE_BYTES;
      const first = page[at]!;
      if ((first - 0x30) >>> 0 <= 9) {
        // Behind the digits: the mark, or, where a page ends, whoever knows how to go on.
        while (at < PAGE_BYTES && (page[at]! - 0x30) >>> 0 <= 9) at++;
        if ((at >= PAGE_BYTES || page[at] === MARK[0]) && hasMark(table, index)) takeEntry(index);
        continue;
      }
      const candidates = byFirstByte[first]!;
      if (candidates === null) continue;
      for (const candidate of candidates) {
        const text = texts[candidate]!;
        if (!found.has(text) && equals(table, index, wanted[candidate]!)) found.set(text, index);
      }
    }
  });
  return knownStrings(found, {
    string: Uint32Array.from(strings),
    pair: Uint32Array.from(pairs),
    tableId: Float64Array.from(tableIds),
  });
}

/**
 * Numbers the texts behind the leading digits: the same number for the same bytes. Only numbers are kept, no texts: a
 * heap may have millions of entries.
 */
function createPairNumbers(table: StringTable): (index: number) => number {
  /** By hash: the first string of each text, and its number. Equal hashes are rare, and go on one behind the other. */
  const byHash = new Map<number, number>();
  const firsts: number[] = [];
  const behindDigits = (index: number): Uint8Array => {
    const { bytes, from, to } = rawString(table, index, MAX_NAME_BYTES);
    let at = from;
    while (at < to && (bytes[at]! - 0x30) >>> 0 <= 9) at++;
    return bytes.subarray(at, to);
  };
  return (index) => {
    const bytes = behindDigits(index);
    let hash = 0x811c9dc5;
    for (let p = 0; p < bytes.length; p++) hash = Math.imul(hash ^ bytes[p]!, 0x01000193);
    for (; ; hash++) {
      const found = byHash.get(hash | 0);
      if (found === undefined) {
        byHash.set(hash | 0, firsts.length);
        return firsts.push(index) - 1;
      }
      const other = behindDigits(firsts[found]!);
      if (other.length === bytes.length && other.every((byte, p) => byte === bytes[p])) return found;
    }
  };
}

function equals(table: StringTable, index: number, bytes: Uint8Array): boolean {
  const raw = rawString(table, index, bytes.length + 1);
  if (raw.cut || raw.to - raw.from !== bytes.length) return false;
  for (let i = 0; i < bytes.length; i++) if (raw.bytes[raw.from + i] !== bytes[i]) return false;
  return true;
}

function hasMark(table: StringTable, index: number): boolean {
  const raw = rawString(table, index, 16 + MARK.length);
  let at = raw.from;
  while (at < raw.to && (raw.bytes[at]! - 0x30) >>> 0 <= 9) at++;
  if (raw.to - at < MARK.length) return false;
  for (let i = 0; i < MARK.length; i++) if (raw.bytes[at + i] !== MARK[i]) return false;
  return true;
}
