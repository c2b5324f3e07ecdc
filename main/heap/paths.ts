import type { PathsToRoot, PathStep, RetainingPath } from '#shared/model/heap.ts';

import { analyseHeap } from './analyse.ts';
import type { HeapAnalysis } from './analysis.ts';
import { RETAINER_SOURCE } from './analysis.ts';
import { checkOrdinal, EDGE_KIND, NONE } from './heap.ts';
import type { Heap } from './heap.ts';
import { edgeKindName, edgeName, isSystemEdge, isSystemNode } from './node-names.ts';
import { nodeRef } from './nodes.ts';
import { quiet } from './filter.ts';
import { retainerEdge } from './object.ts';
import { orderByNumber } from './order.ts';
import { createPacer } from './run.ts';
import type { RunOptions } from './run.ts';
import { holderCost, nearestHolder } from './shortest.ts';

export interface PathOptions extends RunOptions {
  /** Paths wanted, default 5, at most 100. */
  readonly limit?: number;
  /** Stop looking after this time, default 500 ms. */
  readonly timeLimitMs?: number;
}

/** With more holders than this, equally long paths come in the order of the file. */
const MAX_WEIGHED = 1_000;

/** Steps of a path that are sent; of longer ones (linked lists) the middle is left out. */
const MAX_STEPS = 400;

/**
 * Paths from the root to an object, shortest first, each through a different direct holder of it: the first one is
 * a shortest path, and no two differ only far away from the object. Weak edges do not count. Waits for the analysis.
 */
export async function pathsToRoot(heap: Heap, ordinal: number, options: PathOptions = {}): Promise<PathsToRoot> {
  checkOrdinal(heap, ordinal);
  const analysis = await analyseHeap(heap, options);
  if (ordinal === heap.root) return { paths: [{ steps: [step(heap, ordinal, -1)] }], complete: true };
  const { firstRetainer, retainer, distance } = analysis;
  const limit = Math.max(1, Math.min(100, options.limit ?? 5));
  const deadline = performance.now() + (options.timeLimitMs ?? 500);
  const first = firstRetainer[ordinal]!;
  const count = firstRetainer[ordinal + 1]! - first;
  const order = await orderByNumber(
    count,
    (i) => {
      const length = distanceThrough(heap, distance, ordinal, retainer[first + i]! & RETAINER_SOURCE);
      // Of equally long ones the one that tells most; costs are below 128.
      return length * 128 + (count <= MAX_WEIGHED ? holderCost(heap, analysis, ordinal, first + i) : 0);
    },
    false,
    options,
  );
  const pacer = createPacer(quiet(options), 'aggregates', count);
  const paths: RetainingPath[] = [];
  const used = new Set<number>();
  for (const i of order) {
    if (paths.length >= limit || performance.now() > deadline) return { paths, complete: false };
    if (pacer.due()) await pacer.pause(0);
    const source = retainer[first + i]! & RETAINER_SOURCE;
    if (used.has(source) || source === ordinal || distance[source] === NONE) continue;
    const edge = retainerEdge(heap, analysis, ordinal, first + i);
    if ((heap.edgeKind[edge]! & EDGE_KIND) === heap.kinds.edgeWeak) continue;
    used.add(source);
    const above = walkUp(heap, analysis, source, ordinal);
    if (above) paths.push({ steps: toSteps(heap, [...above, { node: ordinal, edge }]) });
  }
  return { paths, complete: true };
}

/** Length of the path through a holder; a root holds its user roots at no distance. */
function distanceThrough(heap: Heap, distance: Uint32Array, node: number, source: number): number {
  return source === heap.root && distance[node] === 1 ? 0 : distance[source]!;
}

interface Link {
  readonly node: number;
  readonly edge: number;
}

/** Nodes from the root down to `from` by shortest steps; null when the way leads through `avoid`. */
function walkUp(heap: Heap, analysis: HeapAnalysis, from: number, avoid: number): Link[] | null {
  const links: Link[] = [];
  let node = from;
  for (;;) {
    if (node === avoid) return null;
    const holder = nearestHolder(heap, analysis, node);
    links.push({ node, edge: holder?.edge ?? -1 });
    if (!holder) return node === heap.root ? links.reverse() : null;
    node = holder.node;
  }
}

function toSteps(heap: Heap, links: readonly Link[]): PathStep[] {
  const cut =
    links.length <= MAX_STEPS ? links : [...links.slice(0, MAX_STEPS / 2), ...links.slice(links.length - MAX_STEPS / 2)];
  return cut.map(({ node, edge }) => step(heap, node, edge));
}

function step(heap: Heap, node: number, edge: number): PathStep {
  return {
    edgeName: edge < 0 ? '' : edgeName(heap, edge),
    edgeKind: edge < 0 ? '' : edgeKindName(heap, edge),
    system: isSystemNode(heap, node) || (edge >= 0 && isSystemEdge(heap, edge)),
    node: nodeRef(heap, node),
  };
}
