/**
 * The fast lane of the largest section: edges of three fields in V8's order, as V8 writes them, straight into their
 * columns. Whatever is unusual (white space other than line feeds, long numbers, values out of range, the end of the
 * list) is left to the general scanner, which knows how to say what is wrong.
 */
export interface EdgeTarget {
  count: number;
  readonly kind: Uint8Array;
  readonly name: Uint32Array;
  readonly to: Uint32Array;
}

const COMMA = 0x2c;
const LINE_FEED = 0x0a;
const ZERO = 0x30;

/** Longest record this lane takes, with line feed and commas: three numbers of nine digits. */
export const MAX_RECORD_BYTES = 3 * 10 + 1;

/**
 * Takes whole records from `bytes[pos … end)`, of which the first one begins at `pos`, and stops before the first that
 * is not plain or might not be whole. The byte before `end` must not be a digit: so every number ends before it. Returns
 * where it stopped.
 */
export function takeEdges(
  edges: EdgeTarget,
  bytes: Uint8Array,
  pos: number,
  end: number,
  kinds: number,
  nodeWidth: number,
): number {
  const { kind, name, to } = edges;
  const capacity = kind.length;
  const last = end - MAX_RECORD_BYTES;
  let count = edges.count;
  let p = pos;
  while (p <= last && count < capacity) {
    const start = p;
    let digit = bytes[p]! - ZERO;
    if (digit === LINE_FEED - ZERO) digit = bytes[++p]! - ZERO;
    if (digit >>> 0 > 9) return leave(edges, count, start);
    const kindValue = digit;
    if (bytes[p + 1] !== COMMA || kindValue >= kinds) return leave(edges, count, start);
    p += 2;
    let begin = p;
    let nameValue = 0;
    while ((digit = bytes[p]! - ZERO) >>> 0 <= 9) {
      nameValue = (nameValue * 10 + digit) | 0;
      p++;
    }
    if (p === begin || p - begin > 9 || digit !== COMMA - ZERO) return leave(edges, count, start);
    begin = ++p;
    let position = 0;
    while ((digit = bytes[p]! - ZERO) >>> 0 <= 9) {
      position = (position * 10 + digit) | 0;
      p++;
    }
    if (p === begin || p - begin > 9 || digit !== COMMA - ZERO) return leave(edges, count, start);
    p++;
    const ordinal = (position / nodeWidth) >>> 0;
    if (ordinal * nodeWidth !== position) return leave(edges, count, start);
    kind[count] = kindValue;
    name[count] = nameValue;
    to[count] = ordinal;
    count++;
  }
  return leave(edges, count, p);
}

function leave(edges: EdgeTarget, count: number, pos: number): number {
  edges.count = count;
  return pos;
}
