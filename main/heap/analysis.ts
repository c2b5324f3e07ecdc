import type { Column } from './columns.ts';

/** What analyseHeap adds to a heap. Columns by node ordinal unless said otherwise. */
export interface HeapAnalysis {
  /** Retainers of node `i` are `retainer[firstRetainer[i] … firstRetainer[i + 1]]`, by source, in edge order. */
  readonly firstRetainer: Uint32Array;
  /** Source node of each incoming edge; RETAINER_WEAK is set when that edge is not essential. */
  readonly retainer: Uint32Array;
  /** Immediate dominator; the root's is the root. */
  readonly dominator: Uint32Array;
  /** Bytes; 32 bits where the sum of all sizes fits. */
  readonly retained: Column;
  /** Distance from the user roots; NONE when not reached. */
  readonly distance: Uint32Array;
  /**
   * The dominator tree in preorder: what node `i` dominates, itself included, is
   * `domOrder[domPosition[i] … domPosition[i] + domSize[i])`.
   */
  readonly domOrder: Uint32Array;
  readonly domPosition: Uint32Array;
  readonly domSize: Uint32Array;
  /** By class: bytes that go when all its objects go, and the smallest distance (NONE: none reached). */
  readonly classRetained: Float64Array;
  readonly classDistance: Uint32Array;
}

/** Top bit of a `retainer` entry: the edge does not count for retained sizes. */
export const RETAINER_WEAK = 0x80000000;
export const RETAINER_SOURCE = 0x7fffffff;

/** Nodes a snapshot may have: ordinals leave the top bit free, and dominators double them. */
export const MAX_NODES = 0x3ffffffe;
