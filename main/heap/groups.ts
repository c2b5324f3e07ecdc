import type { GroupColumn, GroupRow, Grouping } from '#shared/model/heap-explore.ts';
import type { Page, RowQuery } from '#shared/model/heap.ts';

import { className } from './class-names.ts';
import { retainedByGroup } from './class-totals.ts';
import { quiet } from './filter.ts';
import { NONE } from './heap.ts';
import type { Heap } from './heap.ts';
import { modulesOfClasses, packageOf } from './modules.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';
import { tablePage } from './table.ts';
import type { Table } from './table.ts';

/** The summary: objects (all, or those of a set) by class, module, package or node type. */

/** Names of the groups of one grouping, and the group of a node. */
export interface Groups {
  readonly names: readonly string[];
  of(node: number): number;
  /** Where objects are samples: how many each stands for. */
  weight?(node: number): number;
}

const groupsOf = new WeakMap<Heap, Map<Grouping, Groups>>();

export function groupsBy(heap: Heap, grouping: Grouping): Groups {
  let known = groupsOf.get(heap);
  if (!known) groupsOf.set(heap, (known = new Map()));
  let groups = known.get(grouping);
  if (!groups) known.set(grouping, (groups = makeGroups(heap, grouping)));
  return groups;
}

/** Groups that are read from elsewhere, here allocation sites; `groupsBy` gives them from then on. */
export function provideGroups(heap: Heap, grouping: Grouping, groups: Groups): void {
  const known = groupsOf.get(heap) ?? new Map<Grouping, Groups>();
  known.set(grouping, groups);
  groupsOf.set(heap, known);
}

function makeGroups(heap: Heap, grouping: Grouping): Groups {
  const { classOf, nodeKind } = heap;
  if (grouping === 'site') return { names: ['(not recorded)'], of: () => 0 };
  if (grouping === 'kind') return { names: heap.header.nodeKinds, of: (node) => nodeKind[node]! };
  if (grouping === 'class') {
    return { names: Array.from({ length: heap.classes.count }, (_, i) => className(heap, i)), of: (node) => classOf[node]! };
  }
  const names: string[] = [];
  const numbers = new Map<string, number>();
  const groupOfClass = Uint32Array.from(modulesOfClasses(heap), (module) => {
    const name = grouping === 'module' ? module : packageOf(heap, module);
    let number = numbers.get(name);
    if (number === undefined) {
      number = names.push(name) - 1;
      numbers.set(name, number);
    }
    return number;
  });
  return { names, of: (node) => groupOfClass[classOf[node]!]! };
}

export type GroupTable = Table<GroupColumn, GroupRow>;

/**
 * Groups of a set; null: of all objects. Retained sizes and distances are null until the heap is analysed. O(nodes)
 * once; keep the table for paging.
 */
export async function groupTable(heap: Heap, grouping: Grouping, ordinals: Uint32Array | null, run?: RunOptions): Promise<GroupTable> {
  const groups = groupsBy(heap, grouping);
  const { analysis } = heap;
  const total = groups.names.length;
  const objects = new Uint32Array(total);
  const shallow = new Float64Array(total);
  const distance = new Uint32Array(total).fill(NONE);
  const kind = new Uint8Array(total);
  const standFor = groups.weight ? { objects: new Float64Array(total), shallow: new Float64Array(total) } : null;
  const classesSeen = new Uint8Array(heap.classes.count);
  const classes = new Uint32Array(total);
  // Objects of one class may come from many sites.
  const seenAtSite = grouping === 'site' ? new Set<number>() : null;
  const taken = ordinals ? new Uint8Array(heap.nodeCount) : null;
  const count = ordinals ? ordinals.length : heap.nodeCount;
  await inSlices(quiet(run), 'aggregates', count, 1 << 15, (from, to) => {
    for (let i = from; i < to; i++) {
      const node = ordinals ? ordinals[i]! : i;
      if (heap.shallow[node] === 0 && !ordinals) continue;
      if (taken) taken[node] = 1;
      const group = groups.of(node);
      if (objects[group] === 0) kind[group] = heap.nodeKind[node]!;
      objects[group]!++;
      shallow[group]! += heap.shallow[node]!;
      if (standFor) {
        const weight = groups.weight!(node);
        standFor.objects[group]! += weight;
        standFor.shallow[group]! += weight * heap.shallow[node]!;
      }
      if (seenAtSite) {
        const pair = group * heap.classes.count + heap.classOf[node]!;
        if (!seenAtSite.has(pair)) {
          seenAtSite.add(pair);
          classes[group]!++;
        }
      } else if (classesSeen[heap.classOf[node]!] === 0) {
        classesSeen[heap.classOf[node]!] = 1;
        classes[group]!++;
      }
      if (analysis && analysis.distance[node]! < distance[group]!) distance[group] = analysis.distance[node]!;
    }
  });
  // Classes may be spread over groups by node type only; there they count where they were met first.
  const retained = analysis
    ? await retainedByGroup(
        analysis,
        heap.nodeCount,
        total,
        (node) => ((taken ? taken[node] === 0 : heap.shallow[node] === 0) ? NONE : groups.of(node)),
        quiet(run),
      )
    : null;
  const listed = Uint32Array.from({ length: total }, (_, i) => i).filter((group) => objects[group]! > 0);
  const row = (index: number): GroupRow => {
    const group = listed[index]!;
    return {
      groupId: group,
      name: groups.names[group]!,
      kind: heap.header.nodeKinds[kind[group]!]!,
      classes: classes[group]!,
      objects: objects[group]!,
      shallowBytes: shallow[group]!,
      retainedBytes: retained ? retained[group]! : null,
      distance: distance[group] === NONE ? null : distance[group]!,
      // Those without a stack stand for nothing that could be estimated.
      estimate: standFor && group > 0 ? { objects: Math.round(standFor.objects[group]!), shallowBytes: Math.round(standFor.shallow[group]!) } : null,
    };
  };
  const sortKey = (column: GroupColumn, { estimate, ...of }: GroupRow): string | number | null =>
    estimate && (column === 'objects' || column === 'shallowBytes') ? estimate[column] : of[column];
  return {
    count: listed.length,
    text: (i) => groups.names[listed[i]!]!,
    key: (column, i) => sortKey(column, row(i)) ?? (column === 'distance' ? NONE : 0),
    defaultSort: { by: retained ? 'retainedBytes' : 'shallowBytes', order: 'descending' },
    row,
  };
}

export function groupRows(table: GroupTable, query: RowQuery<GroupColumn>, run?: RunOptions): Promise<Page<GroupRow>> {
  return tablePage(table, query, run);
}

/** Objects of one group, in file order. Throws RangeError for an unknown group. */
export async function objectsOfGroup(heap: Heap, grouping: Grouping, groupId: number, run?: RunOptions): Promise<Uint32Array> {
  const groups = groupsBy(heap, grouping);
  if (!Number.isInteger(groupId) || groupId < 0 || groupId >= groups.names.length) {
    throw new RangeError(`There is no group number ${groupId} among ${groups.names.length}`);
  }
  const found: number[] = [];
  await inSlices(quiet(run), 'aggregates', heap.nodeCount, 1 << 16, (from, to) => {
    for (let node = from; node < to; node++) if (heap.shallow[node] !== 0 && groups.of(node) === groupId) found.push(node);
  });
  return Uint32Array.from(found);
}
