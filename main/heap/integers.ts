import { heapFormatError } from './errors.ts';

/**
 * The hot loop of reading: JSON arrays of non-negative integers, straight from bytes. Values go to a small block of
 * Uint32 that stays in the cache; whoever owns the columns empties the block when it is full.
 */

const COMMA = 0x2c;
const CLOSE = 0x5d;
const MINUS = 0x2d;
const ZERO = 0x30;

/** Digits that always fit a 31-bit integer, so that the loop can stay in integer arithmetic. */
const SAFE_DIGITS = 9;

/** What may come next. */
const VALUE_OR_END = 0;
export const VALUE = 1;
export const COMMA_OR_END = 2;

/** Values that did not fit 32 bits: position in the block and value. */
export interface WideValue {
  readonly index: number;
  readonly value: number;
}

export interface IntegerScan {
  readonly block: Uint32Array;
  /** Values in the block. */
  count: number;
  /** Values of the block beyond 32 bits; the block holds 0xffffffff there. */
  wide: WideValue[];
  /** Where the window was left. */
  pos: number;
  done: boolean;
  expect: number;
  readonly section: string;
}

export function integerScan(section: string, blockLength: number): IntegerScan {
  return { block: new Uint32Array(blockLength), count: 0, wide: [], pos: 0, done: false, expect: VALUE_OR_END, section };
}

/**
 * Takes values from `bytes[pos … limit)` until the block is full, the array ends, or the window does. The byte before
 * `limit` must not be part of a number (see `wholeTokens`): so numbers end before it, and need not look for it.
 */
export function scanIntegers(scan: IntegerScan, bytes: Uint8Array, pos: number, limit: number, base: number): void {
  const block = scan.block;
  const capacity = block.length;
  let count = scan.count;
  let expect = scan.expect;
  let p = pos;
  while (p < limit && count < capacity) {
    let digit = bytes[p]! - ZERO;
    if (digit >>> 0 <= 9) {
      if (expect === COMMA_OR_END) throw unexpected(scan.section, bytes[p]!, base + p);
      const start = p;
      let value = digit;
      p++;
      while ((digit = bytes[p]! - ZERO) >>> 0 <= 9) {
        value = (value * 10 + digit) | 0;
        p++;
      }
      if (p - start > SAFE_DIGITS) value = longValue(scan, bytes, start, p, count, base);
      block[count++] = value;
      if (digit === COMMA - ZERO) {
        p++;
        expect = VALUE;
      } else {
        expect = COMMA_OR_END;
      }
      continue;
    }
    const byte = bytes[p]!;
    if (byte === COMMA) {
      if (expect !== COMMA_OR_END) throw unexpected(scan.section, byte, base + p);
      expect = VALUE;
    } else if (byte === CLOSE) {
      if (expect === VALUE) throw unexpected(scan.section, byte, base + p);
      scan.done = true;
      p++;
      break;
    } else if (byte !== 0x0a && byte !== 0x20 && byte !== 0x0d && byte !== 0x09) {
      throw unexpected(scan.section, byte, base + p);
    }
    p++;
  }
  scan.count = count;
  scan.expect = expect;
  scan.pos = p;
}

/** Reads a number of ten digits or more; what needs more than 32 bits is noted in `wide`. */
function longValue(
  scan: IntegerScan,
  bytes: Uint8Array,
  start: number,
  end: number,
  index: number,
  base: number,
): number {
  let value = 0;
  for (let p = start; p < end; p++) value = value * 10 + (bytes[p]! - ZERO);
  if (value > Number.MAX_SAFE_INTEGER) {
    throw heapFormatError('corrupt', `"${scan.section}" holds a number beyond 2^53`, base + start);
  }
  if (value > 0xffffffff) {
    scan.wide.push({ index, value });
    return 0xffffffff;
  }
  return value;
}

/** The end of the last whole token in the window: numbers that run to its end are left for the next one. */
export function wholeTokens(bytes: Uint8Array, pos: number, end: number): number {
  let limit = end;
  while (limit > pos && (bytes[limit - 1]! - ZERO) >>> 0 <= 9) limit--;
  return limit;
}

function unexpected(section: string, byte: number, offset: number): Error {
  if (byte === MINUS) return heapFormatError('corrupt', `"${section}" holds a negative number`, offset);
  return heapFormatError('corrupt', `"${section}" must be a list of whole numbers, but ${show(byte)} stands`, offset);
}

/** A byte for a message. */
export function show(byte: number): string {
  return byte > 0x20 && byte < 0x7f ? `"${String.fromCharCode(byte)}"` : `byte 0x${byte.toString(16).padStart(2, '0')}`;
}
