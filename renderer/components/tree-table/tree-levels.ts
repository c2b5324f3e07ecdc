/**
 * The arithmetic of a flattened tree. A *level* is the list of children of one expanded row (the root level has no
 * row). Only expanded levels exist as objects; a level of ten million rows costs one object. Mapping a flat row number
 * to its level and back is a binary search per depth over prefix sums, O(depth · log expansions).
 */
export interface Level<Row> {
  readonly uid: number;
  readonly parent: Level<Row> | null;
  /** Index of the expanded row in the parent's level. */
  readonly parentIndex: number;
  /** The expanded row itself, kept so that its children can be asked for when its page has left the cache. */
  readonly row: Row | null;
  readonly depth: number;
  state: 'loading' | 'ready' | 'failed';
  error: unknown;
  count: number;
  unfiltered: number;
  /** Expanded rows of this level, ascending by `parentIndex`. */
  readonly expanded: Level<Row>[];
  /** before[i]: rows that the expansions 0 … i−1 add; one entry more than `expanded`. Null: to be rebuilt. */
  before: number[] | null;
}

export type Located<Row> =
  | { kind: 'row'; level: Level<Row>; index: number }
  /** The one row that stands for a level without rows to show: loading, empty or failed. */
  | { kind: 'status'; level: Level<Row> };

export function createLevel<Row>(uid: number, parent: Level<Row> | null, parentIndex: number, row: Row | null): Level<Row> {
  return {
    uid,
    parent,
    parentIndex,
    row,
    depth: parent ? parent.depth + 1 : 0,
    state: 'loading',
    error: null,
    count: 0,
    unfiltered: 0,
    expanded: [],
    before: null,
  };
}

/** Flat rows of a level with everything expanded below it. A child level always shows at least its status row. */
export function sizeOf<Row>(level: Level<Row>): number {
  if (level.count === 0) return level.parent ? 1 : 0;
  return level.count + (prefixSums(level).at(-1) ?? 0);
}

function prefixSums<Row>(level: Level<Row>): number[] {
  if (level.before) return level.before;
  const before = [0];
  let sum = 0;
  for (const child of level.expanded) before.push((sum += sizeOf(child)));
  level.before = before;
  return before;
}

/** To be called after a level's count or expansions changed: the sums above it are stale. */
export function invalidateSums<Row>(level: Level<Row> | null): void {
  for (let current = level; current; current = current.parent) current.before = null;
}

export function locate<Row>(root: Level<Row>, flat: number): Located<Row> | null {
  if (flat < 0 || flat >= sizeOf(root)) return null;
  let level = root;
  let offset = flat;
  for (;;) {
    if (level.count === 0) return { kind: 'status', level };
    const before = prefixSums(level);
    const position = lastExpansionBefore(level, before, offset);
    if (position < 0) return { kind: 'row', level, index: offset };
    const child = level.expanded[position] as Level<Row>;
    const childStart = child.parentIndex + (before[position] as number) + 1;
    if (offset < childStart + sizeOf(child)) {
      offset -= childStart;
      level = child;
      continue;
    }
    return { kind: 'row', level, index: offset - (before[position + 1] as number) };
  }
}

/** Last expansion whose own row lies before `offset`, or −1. */
function lastExpansionBefore<Row>(level: Level<Row>, before: number[], offset: number): number {
  let low = 0;
  let high = level.expanded.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((level.expanded[middle] as Level<Row>).parentIndex + (before[middle] as number) < offset) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Flat number of a row of a level. */
export function flatOf<Row>(level: Level<Row>, index: number): number {
  let flat = index + expansionsBefore(level, index);
  for (let current = level; current.parent; current = current.parent) {
    flat += current.parentIndex + expansionsBefore(current.parent, current.parentIndex) + 1;
  }
  return flat;
}

function expansionsBefore<Row>(level: Level<Row>, index: number): number {
  const before = prefixSums(level);
  return before[positionOf(level, index)] as number;
}

/** Position in `expanded` of the first expansion at or after `index`. */
export function positionOf<Row>(level: Level<Row>, index: number): number {
  let low = 0;
  let high = level.expanded.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((level.expanded[middle] as Level<Row>).parentIndex < index) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function expansionAt<Row>(level: Level<Row>, index: number): Level<Row> | null {
  const child = level.expanded[positionOf(level, index)];
  return child?.parentIndex === index ? child : null;
}
