import type { HeapAnalysis } from './analysis.ts';
import { measureClasses } from './class-totals.ts';
import { measureDistances } from './distances.ts';
import { buildDominators } from './dominators.ts';
import { markEssentialEdges } from './essential.ts';
import type { Heap } from './heap.ts';
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
  const incoming = await markEssentialEdges(heap, run);
  const { firstRetainer, retainer } = await buildRetainers(heap, incoming, run);
  const tree = await buildDominators(heap, firstRetainer, retainer, run);
  const [queue, distance] = tree.scratch;
  await measureDistances(heap, distance, queue, run);
  const { classRetained, classDistance } = await measureClasses(heap, tree, distance, run);
  heap.analysis = {
    firstRetainer,
    retainer,
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
