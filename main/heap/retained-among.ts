import { float64 } from './columns.ts';
import { NONE } from './heap.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';

/** The dominator tree in preorder; see HeapAnalysis. */
interface DominatorTree {
  readonly domOrder: Uint32Array;
  readonly domSize: Uint32Array;
  readonly dominator: Uint32Array;
}

/** What takes part in a sum: all three by node. */
export interface Members {
  /** Whose bytes are counted. */
  counts(node: number): boolean;
  /** What is passed through on the way down; what counts should be passed through as well. */
  passes(node: number): boolean;
  /** NONE for nodes that open no group. */
  groupOf(node: number): number;
  bytes(node: number): number;
}

/**
 * Retained bytes by group among some of the objects: what members of the group dominate by way of members only. The new
 * objects of a comparison are asked so: a new timer that leads to an old cache does not keep what the cache was given
 * since; the cache, which is old, keeps that, and the new entries of the cache keep what is theirs. Objects inside of
 * others of their group count once.
 *
 * The tree falls apart at everything that is not passed through; an island is a part that is left. One pass up adds the
 * bytes within each island, one pass down finds the uppermost of each group in it. O(nodes), 8 bytes a node.
 */
export async function retainedAmong(
  tree: DominatorTree,
  nodeCount: number,
  groups: number,
  { counts, passes, groupOf, bytes }: Members,
  run?: RunOptions,
): Promise<Float64Array> {
  const { domOrder, domSize, dominator } = tree;
  const within = float64(nodeCount);
  await inSlices(run, 'comparing', nodeCount, 1 << 15, (from, to) => {
    // From the last to the first: what is below a node stands behind it.
    for (let at = nodeCount - 1 - from; at >= nodeCount - to; at--) {
      const node = domOrder[at]!;
      if (counts(node)) within[node]! += bytes(node);
      if (at > 0 && passes(node)) within[dominator[node]!]! += within[node]!;
    }
  });

  const totals = float64(groups);
  /** By group: where the last one that was counted ends, and in which island it lies. */
  const coveredTo = new Uint32Array(groups);
  const coveredIn = new Uint32Array(groups);
  /** Islands and gaps that are open: ends, and the number of the island, 0 for a gap. */
  const ends: number[] = [];
  const islands: number[] = [];
  /** What a group covered before an island further in covered something of it: to be put back where that one ends. */
  const putBack: { at: number; group: number; to: number; island: number }[] = [];
  let lastIsland = 0;
  await inSlices(run, 'comparing', nodeCount, 1 << 15, (from, to) => {
    for (let at = from; at < to; at++) {
      while (ends.length > 0 && ends[ends.length - 1]! <= at) {
        ends.pop();
        islands.pop();
      }
      for (let last = putBack[putBack.length - 1]; last && last.at <= at; last = putBack[putBack.length - 1]) {
        coveredTo[last.group] = last.to;
        coveredIn[last.group] = last.island;
        putBack.pop();
      }
      const node = domOrder[at]!;
      const end = at + domSize[node]!;
      let island = islands.length > 0 ? islands[islands.length - 1]! : 0;
      if (!passes(node)) {
        if (end > at + 1 && island !== 0) {
          ends.push(end);
          islands.push(0);
        }
        continue;
      }
      if (island === 0) {
        island = ++lastIsland;
        ends.push(end);
        islands.push(island);
      }
      const group = groupOf(node);
      if (group === NONE) continue;
      if (at < coveredTo[group]!) {
        if (coveredIn[group] === island) continue;
        putBack.push({ at: end, group, to: coveredTo[group]!, island: coveredIn[group]! });
      }
      totals[group]! += within[node]!;
      coveredTo[group] = end;
      coveredIn[group] = island;
    }
  });
  return totals;
}
