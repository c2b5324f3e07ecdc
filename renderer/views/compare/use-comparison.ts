/** The comparison of a pair as a view needs it: made with progress and cancel, made again for another pair. */
import { onScopeDispose, ref, shallowRef, watch, type Ref } from 'vue';
import type { ComparisonSummary } from '#shared/contracts/heap.ts';
import { isCancelled, toWireError, type WireError } from '#shared/rpc/errors.ts';
import { useWorkbench } from '../../host/workbench.ts';
import { useTasksStore, type TaskProgress } from '../../stores/tasks.ts';
import type { ComparePair } from './compare-rows.ts';

export interface ComparisonHandle {
  readonly summary: Readonly<Ref<ComparisonSummary | null>>;
  readonly error: Readonly<Ref<WireError | null>>;
  readonly progress: Readonly<Ref<TaskProgress | null>>;
  readonly running: Readonly<Ref<boolean>>;
  compare(): void;
  cancel(): void;
}

export function useComparison(of: () => { sessionId: string; pair: ComparePair | null; label: string }): ComparisonHandle {
  const workbench = useWorkbench();
  const tasks = useTasksStore();
  const summary = shallowRef<ComparisonSummary | null>(null);
  const error = shallowRef<WireError | null>(null);
  const progress = shallowRef<TaskProgress | null>(null);
  const running = ref(false);
  let controller: AbortController | null = null;

  async function compare(): Promise<void> {
    controller?.abort();
    controller = null;
    const { sessionId, pair, label } = of();
    summary.value = null;
    error.value = null;
    progress.value = null;
    running.value = false;
    if (!pair || pair.baseId === pair.comparedId) return;
    const mine = (controller = new AbortController());
    running.value = true;
    try {
      const result = await tasks.run(
        { kind: 'compare', label, sessionId },
        ({ signal, onProgress }) =>
          workbench.heap(sessionId).compare(pair, {
            signal,
            onProgress(value) {
              onProgress(value);
              if (controller === mine) progress.value = value;
            },
          }),
        mine.signal,
      );
      if (controller === mine) summary.value = result;
    } catch (failure) {
      if (controller !== mine) return;
      error.value = isCancelled(failure) ? { code: 'cancelled', message: 'The comparison was cancelled.' } : toWireError(failure);
    } finally {
      if (controller === mine) running.value = false;
    }
  }

  watch(
    () => {
      const { sessionId, pair } = of();
      return JSON.stringify([sessionId, pair?.baseId, pair?.comparedId, workbench.epoch.value]);
    },
    () => void compare(),
    { immediate: true },
  );
  // Leaving the view does not stop the work: it is in the status bar with its cancel button, and done on return.
  onScopeDispose(() => (controller = null));

  return { summary, error, progress, running, compare: () => void compare(), cancel: () => controller?.abort() };
}
