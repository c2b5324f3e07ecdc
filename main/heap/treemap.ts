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

/** Cells below each other. */
const MAX_DEPTH = 10;
/** Cells of one object; the rest of what it dominates is one cell. */
const MAX_CHILDREN = 120;
/** An object that passes on this share of its bytes to one other is drawn as that other. */
const PASSES_ON = 0.98;
/** Text of a cell. */
const NAME_CHARS = 120;
/** Dominators above the root of the map that are named. */
const MAX_ABOVE = 40;
/** Children walked between two looks at the clock. */
const STEP = 1 << 14;

/**
 * Retained sizes as areas: the largest cell is divided first, until there are `maxCells`. Children too small to be seen
 * are put together in one cell of role `rest`; what the object itself takes is a cell of role `own`. Waits for the analysis.
 */
export async function treemap(heap: Heap, ordinal: number | null, maxCells: number, run?: RunOptions): Promise<Treemap> {
  const root = ordinal ?? heap.root;
  checkOrdinal(heap, root);
  const analysis = await analyseHeap(heap, run);
  const pacer = createPacer(quiet(run), 'aggregates', 0);
  const most = Math.max(10, Math.min(MAX_TREEMAP_CELLS, maxCells));
  const cells: TreemapCell[] = [objectCell(heap, analysis, root, -1, 0)];
  // Cells still to be divided, largest last.
  const open: number[] = [0];
  const visible = analysis.retained[root]! / most / 2;

  while (open.length > 0) {
    const at = open.pop()!;
    const cell = cells[at]!;
    if (cell.depth >= MAX_DEPTH || (at > 0 && cell.bytes < visible)) continue;
    const divided = await divide(cell.ordinal!);
    if (cells.length + divided.length > most) {
      if (at === 0) divided.length = most - 1;
      else continue;
    }
    for (const entry of divided) {
      const index = cells.push({ ...entry, parent: at, depth: cell.depth + 1 }) - 1;
      if (entry.role === 'object') insert(index);
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

  /** What a cell is made of, largest first, own bytes and the rest last. */
  async function divide(start: number): Promise<TreemapCell[]> {
    let node = start;
    let children = await largestChildren(node);
    while (children.nodes.length > 0 && analysis.retained[children.nodes[0]!]! >= PASSES_ON * analysis.retained[node]!) {
      // Not for the object that was asked for itself: its map should show what it is made of.
      if (children.nodes.length > 1 && node === root) break;
      const next = await largestChildren(children.nodes[0]!);
      if (next.nodes.length === 0) break;
      node = children.nodes[0]!;
      children = next;
    }
    const made = children.nodes.map((child) => objectCell(heap, analysis, child, 0, 0));
    if (children.restBytes > 0) {
      made.push({ parent: 0, depth: 0, ordinal: null, role: 'rest', name: '', className: '', bytes: children.restBytes, objects: children.rest });
    }
    const own = analysis.retained[start]! - made.reduce((sum, { bytes }) => sum + bytes, 0);
    if (own > 0 && made.length > 0) {
      made.push({ parent: 0, depth: 0, ordinal: null, role: 'own', name: '', className: '', bytes: own, objects: 1 });
    }
    return made;
  }

  async function largestChildren(node: number): Promise<{ nodes: number[]; rest: number; restBytes: number }> {
    const { domOrder, domPosition, domSize, retained } = analysis;
    const from = domPosition[node]!;
    let nodes: number[] = [];
    let rest = 0;
    let restBytes = 0;
    if (from === NONE) return { nodes, rest, restBytes };
    const end = from + domSize[node]!;
    let walked = 0;
    const shrink = (): void => {
      nodes.sort((a, b) => retained[b]! - retained[a]! || a - b);
      for (const child of nodes.slice(MAX_CHILDREN)) {
        rest++;
        restBytes += retained[child]!;
      }
      nodes = nodes.slice(0, MAX_CHILDREN);
    };
    for (let at = from + 1; at < end; at += domSize[domOrder[at]!]!) {
      if (++walked % STEP === 0 && pacer.due()) await pacer.pause(0);
      const child = domOrder[at]!;
      if (retained[child]! < visible) {
        rest++;
        restBytes += retained[child]!;
        continue;
      }
      nodes.push(child);
      if (nodes.length >= MAX_CHILDREN * 8) shrink();
    }
    shrink();
    return { nodes, rest, restBytes };
  }

  function aboveOf(node: number): NodeRef[] {
    const list: number[] = [];
    for (let at = node; at !== heap.root && list.length < 100_000; ) list.push((at = analysis.dominator[at]!));
    list.reverse();
    const cut = list.length <= MAX_ABOVE ? list : [...list.slice(0, MAX_ABOVE / 2), ...list.slice(list.length - MAX_ABOVE / 2)];
    return cut.map((entry) => nodeRef(heap, entry, NAME_CHARS));
  }
}

function objectCell(heap: Heap, analysis: HeapAnalysis, node: number, parent: number, depth: number): TreemapCell {
  return {
    parent,
    depth,
    ordinal: node,
    role: 'object',
    name: nodeName(heap, node, NAME_CHARS),
    className: className(heap, heap.classOf[node]!, NAME_CHARS),
    bytes: analysis.retained[node]!,
    objects: analysis.domPosition[node] === NONE ? 1 : analysis.domSize[node]!,
  };
}
