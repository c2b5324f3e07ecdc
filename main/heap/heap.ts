import type { HeapProducer } from '#shared/model/heap.ts';

import type { HeapAnalysis } from './analysis.ts';
import type { Column } from './columns.ts';
import type { HeapHeader } from './header.ts';
import type { PreparedAnalysis } from './prepared.ts';
import type { KnownStrings } from './known-strings.ts';
import type { StringTable } from './strings.ts';

/**
 * An open snapshot: columns by node ordinal and by edge number, nothing else. Edges of node `i` are
 * `firstEdge[i] … firstEdge[i + 1]`. Memory is shared so that other threads can read it.
 */
export interface Heap {
  readonly path: string;
  readonly fileBytes: number;
  readonly producer: HeapProducer;
  readonly header: HeapHeader;
  readonly root: number;
  readonly nodeCount: number;
  readonly edgeCount: number;
  readonly nodeKind: Uint8Array;
  readonly nodeName: Uint32Array;
  readonly nodeId: Column;
  /** Shallow bytes; V8's hidden parts count at their owner (see ownership.ts). */
  readonly shallow: Column;
  /** 0 unknown, 1 attached, 2 detached; null where the file does not say. */
  readonly detachedness: Uint8Array | null;
  readonly firstEdge: Uint32Array;
  /** Kind in the low five bits, flags above (EDGE_…). */
  readonly edgeKind: Uint8Array;
  readonly edgeName: Uint32Array;
  readonly edgeTo: Uint32Array;
  readonly strings: StringTable;
  /** Node fields beyond V8's, by name. */
  readonly extra: ReadonlyMap<string, Column>;
  readonly locations: LocationTable | null;
  readonly kinds: KindNumbers;
  readonly known: KnownStrings;
  readonly classes: ClassTable;
  readonly classOf: Uint32Array;
  readonly shallowBytes: number;
  readonly notices: readonly string[];
  /** Set by analyseHeap when it is complete. */
  analysis: HeapAnalysis | null;
  /** The analysis under way, shared by all who ask. */
  analysing: Promise<HeapAnalysis> | null;
  /** What a second thread has begun while the heap was opened; taken by the first analysis. */
  prepared: PreparedAnalysis | null;
}

/** Mask of the kind in `edgeKind`. */
export const EDGE_KIND = 31;
/** The edge keeps its target alive for the purpose of retained sizes. */
export const EDGE_ESSENTIAL = 128;
/** The edge is one half of a WeakMap entry. */
export const EDGE_EPHEMERON = 64;

/** "No node" in Uint32 columns. */
export const NONE = 0xffffffff;

/** Source positions of objects, sorted by node. */
export interface LocationTable {
  readonly node: Uint32Array;
  readonly scriptId: Column;
  readonly line: Column;
  readonly column: Column;
}

/** Numbers of the kinds the rules speak of; −1 where the file does not have one. */
export interface KindNumbers {
  readonly hidden: number;
  readonly array: number;
  readonly string: number;
  readonly consString: number;
  readonly slicedString: number;
  readonly object: number;
  readonly code: number;
  readonly closure: number;
  readonly regexp: number;
  readonly number: number;
  readonly native: number;
  readonly synthetic: number;
  readonly edgeContext: number;
  readonly edgeElement: number;
  readonly edgeProperty: number;
  readonly edgeInternal: number;
  readonly edgeHidden: number;
  readonly edgeShortcut: number;
  readonly edgeWeak: number;
  readonly edgeInvisible: number;
}

export function kindNumbers(header: HeapHeader): KindNumbers {
  const node = (name: string): number => header.nodeKinds.indexOf(name);
  const edge = (name: string): number => header.edgeKinds.indexOf(name);
  return {
    hidden: node('hidden'),
    array: node('array'),
    string: node('string'),
    consString: node('concatenated string'),
    slicedString: node('sliced string'),
    object: node('object'),
    code: node('code'),
    closure: node('closure'),
    regexp: node('regexp'),
    number: node('number'),
    native: node('native'),
    synthetic: node('synthetic'),
    edgeContext: edge('context'),
    edgeElement: edge('element'),
    edgeProperty: edge('property'),
    edgeInternal: edge('internal'),
    edgeHidden: edge('hidden'),
    edgeShortcut: edge('shortcut'),
    edgeWeak: edge('weak'),
    edgeInvisible: edge('invisible'),
  };
}

/** Edge names that mark WeakMap entries, sorted by string index. Both halves of an entry have the same `pair`. */
export interface WeakMapNames {
  readonly string: Uint32Array;
  readonly pair: Uint32Array;
  readonly tableId: Float64Array;
}

/** Position of a string in the table, −1 when it is not the name of a WeakMap entry. */
export function weakMapEntry(names: WeakMapNames, string: number): number {
  let low = 0;
  let high = names.string.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const value = names.string[middle]!;
    if (value === string) return middle;
    if (value < string) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** Classes with their shallow totals. Names are made when shown (class-names.ts). */
export interface ClassTable {
  readonly count: number;
  /** String index of the name; from `strings.count` on an index into `extraNames`. */
  readonly label: Uint32Array;
  readonly extraNames: readonly string[];
  /** Index of the source position that tells classes of the same name apart, NONE without. */
  readonly location: Uint32Array;
  readonly kind: Uint8Array;
  readonly objects: Uint32Array;
  readonly shallow: Float64Array;
}

export function checkOrdinal(heap: Heap, ordinal: number): void {
  if (!Number.isInteger(ordinal) || ordinal < 0 || ordinal >= heap.nodeCount) {
    throw new RangeError(`There is no object number ${ordinal} in a snapshot of ${heap.nodeCount} objects`);
  }
}
