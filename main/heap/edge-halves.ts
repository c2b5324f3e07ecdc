import { readSync } from 'node:fs';

import { edgeLane, takeEdges, takeEdgesBack } from './edge-records.ts';
import type { EdgeLane, EdgeTarget } from './edge-records.ts';
import type { HeapHeader } from './header.ts';

/**
 * The edges of a plain file read by two threads: one from the front, one from the back, block by block, until they meet.
 * Nobody has to know beforehand where a record in the middle begins or how many are before it: from the back the last
 * record has the last number. A block belongs to whoever claims it first, so the faster thread reads more. O(bytes).
 *
 * Both sides take what V8 writes and nothing else, and they must meet at one byte with one number. If not, the section
 * is read again by the general scanner, which says what is wrong.
 */
export interface EdgeHalves {
  /** Offset in the file behind the opening bracket. */
  readonly start: number;
  readonly blockBytes: number;
  readonly header: Pick<HeapHeader, 'edgeKinds' | 'nodeFields'>;
  readonly kind: Uint8Array;
  readonly name: Uint32Array;
  readonly to: Uint32Array;
  /** By block: who has it (0 nobody). One entry more at the front: the number of the last block, −1 until it is known. */
  readonly claims: Int32Array;
}

/** What one side has done: where it stopped (absolute), at which number, and the largest values it met. */
export interface EdgeHalf {
  readonly at: number;
  readonly count: number;
  readonly maxName: number;
  readonly maxTo: number;
}

/** Where the edges begin when they follow right behind the nodes: behind their opening bracket. −1: they do not. */
export function findEdges(file: number, nodes: number): number {
  const window = Buffer.allocUnsafeSlow(FIND_BYTES);
  for (let at = nodes; ; ) {
    const length = readFully(file, window, at, window.length);
    const found = window.subarray(0, length).indexOf(CLOSE);
    if (found >= 0) {
      const behind = Buffer.alloc(32);
      const text = behind.toString('latin1', 0, readFully(file, behind, at + found, behind.length));
      const key = /^\]\s*,\s*"edges"\s*:\s*\[/.exec(text);
      return key ? at + found + key[0].length : -1;
    }
    if (length < window.length) return -1;
    at += length;
  }
}

const FIND_BYTES = 1 << 20;

/** Room around a block for a record that begins before it or ends behind it. */
const MARGIN_BYTES = 64;
const CLOSE = 0x5d;
const FORWARD = 1;
const BACKWARD = 2;
const LAST = 0;

export const EDGE_BLOCK_BYTES = 1 << 20;

/** Whether a header promises what the lanes can read. */
export function readsInHalves(header: HeapHeader): boolean {
  const { edgeFields, edgeKinds, edgeCount } = header;
  const plain = edgeFields.length === 3 && edgeFields[0] === 'type' && edgeFields[1] === 'name_or_index' && edgeFields[2] === 'to_node';
  return plain && edgeKinds.length <= 10 && edgeCount !== null && edgeCount > 0;
}

export function createClaims(sectionBytes: number, blockBytes: number): Int32Array {
  const claims = new Int32Array(new SharedArrayBuffer((2 + Math.ceil(sectionBytes / blockBytes)) * 4));
  claims[LAST] = -1;
  claims[1] = FORWARD;
  return claims;
}

/**
 * Says where the closing bracket is (absolute) and takes the last block, before the front can. False when there are not
 * two blocks.
 */
export function publishEnd(halves: EdgeHalves, end: number): boolean {
  const last = lastBlock(halves, end);
  const worth = last >= 1;
  if (worth) halves.claims[last + 1] = BACKWARD;
  Atomics.store(halves.claims, LAST, Math.max(0, last));
  Atomics.notify(halves.claims, LAST);
  return worth;
}

/** The front stops at its next block, with nothing. */
export function giveUp(halves: EdgeHalves): void {
  Atomics.store(halves.claims, LAST, 0);
  Atomics.notify(halves.claims, LAST);
}

/** The block with the last record; what is left of the section behind it counts to it. */
function lastBlock(halves: EdgeHalves, end: number): number {
  return Math.max(0, Math.floor((end - 1 - MARGIN_BYTES - halves.start) / halves.blockBytes));
}

function claim(halves: EdgeHalves, block: number, by: number): boolean {
  const found = Atomics.compareExchange(halves.claims, block + 1, 0, by);
  return found === 0 || found === by;
}

/**
 * The front's part; for a thread that may block. Null when something is not plain. It stops at a block that the back
 * has, and never reads the last one.
 */
export function readEdgesForward(file: number, halves: EdgeHalves): EdgeHalf | null {
  const { start, blockBytes } = halves;
  const lane = edgeLane(halves.header.edgeKinds, halves.header.nodeFields.length);
  const edges: EdgeTarget = { count: 0, kind: halves.kind, name: halves.name, to: halves.to };
  const buffer = Buffer.allocUnsafeSlow(blockBytes + MARGIN_BYTES);
  let at = start;
  for (let block = 0; ; block++) {
    if (Atomics.load(halves.claims, LAST) < 0) {
      // Nobody knows yet where the section ends: a block with its end is the back's.
      const from = start + block * blockBytes;
      const length = readFully(file, buffer, from, buffer.length);
      if (buffer.subarray(0, length).indexOf(CLOSE) >= 0 || length < buffer.length) {
        Atomics.wait(halves.claims, LAST, -1);
      }
    }
    if (Atomics.load(halves.claims, LAST) === 0) return null;
    if (!claim(halves, block, FORWARD)) return { at, count: edges.count, maxName: lane.maxName, maxTo: lane.maxTo };
    // From the record that the last block left, which begins in this one.
    const stop = start + (block + 1) * blockBytes;
    const length = readFully(file, buffer, at, stop - at + MARGIN_BYTES);
    const end = wholeEnd(buffer, length);
    const left = takeEdges(edges, lane, buffer, 0, end, stop - at);
    at += left;
    if (at < stop) return null;
  }
}

/** The back's part, in steps: each `step` reads one block and returns false when there is none left. */
export interface BackwardReader {
  step(): boolean;
  /** Null when something was not plain. */
  result(): EdgeHalf | null;
}

export function edgesBackward(file: number, halves: EdgeHalves, end: number, edgeCount: number): BackwardReader {
  const { start, blockBytes } = halves;
  const lane: EdgeLane = edgeLane(halves.header.edgeKinds, halves.header.nodeFields.length);
  const edges: EdgeTarget = { count: edgeCount, kind: halves.kind, name: halves.name, to: halves.to };
  const buffer = new Uint8Array(blockBytes + 2 * MARGIN_BYTES);
  let block = lastBlock(halves, end);
  /** End of the next record to take; a line feed may stand before the bracket. */
  let at = end;
  let plain = true;
  return {
    step() {
      if (!plain || block < 1 || !claim(halves, block, BACKWARD)) return false;
      const floor = start + block * blockBytes;
      const from = Math.max(start, floor - MARGIN_BYTES);
      const length = at - from;
      if (length > buffer.length || readFully(file, buffer, from, length) < length) plain = false;
      else {
        const first = at === end && buffer[length - 1] === 0x0a ? length - 1 : length;
        const left = takeEdgesBack(edges, lane, buffer, floor - from, first);
        plain = left >= 0;
        at = from + left;
      }
      block--;
      return plain;
    },
    result: () => (plain ? { at, count: edges.count, maxName: lane.maxName, maxTo: lane.maxTo } : null),
  };
}

/** Both sides met: the last record of the front ends where the back's lowest one begins, and the numbers agree. */
export function halvesMeet(file: number, front: EdgeHalf, back: EdgeHalf): boolean {
  if (front.count !== back.count) return false;
  // The back's `at` is the end of the front's last record, before comma and line feed.
  const gap = front.at - back.at;
  if (gap < 1 || gap > 2) return false;
  const between = new Uint8Array(2);
  readFully(file, between, back.at, gap);
  return gap === 1 ? between[0] === 0x2c : between[0] === 0x0a && between[1] === 0x2c;
}

/** Reads `length` bytes at an offset unless the file ends; returns how many. */
function readFully(file: number, buffer: Uint8Array, from: number, length: number): number {
  let read = 0;
  while (read < length) {
    const more = readSync(file, buffer, read, length - read, from + read);
    if (more === 0) break;
    read += more;
  }
  return read;
}

function wholeEnd(bytes: Uint8Array, length: number): number {
  let end = length;
  while (end > 0 && (bytes[end - 1]! - 0x30) >>> 0 <= 9) end--;
  return end;
}
