import { MAX_ROW_TEXT } from '#shared/model/heap.ts';
import type { NodeColumn, NodeRef, Page, RowQuery, SortSpec } from '#shared/model/heap.ts';

import { className } from './class-names.ts';
import { nodesOfClass } from './classes.ts';
import { DETACHED } from './detachedness.ts';
import { markedAmong, matchStrings, quiet, textFilter } from './filter.ts';
import type { TextFilter } from './filter.ts';
import { firstByNumber, firstByText, namePrefix, wantsFirst } from './first-rows.ts';
import { checkOrdinal, NONE } from './heap.ts';
import type { Heap } from './heap.ts';
import { native } from './native.ts';
import { nodeName, rawNodeName } from './node-names.ts';
import { orderByNumber, orderByText } from './order.ts';
import { isDescending, orderCache, pageOf, sharedOrder } from './pages.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';

/** One object as a row. `maxChars` bounds its texts. */
export function nodeRef(heap: Heap, ordinal: number, maxChars: number = MAX_ROW_TEXT): NodeRef {
  checkOrdinal(heap, ordinal);
  const { analysis } = heap;
  const distance = analysis?.distance[ordinal] ?? NONE;
  const name = nodeName(heap, ordinal, maxChars);
  const ref: NodeRef = {
    ordinal,
    id: heap.nodeId[ordinal]!,
    name,
    className: className(heap, heap.classOf[ordinal]!, maxChars),
    kind: heap.header.nodeKinds[heap.nodeKind[ordinal]!]!,
    shallowBytes: heap.shallow[ordinal]!,
    retainedBytes: analysis ? analysis.retained[ordinal]! : null,
    distance: distance === NONE ? null : distance,
  };
  const refcount = heap.extra.get('refcount');
  const detached =
    heap.nodeKind[ordinal] === heap.kinds.native &&
    (heap.detachedness ? heap.detachedness[ordinal] === DETACHED : name.startsWith('Detached '));
  return {
    ...ref,
    ...(refcount ? { refcount: refcount[ordinal]! } : {}),
    ...(detached ? { detached } : {}),
  };
}

/** Instances of a class. Throws RangeError for an unknown class. */
export async function instanceRows(
  heap: Heap,
  classIndex: number,
  query: RowQuery<NodeColumn>,
  run?: RunOptions,
): Promise<Page<NodeRef>> {
  return nodeSetRows(heap, nodesOfClass(heap, classIndex), query, run);
}

/** Rows of any set of objects. The default order is by retained size, before the analysis by shallow size. */
export async function nodeSetRows(
  heap: Heap,
  ordinals: Uint32Array,
  query: RowQuery<NodeColumn>,
  run?: RunOptions,
): Promise<Page<NodeRef>> {
  const filter = textFilter(query.filter);
  const sort = query.sort ?? defaultSort(heap);
  const cache = orderCache(ordinals);
  const key = `${heap.analysis ? 1 : 0} ${sort.by} ${sort.order} ${query.filter ?? ''}`;
  const row = (ordinal: number): NodeRef => nodeRef(heap, ordinal);
  const known = cache.get(key);
  if (known) return pageOf(query, known, ordinals.length, row);
  let kept = ordinals;
  if (filter) {
    const keptKey = `kept ${query.filter ?? ''}`;
    kept = cache.get(keptKey) ?? (await filterNodes(heap, ordinals, filter, run));
    cache.set(keptKey, kept);
  }
  const part = wantsFirst(query, kept.length);
  const partKey = `first ${key}`;
  let order = part ? cache.get(partKey) : undefined;
  if (!order && part) cache.set(partKey, (order = await sortNodes(heap, kept, sort, run, true)));
  order ??= await sharedOrder(ordinals, key, () => sortNodes(heap, kept, sort, undefined), run?.signal);
  return pageOf(query, order, ordinals.length, row, kept.length);
}

/**
 * Objects whose name contains the text, matches `/regex/`, or whose id is `@id`. With `query.filter` as well, both
 * must match.
 */
export async function searchNodes(
  heap: Heap,
  text: string,
  query: RowQuery<NodeColumn>,
  run?: RunOptions,
): Promise<Page<NodeRef>> {
  const cache = orderCache(heap);
  const key = `search ${text}`;
  let found = cache.get(key);
  if (!found) {
    found = await findNodes(heap, text, run);
    cache.set(key, found);
  }
  return nodeSetRows(heap, found, query, run);
}

async function findNodes(heap: Heap, text: string, run: RunOptions | undefined): Promise<Uint32Array> {
  const id = /^\s*@(\d+)\s*$/.exec(text);
  if (id) {
    const ordinal = ordinalOfId(heap, Number(id[1]));
    return ordinal < 0 ? new Uint32Array(0) : Uint32Array.of(ordinal);
  }
  const filter = textFilter(text);
  if (!filter) return new Uint32Array(0);
  const matches = await matchStrings(heap, filter, run);
  return namedNodes(heap, matches, run);
}

/** Node with an id; −1 when there is none. O(nodes). */
export function ordinalOfId(heap: Heap, id: number): number {
  return heap.nodeId.indexOf(id);
}

function defaultSort(heap: Heap): SortSpec<NodeColumn> {
  return { by: heap.analysis ? 'retainedBytes' : 'shallowBytes', order: 'descending' };
}

/** Few nodes are tested by the name that is shown, many by the name in the file, each distinct one once. */
const FEW_NODES = 20_000;

async function filterNodes(
  heap: Heap,
  ordinals: Uint32Array,
  filter: TextFilter,
  run: RunOptions | undefined,
): Promise<Uint32Array> {
  if (ordinals.length <= FEW_NODES) {
    const found = filter.test(Array.from(ordinals, (node) => nodeName(heap, node)));
    return ordinals.filter((_, i) => found[i] === 1);
  }
  return markedAmong(heap, ordinals, await matchStrings(heap, filter, run), run);
}

/** Nodes whose name is marked. */
async function namedNodes(heap: Heap, marked: Uint8Array, run: RunOptions | undefined): Promise<Uint32Array> {
  const { nodeCount, nodeName } = heap;
  let found = new Uint32Array(1 << 16);
  let length = 0;
  const loops = native();
  await inSlices(quiet(run), 'aggregates', nodeCount, NAMED_SLICE, (from, to) => {
    if (found.length - length < to - from) {
      const grown = new Uint32Array(Math.max(2 * found.length, length + NAMED_SLICE));
      grown.set(found);
      found = grown;
    }
    if (loops) {
      length += loops.namedNodes(nodeName, marked, found.subarray(length), from, to);
      return;
    }
    // Every node is written where the next one that is named goes: no branch that nobody can foresee.
    let at = length;
    for (let node = from; node < to; node++) {
      found[at] = node;
      at += marked[nodeName[node]!]!;
    }
    length = at;
  });
  return found.slice(0, length);
}

const NAMED_SLICE = 1 << 18;

/** Sorts nodes by a column; nodes without a value come last in ascending order. With `part` only the first rows. */
export async function sortNodes(
  heap: Heap,
  ordinals: Uint32Array,
  sort: SortSpec<NodeColumn>,
  run: RunOptions | undefined,
  part = false,
): Promise<Uint32Array> {
  const descending = isDescending(sort);
  const count = ordinals.length;
  let order: Uint32Array;
  if (sort.by === 'name') {
    const text = (i: number): string => rawNodeName(heap, ordinals[i]!, 120);
    const prefix = (i: number): number => namePrefix(heap, heap.nodeName[ordinals[i]!]!, () => text(i));
    order = part
      ? await firstByText(count, prefix, text, descending, run)
      : await orderByText(count, text, descending, run, prefix);
  } else {
    order = await (part ? firstByNumber : orderByNumber)(count, nodeKey(heap, sort.by, ordinals), descending, run);
  }
  return order.map((i) => ordinals[i]!);
}

/** Number to sort by; not negative. */
export function nodeKey(
  heap: Heap,
  column: Exclude<NodeColumn, 'name'>,
  ordinals: ArrayLike<number>,
): (index: number) => number {
  const { analysis } = heap;
  switch (column) {
    case 'id':
      return (i) => heap.nodeId[ordinals[i]!]!;
    case 'shallowBytes':
      return (i) => heap.shallow[ordinals[i]!]!;
    case 'retainedBytes':
      return (i) => analysis?.retained[ordinals[i]!] ?? 0;
    case 'distance':
      return (i) => analysis?.distance[ordinals[i]!] ?? 0;
    case 'refcount': {
      const refcount = heap.extra.get('refcount');
      return (i) => refcount?.[ordinals[i]!] ?? 0;
    }
  }
}
