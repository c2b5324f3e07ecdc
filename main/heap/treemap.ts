import { MAX_TREEMAP_CELLS } from '#shared/model/heap-explore.ts';
import type { Treemap, TreemapCell } from '#shared/model/heap-explore.ts';
import type { NodeRef } from '#shared/model/heap.ts';

import { analyseHeap } from './analyse.ts';
import type { HeapAnalysis } from './analysis.ts';
import { className } from './class-names.ts';
import { quiet } from './filter.ts';
import { checkOrdinal, NONE } from './heap.ts';
import type { Heap } from './heap.ts';
import { nodeName } from './node-names.ts';
import { nodeRef } from './nodes.ts';
import { createPacer } from './run.ts';
import type { RunOptions } from './run.ts';

/** Cells below each other; classes count as well. */
const MAX_DEPTH = 14;
/** Cells of one object or class; what is left is one cell. */
const MAX_CHILDREN = 120;
/** An object that passes on this share of its bytes to one other is drawn as that other. */
const PASSES_ON = 0.98;
/** Text of a cell. */
const NAME_CHARS = 120;
/** Dominators above the root of the map that are named. */
const MAX_ABOVE = 40;
/** Children walked between two looks at the clock. */
const STEP = 1 << 14;

/** Objects of one class right below an object. */
interface ClassBelow {
  readonly above: number;
  readonly classIndex: number;
  objects: number;
  bytes: number;
  largest: number;
}

/**
 * Retained sizes as areas: the largest cell is divided first, until there are `maxCells`. Objects of one class below the
 * same object stand together in a cell of role `class`, so that ten thousand small ones are seen as what they are. Cells
 * too small to be seen are put together in one of role `rest`; what the object itself takes is a cell of role `own`.
 * Waits for the analysis.
 */
export async function treemap(heap: Heap, ordinal: number | null, maxCells: number, run?: RunOptions): Promise<Treemap> {
  const root = ordinal ?? heap.root;
  checkOrdinal(heap, root);
  const analysis = await analyseHeap(heap, run);
  const { retained } = analysis;
  const pacer = createPacer(quiet(run), 'aggregates', 0);
  const most = Math.max(10, Math.min(MAX_TREEMAP_CELLS, maxCells));
  const cells: TreemapCell[] = [objectCell(heap, analysis, root)];
  /** By cell of role `class`. */
  const classes = new Map<TreemapCell, ClassBelow>();
  // Cells still to be divided, largest last.
  const open: number[] = [0];
  const visible = retained[root]! / most / 2;
  let walked = 0;

  while (open.length > 0) {
    const at = open.pop()!;
    const cell = cells[at]!;
    if (cell.depth >= MAX_DEPTH || (at > 0 && cell.bytes < visible)) continue;
    const members = classes.get(cell);
    const divided = members ? await divideClass(members) : await divide(cell.ordinal!);
    if (cells.length + divided.length > most) {
      if (at === 0) divided.length = most - 1;
      else continue;
    }
    for (const entry of divided) {
      const placed = { ...entry, parent: at, depth: cell.depth + 1 };
      const below = classes.get(entry);
      if (below) classes.set(placed, below);
      const index = cells.push(placed) - 1;
      if (entry.role === 'object' || entry.role === 'class') insert(index);
    }
  }
  return { root: nodeRef(heap, root, NAME_CHARS), above: aboveOf(root), cells };

  function insert(index: number): void {
    const { bytes } = cells[index]!;
    let low = 0;
    let high = open.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (cells[open[middle]!]!.bytes < bytes) low = middle + 1;
      else high = middle;
    }
    open.splice(low, 0, index);
  }

  /** What an object is made of, largest first, own bytes and the rest last. */
  async function divide(start: number): Promise<TreemapCell[]> {
    let node = start;
    let below = await classesBelow(node);
    for (let only = passedOn(node, below); only !== null; only = passedOn(node, below)) {
      const next = await classesBelow(only);
      if (next.length === 0) break;
      node = only;
      below = next;
    }
    const made = below.filter(({ bytes }) => bytes >= visible).slice(0, MAX_CHILDREN).map((entry) => (entry.objects > 1 ? classCell(entry) : objectCell(heap, analysis, entry.largest)));
    const shownBytes = made.reduce((sum, { bytes }) => sum + bytes, 0);
    const shown = made.length;
    const rest = below.filter(({ bytes }) => bytes < visible).concat(below.filter(({ bytes }) => bytes >= visible).slice(MAX_CHILDREN));
    const restBytes = rest.reduce((sum, { bytes }) => sum + bytes, 0);
    if (restBytes > 0) made.push(restCell(rest.reduce((sum, { objects }) => sum + objects, 0), restBytes));
    const own = retained[start]! - shownBytes - restBytes;
    if (own > 0 && shown > 0) made.push({ parent: 0, depth: 0, ordinal: null, role: 'own', name: '', className: '', bytes: own, objects: 1 });
    return made;
  }

  /** The one object below that has nearly all; null when the map should show what is here. */
  function passedOn(node: number, below: readonly ClassBelow[]): number | null {
    const first = below[0];
    if (first?.objects !== 1 || retained[first.largest]! < PASSES_ON * retained[node]!) return null;
    // Not for the object that was asked for itself, unless it has nothing else to show.
    return node === root && below.length > 1 ? null : first.largest;
  }

  async function divideClass({ above, classIndex, objects, bytes }: ClassBelow): Promise<TreemapCell[]> {
    let nodes: number[] = [];
    const shrink = (): void => {
      nodes.sort((a, b) => retained[b]! - retained[a]! || a - b);
      nodes = nodes.slice(0, MAX_CHILDREN);
    };
    await childrenOf(above, (child) => {
      if (heap.classOf[child] !== classIndex || retained[child]! < visible) return;
      nodes.push(child);
      if (nodes.length >= MAX_CHILDREN * 8) shrink();
    });
    shrink();
    // Without any that can be seen by itself the class stays one cell.
    if (nodes.length === 0) return [];
    const made = nodes.map((child) => objectCell(heap, analysis, child));
    const restBytes = bytes - made.reduce((sum, cell) => sum + cell.bytes, 0);
    if (restBytes > 0) made.push({ ...restCell(objects - made.length, restBytes), className: className(heap, classIndex, NAME_CHARS) });
    return made;
  }

  /** Largest first. */
  async function classesBelow(node: number): Promise<ClassBelow[]> {
    const found = new Map<number, ClassBelow>();
    await childrenOf(node, (child) => {
      const classIndex = heap.classOf[child]!;
      const entry = found.get(classIndex);
      if (!entry) {
        found.set(classIndex, { above: node, classIndex, objects: 1, bytes: retained[child]!, largest: child });
        return;
      }
      entry.objects++;
      entry.bytes += retained[child]!;
      if (retained[child]! > retained[entry.largest]!) entry.largest = child;
    });
    return [...found.values()].sort((a, b) => b.bytes - a.bytes || a.largest - b.largest);
  }

  async function childrenOf(node: number, each: (child: number) => void): Promise<void> {
    const { domOrder, domPosition, domSize } = analysis;
    const from = domPosition[node]!;
    if (from === NONE) return;
    const end = from + domSize[node]!;
    for (let at = from + 1; at < end; at += domSize[domOrder[at]!]!) {
      if (++walked % STEP === 0 && pacer.due()) await pacer.pause(0);
      each(domOrder[at]!);
    }
  }

  function classCell(entry: ClassBelow): TreemapCell {
    const text = className(heap, entry.classIndex, NAME_CHARS);
    const cell: TreemapCell = { parent: 0, depth: 0, ordinal: entry.largest, role: 'class', name: text, className: text, bytes: entry.bytes, objects: entry.objects };
    classes.set(cell, entry);
    return cell;
  }

  function aboveOf(node: number): NodeRef[] {
    const list: number[] = [];
    for (let at = node; at !== heap.root && list.length < 100_000; ) list.push((at = analysis.dominator[at]!));
    list.reverse();
    const cut = list.length <= MAX_ABOVE ? list : [...list.slice(0, MAX_ABOVE / 2), ...list.slice(list.length - MAX_ABOVE / 2)];
    return cut.map((entry) => nodeRef(heap, entry, NAME_CHARS));
  }
}

function restCell(objects: number, bytes: number): TreemapCell {
  return { parent: 0, depth: 0, ordinal: null, role: 'rest', name: '', className: '', bytes, objects };
}

function objectCell(heap: Heap, analysis: HeapAnalysis, node: number): TreemapCell {
  return {
    parent: -1,
    depth: 0,
    ordinal: node,
    role: 'object',
    name: nodeName(heap, node, NAME_CHARS),
    className: className(heap, heap.classOf[node]!, NAME_CHARS),
    bytes: analysis.retained[node]!,
    objects: analysis.domPosition[node] === NONE ? 1 : analysis.domSize[node]!,
  };
}
