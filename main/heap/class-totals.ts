import { float64, uint32 } from './columns.ts';
import type { Column } from './columns.ts';
import { NONE } from './heap.ts';
import type { Heap } from './heap.ts';
import { native } from './native.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';

/** The dominator tree in preorder; see HeapAnalysis. */
export interface TreeOrder {
  readonly domOrder: Uint32Array;
  readonly domSize: Uint32Array;
  readonly retained: Column;
}

/**
 * Retained bytes by group, where an object inside of another one of its group counts once: one pass over the tree in
 * preorder, remembering for each group where the subtree of its last counted object ends. O(nodes + groups).
 * `groupOf` returns NONE for nodes that do not take part.
 */
export async function retainedByGroup(
  tree: TreeOrder,
  nodeCount: number,
  groups: number,
  groupOf: (node: number) => number,
  run?: RunOptions,
): Promise<Float64Array> {
  const { domOrder, domSize, retained } = tree;
  const totals = float64(groups);
  const coveredTo = new Uint32Array(groups);
  await inSlices(run, 'aggregates', nodeCount, 1 << 15, (from, to) => {
    for (let at = from; at < to; at++) {
      const node = domOrder[at]!;
      const group = groupOf(node);
      if (group === NONE || at < coveredTo[group]!) continue;
      totals[group]! += retained[node]!;
      coveredTo[group] = at + domSize[node]!;
    }
  });
  return totals;
}

/** Retained bytes and least distance of every class. Nodes of no size belong to no class here, as in DevTools. */
export async function measureClasses(
  heap: Heap,
  tree: TreeOrder,
  distance: Uint32Array,
  run?: RunOptions,
): Promise<{ classRetained: Float64Array; classDistance: Uint32Array }> {
  const { classOf, shallow, classes, nodeCount } = heap;
  const loops = native();
  if (loops) {
    const { domOrder, domSize, retained } = tree;
    const totals = float64(classes.count);
    const coveredTo = new Uint32Array(classes.count);
    await inSlices(run, 'aggregates', nodeCount, 1 << 17, (from, to) => {
      loops.retainedByClass(domOrder, domSize, retained, classOf, shallow, totals, coveredTo, from, to);
    });
    const least = uint32(classes.count).fill(NONE);
    await inSlices(run, 'aggregates', nodeCount, 1 << 18, (from, to) => {
      loops.classDistances(classOf, shallow, distance, least, from, to);
    });
    return { classRetained: totals, classDistance: least };
  }
  const classRetained = await retainedByGroup(
    tree,
    nodeCount,
    classes.count,
    (node) => (shallow[node] === 0 ? NONE : classOf[node]!),
    run,
  );
  const classDistance = uint32(classes.count).fill(NONE);
  await inSlices(run, 'aggregates', nodeCount, 1 << 16, (from, to) => {
    for (let node = from; node < to; node++) {
      if (shallow[node] !== 0 && distance[node]! < classDistance[classOf[node]!]!) {
        classDistance[classOf[node]!] = distance[node]!;
      }
    }
  });
  return { classRetained, classDistance };
}
