import { MAX_ROW_TEXT } from '#shared/model/heap.ts';
import type {
  EdgeColumn,
  EdgeRow,
  NodeColumn,
  NodeRef,
  ObjectDetails,
  Page,
  RowQuery,
  SourceLocation,
} from '#shared/model/heap.ts';

import { analyseHeap } from './analyse.ts';
import type { HeapAnalysis } from './analysis.ts';
import { RETAINER_SOURCE } from './analysis.ts';
import { filterIndexes, textFilter } from './filter.ts';
import { firstByNumber, wantsFirst } from './first-rows.ts';
import { checkOrdinal, EDGE_KIND } from './heap.ts';
import type { Heap } from './heap.ts';
import { scriptOf } from './modules.ts';
import { edgeKindName, edgeName, isString, isSystemEdge, isSystemNode, nodeName, rawNodeName, stringValue } from './node-names.ts';
import { nodeKey, nodeRef, nodeSetRows } from './nodes.ts';
import { orderByNumber, orderByText } from './order.ts';
import { isDescending, orderCache, pageOf } from './pages.ts';
import type { RunOptions } from './run.ts';

/** What an object points to, in the order of the file unless sorted. */
export async function fieldRows(
  heap: Heap,
  ordinal: number,
  query: RowQuery<EdgeColumn>,
  run?: RunOptions,
): Promise<Page<EdgeRow>> {
  checkOrdinal(heap, ordinal);
  const first = heap.firstEdge[ordinal]!;
  return edgeRows(heap, query, run, {
    key: `fields ${ordinal}`,
    count: heap.firstEdge[ordinal + 1]! - first,
    edgeAt: (i) => first + i,
    nodeAt: (i) => heap.edgeTo[first + i]!,
    sort: query.sort,
  });
}

/** What points to an object, nearest to the roots first unless sorted. Waits for the analysis. */
export async function retainerRows(
  heap: Heap,
  ordinal: number,
  query: RowQuery<EdgeColumn>,
  run?: RunOptions,
): Promise<Page<EdgeRow>> {
  checkOrdinal(heap, ordinal);
  const analysis = await analyseHeap(heap, run);
  const first = analysis.firstRetainer[ordinal]!;
  return edgeRows(heap, query, run, {
    key: `retainers ${ordinal}`,
    count: analysis.firstRetainer[ordinal + 1]! - first,
    edgeAt: (i) => retainerEdge(heap, analysis, ordinal, first + i),
    nodeAt: (i) => analysis.retainer[first + i]! & RETAINER_SOURCE,
    sort: query.sort ?? { by: 'distance', order: 'ascending' },
  });
}

/** What an object dominates directly. Waits for the analysis. */
export async function dominatedRows(
  heap: Heap,
  ordinal: number,
  query: RowQuery<NodeColumn>,
  run?: RunOptions,
): Promise<Page<NodeRef>> {
  checkOrdinal(heap, ordinal);
  const analysis = await analyseHeap(heap, run);
  const cache = orderCache(heap);
  const key = `dominated ${ordinal}`;
  let nodes = cache.get(key);
  if (!nodes) {
    nodes = Uint32Array.from(dominatedBy(analysis, ordinal));
    cache.set(key, nodes);
  }
  return nodeSetRows(heap, nodes, query, run);
}

/** Children of a node in the dominator tree. */
export function dominatedBy(analysis: HeapAnalysis, ordinal: number): number[] {
  const { domOrder, domPosition, domSize } = analysis;
  const children: number[] = [];
  const from = domPosition[ordinal]!;
  const end = from + domSize[ordinal]!;
  for (let at = from + 1; at < end; at += domSize[domOrder[at]!]!) children.push(domOrder[at]!);
  return children;
}

/** Characters of a string's value in the details. */
const VALUE_CHARS = 4_000;

/** Everything about one object that is not a list. Does not wait for the analysis. */
export function objectDetails(heap: Heap, ordinal: number): ObjectDetails {
  const ref = nodeRef(heap, ordinal);
  const { analysis } = heap;
  const value = isString(heap, ordinal) ? stringValue(heap, ordinal, VALUE_CHARS) : null;
  return {
    ...ref,
    fields: heap.firstEdge[ordinal + 1]! - heap.firstEdge[ordinal]!,
    retainers: analysis ? analysis.firstRetainer[ordinal + 1]! - analysis.firstRetainer[ordinal]! : 0,
    dominator: analysis && ordinal !== heap.root ? nodeRef(heap, analysis.dominator[ordinal]!) : null,
    dominated: analysis ? dominatedBy(analysis, ordinal).length : null,
    value: value?.text ?? null,
    valueCut: value?.cut ?? false,
    location: locationOf(heap, ordinal),
  };
}

function locationOf(heap: Heap, ordinal: number): SourceLocation | null {
  const table = heap.locations;
  if (!table) return null;
  let low = 0;
  let high = table.node.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const node = table.node[middle]!;
    if (node === ordinal) {
      return { scriptId: table.scriptId[middle]!, script: scriptOf(heap, ordinal), line: table.line[middle]!, column: table.column[middle]! };
    }
    if (node < ordinal) low = middle + 1;
    else high = middle - 1;
  }
  return null;
}

/**
 * The edge behind entry `at` of the retainers of a node. Entries of one source stand together in the order of its
 * edges, so the n-th entry of a source is its n-th edge to the node. O(edges of the source).
 */
export function retainerEdge(heap: Heap, analysis: HeapAnalysis, ordinal: number, at: number): number {
  const { retainer, firstRetainer } = analysis;
  const source = retainer[at]! & RETAINER_SOURCE;
  // Sources ascend: the first entry of this one is found by halving.
  let low = firstRetainer[ordinal]!;
  let high = at;
  if (low < at && (retainer[at - 1]! & RETAINER_SOURCE) !== source) low = at;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((retainer[middle]! & RETAINER_SOURCE) < source) low = middle + 1;
    else high = middle;
  }
  let before = at - low;
  const end = heap.firstEdge[source + 1]!;
  for (let edge = heap.firstEdge[source]!; edge < end; edge++) {
    if (heap.edgeTo[edge] === ordinal && before-- === 0) return edge;
  }
  throw new Error(`The retainers of node ${ordinal} do not match its edges`);
}

interface EdgeList {
  readonly key: string;
  readonly count: number;
  edgeAt(i: number): number;
  nodeAt(i: number): number;
  readonly sort: RowQuery<EdgeColumn>['sort'];
}

async function edgeRows(
  heap: Heap,
  query: RowQuery<EdgeColumn>,
  run: RunOptions | undefined,
  list: EdgeList,
): Promise<Page<EdgeRow>> {
  const filter = textFilter(query.filter);
  const cache = orderCache(heap);
  const { sort } = list;
  const key = `${heap.analysis ? 1 : 0} ${list.key} ${sort?.by ?? ''} ${sort?.order ?? ''} ${query.filter ?? ''}`;
  let order = cache.get(key);
  if (!order) {
    const all = Uint32Array.from({ length: list.count }, (_, i) => i);
    const text = (i: number): string => `${edgeName(heap, list.edgeAt(i))} ${nodeName(heap, list.nodeAt(i))}`;
    const kept = filter ? await filterIndexes(list.count, text, filter, run) : all;
    if (sort && wantsFirst(query, kept.length) && isNumeric(sort.by)) {
      const partKey = `first ${key}`;
      const part = cache.get(partKey) ?? (await sortEdges(heap, kept, list, sort, run, true));
      cache.set(partKey, part);
      return pageOf(query, part, list.count, (i) => edgeRow(heap, list.edgeAt(i), list.nodeAt(i)), kept.length);
    }
    order = sort ? await sortEdges(heap, kept, list, sort, run, false) : kept;
    if (list.count > 1_000) cache.set(key, order);
  }
  return pageOf(query, order, list.count, (i) => edgeRow(heap, list.edgeAt(i), list.nodeAt(i)));
}

/** Columns of the node at the other end that are numbers. */
function isNumeric(column: EdgeColumn): boolean {
  return column !== 'edgeName' && column !== 'edgeKind' && column !== 'name';
}

async function sortEdges(
  heap: Heap,
  kept: Uint32Array,
  list: EdgeList,
  sort: NonNullable<EdgeList['sort']>,
  run: RunOptions | undefined,
  part: boolean,
): Promise<Uint32Array> {
  const descending = isDescending(sort);
  const nodes = kept.map((i) => list.nodeAt(i));
  let order: Uint32Array;
  if (sort.by === 'edgeName') {
    order = await orderByText(kept.length, (i) => sortableEdgeName(heap, list.edgeAt(kept[i]!)), descending, run);
  } else if (sort.by === 'edgeKind') {
    order = await orderByText(kept.length, (i) => edgeKindName(heap, list.edgeAt(kept[i]!)), descending, run);
  } else if (sort.by === 'name') {
    order = await orderByText(kept.length, (i) => rawNodeName(heap, nodes[i]!, 120), descending, run);
  } else {
    order = await (part ? firstByNumber : orderByNumber)(kept.length, nodeKey(heap, sort.by, nodes), descending, run);
  }
  return order.map((i) => kept[i]!);
}

/** Positions sort as numbers. */
function sortableEdgeName(heap: Heap, edge: number): string {
  const name = edgeName(heap, edge, 120);
  return /^\d+$/.test(name) ? name.padStart(12, '0') : name;
}

/** One reference as a row; `node` is the end that the list is about. */
export function edgeRow(heap: Heap, edge: number, node: number): EdgeRow {
  return {
    edge,
    edgeName: edgeName(heap, edge, MAX_ROW_TEXT),
    edgeKind: edgeKindName(heap, edge),
    weak: (heap.edgeKind[edge]! & EDGE_KIND) === heap.kinds.edgeWeak,
    system: isSystemEdge(heap, edge) || isSystemNode(heap, node),
    node: nodeRef(heap, node),
  };
}
