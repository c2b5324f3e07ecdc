/**
 * The windows of a session's timeline that are on screen: the range, and the whole recording for the overview. New data
 * is asked for at most four times a second, and only while the page is visible.
 */
import { computed, onScopeDispose, shallowRef, watch, type Ref } from 'vue';
import type { TimelineWindow } from '#shared/contracts/timeline.ts';
import { isCancelled, toWireError, type WireError } from '#shared/rpc/errors.ts';
import { useWorkbench } from '../../host/workbench.ts';
import { resolveRange, type Extent, type TimeRange } from './time-range.ts';

const LEAST_INTERVAL_MS = 250;
/** The overview is a few hundred pixels of history; it need not follow every sample. */
const OVERVIEW_EVERY_MS = 2_000;
const OVERVIEW_POINTS = 400;

const ROOM_MS = 10_000;

export function useTimeline(sessionId: () => string, running: () => boolean, range: Ref<TimeRange>, live: Ref<boolean>, widthPx: Ref<number>) {
  const workbench = useWorkbench();
  const window = shallowRef<TimelineWindow | null>(null);
  const overview = shallowRef<TimelineWindow | null>(null);
  const error = shallowRef<WireError | null>(null);
  const extent = shallowRef<Extent>({ firstAt: 0, lastAt: 0 });
  const shown = computed(() => resolveRange(range.value, extent.value, live.value && running() ? ROOM_MS : 0));
  let controller: AbortController | null = null;
  let overviewAt = 0;
  let lastQueryAt = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let again = false;
  let busy = false;
  let stop: (() => void) | null = null;

  /** Bundles requests: one query at a time, the next not before the interval has passed. */
  function request(): void {
    if (busy) {
      again = true;
      return;
    }
    clearTimeout(timer);
    timer = setTimeout(() => void query(), Math.max(0, lastQueryAt + LEAST_INTERVAL_MS - Date.now()));
  }

  async function query(): Promise<void> {
    busy = true;
    again = false;
    lastQueryAt = Date.now();
    const mine = (controller = new AbortController());
    const timeline = workbench.timeline(sessionId());
    const maxPoints = Math.max(200, Math.min(4_000, Math.round(widthPx.value * 1.5)));
    try {
      const { fromAt, toAt } = shown.value;
      const all = range.value.kind === 'all';
      const ask = all ? { maxPoints } : { fromAt: Math.max(0, fromAt - (toAt - fromAt) * 0.05), toAt: toAt + (toAt - fromAt) * 0.05, maxPoints };
      const result = await timeline.window(ask, { signal: mine.signal });
      if (controller !== mine) return;
      extent.value = { firstAt: result.firstAt, lastAt: result.lastAt };
      window.value = result;
      error.value = null;
      if (all) overview.value = result;
      else if (!overview.value || Date.now() - overviewAt > OVERVIEW_EVERY_MS) {
        overviewAt = Date.now();
        const whole = await timeline.window({ maxPoints: OVERVIEW_POINTS }, { signal: mine.signal });
        if (controller === mine) overview.value = whole;
      }
    } catch (failure) {
      if (controller === mine && !isCancelled(failure)) error.value = toWireError(failure);
    } finally {
      if (controller === mine) {
        busy = false;
        if (again) request();
      }
    }
  }

  function restart(): void {
    controller?.abort();
    controller = null;
    busy = false;
    window.value = null;
    overview.value = null;
    error.value = null;
    stop?.();
    stop = workbench.timeline(sessionId()).on(
      'appended',
      {},
      () => {
        if (live.value && document.visibilityState === 'visible') request();
      },
      () => undefined,
    );
    request();
  }

  watch([sessionId, () => workbench.epoch.value], restart, { immediate: true });
  watch([range, widthPx], request);
  watch(live, (now) => now && request());
  const onVisible = () => document.visibilityState === 'visible' && request();
  document.addEventListener('visibilitychange', onVisible);
  onScopeDispose(() => {
    clearTimeout(timer);
    controller?.abort();
    controller = null;
    stop?.();
    document.removeEventListener('visibilitychange', onVisible);
  });

  return { window, overview, error, extent, shown, reload: request };
}
