import type { HeapAnalysis } from './analysis.ts';
import { measureClasses } from './class-totals.ts';
import { measureDistances } from './distances.ts';
import { release, scratch, uint32 } from './columns.ts';
import { buildDominators, searchDepthFirst } from './dominators.ts';
import type { DominatorTree } from './dominators.ts';
import { countIncoming, markEssentialEdges } from './essential.ts';
import type { Heap } from './heap.ts';
import type { PreparedAnalysis } from './prepared.ts';
import { buildRetainers } from './retainers.ts';
import type { RunOptions } from './run.ts';

export type { HeapAnalysis } from './analysis.ts';

/**
 * Adds retainers, dominators, retained sizes and distances to a heap. Callers at the same time share one run: the
 * options of the first one count, and when it cancels, the next one starts anew.
 */
export async function analyseHeap(heap: Heap, run?: RunOptions): Promise<HeapAnalysis> {
  while (heap.analysis === null) {
    const shared = heap.analysing;
    if (shared === null) {
      heap.analysing = analyse(heap, run).finally(() => {
        heap.analysing = null;
      });
      return heap.analysing;
    }
    await waitFor(shared, run?.signal);
  }
  return heap.analysis;
}

/** Waits for another caller's run; its failure is not ours, our own cancel is. */
async function waitFor(shared: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  const settled = shared.then(
    () => undefined,
    () => undefined,
  );
  if (!signal) return settled;
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<void>((resolve) => {
    onAbort = resolve;
    signal.addEventListener('abort', onAbort, { once: true });
  });
  await Promise.race([settled, aborted]);
  signal.removeEventListener('abort', onAbort);
  signal.throwIfAborted();
}

async function analyse(heap: Heap, run: RunOptions | undefined): Promise<HeapAnalysis> {
  const { prepared } = heap;
  heap.prepared = null;
  const parts = await (prepared ? withHelper(heap, prepared, run) : alone(heap, run));
  const { tree, distance } = parts;
  const { classRetained, classDistance } = await measureClasses(heap, tree, distance, run);
  heap.analysis = {
    firstRetainer: parts.firstRetainer,
    retainer: parts.retainer,
    dominator: tree.dominator,
    retained: tree.retained,
    distance,
    domOrder: tree.domOrder,
    domPosition: tree.domPosition,
    domSize: tree.domSize,
    classRetained,
    classDistance,
  };
  return heap.analysis;
}

interface Parts {
  readonly firstRetainer: Uint32Array;
  readonly retainer: Uint32Array;
  readonly tree: DominatorTree;
  readonly distance: Uint32Array;
}

/** One phase after the other in this thread. */
async function alone(heap: Heap, run: RunOptions | undefined): Promise<Parts> {
  const incoming = uint32(heap.nodeCount + 1);
  const held = await markEssentialEdges(heap, run, incoming);
  const search = await searchDepthFirst(heap, held, run);
  const { firstRetainer, retainer } = await buildRetainers(heap, incoming, run);
  const tree = await buildDominators(heap, heap.shallow, search, firstRetainer, retainer, run);
  const distance = uint32(heap.nodeCount);
  await measureDistances(heap, distance, tree.scratch, run);
  return { firstRetainer, retainer, tree, distance };
}

/**
 * The helper has marked essential edges and searches the graph meanwhile; retainers and distances are made here, beside
 * its search and its dominators.
 */
async function withHelper(heap: Heap, prepared: PreparedAnalysis, run: RunOptions | undefined): Promise<Parts> {
  try {
    // Counted here, where there is time; the helper has more to do.
    const incoming = await countIncoming(heap, run);
    await prepared.marked(run);
    const { firstRetainer, retainer } = await buildRetainers(heap, incoming, run);
    const tree = prepared.dominators({ shallow: heap.shallow, firstRetainer, retainer }, run);
    tree.catch(() => undefined); // awaited below, unless distances fail first
    const distance = uint32(heap.nodeCount);
    const queue = scratch(heap.nodeCount);
    await measureDistances(heap, distance, queue, run);
    release(queue);
    return { firstRetainer, retainer, tree: await tree, distance };
  } finally {
    prepared.close();
  }
}
