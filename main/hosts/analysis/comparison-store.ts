/** Comparisons by pair of snapshots; the few used last are kept as long as both heaps are. */
import { compareHeaps } from '#main/heap/compare.ts';
import type { Comparison } from '#main/heap/compare.ts';
import type { HeapProgress } from '#shared/model/heap.ts';
import type { HeapStore } from './heap-store.ts';
import { createSharedTask, type SharedTask, type TaskRun } from './shared-task.ts';

const MAX_KEPT = 4;

export interface SnapshotPair {
  baseId: string;
  comparedId: string;
}

export interface ComparisonStore {
  /** Runs `body` with the comparison; neither heap is given back meanwhile. */
  use<R>(pair: SnapshotPair, run: TaskRun<HeapProgress>, body: (comparison: Comparison) => Promise<R> | R): Promise<R>;
  /** A heap was given back: comparisons with it would keep it in memory. */
  forget(snapshotId: string): void;
}

export function createComparisonStore(heaps: HeapStore): ComparisonStore {
  const kept = new Map<string, { pair: SnapshotPair; task: SharedTask<Comparison, HeapProgress> }>();

  function sameEpoch({ baseId, comparedId }: SnapshotPair): boolean {
    const [base, compared] = [heaps.file(baseId).idEpoch, heaps.file(comparedId).idEpoch];
    return base === null || compared === null || base === compared;
  }

  function taskOf(pair: SnapshotPair): SharedTask<Comparison, HeapProgress> {
    const key = JSON.stringify([pair.baseId, pair.comparedId]);
    const known = kept.get(key);
    kept.delete(key);
    const entry = known ?? {
      pair,
      task: createSharedTask<Comparison, HeapProgress>((run) =>
        heaps.use(pair.baseId, 'analysed', run, (base) =>
          heaps.use(pair.comparedId, 'analysed', run, (compared) => compareHeaps(base, compared, { ...run, idsComparable: sameEpoch(pair) })),
        ),
      ),
    };
    kept.set(key, entry);
    for (const oldest of kept.keys()) {
      if (kept.size <= MAX_KEPT) break;
      kept.delete(oldest);
    }
    return entry.task;
  }

  return {
    use(pair, run, body) {
      // Holding both heaps open also keeps `forget` from dropping the comparison in the middle.
      return heaps.use(pair.baseId, 'open', run, () =>
        heaps.use(pair.comparedId, 'open', run, async () => body(await taskOf(pair).join(run))),
      );
    },
    forget(snapshotId) {
      for (const [key, { pair }] of kept) {
        if (pair.baseId === snapshotId || pair.comparedId === snapshotId) kept.delete(key);
      }
    },
  };
}
