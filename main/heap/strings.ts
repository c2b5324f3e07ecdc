import { MAX_ROW_TEXT } from '#shared/model/heap.ts';

import type { Column } from './columns.ts';

/**
 * The strings of a snapshot as the file has them: escaped UTF-8, in pages, with the offset of each first byte.
 * Text is made only for what is shown.
 */
export interface StringTable {
  readonly pages: readonly Uint8Array[];
  /** Offset behind the opening quote, one per string. */
  readonly starts: Column;
  readonly count: number;
  /** Bytes of the section. */
  readonly bytes: number;
}

/** Page size; a power of two so that offsets split by shifting. */
export const PAGE_BITS = 22;
export const PAGE_BYTES = 1 << PAGE_BITS;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** A string's raw bytes; `cut` when there are more than asked for. */
export interface RawString {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
  readonly escaped: boolean;
  readonly cut: boolean;
}

const decoder = new TextDecoder();

/** Finds the raw bytes of a string, at most `maxBytes`. The result is a view; do not keep it. */
export function rawString(table: StringTable, index: number, maxBytes: number): RawString {
  if (!(index >= 0 && index < table.count)) throw new RangeError(`No string ${index} in a table of ${table.count}`);
  const start = table.starts[index]!;
  const pageIndex = Math.floor(start / PAGE_BYTES);
  const page = table.pages[pageIndex]!;
  const from = start - pageIndex * PAGE_BYTES;
  const limit = Math.min(page.length, from + maxBytes);
  let escaped = false;
  let to = from;
  while (to < limit) {
    const byte = page[to]!;
    if (byte === QUOTE) return { bytes: page, from, to, escaped, cut: false };
    if (byte === BACKSLASH) {
      escaped = true;
      to++;
    }
    to++;
  }
  if (limit < page.length && to <= limit) return { bytes: page, from, to, escaped, cut: true };
  return acrossPages(table, start, maxBytes);
}

/** The rare string that does not end in its page: copied together. */
function acrossPages(table: StringTable, start: number, maxBytes: number): RawString {
  const wanted = Math.min(maxBytes + 2, table.bytes - start);
  let joined = new Uint8Array(Math.min(wanted, 4096));
  let escaped = false;
  let length = 0;
  const byteAt = (offset: number): number => {
    const page = Math.floor(offset / PAGE_BYTES);
    return table.pages[page]![offset - page * PAGE_BYTES]!;
  };
  while (length < wanted) {
    const byte = byteAt(start + length);
    if (byte === QUOTE) return { bytes: joined, from: 0, to: length, escaped, cut: false };
    if (length >= maxBytes) break;
    const take = byte === BACKSLASH ? 2 : 1;
    if (byte === BACKSLASH) escaped = true;
    if (length + take > joined.length) {
      const grown = new Uint8Array(Math.min(wanted, joined.length * 2) + 2);
      grown.set(joined);
      joined = grown;
    }
    for (let i = 0; i < take; i++) {
      joined[length] = byteAt(start + length);
      length++;
    }
  }
  return { bytes: joined, from: 0, to: length, escaped, cut: true };
}

/** Text of string number `index` of a heap, at most `maxChars` UTF-16 units; longer ones end in `…`. */
export function stringOf(heap: { readonly strings: StringTable }, index: number, maxChars?: number): string {
  return textOf(heap.strings, index, maxChars);
}

/** Text of a string, at most `maxChars` UTF-16 units; longer ones end in `…`. */
export function textOf(table: StringTable, index: number, maxChars: number = MAX_ROW_TEXT): string {
  return cutText(table, index, maxChars).text;
}

/** As `textOf`, and says whether it was cut. */
export function cutText(table: StringTable, index: number, maxChars: number): { text: string; cut: boolean } {
  // One UTF-16 unit takes at most six bytes (\uXXXX), so these bytes hold at least maxChars units.
  const raw = rawString(table, index, maxChars * 6 + 6);
  const text = decode(raw);
  if (!raw.cut && text.length <= maxChars) return { text, cut: false };
  return { text: cutAt(text, maxChars), cut: true };
}

/** Cuts text without splitting a surrogate pair, and marks the cut. */
export function cutAt(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  let end = Math.max(0, maxChars - 1);
  const last = text.charCodeAt(end - 1);
  if (last >= 0xd800 && last <= 0xdbff) end--;
  return `${text.slice(0, end)}…`;
}

function decode(raw: RawString): string {
  const length = raw.to - raw.from;
  const text =
    length <= 24 && !raw.escaped
      ? shortText(raw)
      : decoder.decode(raw.bytes.buffer instanceof ArrayBuffer ? raw.bytes.subarray(raw.from, raw.to) : raw.bytes.slice(raw.from, raw.to));
  return raw.escaped ? unescapeJson(text) : text;
}

/** Short plain ASCII needs no decoder. */
function shortText(raw: RawString): string {
  let text = '';
  for (let p = raw.from; p < raw.to; p++) {
    const byte = raw.bytes[p]!;
    if (byte >= 0x80) return decoder.decode(raw.bytes.slice(raw.from, raw.to));
    text += String.fromCharCode(byte);
  }
  return text;
}

const ESCAPES: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', '/': '/' };

/** Resolves JSON escapes; unlike JSON.parse it takes a text that was cut, or that holds raw control characters. */
function unescapeJson(text: string): string {
  try {
    return JSON.parse(`"${text}"`) as string; // four times faster, where the text is what JSON allows
  } catch {
    // it is not
  }
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|(.?))/gs, (_whole, hex: string | undefined, letter: string | undefined) =>
    hex === undefined ? (ESCAPES[letter ?? ''] ?? letter ?? '') : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
