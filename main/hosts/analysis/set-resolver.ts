/** From the sets and filters of the contract to lists of ordinals; the few used last are kept with their heap. */
import { nodesOfClass } from '#main/heap/classes.ts';
import { comparisonNodes, type Comparison } from '#main/heap/compare.ts';
import { growthObjects, growthTree } from '#main/heap/growth-tree.ts';
import { objectsOfGroup } from '#main/heap/groups.ts';
import type { Heap } from '#main/heap/heap.ts';
import { allObjects, filterObjects, retainedObjects, retainedTogether } from '#main/heap/object-sets.ts';
import type { RunOptions } from '#main/heap/run.ts';
import { objectsOfString, stringValues } from '#main/heap/string-table.ts';
import { makeTrio, trioObjects, type Trio } from '#main/heap/trio.ts';
import type { ObjectFilter, ObjectSet } from '#shared/model/heap-explore.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import type { ComparisonStore } from './comparison-store.ts';
import { createKeptByOwner } from './kept-by-owner.ts';

export interface Selection {
  snapshotId: string;
  set: ObjectSet;
  filter?: ObjectFilter | undefined;
}

export interface SetResolver {
  /** Ascending ordinals; null: all objects, nothing narrowed. */
  resolve(heap: Heap, selection: Selection, run: RunOptions): Promise<Uint32Array | null>;
  /** As `resolve`, with the list made for all objects as well. */
  list(heap: Heap, selection: Selection, run: RunOptions): Promise<Uint32Array>;
  trio(ids: { firstId: string; secondId: string; thirdId: string }, run: RunOptions): Promise<Trio>;
}

/** Objects behind a finding; throws `not-found` for an unknown one. */
export type FindingObjects = (snapshotId: string, baseId: string | null, findingId: string, run: RunOptions) => Promise<Uint32Array>;

/** Lists kept per heap, and trios per pair of comparisons. */
const MAX_SETS = 6;
const MAX_TRIOS = 2;

export function createSetResolver(comparisons: ComparisonStore, findingObjects: FindingObjects): SetResolver {
  const sets = createKeptByOwner<Heap, Uint32Array>(MAX_SETS);
  const trios = createKeptByOwner<Comparison, Trio>(MAX_TRIOS);

  const pairOf = (ids: { baseId: string; comparedId: string }, run: RunOptions): Promise<Comparison> =>
    comparisons.use({ baseId: ids.baseId, comparedId: ids.comparedId }, run, (comparison) => comparison);

  function mustBe(asked: string, needed: string): void {
    if (asked !== needed) throw new HeaphouseError('invalid-argument', 'This selection is of another snapshot.');
  }

  async function trio(ids: { firstId: string; secondId: string; thirdId: string }, run: RunOptions): Promise<Trio> {
    return comparisons.use({ baseId: ids.firstId, comparedId: ids.secondId }, run, (early) =>
      comparisons.use({ baseId: ids.secondId, comparedId: ids.thirdId }, run, (late) =>
        trios.get(late, ids.firstId, () => makeTrio(early, late, run)),
      ),
    );
  }

  async function objectsOf(heap: Heap, snapshotId: string, set: ObjectSet, run: RunOptions): Promise<Uint32Array> {
    switch (set.by) {
      case 'all':
        return allObjects(heap, run);
      case 'class':
        return nodesOfClass(heap, set.classIndex);
      case 'group':
        return objectsOfGroup(heap, set.grouping, set.groupId, run);
      case 'ordinals':
        return Uint32Array.from(new Set(set.ordinals.filter((ordinal) => ordinal < heap.nodeCount))).sort();
      case 'retainedBy':
        return retainedObjects(heap, set.ordinal, run);
      case 'retainedByClass':
        return retainedTogether(heap, nodesOfClass(heap, set.classIndex), run);
      case 'comparison': {
        mustBe(snapshotId, set.side === 'dead' ? set.baseId : set.comparedId);
        const comparison = await pairOf(set, run);
        if (set.classIndex !== null) return comparisonNodes(comparison, set.classIndex, set.side).ordinals;
        const survives = set.side === 'dead' ? comparison.survivesFromBase : comparison.survivesInCompared;
        const wanted = set.side === 'survived' ? 1 : 0;
        return (await allObjects(heap, run)).filter((node) => survives[node] === wanted);
      }
      case 'growth': {
        mustBe(snapshotId, set.comparedId);
        return growthObjects(await growthTree(await pairOf(set, run), run), set.lineId, run);
      }
      case 'trio': {
        mustBe(snapshotId, set.thirdId);
        return trioObjects(await trio(set, run), set.classIndex);
      }
      case 'string':
        return objectsOfString(await stringValues(heap, run), set.stringId, run);
      case 'finding':
        return findingObjects(snapshotId, set.baseId, set.findingId, run);
    }
  }

  async function list(heap: Heap, { snapshotId, set, filter }: Selection, run: RunOptions): Promise<Uint32Array> {
    const narrowed = filter !== undefined && Object.values(filter).some((value) => value !== undefined);
    // The set itself is kept as well: each letter of a filter that is typed asks for another part of it.
    if (!narrowed) return sets.get(heap, JSON.stringify([snapshotId, set, null]), () => objectsOf(heap, snapshotId, set, run));
    return sets.get(heap, JSON.stringify([snapshotId, set, filter]), async () => {
      const objects = await list(heap, { snapshotId, set }, run);
      const survives = filter.notInId === undefined ? null : (await pairOf({ baseId: filter.notInId, comparedId: snapshotId }, run)).survivesInCompared;
      return filterObjects(heap, objects, filter, survives, run);
    });
  }

  return {
    list,
    async resolve(heap, selection, run) {
      const narrowed = selection.filter && Object.values(selection.filter).some((value) => value !== undefined);
      return selection.set.by === 'all' && !narrowed ? null : list(heap, selection, run);
    },
    trio,
  };
}
