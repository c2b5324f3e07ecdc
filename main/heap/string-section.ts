import { reserve, scratch, widen } from './columns.ts';
import type { ColumnWriter } from './columns.ts';
import { heapFormatError } from './errors.ts';
import { show } from './integers.ts';
import { native } from './native.ts';
import { PAGE_BYTES } from './strings.ts';
import type { StringTable } from './strings.ts';

/** Reads the strings section: copies it as it is, and notes where each string begins. */
export interface StringScan {
  readonly pages: Uint8Array[];
  readonly starts: ColumnWriter;
  bytes: number;
  state: number;
  pos: number;
  done: boolean;
}

const BETWEEN_OR_END = 0; // before the first string
const NEED_STRING = 1; // after a comma
const NEED_COMMA = 2; // after a string
const INSIDE = 3;
const ESCAPE = 4;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const CLOSE = 0x5d;

/** `expected` is a guess of how many strings there are. */
export function stringScan(expected: number): StringScan {
  return { pages: [], starts: { values: scratch(expected), length: 0 }, bytes: 0, state: BETWEEN_OR_END, pos: 0, done: false };
}

/** Takes the window `bytes[pos … end)`; stops behind the closing bracket. */
export function scanStrings(scan: StringScan, bytes: Uint8Array, pos: number, end: number, base: number): void {
  reserve(scan.starts, ((end - pos) >> 1) + 1); // each string takes three bytes at least
  let starts = scan.starts.values;
  const limit = scan.bytes + (end - pos);
  if (limit > 0xffffffff && starts instanceof Uint32Array) starts = widen(scan.starts);
  let count = scan.starts.length;
  let state = scan.state;
  const shift = scan.bytes - pos; // from window position to offset in the section
  let p = pos;
  const loops = native();
  if (loops) {
    const progress = Float64Array.of(state, count, shift);
    p = loops.scanStrings(bytes, pos, end, starts, progress);
    state = progress[0]!;
    count = progress[1]!;
  }
  scanning: while (p < end) {
    if (state === INSIDE) {
      let byte = 0;
      while (p < end && (byte = bytes[p]!) !== QUOTE && byte !== BACKSLASH) p++;
      if (p === end) break;
      state = byte === QUOTE ? NEED_COMMA : ESCAPE;
      p++;
      continue;
    }
    const byte = bytes[p]!;
    p++;
    switch (state) {
      case ESCAPE:
        state = INSIDE;
        break;
      case NEED_COMMA:
        if (byte === COMMA) state = NEED_STRING;
        else if (byte === CLOSE) {
          scan.done = true;
          break scanning;
        } else if (!isSpace(byte)) throw unexpected(byte, base + p - 1);
        break;
      default:
        if (byte === QUOTE) {
          starts[count++] = p + shift;
          state = INSIDE;
        } else if (byte === CLOSE && state === BETWEEN_OR_END) {
          scan.done = true;
          break scanning;
        } else if (!isSpace(byte)) throw unexpected(byte, base + p - 1);
    }
  }
  scan.state = state;
  scan.starts.length = count;
  scan.pos = p;
  store(scan, bytes, pos, p);
}

function store(scan: StringScan, bytes: Uint8Array, from: number, to: number): void {
  let at = from;
  while (at < to) {
    const inPage = scan.bytes % PAGE_BYTES;
    if (inPage === 0) scan.pages.push(new Uint8Array(PAGE_BYTES));
    const part = Math.min(PAGE_BYTES - inPage, to - at);
    scan.pages[scan.pages.length - 1]!.set(bytes.subarray(at, at + part), inPage);
    scan.bytes += part;
    at += part;
  }
}

export function finishStrings(scan: StringScan): StringTable {
  const { values, length } = scan.starts;
  return { pages: scan.pages, starts: values.subarray(0, length), count: length, bytes: scan.bytes };
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function unexpected(byte: number, offset: number): Error {
  return heapFormatError('corrupt', `"strings" must be a list of strings, but ${show(byte)} stands`, offset);
}
