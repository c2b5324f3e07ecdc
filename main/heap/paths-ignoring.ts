import type { PathsIgnoring } from '#shared/model/heap-explore.ts';

import { analyseHeap } from './analyse.ts';
import { bytes, uint32 } from './columns.ts';
import { measureDistances } from './distances.ts';
import { quiet } from './filter.ts';
import { checkOrdinal, EDGE_KIND, NONE } from './heap.ts';
import type { Heap } from './heap.ts';
import { pathsToRoot } from './paths.ts';
import type { PathOptions } from './paths.ts';

/** Views of a heap without some retainers, the few used last: paging through objects must not measure anew. */
const views = new WeakMap<Heap, Map<string, Heap>>();
const MAX_VIEWS = 2;

/**
 * Paths to the root and the distance, as if the given objects held nothing ("ignore this retainer"). The root and the
 * object itself cannot be ignored. O(nodes + edges) once for a set of ignored objects. Waits for the analysis.
 */
export async function pathsIgnoring(
  heap: Heap,
  ordinal: number,
  ignore: readonly number[],
  options: PathOptions = {},
): Promise<PathsIgnoring> {
  checkOrdinal(heap, ordinal);
  for (const node of ignore) checkOrdinal(heap, node);
  await analyseHeap(heap, options);
  const ignored = [...new Set(ignore)].filter((node) => node !== heap.root && node !== ordinal).sort((a, b) => a - b);
  const view = ignored.length === 0 ? heap : await viewWithout(heap, ignored, options);
  const distance = view.analysis!.distance[ordinal]!;
  if (distance === NONE) return { paths: [], complete: true, distance: null };
  return { ...(await pathsToRoot(view, ordinal, options)), distance };
}

async function viewWithout(heap: Heap, ignored: readonly number[], run: PathOptions): Promise<Heap> {
  let known = views.get(heap);
  if (!known) views.set(heap, (known = new Map()));
  const key = ignored.join(' ');
  const found = known.get(key);
  if (found) return found;
  const analysis = await analyseHeap(heap, run);
  // What the ignored objects point to hangs on them by weak edges only, which no path takes.
  const kinds = heap.kinds.edgeWeak >= 0 ? heap.kinds : { ...heap.kinds, edgeWeak: EDGE_KIND };
  const edgeKind = bytes(heap.edgeCount);
  edgeKind.set(heap.edgeKind);
  for (const node of ignored) edgeKind.fill(kinds.edgeWeak, heap.firstEdge[node]!, heap.firstEdge[node + 1]!);
  const view: Heap = { ...heap, kinds, edgeKind, analysis: null, analysing: null };
  const distance = uint32(heap.nodeCount);
  await measureDistances(view, distance, uint32(heap.nodeCount), quiet(run));
  // No step of a path may come from them either.
  for (const node of ignored) distance[node] = NONE;
  view.analysis = { ...analysis, distance };
  known.set(key, view);
  for (const oldest of known.keys()) {
    if (known.size <= MAX_VIEWS) break;
    known.delete(oldest);
  }
  return view;
}
