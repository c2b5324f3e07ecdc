import type { AddedRow, GrownColumn, GrownRow } from '#shared/model/heap-explore.ts';
import type { Page, RowQuery } from '#shared/model/heap.ts';

import { analyseHeap } from './analyse.ts';
import { className } from './class-names.ts';
import type { Comparison } from './compare.ts';
import { checkOrdinal, NONE } from './heap.ts';
import { nodeName, isSystemNode } from './node-names.ts';
import { nodeRef } from './nodes.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';
import { tablePage } from './table.ts';
import type { Table } from './table.ts';

/** Objects that are in both snapshots and retain more in the second one. Ordinals are those of the compared heap. */
export interface GrownSurvivors {
  readonly comparison: Comparison;
  /** All that grew, and those where the growth happened. */
  readonly all: Table<GrownColumn, GrownRow>;
  readonly accumulating: Table<GrownColumn, GrownRow>;
}

/** An object accumulates when no single survivor below it grew by this share of its own growth. */
const PASSED_ON = 0.8;
/** Parts of the runtime and new objects passed on the way up to the next survivor. */
const MAX_UP = 64;

const known = new WeakMap<Comparison, GrownSurvivors>();

/** Made once per comparison. O(nodes). */
export async function grownSurvivors(comparison: Comparison, run?: RunOptions): Promise<GrownSurvivors> {
  let found = known.get(comparison);
  if (!found) known.set(comparison, (found = await build(comparison, run)));
  return found;
}

async function build(comparison: Comparison, run: RunOptions | undefined): Promise<GrownSurvivors> {
  const { base, compared, baseOf } = comparison;
  const { nodeCount, shallow, root, nodeKind, kinds } = compared;
  const before = await analyseHeap(base, run);
  const after = await analyseHeap(compared, run);
  const { domOrder, domPosition, domSize, dominator } = after;

  // New objects and their bytes before each place of the preorder: what a subtree holds is a difference.
  const newBefore = new Uint32Array(nodeCount + 1);
  const bytesBefore = new Float64Array(nodeCount + 1);
  await inSlices(run, 'comparing', nodeCount, 1 << 16, (from, to) => {
    for (let at = from; at < to; at++) {
      const node = domOrder[at]!;
      const counts = baseOf[node] === NONE && shallow[node] !== 0;
      newBefore[at + 1] = newBefore[at]! + (counts ? 1 : 0);
      bytesBefore[at + 1] = bytesBefore[at]! + (counts ? shallow[node]! : 0);
    }
  });

  const growth = (node: number): number => (baseOf[node] === NONE ? 0 : after.retained[node]! - before.retained[baseOf[node]!]!);
  const isShown = (node: number): boolean => baseOf[node] !== NONE && shallow[node] !== 0 && !isSystemNode(compared, node);
  const most = new Float64Array(nodeCount); // largest growth of a survivor right below
  const grown: number[] = [];
  await inSlices(run, 'comparing', nodeCount, 1 << 14, (from, to) => {
    for (let node = from; node < to; node++) {
      if (!isShown(node)) continue;
      const by = growth(node);
      if (by <= 0) continue;
      if (node !== root && nodeKind[node] !== kinds.synthetic) grown.push(node);
      let above = dominator[node]!;
      for (let steps = 0; steps < MAX_UP && above !== root && !isShown(above); steps++) above = dominator[above]!;
      if (by > most[above]!) most[above] = by;
    }
  });
  const all = Uint32Array.from(grown);
  const accumulates = (node: number): boolean => most[node]! < PASSED_ON * growth(node);

  const row = (node: number): GrownRow => {
    const old = baseOf[node]!;
    const from = domPosition[node]!;
    const end = from === NONE ? from : from + domSize[node]!;
    return {
      node: nodeRef(compared, node),
      baseShallowBytes: base.shallow[old]!,
      baseRetainedBytes: before.retained[old]!,
      grownShallowBytes: shallow[node]! - base.shallow[old]!,
      grownRetainedBytes: growth(node),
      newObjects: from === NONE ? 0 : newBefore[end]! - newBefore[from]!,
      newBytes: from === NONE ? 0 : bytesBefore[end]! - bytesBefore[from]!,
      addedFields: Math.max(0, fieldsOf(compared, node) - fieldsOf(base, old)),
      accumulates: accumulates(node),
    };
  };
  const table = (nodes: Uint32Array): Table<GrownColumn, GrownRow> => ({
    count: nodes.length,
    text: (i) => nodeName(compared, nodes[i]!),
    key(column, i) {
      const node = nodes[i]!;
      switch (column) {
        case 'name':
          return nodeName(compared, node, 120);
        case 'grownRetainedBytes':
          return growth(node);
        case 'grownShallowBytes':
          return Math.max(0, shallow[node]! - base.shallow[baseOf[node]!]!);
        case 'retainedBytes':
          return after.retained[node]!;
        case 'baseRetainedBytes':
          return before.retained[baseOf[node]!]!;
        case 'newObjects':
          return row(node).newObjects;
        case 'addedFields':
          return row(node).addedFields;
      }
    },
    defaultSort: { by: 'grownRetainedBytes', order: 'descending' },
    row: (i) => row(nodes[i]!),
  });
  return { comparison, all: table(all), accumulating: table(all.filter(accumulates)) };
}

function fieldsOf(heap: Comparison['base'], node: number): number {
  return heap.firstEdge[node + 1]! - heap.firstEdge[node]!;
}

export function grownRows(
  survivors: GrownSurvivors,
  onlyAccumulating: boolean,
  query: RowQuery<GrownColumn>,
  run?: RunOptions,
): Promise<Page<GrownRow>> {
  return tablePage(onlyAccumulating ? survivors.accumulating : survivors.all, query, run);
}

/** New objects among what an object of the compared heap retains, by class, most bytes first. O(what it retains). */
export async function addedTo(comparison: Comparison, ordinal: number, limit: number, run?: RunOptions): Promise<AddedRow[]> {
  const { compared, baseOf } = comparison;
  checkOrdinal(compared, ordinal);
  const { domOrder, domPosition, domSize } = await analyseHeap(compared, run);
  const groups = new Map<number, { objects: number; shallowBytes: number; example: number }>();
  const first = domPosition[ordinal]!;
  const count = first === NONE ? 0 : domSize[ordinal]!;
  await inSlices(run, 'comparing', count, 1 << 15, (from, to) => {
    for (let at = first + from; at < first + to; at++) {
      const node = domOrder[at]!;
      if (baseOf[node] !== NONE || compared.shallow[node] === 0) continue;
      const index = compared.classOf[node]!;
      let group = groups.get(index);
      if (!group) groups.set(index, (group = { objects: 0, shallowBytes: 0, example: node }));
      group.objects++;
      group.shallowBytes += compared.shallow[node]!;
    }
  });
  return [...groups]
    .sort(([, a], [, b]) => b.shallowBytes - a.shallowBytes || b.objects - a.objects)
    .slice(0, limit)
    .map(([classIndex, { objects, shallowBytes, example }]) => ({
      classIndex,
      name: className(compared, classIndex),
      objects,
      shallowBytes,
      example: nodeRef(compared, example),
    }));
}
