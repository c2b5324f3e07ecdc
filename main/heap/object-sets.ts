import type { ObjectFilter, SetTotals } from '#shared/model/heap-explore.ts';

import { analyseHeap } from './analyse.ts';
import { markedAmong, matchStrings, quiet, textFilter } from './filter.ts';
import type { TextFilter } from './filter.ts';
import { checkOrdinal, NONE } from './heap.ts';
import type { Heap } from './heap.ts';
import { nodeName } from './node-names.ts';
import { orderByNumber } from './order.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';

/** Sets of objects as ascending lists of ordinals, and what can be said of any of them. */

/** All objects of any size: V8's parts that count at their owner are no objects of their own. */
export async function allObjects(heap: Heap, run?: RunOptions): Promise<Uint32Array> {
  const { nodeCount, shallow } = heap;
  const found = new Uint32Array(nodeCount);
  let length = 0;
  await inSlices(quiet(run), 'aggregates', nodeCount, 1 << 18, (from, to) => {
    let at = length;
    for (let node = from; node < to; node++) {
      found[at] = node;
      at += shallow[node] === 0 ? 0 : 1;
    }
    length = at;
  });
  return found.slice(0, length);
}

/** What goes when the object goes, itself included. Waits for the analysis. */
export async function retainedObjects(heap: Heap, ordinal: number, run?: RunOptions): Promise<Uint32Array> {
  checkOrdinal(heap, ordinal);
  const { domOrder, domPosition, domSize } = await analyseHeap(heap, run);
  const from = domPosition[ordinal]!;
  if (from === NONE) return Uint32Array.of(ordinal);
  const found = domOrder.slice(from, from + domSize[ordinal]!).filter((node) => heap.shallow[node] !== 0 || node === ordinal);
  return found.sort();
}

/**
 * What goes when all of these go, they included: what each retains, put together (as the retained size of a class is
 * counted). O(set · log set + nodes).
 */
export async function retainedTogether(heap: Heap, ordinals: Uint32Array, run?: RunOptions): Promise<Uint32Array> {
  const { domOrder, domPosition, domSize } = await analyseHeap(heap, run);
  const order = await orderByNumber(ordinals.length, (i) => domPosition[ordinals[i]!]!, false, run);
  const goes = new Uint8Array(heap.nodeCount);
  let coveredTo = 0;
  await inSlices(quiet(run), 'aggregates', order.length, 1 << 12, (from, to) => {
    for (let i = from; i < to; i++) {
      const node = ordinals[order[i]!]!;
      const position = domPosition[node]!;
      goes[node] = 1;
      // Unreached objects dominate nothing; what lies within the one before is marked with it.
      if (position === NONE || position < coveredTo) continue;
      coveredTo = position + domSize[node]!;
      for (let at = position + 1; at < coveredTo; at++) if (heap.shallow[domOrder[at]!] !== 0) goes[domOrder[at]!] = 1;
    }
  });
  return keep(heap.nodeCount, (node) => node, (node) => goes[node] === 1, run);
}

/** Names tested one by one up to this many objects; beyond, each distinct string of the file once. */
const FEW_OBJECTS = 20_000;

/**
 * Those of a set that pass a filter, in the same order. `survives`: by node, 1 for those that are in the snapshot of
 * `notInId`; null when that is not asked.
 */
export async function filterObjects(
  heap: Heap,
  ordinals: Uint32Array,
  filter: ObjectFilter,
  survives: Uint8Array | null,
  run?: RunOptions,
): Promise<Uint32Array> {
  const needsAnalysis =
    filter.retainedBy !== undefined ||
    [filter.minRetainedBytes, filter.maxRetainedBytes, filter.minDistance, filter.maxDistance].some((bound) => bound !== undefined);
  const analysis = needsAnalysis ? await analyseHeap(heap, run) : null;
  const tests: ((node: number) => boolean)[] = [];
  const within = (value: (node: number) => number, least: number | undefined, most: number | undefined): void => {
    if (least !== undefined) tests.push((node) => value(node) >= least);
    if (most !== undefined) tests.push((node) => value(node) <= most);
  };
  if (survives) tests.push((node) => survives[node] === 0);
  if (filter.kinds && filter.kinds.length > 0) {
    const wanted = new Set(filter.kinds.map((kind) => heap.header.nodeKinds.indexOf(kind)));
    tests.push((node) => wanted.has(heap.nodeKind[node]!));
  }
  within((node) => heap.shallow[node]!, filter.minShallowBytes, filter.maxShallowBytes);
  if (analysis) {
    const { retained, distance, domPosition, domSize } = analysis;
    within((node) => retained[node]!, filter.minRetainedBytes, filter.maxRetainedBytes);
    within((node) => distance[node]!, filter.minDistance, filter.maxDistance);
    if (filter.maxDistance !== undefined) tests.push((node) => distance[node] !== NONE);
    if (filter.retainedBy !== undefined) {
      checkOrdinal(heap, filter.retainedBy);
      const from = domPosition[filter.retainedBy]!;
      const end = from === NONE ? from : from + domSize[filter.retainedBy]!;
      const self = filter.retainedBy;
      tests.push((node) => node === self || (from !== NONE && domPosition[node]! >= from && domPosition[node]! < end));
    }
  }
  let kept = ordinals;
  if (tests.length > 0) {
    kept = await keep(ordinals.length, (i) => ordinals[i]!, (node) => tests.every((test) => test(node)), run);
  }
  const names = textFilter(filter.text);
  return names ? filterNames(heap, kept, names, run) : kept;
}

async function filterNames(heap: Heap, ordinals: Uint32Array, filter: TextFilter, run: RunOptions | undefined): Promise<Uint32Array> {
  if (ordinals.length <= FEW_OBJECTS) {
    const found = filter.test(Array.from(ordinals, (node) => nodeName(heap, node)));
    return ordinals.filter((_, i) => found[i] === 1);
  }
  return markedAmong(heap, ordinals, await matchStrings(heap, filter, run), run);
}

/** Nodes for which the test holds, in two passes to need no growing list. */
async function keep(
  count: number,
  nodeAt: (index: number) => number,
  test: (node: number) => boolean,
  run: RunOptions | undefined,
): Promise<Uint32Array> {
  const passes = new Uint8Array(count);
  let length = 0;
  await inSlices(quiet(run), 'aggregates', count, 1 << 15, (from, to) => {
    for (let i = from; i < to; i++) {
      if (!test(nodeAt(i))) continue;
      passes[i] = 1;
      length++;
    }
  });
  const found = new Uint32Array(length);
  let at = 0;
  await inSlices(quiet(run), 'aggregates', count, 1 << 17, (from, to) => {
    for (let i = from; i < to; i++) if (passes[i] === 1) found[at++] = nodeAt(i);
  });
  return found;
}

/** Objects, bytes and the union of what they retain. Waits for the analysis. */
export async function setTotals(heap: Heap, ordinals: Uint32Array, run?: RunOptions): Promise<SetTotals> {
  const { domPosition, domSize, retained } = await analyseHeap(heap, run);
  const order = await orderByNumber(ordinals.length, (i) => domPosition[ordinals[i]!]!, false, run);
  const totals = { objects: ordinals.length, shallowBytes: 0, retainedBytes: 0 };
  let coveredTo = 0;
  await inSlices(quiet(run), 'aggregates', order.length, 1 << 16, (from, to) => {
    for (let i = from; i < to; i++) {
      const node = ordinals[order[i]!]!;
      totals.shallowBytes += heap.shallow[node]!;
      const position = domPosition[node]!;
      if (position < coveredTo) continue;
      totals.retainedBytes += retained[node]!;
      coveredTo = position + domSize[node]!;
    }
  });
  return totals;
}
