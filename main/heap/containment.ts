import type { ContainmentRow } from '#shared/model/heap-explore.ts';
import type { EdgeColumn, Page, RowQuery } from '#shared/model/heap.ts';

import { analyseHeap } from './analyse.ts';
import type { Heap } from './heap.ts';
import { fieldRows } from './object.ts';
import type { RunOptions } from './run.ts';

/**
 * What an object points to, with how many references each of those has; null: what the snapshot begins with. Python's
 * only root group is passed over, so that modules, threads and what C holds stand first.
 */
export async function containmentRows(
  heap: Heap,
  ordinal: number | null,
  query: RowQuery<EdgeColumn>,
  run?: RunOptions,
): Promise<Page<ContainmentRow>> {
  await analyseHeap(heap, run);
  const page = await fieldRows(heap, ordinal ?? firstGroup(heap), query, run);
  return { ...page, rows: page.rows.map((row) => ({ ...row, fields: fieldsOf(heap, row.node.ordinal) })) };
}

function firstGroup(heap: Heap): number {
  let node = heap.root;
  const only = heap.edgeTo[heap.firstEdge[node]!];
  if (fieldsOf(heap, node) === 1 && only !== undefined && heap.nodeKind[only] === heap.kinds.synthetic) node = only;
  return node;
}

function fieldsOf(heap: Heap, node: number): number {
  return heap.firstEdge[node + 1]! - heap.firstEdge[node]!;
}
