import type { SetTotals, TrioColumn, TrioRow, TrioSummary } from '#shared/model/heap-explore.ts';
import type { Page, RowQuery } from '#shared/model/heap.ts';

import { analyseHeap } from './analyse.ts';
import { retainedByGroup } from './class-totals.ts';
import type { Comparison } from './compare.ts';
import { NONE } from './heap.ts';
import { setTotals } from './object-sets.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';
import { tablePage } from './table.ts';
import type { Table } from './table.ts';

/**
 * Three snapshots of one process: what was born between the first and the second and is still there in the third. A
 * request that is over should have left nothing; what stays is a leak or a cache.
 */
export interface Trio {
  readonly early: Comparison;
  readonly late: Comparison;
  /** Of the third heap, in file order. */
  readonly stayed: Uint32Array;
  /** Number of the class (of `late`) of each of them. */
  readonly numberOf: (node: number) => number;
  readonly table: Table<TrioColumn, TrioRow>;
  readonly summary: TrioSummary;
}

/** `early` compares the first with the second snapshot, `late` the second with the third: the same heap in the middle. O(nodes). */
export async function makeTrio(early: Comparison, late: Comparison, run?: RunOptions): Promise<Trio> {
  if (early.compared !== late.base) throw new RangeError('The second snapshot of both comparisons must be the same');
  const second = late.base;
  const third = late.compared;
  const analysis = await analyseHeap(third, run);
  const wasBorn = (node: number): boolean => early.baseOf[node] === NONE && second.shallow[node] !== 0;
  const stays = (node: number): boolean =>
    third.shallow[node] !== 0 && late.baseOf[node] !== NONE && wasBorn(late.baseOf[node]!);
  const numberOf = (node: number): number => late.numberOfCompared[third.classOf[node]!]!;

  const total = late.classes;
  const objects = new Uint32Array(total);
  const shallow = new Float64Array(total);
  const gone = new Uint32Array(total);
  const born: SetTotals = { objects: 0, shallowBytes: 0, retainedBytes: 0 };
  const bornNodes: number[] = [];
  const stayed: number[] = [];
  const comparable = early.idsComparable && late.idsComparable;
  if (comparable) {
    await inSlices(run, 'comparing', third.nodeCount, 1 << 15, (from, to) => {
      for (let node = from; node < to; node++) {
        if (!stays(node)) continue;
        stayed.push(node);
        objects[numberOf(node)]!++;
        shallow[numberOf(node)]! += third.shallow[node]!;
      }
    });
    await inSlices(run, 'comparing', second.nodeCount, 1 << 15, (from, to) => {
      for (let node = from; node < to; node++) {
        if (!wasBorn(node)) continue;
        bornNodes.push(node);
        if (late.survivesFromBase[node] === 0) gone[late.numberOfBase[second.classOf[node]!]!]!++;
      }
    });
  }
  const takes = (node: number): number => (comparable && stays(node) ? numberOf(node) : NONE);
  const retained = await retainedByGroup(analysis, third.nodeCount, total, takes, run);
  const nodes = Uint32Array.from(stayed);
  const listed = Uint32Array.from({ length: total }, (_, i) => i).filter((number) => objects[number]! > 0 || gone[number]! > 0);
  const row = (i: number): TrioRow => {
    const classIndex = listed[i]!;
    return {
      classIndex,
      name: late.names[classIndex]!,
      kind: late.kinds[classIndex]!,
      objects: objects[classIndex]!,
      shallowBytes: shallow[classIndex]!,
      retainedBytes: retained[classIndex]!,
      goneObjects: gone[classIndex]!,
    };
  };
  return {
    early,
    late,
    stayed: nodes,
    numberOf,
    table: {
      count: listed.length,
      text: (i) => late.names[listed[i]!]!,
      key: (column, i) => row(i)[column],
      defaultSort: { by: 'retainedBytes', order: 'descending' },
      row,
    },
    summary: {
      classes: listed.length,
      born: comparable ? await setTotals(second, Uint32Array.from(bornNodes), run) : born,
      stayed: await setTotals(third, nodes, run),
      idsComparable: comparable,
    },
  };
}

export function trioRows(trio: Trio, query: RowQuery<TrioColumn>, run?: RunOptions): Promise<Page<TrioRow>> {
  return tablePage(trio.table, query, run);
}

/** The objects that stayed, of one class (its number in the rows) or of all. */
export function trioObjects(trio: Trio, classIndex: number | null): Uint32Array {
  if (classIndex === null) return trio.stayed;
  if (!Number.isInteger(classIndex) || classIndex < 0 || classIndex >= trio.late.classes) {
    throw new RangeError(`There is no class number ${classIndex} in these three snapshots`);
  }
  return trio.stayed.filter((node) => trio.numberOf(node) === classIndex);
}
