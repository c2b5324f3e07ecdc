/**
 * One snapshot as a view needs it: opened first (counts, classes, shallow sizes), analysed after (retained sizes,
 * dominators, distances). The analysis may be cancelled and started again; what is there stays usable meanwhile.
 */
import { onScopeDispose, shallowRef, watch, type Ref } from 'vue';
import type { HeapSummary } from '#shared/model/heap.ts';
import { isCancelled, toWireError, type WireError } from '#shared/rpc/errors.ts';
import { useWorkbench } from '../host/workbench.ts';
import { useTasksStore, type TaskProgress } from '../stores/tasks.ts';

export type SnapshotPhase = 'opening' | 'failed' | 'opened' | 'analysing' | 'analysed';

export interface SnapshotHandle {
  readonly phase: Readonly<Ref<SnapshotPhase>>;
  readonly summary: Readonly<Ref<HeapSummary | null>>;
  readonly progress: Readonly<Ref<TaskProgress | null>>;
  /** Why it could not be opened. */
  readonly openError: Readonly<Ref<WireError | null>>;
  /** Why there are no retained sizes; null when cancelled. */
  readonly analysisError: Readonly<Ref<WireError | null>>;
  analyse(): void;
  cancel(): void;
  reopen(): void;
}

export function useSnapshot(of: () => { sessionId: string; snapshotId: string; name: string }): SnapshotHandle {
  const workbench = useWorkbench();
  const tasks = useTasksStore();
  const phase = shallowRef<SnapshotPhase>('opening');
  const summary = shallowRef<HeapSummary | null>(null);
  const progress = shallowRef<TaskProgress | null>(null);
  const openError = shallowRef<WireError | null>(null);
  const analysisError = shallowRef<WireError | null>(null);
  let controller: AbortController | null = null;

  async function open(): Promise<void> {
    const mine = new AbortController();
    controller = mine;
    const { sessionId, snapshotId, name } = of();
    const heap = workbench.heap(sessionId);
    phase.value = 'opening';
    summary.value = null;
    progress.value = null;
    openError.value = null;
    analysisError.value = null;
    try {
      const opened = await tasks.run(
        { kind: 'analysis', label: `Opening ${name}`, sessionId },
        (context) => heap.open({ snapshotId }, followed(context, mine)),
        mine.signal,
      );
      if (controller !== mine) return;
      summary.value = opened;
      phase.value = opened.analysed ? 'analysed' : 'opened';
    } catch (error) {
      if (controller !== mine) return;
      phase.value = 'failed';
      openError.value = isCancelled(error) ? { code: 'cancelled', message: 'Opening the snapshot was cancelled.' } : toWireError(error);
      return;
    }
    if (phase.value === 'opened') await analyse(mine);
  }

  async function analyse(mine: AbortController): Promise<void> {
    const { sessionId, snapshotId, name } = of();
    phase.value = 'analysing';
    progress.value = null;
    analysisError.value = null;
    try {
      const analysed = await tasks.run(
        { kind: 'analysis', label: `Retained sizes of ${name}`, sessionId },
        (context) => workbench.heap(sessionId).analyse({ snapshotId }, followed(context, mine)),
        mine.signal,
      );
      if (controller !== mine) return;
      summary.value = analysed;
      phase.value = 'analysed';
    } catch (error) {
      if (controller !== mine) return;
      phase.value = 'opened';
      analysisError.value = isCancelled(error) ? null : toWireError(error);
    }
  }

  /** The task's context, with progress shown here as well. */
  function followed(context: { signal: AbortSignal; onProgress: (value: TaskProgress) => void }, mine: AbortController) {
    return {
      signal: context.signal,
      onProgress(value: TaskProgress) {
        context.onProgress(value);
        if (controller === mine) progress.value = value;
      },
    };
  }

  watch(
    () => {
      const { sessionId, snapshotId } = of();
      return `${sessionId}/${snapshotId}/${workbench.epoch.value}`;
    },
    () => void open(),
    { immediate: true },
  );
  // Leaving the view does not stop the work: it is in the status bar with its cancel button, and done on return.
  onScopeDispose(() => (controller = null));

  return {
    phase,
    summary,
    progress,
    openError,
    analysisError,
    analyse() {
      if (phase.value !== 'opened') return;
      controller = new AbortController();
      void analyse(controller);
    },
    cancel() {
      // The handle stays the current one, so that the outcome is shown as cancelled.
      controller?.abort();
    },
    reopen: () => void open(),
  };
}
