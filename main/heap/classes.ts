import type { ClassColumn, ClassRow, Page, RowQuery } from '#shared/model/heap.ts';

import { className } from './class-names.ts';
import { filterIndexes, textFilter } from './filter.ts';
import { NONE } from './heap.ts';
import type { Heap } from './heap.ts';
import { orderByNumber, orderByText } from './order.ts';
import { isDescending, orderCache, pageOf } from './pages.ts';
import type { RunOptions } from './run.ts';

/** Classes that have objects of any size. The default order is by retained size, before the analysis by shallow size. */
export async function classRows(heap: Heap, query: RowQuery<ClassColumn>, run?: RunOptions): Promise<Page<ClassRow>> {
  const filter = textFilter(query.filter);
  const sort = query.sort ?? { by: heap.analysis ? 'retainedBytes' : 'shallowBytes', order: 'descending' };
  const cache = orderCache(heap.classes);
  const key = `${heap.analysis ? 1 : 0} ${sort.by} ${sort.order} ${query.filter ?? ''}`;
  const listed = listedClasses(heap);
  let order = cache.get(key);
  if (!order) {
    let kept = listed;
    if (filter) {
      const found = await filterIndexes(listed.length, (i) => className(heap, listed[i]!), filter, run);
      kept = found.map((i) => listed[i]!);
    }
    const indexes =
      sort.by === 'name' || sort.by === 'kind'
        ? await orderByText(kept.length, classText(heap, sort.by, kept), isDescending(sort), run)
        : await orderByNumber(kept.length, classKey(heap, sort.by, kept), isDescending(sort), run);
    order = indexes.map((i) => kept[i]!);
    cache.set(key, order);
  }
  return pageOf(query, order, listed.length, (classIndex) => classRow(heap, classIndex));
}

export function classRow(heap: Heap, classIndex: number): ClassRow {
  const { classes, analysis } = heap;
  checkClass(heap, classIndex);
  const distance = analysis?.classDistance[classIndex] ?? NONE;
  return {
    classIndex,
    name: className(heap, classIndex),
    kind: heap.header.nodeKinds[classes.kind[classIndex]!]!,
    objects: classes.objects[classIndex]!,
    shallowBytes: classes.shallow[classIndex]!,
    retainedBytes: analysis ? analysis.classRetained[classIndex]! : null,
    distance: distance === NONE ? null : distance,
  };
}

/** Class with a name, the one with most objects where source positions tell several apart; −1 when there is none. */
export function classIndexOf(heap: Heap, name: string): number {
  let best = -1;
  for (const index of listedClasses(heap)) {
    if (className(heap, index) !== name) continue;
    if (best < 0 || heap.classes.objects[index]! > heap.classes.objects[best]!) best = index;
  }
  return best;
}

/** Objects of a class in file order, without those of no size (V8's parts that count at their owner). */
export function nodesOfClass(heap: Heap, classIndex: number): Uint32Array {
  checkClass(heap, classIndex);
  const cache = orderCache(heap);
  const key = `class ${classIndex}`;
  let nodes = cache.get(key);
  if (!nodes) {
    nodes = new Uint32Array(heap.classes.objects[classIndex]!);
    const { classOf, shallow, nodeCount } = heap;
    for (let node = 0, at = 0; node < nodeCount && at < nodes.length; node++) {
      if (classOf[node] === classIndex && shallow[node] !== 0) nodes[at++] = node;
    }
    cache.set(key, nodes);
  }
  return nodes;
}

function checkClass(heap: Heap, classIndex: number): void {
  if (!Number.isInteger(classIndex) || classIndex < 0 || classIndex >= heap.classes.count) {
    throw new RangeError(`There is no class number ${classIndex} in a snapshot of ${heap.classes.count} classes`);
  }
}

function listedClasses(heap: Heap): Uint32Array {
  const all = Uint32Array.from({ length: heap.classes.count }, (_, i) => i);
  return all.filter((index) => heap.classes.objects[index]! > 0);
}

function classText(heap: Heap, column: 'name' | 'kind', indexes: Uint32Array): (i: number) => string {
  return column === 'name'
    ? (i) => className(heap, indexes[i]!)
    : (i) => heap.header.nodeKinds[heap.classes.kind[indexes[i]!]!]!;
}

function classKey(
  heap: Heap,
  column: Exclude<ClassColumn, 'name' | 'kind'>,
  indexes: Uint32Array,
): (i: number) => number {
  const { classes, analysis } = heap;
  switch (column) {
    case 'objects':
      return (i) => classes.objects[indexes[i]!]!;
    case 'shallowBytes':
      return (i) => classes.shallow[indexes[i]!]!;
    case 'retainedBytes':
      return (i) => analysis?.classRetained[indexes[i]!] ?? 0;
    case 'distance':
      return (i) => analysis?.classDistance[indexes[i]!] ?? 0;
  }
}
