import { RETAINER_SOURCE, RETAINER_WEAK } from './analysis.ts';
import type { HeapAnalysis } from './analysis.ts';
import { EDGE_KIND, NONE } from './heap.ts';
import type { Heap } from './heap.ts';
import { isSystemEdge, isSystemNode } from './node-names.ts';
import { retainerEdge } from './object.ts';

/**
 * The tree of shortest paths, walked upwards. Among several equally near holders the one that tells most is taken:
 * one that keeps the object alive before one that does not, the program's own before the runtime's.
 */

/** An incoming edge: where it comes from and its place in the list of retainers. */
export interface Holder {
  readonly node: number;
  readonly edge: number;
}

/** Holders compared before the best so far is taken: `undefined` and type objects have millions. Fits a byte. */
export const MAX_COMPARED = 255;
/** Edges of larger sources are not looked up: that would cost more than it tells. */
export const MAX_LOOKED_UP = 1_000;

/** What speaks against a holder; the least sum is best. */
export const COST_WEAK = 64;
export const COST_UNESSENTIAL = 8;
export const COST_RUNTIME_NODE = 2;
export const COST_RUNTIME_EDGE = 1;

/** Whether a step from `source` (at `distance`) is a step of a shortest path to a node at `below`. */
export function isNearer(heap: Heap, source: number, distance: number, below: number): boolean {
  if (below === NONE) return false;
  // User roots have distance 1 though the root is not at 0: they are the beginning of the count.
  return distance === below - 1 || (below === 1 && source === heap.root);
}

/** The holder on the preferred shortest path; null for the root and for what no root reaches. */
export function nearestHolder(heap: Heap, analysis: HeapAnalysis, node: number): Holder | null {
  const { firstRetainer, retainer, distance } = analysis;
  const below = distance[node]!;
  if (node === heap.root || below === NONE) return null;
  let bestAt = -1;
  let bestCost = Infinity;
  let compared = 0;
  const end = firstRetainer[node + 1]!;
  for (let at = firstRetainer[node]!; at < end; at++) {
    const entry = retainer[at]!;
    const source = entry & RETAINER_SOURCE;
    if (!isNearer(heap, source, distance[source]!, below)) continue;
    const cost = holderCost(heap, analysis, node, at);
    if (cost < bestCost) {
      bestCost = cost;
      bestAt = at;
      if (cost === 0) break;
    }
    if (++compared >= MAX_COMPARED) break;
  }
  if (bestAt < 0) return null;
  return { node: retainer[bestAt]! & RETAINER_SOURCE, edge: retainerEdge(heap, analysis, node, bestAt) };
}

/** What speaks against a step to a node, 0 is best; `at` is its place in the list of retainers. */
export function holderCost(heap: Heap, analysis: HeapAnalysis, node: number, at: number): number {
  const entry = analysis.retainer[at]!;
  const source = entry & RETAINER_SOURCE;
  let cost = entry >= RETAINER_WEAK ? COST_UNESSENTIAL : 0;
  if (isSystemNode(heap, source)) cost += COST_RUNTIME_NODE;
  if (heap.firstEdge[source + 1]! - heap.firstEdge[source]! <= MAX_LOOKED_UP) {
    const edge = retainerEdge(heap, analysis, node, at);
    if ((heap.edgeKind[edge]! & EDGE_KIND) === heap.kinds.edgeWeak) return COST_WEAK;
    if (isSystemEdge(heap, edge)) cost += COST_RUNTIME_EDGE;
  }
  return cost;
}
