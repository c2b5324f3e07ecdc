import { RETAINER_SOURCE } from './analysis.ts';
import type { HeapAnalysis } from './analysis.ts';
import { quiet } from './filter.ts';
import { EDGE_KIND, NONE } from './heap.ts';
import type { Heap } from './heap.ts';
import { edgeName } from './node-names.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';

/**
 * A container that was empty in one of the two snapshots has nothing in common with itself: the cache that a leak fills
 * would count as new. Such a pair (same address, same class) is taken for one object when an object that is known to be
 * in both holds it by the same name in both: `module app` → `_cache`.
 */
export interface EmptyPair {
  readonly base: number;
  readonly compared: number;
}

/** Holders of one object, and edges of one holder, that are looked at. */
const MAX_HOLDERS = 16;
const MAX_EDGES = 4_096;
/** Containers in containers: each round can find those held by what the round before found. */
const MAX_ROUNDS = 4;

/** Calls `accept` for each pair that is one object; `baseOf` must be up to date when it returns. */
export async function matchByHolder(
  base: Heap,
  compared: Heap,
  analysis: HeapAnalysis,
  baseOf: Uint32Array,
  pairs: readonly EmptyPair[],
  accept: (pair: EmptyPair) => void,
  run?: RunOptions,
): Promise<void> {
  let left = pairs;
  for (let round = 0; round < MAX_ROUNDS && left.length > 0; round++) {
    const looked = left;
    const missed: EmptyPair[] = [];
    await inSlices(quiet(run), 'comparing', looked.length, 64, (from, to) => {
      for (const pair of looked.slice(from, to)) {
        if (sharesName(base, compared, analysis, baseOf, pair)) accept(pair);
        else missed.push(pair);
      }
    });
    if (missed.length === looked.length) return;
    left = missed;
  }
}

function sharesName(base: Heap, compared: Heap, analysis: HeapAnalysis, baseOf: Uint32Array, pair: EmptyPair): boolean {
  const { firstRetainer, retainer } = analysis;
  const first = firstRetainer[pair.compared]!;
  const end = Math.min(firstRetainer[pair.compared + 1]!, first + MAX_HOLDERS);
  for (let at = first; at < end; at++) {
    const holder = retainer[at]! & RETAINER_SOURCE;
    const old = baseOf[holder]!;
    if (old === NONE) continue;
    const names = namesOfEdges(compared, holder, pair.compared);
    if (names.size === 0) continue;
    for (const name of namesOfEdges(base, old, pair.base)) if (names.has(name)) return true;
  }
  return false;
}

/** Names by which an object holds another: attributes, slots, keys that are names, variables of frames and cells. */
function namesOfEdges(heap: Heap, source: number, target: number): Set<string> {
  const names = new Set<string>();
  const { firstEdge, edgeTo, edgeKind, kinds } = heap;
  const end = Math.min(firstEdge[source + 1]!, firstEdge[source]! + MAX_EDGES);
  for (let edge = firstEdge[source]!; edge < end; edge++) {
    if (edgeTo[edge] !== target) continue;
    const kind = edgeKind[edge]! & EDGE_KIND;
    if (kind === kinds.edgeProperty || kind === kinds.edgeContext) names.add(edgeName(heap, edge, 200));
    else if (kind === kinds.edgeInternal && edgeName(heap, edge, 16) === '__dict__') names.add('{__dict__}');
  }
  return names;
}
