/** Tells a view that the recording has grown, not more often than a view can use. */
import { onScopeDispose, watch } from 'vue';
import { useWorkbench } from '../../host/workbench.ts';

export interface Recorded {
  collections: number;
  lastCollectionAt: number | null;
  segmentReadings: number;
}

/** The first event comes at once, later ones at most every `everyMs`; the last one is never lost. */
export function useRecorded(sessionId: () => string, everyMs: number, onRecorded: (recorded: Recorded) => void): void {
  const workbench = useWorkbench();
  let stop: (() => void) | null = null;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let waiting: Recorded | null = null;

  function pass(recorded: Recorded): void {
    if (timer !== null) {
      waiting = recorded;
      return;
    }
    onRecorded(recorded);
    timer = setTimeout(() => {
      timer = null;
      const next = waiting;
      waiting = null;
      if (next) pass(next);
    }, everyMs);
  }
  function end(): void {
    stop?.();
    if (timer !== null) clearTimeout(timer);
    timer = null;
    waiting = null;
  }
  watch(
    sessionId,
    (id) => {
      end();
      // A session without a recording has no events; its views say so themselves.
      stop = workbench.memory(id).on('recorded', {}, pass, () => undefined);
    },
    { immediate: true },
  );
  onScopeDispose(end);
}
