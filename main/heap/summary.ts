import type { HeapSummary } from '#shared/model/heap.ts';

import type { Heap } from './heap.ts';

/** Totals of one snapshot. */
export function heapSummary(heap: Heap): HeapSummary {
  let classes = 0;
  for (let index = 0; index < heap.classes.count; index++) if (heap.classes.objects[index]! > 0) classes++;
  return {
    producer: heap.producer,
    fileBytes: heap.fileBytes,
    nodes: heap.nodeCount,
    edges: heap.edgeCount,
    strings: heap.strings.count,
    classes,
    shallowBytes: heap.shallowBytes,
    extraNativeBytes: heap.header.extraNativeBytes,
    analysed: heap.analysis !== null,
    notices: heap.notices,
    allocations: heap.header.allocations,
  };
}
