import type { DetectorContext } from './detector.ts';

/** Whether an earlier finding is about something that makes up most of what the node retains: it is the same problem. */
export function isClaimedBelow({ analysis, claimed }: DetectorContext, node: number): boolean {
  const { domPosition, domSize, retained } = analysis;
  const from = domPosition[node]!;
  for (const other of claimed) {
    const at = domPosition[other]!;
    if (at >= from && at < from + domSize[node]! && retained[other]! >= retained[node]! / 2) return true;
  }
  return false;
}

/** Dominators above a node that are looked at. */
const MAX_UP = 256;

/** Whether an earlier finding is about something that keeps the node alive alone: the node goes with it. */
export function isClaimedAbove({ heap, analysis, claimed }: DetectorContext, node: number): boolean {
  for (let at = node, steps = 0; steps < MAX_UP && at !== heap.root; steps++) {
    if (claimed.has(at)) return true;
    at = analysis.dominator[at]!;
  }
  return false;
}
