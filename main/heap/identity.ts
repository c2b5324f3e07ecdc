import { className } from './class-names.ts';
import { EDGE_KIND, NONE } from './heap.ts';
import type { Heap } from './heap.ts';
import { native } from './native.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';
import { edgeName } from './node-names.ts';
import { rawString } from './strings.ts';

/**
 * When an object of one snapshot is that of another one.
 *
 * V8 numbers objects once and for all: the same id is the same object. CPython's ids are addresses, and addresses are
 * used again, so that there the id is only a candidate and evidence is asked for (see `sameObject`). What cannot be
 * known: an address that was freed and taken by an equal object (same class, and same text or same contents). Containers
 * that were empty in one of the snapshots are told by their holders, see identity-by-holder.ts.
 */

/** Maps class indexes of one heap to numbers that mean the same class in both. */
export interface ClassMatch {
  readonly base: Uint32Array;
  readonly compared: Uint32Array;
  readonly count: number;
}

/** Ordinals of one heap by id. */
export interface IdIndex {
  find(id: number): number;
  /** Ordinal plus one by id, where ids are dense enough for a plain table. */
  readonly table: Uint32Array | null;
}

/** Ids that spread over at most this many times the nodes are looked up in a plain table. */
const MAX_SPREAD = 16;

/** O(nodes). A plain table when ids are dense (V8), a hash table otherwise (addresses). */
export async function indexIds(heap: Heap, run?: RunOptions): Promise<IdIndex> {
  const { nodeId, nodeCount } = heap;
  let most = 0;
  await inSlices(run, 'comparing', nodeCount, 1 << 18, (from, to) => {
    for (let node = from; node < to; node++) if (nodeId[node]! > most) most = nodeId[node]!;
  });
  if (most < Math.max(1 << 16, nodeCount * MAX_SPREAD) && most < 2 ** 31) {
    const table = new Uint32Array(most + 1);
    const loops = native();
    await inSlices(run, 'comparing', nodeCount, 1 << 17, (from, to) => {
      if (loops) return loops.indexIds(nodeId, table, from, to);
      for (let node = from; node < to; node++) table[nodeId[node]!] = node + 1;
    });
    return { table, find: (id) => (id <= most ? table[id]! - 1 : -1) };
  }
  let capacity = 1 << 10;
  while (capacity < nodeCount * 2) capacity *= 2;
  const mask = capacity - 1;
  const table = new Uint32Array(capacity);
  const slotOf = (id: number): number => {
    const low = id >>> 0;
    const high = Math.floor(id / 4_294_967_296);
    const hash = Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1);
    return (hash ^ (hash >>> 15)) & mask;
  };
  await inSlices(run, 'comparing', nodeCount, 1 << 16, (from, to) => {
    for (let node = from; node < to; node++) {
      let slot = slotOf(nodeId[node]!);
      while (table[slot] !== 0) slot = (slot + 1) & mask;
      table[slot] = node + 1;
    }
  });
  return {
    table: null,
    find(id) {
      for (let slot = slotOf(id); table[slot] !== 0; slot = (slot + 1) & mask) {
        if (nodeId[table[slot]! - 1] === id) return table[slot]! - 1;
      }
      return -1;
    },
  };
}

/** Whether identity needs evidence beyond the id. */
export function idsAreAddresses(heap: Heap): boolean {
  return heap.producer === 'cpython';
}

/** Edges of an object that are compared; large lists need not be walked to the end. */
const MAX_EDGES = 256;

/**
 * The one rule of identity. Ids must be equal. With addresses also:
 *
 * - the same class;
 * - objects without anything to tell by (no outgoing edges but to their type) and values (numbers, strings, bytes):
 *   the same name and the same size;
 * - other objects: at least one common target of a telling edge, the same id and class. Edges to the type, to keys,
 *   to None, booleans and numbers tell nothing, for every such object has them; where there are no others, all edges
 *   must agree.
 */
export function sameObject(base: Heap, baseOrdinal: number, compared: Heap, comparedOrdinal: number): boolean {
  if (base.nodeId[baseOrdinal] !== compared.nodeId[comparedOrdinal]) return false;
  if (!idsAreAddresses(base) && !idsAreAddresses(compared)) return true;
  if (classText(base, baseOrdinal) !== classText(compared, comparedOrdinal)) return false;
  const kind = kindText(base, baseOrdinal);
  if (kind !== kindText(compared, comparedOrdinal)) return false;
  // Groups, threads and frames are not objects on the heap; their ids are given by name.
  if (kind === 'synthetic') return sameName(base, baseOrdinal, compared, comparedOrdinal);
  const isValue = kind === 'string' || kind === 'number' || kind === 'bigint';
  if (!isValue && sharesPlace(base, baseOrdinal, compared, comparedOrdinal)) return true;
  const before = isValue ? null : evidence(base, baseOrdinal);
  const after = isValue ? null : evidence(compared, comparedOrdinal);
  if (before === null || after === null || (before.all.size === 0 && after.all.size === 0)) {
    const sameSize = base.shallow[baseOrdinal] === compared.shallow[comparedOrdinal];
    return sameSize && sameName(base, baseOrdinal, compared, comparedOrdinal);
  }
  if (before.telling.size > 0 || after.telling.size > 0) return sharesOne(base, before.telling, compared, after.telling);
  return before.all.size === after.all.size && [...before.all.keys()].every((id) => after.all.has(id));
}

/**
 * Whether two objects that `sameObject` keeps apart may be one container that was empty in one of the snapshots: the
 * same address, class and kind, and only one of them has anything to tell by.
 */
export function differsByEmptiness(base: Heap, baseOrdinal: number, compared: Heap, comparedOrdinal: number): boolean {
  if (!idsAreAddresses(base) || base.nodeId[baseOrdinal] !== compared.nodeId[comparedOrdinal]) return false;
  if (classText(base, baseOrdinal) !== classText(compared, comparedOrdinal)) return false;
  const kind = kindText(base, baseOrdinal);
  if (kind !== 'object' || kind !== kindText(compared, comparedOrdinal)) return false;
  return (evidence(base, baseOrdinal).telling.size === 0) !== (evidence(compared, comparedOrdinal).telling.size === 0);
}

interface Evidence {
  /** Targets by id, without those of type edges. */
  readonly all: Map<number, number>;
  readonly telling: Map<number, number>;
}

const TYPE_EDGES = new Set(['__class__', 'ob_type', '(type)', '__type__', 'type']);
const COMMON_CLASSES = new Set(['NoneType', 'bool', 'ellipsis', 'NotImplementedType', 'type', 'module']);

/** What an edge says about who its source is: nothing at all, that it has such an edge, or which object it is. */
const SAYS_NOTHING = 0;
const SAYS_SHAPE = 1;
const TELLING = 2;

function weightOf(heap: Heap, edge: number): number {
  const { kinds } = heap;
  const kind = heap.edgeKind[edge]! & EDGE_KIND;
  if (kind === kinds.edgeWeak) return SAYS_NOTHING;
  if (kind === kinds.edgeInternal) {
    const name = edgeName(heap, edge, 24);
    if (TYPE_EDGES.has(name)) return SAYS_NOTHING;
    if (name.startsWith('(key')) return SAYS_SHAPE;
  }
  const target = heap.edgeTo[edge]!;
  if (heap.nodeKind[target] === kinds.number || COMMON_CLASSES.has(classText(heap, target))) return SAYS_SHAPE;
  return TELLING;
}

/** The usual case, without any list: the same telling target in the same place. */
function sharesPlace(base: Heap, baseOrdinal: number, compared: Heap, comparedOrdinal: number): boolean {
  const first = base.firstEdge[baseOrdinal]!;
  const offset = compared.firstEdge[comparedOrdinal]! - first;
  const end = Math.min(base.firstEdge[baseOrdinal + 1]!, compared.firstEdge[comparedOrdinal + 1]! - offset, first + MAX_EDGES);
  for (let edge = first; edge < end; edge++) {
    const target = base.edgeTo[edge]!;
    const other = compared.edgeTo[edge + offset]!;
    if (base.nodeId[target] !== compared.nodeId[other] || weightOf(base, edge) !== TELLING) continue;
    if (weightOf(compared, edge + offset) === TELLING && classText(base, target) === classText(compared, other)) return true;
  }
  return false;
}

function evidence(heap: Heap, ordinal: number): Evidence {
  const all = new Map<number, number>();
  const telling = new Map<number, number>();
  const { firstEdge, edgeTo, nodeId } = heap;
  const end = Math.min(firstEdge[ordinal + 1]!, firstEdge[ordinal]! + MAX_EDGES);
  for (let edge = firstEdge[ordinal]!; edge < end; edge++) {
    const weight = weightOf(heap, edge);
    if (weight === SAYS_NOTHING) continue;
    const target = edgeTo[edge]!;
    all.set(nodeId[target]!, target);
    if (weight === TELLING) telling.set(nodeId[target]!, target);
  }
  return { all, telling };
}

function sharesOne(base: Heap, before: Map<number, number>, compared: Heap, after: Map<number, number>): boolean {
  for (const [id, target] of before) {
    const other = after.get(id);
    if (other !== undefined && classText(base, target) === classText(compared, other)) return true;
  }
  return false;
}

function classText(heap: Heap, ordinal: number): string {
  const known = classTexts(heap);
  const index = heap.classOf[ordinal]!;
  return (known[index] ??= className(heap, index));
}

const classTextsOf = new WeakMap<Heap, (string | undefined)[]>();

function classTexts(heap: Heap): (string | undefined)[] {
  let known = classTextsOf.get(heap);
  if (!known) classTextsOf.set(heap, (known = []));
  return known;
}

function kindText(heap: Heap, ordinal: number): string {
  return heap.header.nodeKinds[heap.nodeKind[ordinal]!]!;
}

const NAME_BYTES = 1_024;

function sameName(base: Heap, baseOrdinal: number, compared: Heap, comparedOrdinal: number): boolean {
  const a = rawString(base.strings, base.nodeName[baseOrdinal]!, NAME_BYTES);
  const b = rawString(compared.strings, compared.nodeName[comparedOrdinal]!, NAME_BYTES);
  const length = a.to - a.from;
  if (length !== b.to - b.from) return false;
  for (let i = 0; i < length; i++) if (a.bytes[a.from + i] !== b.bytes[b.from + i]) return false;
  return true;
}

/**
 * Classes of two heaps that are the same: by name and source position, then by name where it is the only one of that
 * name on either side (the script was loaded anew, or the other process is another one).
 */
export function matchClasses(base: Heap, compared: Heap): ClassMatch {
  const maps = [new Uint32Array(base.classes.count), new Uint32Array(compared.classes.count)] as const;
  const numbers = new Map<string, number>();
  const perName = [base, compared].map((heap) => {
    const counts = new Map<string, number>();
    for (let index = 0; index < heap.classes.count; index++) {
      const name = className(heap, index);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return counts;
  });
  [base, compared].forEach((heap, side) => {
    for (let index = 0; index < heap.classes.count; index++) {
      const name = className(heap, index);
      const single = (perName[0]!.get(name) ?? 0) <= 1 && (perName[1]!.get(name) ?? 0) <= 1;
      const key = single ? name : `${name}\n${positionText(heap, index)}`;
      let number = numbers.get(key);
      if (number === undefined) numbers.set(key, (number = numbers.size));
      maps[side]![index] = number;
    }
  });
  return { base: maps[0], compared: maps[1], count: numbers.size };
}

function positionText(heap: Heap, classIndex: number): string {
  const row = heap.classes.location[classIndex]!;
  const table = heap.locations;
  return row === NONE || !table ? '' : `${table.scriptId[row]!},${table.line[row]!},${table.column[row]!}`;
}
