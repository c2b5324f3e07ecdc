import type { HeapAnalysis } from '../analysis.ts';
import { className } from '../class-names.ts';
import { NONE } from '../heap.ts';
import type { Heap } from '../heap.ts';
import { dominatedBy } from '../object.ts';

/** Where the bytes below a large object come together: the last one on the way down that one child does not pass on. */
export interface Accumulation {
  readonly node: number;
  /** The class most of whose objects it dominates, their number and bytes; null when it dominates nothing. */
  readonly most: { readonly classIndex: number; readonly name: string; readonly objects: number; readonly bytes: number; readonly example: number } | null;
}

/** A child with this share of the bytes is followed. */
const PASSES_ON = 0.7;

/** Nodes followed down; a list of links longer than this is taken for what it is there. */
const MAX_DOWN = 50_000;

/** `walked` gets the nodes on the way, so that a caller with many starts does not walk a way twice. */
export function accumulationBelow(heap: Heap, analysis: HeapAnalysis, start: number, walked: Set<number> = new Set()): Accumulation {
  const { retained } = analysis;
  let node = start;
  for (let steps = 0; steps < MAX_DOWN; steps++) {
    walked.add(node);
    let largest = -1;
    for (const child of dominatedBy(analysis, node)) if (largest < 0 || retained[child]! > retained[largest]!) largest = child;
    if (largest < 0 || retained[largest]! < PASSES_ON * retained[node]!) break;
    node = largest;
  }
  // A part of no size (V8's tables) belongs to the object above it.
  const children = visibleChildren(heap, analysis, node);
  while (node !== start && heap.shallow[node] === 0) node = analysis.dominator[node]!;
  return { node, most: mostOf(heap, analysis, children) };
}

/** Directly dominated objects, with those below parts of no size. */
export function visibleChildren(heap: Heap, analysis: HeapAnalysis, node: number): number[] {
  const { domOrder, domPosition, domSize } = analysis;
  const from = domPosition[node]!;
  if (from === NONE) return [];
  const children: number[] = [];
  const end = from + domSize[node]!;
  for (let at = from + 1; at < end; ) {
    const child = domOrder[at]!;
    if (heap.shallow[child] === 0) at++;
    else {
      children.push(child);
      at += domSize[child]!;
    }
  }
  return children;
}

function mostOf(heap: Heap, analysis: HeapAnalysis, children: readonly number[]): Accumulation['most'] {
  const groups = new Map<number, { objects: number; bytes: number; example: number }>();
  for (const child of children) {
    const index = heap.classOf[child]!;
    const group = groups.get(index);
    if (!group) groups.set(index, { objects: 1, bytes: analysis.retained[child]!, example: child });
    else {
      group.objects++;
      group.bytes += analysis.retained[child]!;
    }
  }
  let best: Accumulation['most'] = null;
  for (const [classIndex, group] of groups) {
    if (!best || group.bytes > best.bytes) best = { classIndex, name: className(heap, classIndex, 160), ...group };
  }
  return best;
}
