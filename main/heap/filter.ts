import { createContext, Script } from 'node:vm';
import type { Context } from 'node:vm';

import type { Column } from './columns.ts';
import { filterError } from './errors.ts';
import type { Heap } from './heap.ts';
import { native } from './native.ts';
import type { NativeLoops } from './native.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';
import { PAGE_BYTES, rawString, textOf } from './strings.ts';
import type { StringTable } from './strings.ts';

/** Tests texts; throws FilterError when a pattern is bad or takes too long. */
export interface TextFilter {
  /** One byte per text, 1 where it matches. */
  test(texts: readonly string[]): Uint8Array;
  /** Lower-case ASCII that every match holds, to look for in raw bytes; null where only decoded text will do. */
  readonly needle: Uint8Array | null;
  /** What holds the needle matches. */
  readonly needleIsAll: boolean;
}

/** Longest filter that is accepted. */
const MAX_FILTER_CHARS = 1_000;

/** A pattern may take this long on one batch of names; sound ones take about a millisecond. */
const BATCH_MS = 200;
const BATCH_TEXTS = 8_192;

/** Text that a regex sees of one name: matching is at worst exponential in it. */
const REGEX_TEXT = 1_000;

/** `/pattern/flags` is a regular expression, everything else is looked for as it is, in any case. Null: no filter. */
export function textFilter(filter: string | undefined): TextFilter | null {
  const wanted = filter?.trim() ?? '';
  if (wanted === '') return null;
  if (wanted.length > MAX_FILTER_CHARS) throw filterError(`The filter is longer than ${MAX_FILTER_CHARS} characters.`);
  const pattern = /^\/(.+)\/([a-z]*)$/s.exec(wanted);
  return pattern ? regexFilter(pattern[1]!, pattern[2]!) : plainFilter(wanted);
}

function plainFilter(wanted: string): TextFilter {
  const lower = wanted.toLowerCase();
  const ascii = /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/.test(lower);
  return {
    test: (texts) => Uint8Array.from(texts, (text) => (text.toLowerCase().includes(lower) ? 1 : 0)),
    needle: ascii ? new TextEncoder().encode(lower) : null,
    needleIsAll: true,
  };
}

/** Runs inside a context of its own, so that a pattern that backtracks without end can be stopped from outside. */
const SETUP_SCRIPT = new Script(
  'function batch(pattern, texts, found) { for (let i = 0; i < texts.length; i++) if (pattern.test(texts[i])) found[i] = 1; }',
);
/** Calls a function that stays, so that the compiler gets to know it. */
const BATCH_SCRIPT = new Script('batch(pattern, texts, found)');

function regexFilter(source: string, flags: string): TextFilter {
  let pattern: RegExp;
  try {
    pattern = new RegExp(source, flags.replace(/[gy]/g, ''));
  } catch (error) {
    throw filterError(error instanceof Error ? `${error.message}.` : 'The regular expression is not valid.');
  }
  const globals = { pattern, texts: [] as readonly string[], found: new Uint8Array(0) };
  const context = createContext(globals);
  SETUP_SCRIPT.runInContext(context);
  const literal = requiredText(source, flags);
  return {
    needle: literal === '' ? null : new TextEncoder().encode(literal),
    needleIsAll: false,
    test(texts) {
      const found = new Uint8Array(texts.length);
      globals.texts = texts;
      globals.found = found;
      if (!runWithin(context)) {
        throw filterError(`The regular expression /${source}/ takes too long on these names; make it simpler.`);
      }
      return found;
    },
  };
}

/**
 * The longest text that every match of an expression holds, in lower case; empty where that is not plain to see. It is
 * looked for first, in the bytes: most names need not be decoded then.
 */
export function requiredText(source: string, flags: string): string {
  // Alternatives and groups need not match at all; the Unicode flags let letters match that are no ASCII.
  if (/[|()]/.test(source) || /[uv]/.test(flags)) return '';
  let best = '';
  let run = '';
  const end = (): void => {
    if (run.length > best.length) best = run;
    run = '';
  };
  for (let at = 0; at < source.length; at++) {
    const char = source[at]!;
    if (/[A-Za-z0-9 _:@#=<>~-]/.test(char)) run += char;
    else if (char === '?' || char === '*' || char === '{') {
      run = run.slice(0, -1); // the character before may be missing
      end();
      if (char === '{') at = Math.max(at, source.indexOf('}', at));
    } else {
      end();
      if (char === '\\') return ''; // an escape may be longer than a character
      if (char === '[') for (at++; at < source.length && source[at] !== ']'; at++) if (source[at] === '\\') at++;
    }
  }
  end();
  return best.length >= 2 ? best.toLowerCase() : '';
}

/**
 * Runs a batch; false when it used up its time. The limit of `vm` is by the clock, which also runs while a busy machine
 * lets us wait: such a batch gets more of it.
 */
function runWithin(context: Context): boolean {
  for (let timeout = BATCH_MS; ; timeout *= 2) {
    const before = process.cpuUsage();
    try {
      BATCH_SCRIPT.runInContext(context, { timeout });
      return true;
    } catch (error) {
      // The error comes out of another realm: it is no instance of our Error.
      if ((error as { code?: unknown } | null)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    }
    const usedMs = process.cpuUsage(before).user / 1_000;
    if (usedMs >= BATCH_MS / 2 || timeout >= BATCH_MS * 16) return false;
  }
}

/** Applies a filter to `count` texts made on demand; resolves to the indexes that match, in order. */
export async function filterIndexes(
  count: number,
  text: (index: number) => string,
  filter: TextFilter,
  run?: RunOptions,
): Promise<Uint32Array> {
  const kept: number[] = [];
  await inSlices(quiet(run), 'aggregates', count, BATCH_TEXTS, (from, to) => {
    const texts = Array.from({ length: to - from }, (_, i) => text(from + i).slice(0, REGEX_TEXT));
    const found = filter.test(texts);
    for (let i = 0; i < found.length; i++) if (found[i] === 1) kept.push(from + i);
  });
  return Uint32Array.from(kept);
}

/** Tests every string of the heap once: one byte per string. Names are shared, so this beats testing every node. */
export async function matchStrings(heap: Heap, filter: TextFilter, run?: RunOptions): Promise<Uint8Array> {
  const { strings } = heap;
  const found = new Uint8Array(strings.count);
  const needle = filter.needle;
  if (needle) {
    const word = new RegExp(new TextDecoder().decode(needle).replace(/[^a-z0-9 ]/g, '\\$&'), 'gi');
    await inSlices(quiet(run), 'aggregates', strings.pages.length, 1, (from) => {
      markMatches(heap, needle, word, from, found);
    });
    if (filter.needleIsAll) return found;
  }
  let names = await nodeNames(heap, run);
  if (needle) {
    names = names.map((name, index) => name & found[index]!);
    found.fill(0);
  }
  const indexes: number[] = [];
  const loops = native();
  const room = loops ? { loops, out: Buffer.allocUnsafeSlow(DECODED_BYTES), ends: new Uint32Array(BATCH_TEXTS) } : null;
  await inSlices(quiet(run), 'aggregates', strings.count, BATCH_TEXTS, (from, to) => {
    indexes.length = 0;
    const texts = room ? decodedTexts(room, strings, from, to, names, indexes) : textsOf(strings, from, to, names, indexes);
    if (texts.length === 0) return;
    const matches = filter.test(texts);
    for (let i = 0; i < indexes.length; i++) found[indexes[i]!] = matches[i]!;
  });
  return found;
}

const namesOfHeaps = new WeakMap<StringTable, Uint8Array>();

/** 1 for strings that are the name of a node: most others are names of edges, and a search need not look at them. */
async function nodeNames(heap: Heap, run: RunOptions | undefined): Promise<Uint8Array> {
  const known = namesOfHeaps.get(heap.strings);
  if (known) return known;
  const { nodeName, strings } = heap;
  const names = new Uint8Array(strings.count);
  await inSlices(quiet(run), 'aggregates', heap.nodeCount, 1 << 19, (from, to) => {
    for (let node = from; node < to; node++) names[nodeName[node]!] = 1;
  });
  namesOfHeaps.set(strings, names);
  return names;
}

const QUOTE = 0x22;
/** Bytes decoded at once: more than most batches take. */
const MAX_BLOCK_BYTES = 1 << 20;
/** What the bytes of a string do not say by themselves: escapes, and text that is not ASCII. */
const NOT_PLAIN = /[\\\x80-\xff]/;

/**
 * The texts of strings `from … to` that are in `names`, cut for a regular expression; their indexes go to `indexes`. The
 * bytes of the batch become one text, of which each string is a part: decoding them one by one costs several times more.
 */
function textsOf(table: StringTable, from: number, to: number, names: Uint8Array, indexes: number[]): string[] {
  const { starts, pages, count, bytes } = table;
  const texts: string[] = [];
  const begin = starts[from]!;
  const end = to < count ? starts[to]! : bytes;
  const pageIndex = Math.floor(begin / PAGE_BYTES);
  const pageStart = pageIndex * PAGE_BYTES;
  const inOnePage = end - pageStart <= PAGE_BYTES && end - begin <= MAX_BLOCK_BYTES;
  const page = pages[pageIndex]!;
  const block = inOnePage
    ? Buffer.from(page.buffer, page.byteOffset, page.length).toString('latin1', begin - pageStart, end - pageStart)
    : '';
  const plain = inOnePage && !NOT_PLAIN.test(block);
  for (let index = from; index < to; index++) {
    if (names[index] === 0) continue;
    indexes.push(index);
    let text: string | null = null;
    if (inOnePage && index + 1 < to) {
      // Back from the next string over its quote, white space and the comma to the quote that ends this one.
      let last = starts[index + 1]! - begin - 2;
      while (block.charCodeAt(last) !== QUOTE) last--;
      const part = block.substring(starts[index]! - begin, last);
      if ((plain || !NOT_PLAIN.test(part)) && part.length <= REGEX_TEXT) text = part;
    }
    texts.push(text ?? textOf(table, index, REGEX_TEXT));
  }
  return texts;
}

/** Of the top bit: the native loop has the text (native/text.c). */
const HAS_TEXT = 0x80000000;
const DECODED_BYTES = 1 << 20;

interface DecodingRoom {
  readonly loops: NativeLoops;
  readonly out: Buffer;
  readonly ends: Uint32Array;
}

/** The same by the native loop, which takes away escapes as well; text beyond Latin-1 and very long text is made one by one. */
function decodedTexts(room: DecodingRoom, table: StringTable, from: number, to: number, names: Uint8Array, indexes: number[]): string[] {
  const { starts, pages } = table;
  const { loops, out, ends } = room;
  const texts: string[] = [];
  let done = from;
  while (done < to) {
    // As many as begin in one page and have room.
    const page = Math.floor(starts[done]! / PAGE_BYTES);
    const inPage = lastBefore(starts, (page + 1) * PAGE_BYTES, done, to);
    const stop = Math.min(inPage, done + DECODED_STRINGS);
    const written = loops.decodeStrings(pages[page]!, page * PAGE_BYTES, starts, names, done, stop, REGEX_TEXT, out, ends);
    const block = out.toString('latin1', 0, written);
    let begin = 0;
    for (let index = done; index < stop; index++) {
      const end = ends[index - done]!;
      if (names[index] === 0) continue;
      indexes.push(index);
      if (end < HAS_TEXT) texts.push(textOf(table, index, REGEX_TEXT));
      else {
        texts.push(block.substring(begin, end - HAS_TEXT));
        begin = end - HAS_TEXT;
      }
    }
    done = stop;
  }
  return texts;
}

/** Strings taken at once: mostly they have room. */
const DECODED_STRINGS = 4_096;

/** The first of `from … to` that begins at or behind a place. */
function lastBefore(starts: Column, place: number, from: number, to: number): number {
  let low = from + 1;
  let high = to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! < place) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Bytes of one string that a search looks at; V8 cuts strings at 1,024 characters itself. */
const SEARCHED_BYTES = 8_192;

/**
 * Looks through one page of strings in one go, without finding each string's end: the bytes as a text, and the
 * processor's way to look for a word in a text. A needle holds neither quotes nor backslashes, so a place where its bytes
 * stand is in the string that begins before it, or between two. The string that runs on into the next page is looked at
 * by itself.
 */
function markMatches(heap: Heap, needle: Uint8Array, word: RegExp, pageIndex: number, found: Uint8Array): void {
  const { pages, starts, count, bytes } = heap.strings;
  const pageStart = pageIndex * PAGE_BYTES;
  const end = Math.min(PAGE_BYTES, bytes - pageStart);
  const page = pages[pageIndex]!;
  /** The last string that begins before a place in the page, at or after `low`; −1: none. */
  const before = (place: number, from: number): number => {
    let low = from;
    let high = count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if (starts[middle]! - pageStart <= place) low = middle + 1;
      else high = middle - 1;
    }
    return high;
  };
  const over = before(end - 1, 0);
  const inPage = pageStart + end < bytes ? over : count;
  if (inPage < count && inPage >= 0 && bytesInclude(heap, inPage, needle)) found[inPage] = 1;
  const loops = native();
  if (loops) {
    loops.markMatches(page, end, pageStart, starts, before(-1, 0) + 1, Math.max(0, inPage), needle, found, SEARCHED_BYTES);
    return;
  }
  const text = Buffer.from(page.buffer, page.byteOffset, end).toString('latin1');
  let index = 0;
  word.lastIndex = 0;
  for (let hit = word.exec(text); hit; hit = word.exec(text)) {
    const at = hit.index;
    // Mostly one of the next few strings.
    let steps = 0;
    while (steps < 16 && index + 1 < count && starts[index + 1]! - pageStart <= at) {
      index++;
      steps++;
    }
    if (steps === 16) index = before(at, index);
    if (index < 0 || starts[index]! - pageStart > at) {
      index = Math.max(0, index); // a string of the page before: looked at there
      continue;
    }
    if (index >= inPage) break;
    const next = index + 1 < count ? starts[index + 1]! - pageStart : end;
    let last = next - 2;
    while (text.charCodeAt(last) !== QUOTE) last--;
    if (at < last && at - (starts[index]! - pageStart) <= SEARCHED_BYTES) found[index] = 1;
    // Every string is looked at once, but a hit between two says nothing of the one behind it.
    word.lastIndex = Math.max(at + 1, at < last ? last : at + 1);
  }
}

function bytesInclude(heap: Heap, index: number, needle: Uint8Array): boolean {
  const { bytes, from, to } = rawString(heap.strings, index, SEARCHED_BYTES);
  const first = needle[0]!;
  const last = to - needle.length;
  for (let p = from; p <= last; p++) {
    if (lower(bytes[p]!) !== first) continue;
    let i = 1;
    while (i < needle.length && lower(bytes[p + i]!) === needle[i]) i++;
    if (i === needle.length) return true;
  }
  return false;
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

/** Those of some nodes whose name is marked (one byte per string), in the same order. */
export async function markedAmong(heap: Heap, nodes: Uint32Array, marked: Uint8Array, run?: RunOptions): Promise<Uint32Array> {
  const { nodeName } = heap;
  const found = new Uint32Array(nodes.length);
  let length = 0;
  await inSlices(quiet(run), 'aggregates', nodes.length, 1 << 18, (from, to) => {
    // Every node is written where the next one that is marked goes: no branch that nobody can foresee.
    let at = length;
    for (let i = from; i < to; i++) {
      const node = nodes[i]!;
      found[at] = node;
      at += marked[nodeName[node]!]!;
    }
    length = at;
  });
  return found.slice(0, length);
}

/** The same run without its progress: queries are short, their steps are nobody's business. */
export function quiet(run: RunOptions | undefined): RunOptions | undefined {
  return run?.signal ? { signal: run.signal } : undefined;
}
