import type { DominatedClassColumn, DominatedClassRow } from '#shared/model/heap-explore.ts';

import { analyseHeap } from './analyse.ts';
import { className } from './class-names.ts';
import { uint32 } from './columns.ts';
import { quiet } from './filter.ts';
import { NONE } from './heap.ts';
import type { Heap } from './heap.ts';
import { nodeRef } from './nodes.ts';
import { setTotals } from './object-sets.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';
import type { Table } from './table.ts';

export type DominatedTable = Table<DominatedClassColumn, DominatedClassRow>;

interface Group {
  readonly nodes: Set<number>;
  setObjects: number;
  setShallowBytes: number;
}

/**
 * What dominates the objects of a set directly, from outside of the set, by class (Eclipse MAT's "immediate
 * dominators"): who to ask about a million strings. Parts of no size are passed over. O(nodes). Waits for the analysis.
 */
export async function immediateDominators(heap: Heap, ordinals: Uint32Array, run?: RunOptions): Promise<DominatedTable> {
  const { dominator } = await analyseHeap(heap, run);
  const inSet = new Uint8Array(heap.nodeCount);
  for (const node of ordinals) inSet[node] = 1;
  const passes = (node: number): boolean => node !== heap.root && (inSet[node] === 1 || heap.shallow[node] === 0);
  const outside = uint32(heap.nodeCount); // node + 1
  const groups = new Map<number, Group>();
  const path: number[] = [];
  await inSlices(quiet(run), 'aggregates', ordinals.length, 1 << 12, (from, to) => {
    for (let i = from; i < to; i++) {
      const node = ordinals[i]!;
      if (node === heap.root) continue;
      path.length = 0;
      let at = dominator[node]!;
      while (passes(at) && outside[at] === 0) {
        path.push(at);
        at = dominator[at]!;
      }
      const found = outside[at] !== 0 ? outside[at]! - 1 : at;
      for (const passed of path) outside[passed] = found + 1;
      add(groups, heap.classOf[found]!, found, heap.shallow[node]!);
    }
  });
  return tableOf(heap, groups, run);
}

/** What the objects of a set dominate directly and is not of the set, by class. O(nodes). Waits for the analysis. */
export async function immediatelyDominated(heap: Heap, ordinals: Uint32Array, run?: RunOptions): Promise<DominatedTable> {
  const { domOrder, domPosition, domSize } = await analyseHeap(heap, run);
  const inSet = new Uint8Array(heap.nodeCount);
  for (const node of ordinals) inSet[node] = 1;
  const groups = new Map<number, Group>();
  await inSlices(quiet(run), 'aggregates', ordinals.length, 256, (from, to) => {
    for (let i = from; i < to; i++) {
      const node = ordinals[i]!;
      const first = domPosition[node]!;
      if (first === NONE) continue;
      const seen = new Set<number>();
      const end = first + domSize[node]!;
      for (let at = first + 1; at < end; ) {
        const child = domOrder[at]!;
        if (inSet[child] === 1) {
          at += domSize[child]!;
          continue;
        }
        if (heap.shallow[child] === 0) {
          at++;
          continue;
        }
        const index = heap.classOf[child]!;
        if (seen.has(index)) groups.get(index)!.nodes.add(child);
        else add(groups, index, child, heap.shallow[node]!);
        seen.add(index);
        at += domSize[child]!;
      }
    }
  });
  return tableOf(heap, groups, run);
}

function add(groups: Map<number, Group>, index: number, node: number, shallow: number): void {
  let group = groups.get(index);
  if (!group) groups.set(index, (group = { nodes: new Set(), setObjects: 0, setShallowBytes: 0 }));
  group.nodes.add(node);
  group.setObjects++;
  group.setShallowBytes += shallow;
}

async function tableOf(heap: Heap, groups: Map<number, Group>, run: RunOptions | undefined): Promise<DominatedTable> {
  const rows: DominatedClassRow[] = [];
  for (const [classIndex, { nodes, setObjects, setShallowBytes }] of groups) {
    const list = Uint32Array.from(nodes).sort();
    const { shallowBytes, retainedBytes } = await setTotals(heap, list, run);
    rows.push({
      classIndex,
      name: className(heap, classIndex),
      objects: list.length,
      shallowBytes,
      retainedBytes,
      setObjects,
      setShallowBytes,
      example: nodeRef(heap, list[0]!),
    });
  }
  return {
    count: rows.length,
    text: (i) => rows[i]!.name,
    key: (column, i) => rows[i]![column],
    defaultSort: { by: 'retainedBytes', order: 'descending' },
    row: (i) => rows[i]!,
  };
}
