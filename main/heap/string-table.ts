import type { StringColumn, StringOrder, StringRow } from '#shared/model/heap-explore.ts';

import { quiet } from './filter.ts';
import type { Heap } from './heap.ts';
import { isString } from './node-names.ts';
import { nodeRef } from './nodes.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';
import { rawString, textOf } from './strings.ts';
import type { Table } from './table.ts';

/**
 * Strings by value. Values are equal when the file has one text for them; texts are compared once each by length and
 * bytes, so files that repeat a text in their table count right as well. Concatenated strings have no text of their own
 * and are left out of duplicates, as are values the file has only the beginning of: they may differ behind it.
 */
export interface StringValues {
  readonly heap: Heap;
  /** Number of the value by string index of the file, plus one; 0: no string node has it. */
  readonly valueOf: Uint32Array;
  readonly rows: readonly Value[];
  readonly longest: Table<StringColumn, StringRow>;
  readonly duplicates: Table<StringColumn, StringRow>;
  readonly duplicateBytes: number;
}

interface Value {
  readonly string: number;
  readonly example: number;
  objects: number;
  bytes: number;
  largest: number;
  cut: boolean;
}

/** Characters of a value in a row. */
const ROW_CHARS = 400;
/** V8 writes at most this much of a string, our agent this much. */
const V8_CHARS = 1_024;
const PYTHON_CHARS = 100;

const known = new WeakMap<Heap, StringValues>();

/** Made once per heap. O(nodes + bytes of the strings they have). */
export async function stringValues(heap: Heap, run?: RunOptions): Promise<StringValues> {
  let values = known.get(heap);
  if (!values) known.set(heap, (values = await build(heap, run)));
  return values;
}

async function build(heap: Heap, run: RunOptions | undefined): Promise<StringValues> {
  const { nodeCount, nodeName, nodeKind, kinds, shallow, strings } = heap;
  const valueOf = new Uint32Array(strings.count);
  const rows: Value[] = [];
  const byHash = new Map<number, number[]>();
  const limit = heap.producer === 'cpython' ? PYTHON_CHARS : V8_CHARS;
  const numberOf = (string: number, node: number): number => {
    if (valueOf[string] !== 0) return valueOf[string]! - 1;
    const hash = hashOf(heap, string);
    const alike = byHash.get(hash);
    const same = alike?.find((row) => sameText(heap, rows[row]!.string, string));
    if (same !== undefined) {
      valueOf[string] = same + 1;
      return same;
    }
    const row = rows.push({ string, example: node, objects: 0, bytes: 0, largest: 0, cut: isCut(heap, string, limit) }) - 1;
    if (alike) alike.push(row);
    else byHash.set(hash, [row]);
    valueOf[string] = row + 1;
    return row;
  };
  await inSlices(quiet(run), 'aggregates', nodeCount, 1 << 11, (from, to) => {
    for (let node = from; node < to; node++) {
      if (shallow[node] === 0 || !isString(heap, node) || nodeKind[node] === kinds.consString) continue;
      const row = rows[numberOf(nodeName[node]!, node)]!;
      row.objects++;
      row.bytes += shallow[node]!;
      if (shallow[node]! > row.largest) row.largest = shallow[node]!;
    }
  });
  const all = Uint32Array.from({ length: rows.length }, (_, i) => i);
  const twice = all.filter((i) => rows[i]!.objects > 1);
  const table = (listed: Uint32Array, by: StringColumn): Table<StringColumn, StringRow> => ({
    count: listed.length,
    text: (i) => textOf(strings, rows[listed[i]!]!.string),
    key(column, i) {
      const value = rows[listed[i]!]!;
      switch (column) {
        case 'text':
          return textOf(strings, value.string, 120);
        case 'objects':
          return value.objects;
        case 'shallowBytes':
          return value.bytes;
        case 'largestBytes':
          return value.largest;
        case 'wastedBytes':
          return wasted(value);
      }
    },
    defaultSort: { by, order: 'descending' },
    row(i) {
      const value = rows[listed[i]!]!;
      return {
        stringId: listed[i]!,
        text: textOf(strings, value.string, ROW_CHARS),
        objects: value.objects,
        shallowBytes: value.bytes,
        largestBytes: value.largest,
        wastedBytes: wasted(value),
        cutInFile: value.cut,
        example: nodeRef(heap, value.example, ROW_CHARS),
      };
    },
  });
  let duplicateBytes = 0;
  for (const i of twice) duplicateBytes += wasted(rows[i]!);
  return { heap, valueOf, rows, longest: table(all, 'largestBytes'), duplicates: table(twice, 'wastedBytes'), duplicateBytes };
}

function wasted({ objects, bytes, largest, cut }: Value): number {
  return cut || objects < 2 ? 0 : bytes - largest;
}

export function stringTable(values: StringValues, order: StringOrder): Table<StringColumn, StringRow> {
  return order === 'longest' ? values.longest : values.duplicates;
}

/** The objects that have a value, in file order. Throws RangeError for an unknown value. */
export async function objectsOfString(values: StringValues, stringId: number, run?: RunOptions): Promise<Uint32Array> {
  if (!Number.isInteger(stringId) || stringId < 0 || stringId >= values.rows.length) {
    throw new RangeError(`There is no string number ${stringId} among ${values.rows.length}`);
  }
  const { heap, valueOf } = values;
  const found: number[] = [];
  await inSlices(quiet(run), 'aggregates', heap.nodeCount, 1 << 16, (from, to) => {
    for (let node = from; node < to; node++) {
      if (heap.shallow[node] === 0 || !isString(heap, node) || heap.nodeKind[node] === heap.kinds.consString) continue;
      if (valueOf[heap.nodeName[node]!] === stringId + 1) found.push(node);
    }
  });
  return Uint32Array.from(found);
}

/** Bytes compared at most; longer texts with the same beginning count as one. The files cut before that. */
const MAX_BYTES = 16_384;

function hashOf(heap: Heap, string: number): number {
  const { bytes, from, to } = rawString(heap.strings, string, MAX_BYTES);
  let hash = to - from;
  for (let p = from; p < to; p++) hash = Math.imul(hash ^ bytes[p]!, 0x01000193);
  return hash >>> 0;
}

function sameText(heap: Heap, one: number, other: number): boolean {
  const a = rawString(heap.strings, one, MAX_BYTES);
  const text = a.bytes.slice(a.from, a.to);
  const b = rawString(heap.strings, other, MAX_BYTES);
  if (text.length !== b.to - b.from) return false;
  for (let i = 0; i < text.length; i++) if (text[i] !== b.bytes[b.from + i]) return false;
  return true;
}

function isCut(heap: Heap, string: number, limit: number): boolean {
  const { to, from } = rawString(heap.strings, string, limit);
  return to - from >= limit && textOf(heap.strings, string, limit + 2).length >= limit;
}
