/** A heap as columns for the database: typed arrays are copied block by block, text is made row by row. */
import { className } from '#main/heap/class-names.ts';
import type { HeapAnalysis } from '#main/heap/analysis.ts';
import { EDGE_ESSENTIAL, EDGE_KIND, NONE, type Heap } from '#main/heap/heap.ts';
import { textOf } from '#main/heap/strings.ts';

/** Longest text that is loaded (UTF-16 units). */
const MAX_TEXT = 1_000;
const TWO_TO_32 = 2 ** 32;

export type SourceColumn =
  | { readonly name: string; readonly type: 'UINTEGER'; fill(from: number, to: number, into: Uint32Array): void }
  | { readonly name: string; readonly type: 'UTINYINT'; fill(from: number, to: number, into: Uint8Array): void }
  /** Whole numbers below 2^53, written as low and high halves. */
  | { readonly name: string; readonly type: 'BIGINT'; fill(from: number, to: number, into: Uint32Array): void }
  | { readonly name: string; readonly type: 'VARCHAR'; text(row: number): string };

export interface SourceTable {
  readonly name: StoredTable;
  readonly rows: number;
  readonly columns: readonly SourceColumn[];
}

/** Tables as they are stored; what users see are views over them (heap-views.ts). */
export const STORED_TABLES = ['node_rows', 'edge_rows', 'class_rows', 'string_rows', 'tree_rows', 'node_kinds', 'edge_kinds'] as const;
export type StoredTable = (typeof STORED_TABLES)[number];

type Numbers = ArrayLike<number>;

const sequence = (name: string): SourceColumn => ({
  name,
  type: 'UINTEGER',
  fill(from, to, into) {
    for (let row = from; row < to; row++) into[row - from] = row;
  },
});
const copied = (name: string, values: Uint32Array): SourceColumn => ({
  name,
  type: 'UINTEGER',
  fill: (from, to, into) => into.set(values.subarray(from, to)),
});
const computed = (name: string, value: (row: number) => number): SourceColumn => ({
  name,
  type: 'UINTEGER',
  fill(from, to, into) {
    for (let row = from; row < to; row++) into[row - from] = value(row);
  },
});
const small = (name: string, value: (row: number) => number): SourceColumn => ({
  name,
  type: 'UTINYINT',
  fill(from, to, into) {
    for (let row = from; row < to; row++) into[row - from] = value(row);
  },
});
const whole = (name: string, values: Numbers): SourceColumn => ({
  name,
  type: 'BIGINT',
  fill(from, to, into) {
    for (let row = from, at = 0; row < to; row++) {
      const value = values[row]!;
      into[at++] = value % TWO_TO_32;
      into[at++] = Math.floor(value / TWO_TO_32);
    }
  },
});
const texts = (name: string, text: (row: number) => string): SourceColumn => ({ name, type: 'VARCHAR', text });

/** `survives`: 1 for nodes that are in the other snapshot as well; null without one. */
export function heapTable(heap: Heap, analysis: HeapAnalysis, table: StoredTable, survives: Uint8Array | null): SourceTable {
  switch (table) {
    case 'node_rows': {
      const refcount = heap.extra.get('refcount');
      return {
        name: table,
        rows: heap.nodeCount,
        columns: [
          sequence('node'),
          whole('id', heap.nodeId),
          copied('name_id', heap.nodeName),
          copied('class_id', heap.classOf),
          small('kind_id', (node) => heap.nodeKind[node]!),
          whole('shallow_bytes', heap.shallow),
          whole('retained_bytes', analysis.retained),
          copied('distance', analysis.distance),
          computed('edge_count', (node) => heap.firstEdge[node + 1]! - heap.firstEdge[node]!),
          computed('refcount', (node) => Math.min(refcount?.[node] ?? NONE, NONE)),
          computed('dominator', (node) => (node === heap.root ? NONE : analysis.dominator[node]!)),
          small('is_new', (node) => (survives === null ? 2 : 1 - survives[node]!)),
        ],
      };
    }
    case 'edge_rows':
      return {
        name: table,
        rows: heap.edgeCount,
        columns: [
          sourceNodes(heap),
          copied('to_node', heap.edgeTo),
          small('kind_id', (edge) => heap.edgeKind[edge]! & EDGE_KIND),
          copied('name_id', heap.edgeName),
          small('keeps_alive', (edge) => (heap.edgeKind[edge]! & EDGE_ESSENTIAL ? 1 : 0)),
        ],
      };
    case 'class_rows': {
      const { count, objects, shallow, kind } = heap.classes;
      return {
        name: table,
        rows: count,
        columns: [
          sequence('class_id'),
          texts('name', (index) => className(heap, index, MAX_TEXT)),
          small('kind_id', (index) => kind[index]!),
          copied('objects', objects),
          whole('shallow_bytes', shallow),
          whole('retained_bytes', analysis.classRetained),
          copied('distance', analysis.classDistance),
        ],
      };
    }
    case 'string_rows':
      return { name: table, rows: heap.strings.count, columns: [sequence('string_id'), texts('text', (index) => textOf(heap.strings, index, MAX_TEXT))] };
    case 'tree_rows':
      return {
        name: table,
        rows: heap.nodeCount,
        columns: [sequence('node'), copied('position', analysis.domPosition), copied('subtree_objects', analysis.domSize)],
      };
    case 'node_kinds':
      return kindTable(table, heap.header.nodeKinds);
    case 'edge_kinds':
      return kindTable(table, heap.header.edgeKinds);
  }
}

function kindTable(name: StoredTable, kinds: readonly string[]): SourceTable {
  return { name, rows: kinds.length, columns: [small('kind_id', (kind) => kind), texts('name', (kind) => kinds[kind]!)] };
}

/** The node each edge starts from, which the heap keeps only as a range of edges per node. */
function sourceNodes({ firstEdge, nodeCount }: Heap): SourceColumn {
  return {
    name: 'from_node',
    type: 'UINTEGER',
    fill(from, to, into) {
      let node = nodeOfEdge(firstEdge, nodeCount, from);
      for (let edge = from; edge < to; edge++) {
        while (firstEdge[node + 1]! <= edge) node++;
        into[edge - from] = node;
      }
    },
  };
}

/** Last node whose edges begin at or before this edge. */
function nodeOfEdge(firstEdge: Uint32Array, nodeCount: number, edge: number): number {
  let low = 0;
  let high = nodeCount - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (firstEdge[middle]! <= edge) low = middle;
    else high = middle - 1;
  }
  return low;
}
