import { native } from './native.ts';

/**
 * The fast lanes of the largest section: edges of three fields in V8's order, as V8 writes them, straight into their
 * columns, from the front and from the back. Whatever is unusual (other white space, longer numbers, values out of range,
 * the end of the list) is left to the general scanner, which knows how to say what is wrong. O(bytes).
 */
export interface EdgeTarget {
  count: number;
  readonly kind: Uint8Array;
  readonly name: Uint32Array;
  readonly to: Uint32Array;
}

/** What the lanes know of the file, and the largest values they met, for the checks between sections. */
export interface EdgeLane {
  readonly kinds: number;
  readonly nodeWidth: number;
  /** By kind: 1 where the name is a string, 0 where it is a position. */
  readonly named: Uint8Array;
  maxName: number;
  maxTo: number;
}

const COMMA = 0x2c;
const LINE_FEED = 0x0a;
const ZERO = 0x30;

/** Longest record the lanes take, with line feeds and commas: three numbers of nine digits. */
export const MAX_RECORD_BYTES = 3 * 10 + 2;

export function edgeLane(edgeKinds: readonly string[], nodeWidth: number): EdgeLane {
  const named = Uint8Array.from(edgeKinds, (kind) => (kind === 'element' || kind === 'hidden' ? 0 : 1));
  return { kinds: edgeKinds.length, nodeWidth, named, maxName: 0, maxTo: 0 };
}

/**
 * Takes whole records that begin before `stop` from `bytes[pos … end)`, of which the first one begins at `pos`, and
 * stops before the first that is not plain or might not be whole. The byte before `end` must not be a digit: so every
 * number ends before it. A record begins behind the comma that ends the one before. Returns where it stopped.
 */
export function takeEdges(
  edges: EdgeTarget,
  lane: EdgeLane,
  bytes: Uint8Array,
  pos: number,
  end: number,
  stop: number = end,
): number {
  const { kind, name, to } = edges;
  const { kinds, nodeWidth, named } = lane;
  const perWidth = 1 / nodeWidth;
  const capacity = kind.length;
  const last = Math.min(end - MAX_RECORD_BYTES, stop - 1);
  const loops = native();
  let p = pos;
  if (loops) {
    const state = Uint32Array.of(edges.count, lane.maxName, lane.maxTo);
    p = loops.takeEdges(bytes, pos, end, stop, kind, name, to, state, kinds, nodeWidth, named);
    takeState(edges, lane, state);
  }
  let { maxName, maxTo } = lane;
  let count = edges.count;
  while (p <= last && count < capacity) {
    const start = p;
    let digit = bytes[p]! - ZERO;
    if (digit === LINE_FEED - ZERO) digit = bytes[++p]! - ZERO;
    const kindValue = digit;
    if (digit >>> 0 > 9 || bytes[p + 1] !== COMMA || kindValue >= kinds) {
      p = start;
      break;
    }
    p += 2;
    let begin = p;
    let nameValue = 0;
    while ((digit = bytes[p]! - ZERO) >>> 0 <= 9) {
      nameValue = (nameValue * 10 + digit) | 0;
      p++;
    }
    if (p - begin > 9) nameValue = longName(bytes, begin, p);
    if (p === begin || nameValue < 0 || digit !== COMMA - ZERO) {
      p = start;
      break;
    }
    begin = ++p;
    let position = 0;
    while ((digit = bytes[p]! - ZERO) >>> 0 <= 9) {
      position = (position * 10 + digit) | 0;
      p++;
    }
    const length = p - begin;
    if (digit === LINE_FEED - ZERO) digit = bytes[++p]! - ZERO;
    // Rounded, so that it is exact for every multiple; the rest is found out by multiplying back.
    const ordinal = (position * perWidth + 0.5) | 0;
    if (length === 0 || length > 9 || digit !== COMMA - ZERO || ordinal * nodeWidth !== position) {
      p = start;
      break;
    }
    p++;
    if (nameValue > maxName && named[kindValue] === 1) maxName = nameValue;
    if (ordinal > maxTo) maxTo = ordinal;
    kind[count] = kindValue;
    name[count] = nameValue;
    to[count] = ordinal;
    count++;
  }
  edges.count = count;
  lane.maxName = maxName;
  lane.maxTo = maxTo;
  return p;
}

/**
 * The same from the back: the record that ends before `pos` becomes number `edges.count - 1`, and so on down while
 * records begin at `floor` or later. `bytes` must reach a record below `floor`. Returns the end of the first record not
 * taken, or −1 where one is not plain.
 */
export function takeEdgesBack(
  edges: EdgeTarget,
  lane: EdgeLane,
  bytes: Uint8Array,
  floor: number,
  pos: number,
): number {
  const { kind, name, to } = edges;
  const { kinds, nodeWidth, named } = lane;
  const perWidth = 1 / nodeWidth;
  const loops = native();
  let end = pos;
  if (loops) {
    const state = Uint32Array.of(edges.count, lane.maxName, lane.maxTo);
    end = loops.takeEdgesBack(bytes, floor, pos, kind, name, to, state, kinds, nodeWidth, named);
    takeState(edges, lane, state);
  }
  let { maxName, maxTo } = lane;
  let count = edges.count;
  while (end > floor) {
    let p = end - 1;
    let digit = 0;
    let position = 0;
    let scale = 1;
    while ((digit = bytes[p]! - ZERO) >>> 0 <= 9 && scale < 1e9) {
      position += digit * scale;
      scale *= 10;
      p--;
    }
    const ordinal = (position * perWidth + 0.5) | 0;
    if (scale === 1 || digit !== COMMA - ZERO || ordinal * nodeWidth !== position) return -1;
    p--;
    let nameValue = 0;
    scale = 1;
    while ((digit = bytes[p]! - ZERO) >>> 0 <= 9 && scale < 1e9) {
      nameValue += digit * scale;
      scale *= 10;
      p--;
    }
    if (digit >>> 0 <= 9) {
      const behind = p + 10;
      while (behind - p < 12 && (digit = bytes[p]! - ZERO) >>> 0 <= 9) p--;
      nameValue = longName(bytes, p + 1, behind);
    }
    if (nameValue < 0 || scale === 1 || digit !== COMMA - ZERO) return -1;
    const kindValue = bytes[--p]! - ZERO;
    if (kindValue >>> 0 >= kinds) return -1;
    p--;
    if (bytes[p] === LINE_FEED) p--;
    if (bytes[p] !== COMMA) return -1;
    if (p + 1 < floor) break;
    if (count === 0) return -1;
    count--;
    if (nameValue > maxName && named[kindValue] === 1) maxName = nameValue;
    if (ordinal > maxTo) maxTo = ordinal;
    kind[count] = kindValue;
    name[count] = nameValue;
    to[count] = ordinal;
    end = bytes[p - 1] === LINE_FEED ? p - 1 : p;
  }
  edges.count = count;
  lane.maxName = maxName;
  lane.maxTo = maxTo;
  return end;
}

/** What a native lane has done; the loop here goes on where it stopped, which is mostly the end. */
function takeState(edges: EdgeTarget, lane: EdgeLane, state: Uint32Array): void {
  edges.count = state[0]!;
  lane.maxName = state[1]!;
  lane.maxTo = state[2]!;
}

/** A number of more than nine digits: positions in sparse arrays go up to 2^32 − 2. −1 where it does not fit. */
function longName(bytes: Uint8Array, from: number, to: number): number {
  if (to - from > 10) return -1;
  let value = 0;
  for (let p = from; p < to; p++) value = value * 10 + (bytes[p]! - ZERO);
  return value <= 0xffffffff ? value : -1;
}
