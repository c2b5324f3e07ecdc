import type { DominatorClassColumn, DominatorClassRow, DominatorRow } from '#shared/model/heap-explore.ts';
import type { NodeColumn, Page, RowQuery } from '#shared/model/heap.ts';

import { analyseHeap } from './analyse.ts';
import type { HeapAnalysis } from './analysis.ts';
import { className } from './class-names.ts';
import { uint32 } from './columns.ts';
import { NONE } from './heap.ts';
import type { Heap } from './heap.ts';
import { nodeRef } from './nodes.ts';
import { dominatedRows } from './object.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';
import { tablePage } from './table.ts';
import type { Table } from './table.ts';

/** Children of an object in the dominator tree (null: of the root), largest first. Waits for the analysis. */
export async function dominatorRows(
  heap: Heap,
  ordinal: number | null,
  query: RowQuery<NodeColumn>,
  run?: RunOptions,
): Promise<Page<DominatorRow>> {
  const analysis = await analyseHeap(heap, run);
  const page = await dominatedRows(heap, ordinal ?? heap.root, query, run);
  const whole = Math.max(1, analysis.retained[heap.root]!);
  return {
    ...page,
    rows: page.rows.map((node) => ({
      node,
      children: childCount(analysis, node.ordinal),
      share: analysis.retained[node.ordinal]! / whole,
    })),
  };
}

/** Children are counted up to here: a row need not walk over millions. */
const MAX_COUNTED = 100_000;

function childCount(analysis: HeapAnalysis, ordinal: number): number {
  const { domOrder, domPosition, domSize } = analysis;
  const from = domPosition[ordinal]!;
  if (from === NONE) return 0;
  const end = from + domSize[ordinal]!;
  let count = 0;
  for (let at = from + 1; at < end && count < MAX_COUNTED; at += domSize[domOrder[at]!]!) count++;
  return count;
}

/**
 * The dominator tree grouped by class: objects of one class below objects of the line above are one line; an object
 * below one of its own class belongs to its line; parts of no size are passed over.
 */
export interface DominatorClasses {
  readonly heap: Heap;
  /** By line. */
  readonly parent: readonly number[];
  readonly classIndex: readonly number[];
  readonly objects: readonly number[];
  readonly shallow: readonly number[];
  readonly retained: readonly number[];
  readonly example: readonly number[];
  readonly children: readonly (readonly number[] | undefined)[];
  readonly first: readonly number[];
  readonly whole: number;
}

/** Lines below each other, and lines in all, before further objects count for the line above. */
const MAX_DEPTH = 200;
const MAX_LINES = 1 << 20;

const known = new WeakMap<HeapAnalysis, DominatorClasses>();
const tables = new WeakMap<DominatorClasses, Map<number, Table<DominatorClassColumn, DominatorClassRow>>>();

/** Made once per heap. O(nodes). */
export async function dominatorClasses(heap: Heap, run?: RunOptions): Promise<DominatorClasses> {
  const analysis = await analyseHeap(heap, run);
  let tree = known.get(analysis);
  if (!tree) known.set(analysis, (tree = await build(heap, analysis, run)));
  return tree;
}

async function build(heap: Heap, analysis: HeapAnalysis, run: RunOptions | undefined): Promise<DominatorClasses> {
  const { nodeCount, classOf, shallow, root } = heap;
  const { domOrder, dominator, retained } = analysis;
  const lineOf = uint32(nodeCount); // line + 1, 0: the top
  const parent: number[] = [];
  const depth: number[] = [];
  const classIndex: number[] = [];
  const objects: number[] = [];
  const bytes: number[] = [];
  const kept: number[] = [];
  const example: number[] = [];
  const children: (number[] | undefined)[] = [];
  const first: number[] = [];
  const lines = new Map<number, number>();
  await inSlices(run, 'aggregates', nodeCount, 1 << 14, (from, to) => {
    for (let at = from; at < to; at++) {
      const node = domOrder[at]!;
      const above = node === root ? -1 : lineOf[dominator[node]!]! - 1;
      let line = above;
      if (shallow[node] !== 0 && node !== root) {
        const index = classOf[node]!;
        const isSame = above >= 0 && (classIndex[above] === index || depth[above]! >= MAX_DEPTH);
        if (!isSame) {
          const key = (above + 1) * heap.classes.count + index;
          const found = lines.get(key);
          if (found !== undefined) line = found;
          else if (above < 0 || parent.length < MAX_LINES) {
            line = parent.length;
            lines.set(key, line);
            parent.push(above);
            depth.push(above < 0 ? 0 : depth[above]! + 1);
            classIndex.push(index);
            objects.push(0);
            bytes.push(0);
            kept.push(0);
            example.push(node);
            children.push(undefined);
            if (above < 0) first.push(line);
            else (children[above] ??= []).push(line);
          }
          if (line !== above) kept[line]! += retained[node]!;
        }
        if (line >= 0) {
          objects[line]!++;
          bytes[line]! += shallow[node]!;
        }
      }
      lineOf[node] = line + 1;
    }
  });
  const whole = Math.max(1, retained[root]!);
  return { heap, parent, classIndex, objects, shallow: bytes, retained: kept, example, children, first, whole };
}

/** Lines below a line, null: the first level. */
export function dominatorClassRows(
  tree: DominatorClasses,
  lineId: number | null,
  query: RowQuery<DominatorClassColumn>,
  run?: RunOptions,
): Promise<Page<DominatorClassRow>> {
  if (lineId !== null && !(Number.isInteger(lineId) && lineId >= 0 && lineId < tree.parent.length)) {
    throw new RangeError(`There is no line number ${lineId} in this tree`);
  }
  let made = tables.get(tree);
  if (!made) tables.set(tree, (made = new Map()));
  let table = made.get(lineId ?? -1);
  if (!table) {
    if (made.size > 64) made.clear();
    made.set(lineId ?? -1, (table = tableOf(tree, lineId === null ? tree.first : (tree.children[lineId] ?? []))));
  }
  return tablePage(table, query, run);
}

function tableOf(tree: DominatorClasses, lines: readonly number[]): Table<DominatorClassColumn, DominatorClassRow> {
  const { heap } = tree;
  const name = (line: number): string => className(heap, tree.classIndex[line]!);
  return {
    count: lines.length,
    text: (i) => name(lines[i]!),
    key(column, i) {
      const line = lines[i]!;
      if (column === 'name') return name(line);
      if (column === 'children') return tree.children[line]?.length ?? 0;
      return (column === 'objects' ? tree.objects : column === 'shallowBytes' ? tree.shallow : tree.retained)[line]!;
    },
    defaultSort: { by: 'retainedBytes', order: 'descending' },
    row(i) {
      const line = lines[i]!;
      return {
        lineId: line,
        classIndex: tree.classIndex[line]!,
        name: name(line),
        objects: tree.objects[line]!,
        shallowBytes: tree.shallow[line]!,
        retainedBytes: tree.retained[line]!,
        share: tree.retained[line]! / tree.whole,
        children: tree.children[line]?.length ?? 0,
        example: nodeRef(heap, tree.example[line]!),
      };
    },
  };
}
