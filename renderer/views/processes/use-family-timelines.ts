/** The recordings of several sessions for one chart, read again while any of them grows. */
import { onScopeDispose, shallowRef, watch } from 'vue';
import type { TimelineWindow } from '#shared/contracts/timeline.ts';
import { isCancelled } from '#shared/rpc/errors.ts';
import { useWorkbench } from '../../host/workbench.ts';

const EVERY_MS = 1_000;
const POINTS = 1_200;

/** `range` null: everything. A session without a recording (yet) is left out of the result. */
export function useFamilyTimelines(ids: () => readonly string[], running: () => boolean, spanMs: () => number | null) {
  const workbench = useWorkbench();
  const windows = shallowRef<ReadonlyMap<string, TimelineWindow>>(new Map());
  let controller: AbortController | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function read(): Promise<void> {
    clearTimeout(timer);
    controller?.abort();
    const mine = (controller = new AbortController());
    const span = spanMs();
    const newest = Math.max(0, ...[...windows.value.values()].map(({ lastAt }) => lastAt));
    const ask = span === null || newest === 0 ? { maxPoints: POINTS } : { fromAt: Math.max(0, newest - span * 1.1), maxPoints: POINTS };
    const entries = await Promise.all(
      ids().map(async (id): Promise<[string, TimelineWindow] | null> => {
        try {
          return [id, await workbench.timeline(id).window(ask, { signal: mine.signal })];
        } catch (error) {
          // One that cannot be read shows its problem in its own session; the others are still worth seeing.
          const old = isCancelled(error) ? undefined : windows.value.get(id);
          return old ? [id, old] : null;
        }
      }),
    );
    if (controller !== mine) return;
    windows.value = new Map(entries.filter((entry) => entry !== null));
    if (running()) timer = setTimeout(() => (document.visibilityState === 'visible' ? void read() : wait()), EVERY_MS);
  }
  function wait(): void {
    timer = setTimeout(() => (document.visibilityState === 'visible' ? void read() : wait()), EVERY_MS);
  }

  watch([() => ids().join(), running, spanMs, () => workbench.epoch.value], () => void read(), { immediate: true });
  onScopeDispose(() => {
    clearTimeout(timer);
    controller?.abort();
    controller = null;
  });
  return { windows };
}
