/** Keeps a recording within its bounds while it runs, the file and the copy in memory alike (see recording-policy). */
import type { Dispose } from '#shared/rpc/channel.ts';
import type { Recording } from '../storage/recording.ts';
import { hardLimitBytes, MAINTAIN_EVERY_MS, MAX_RECORDING_BYTES, nextThinSlice, oversizeSlice, type ThinSlice } from '../storage/recording-policy.ts';
import type { TimelineStore } from './timeline-store.ts';

const THINNED_BEFORE = 'thinnedBefore';
const COARSE_BEFORE = 'coarseBefore';

export function startRecordingMaintenance(recording: Recording, store: TimelineStore, maxBytes: number): Dispose {
  recording.limitBytes(hardLimitBytes(maxBytes));
  const timer = setInterval(() => maintain(recording, store, Date.now(), maxBytes), MAINTAIN_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** One piece of work, at most some hundred milliseconds. A disk that refuses leaves the file for the next time. */
export function maintain(recording: Recording, store: TimelineStore, now: number, maxBytes = MAX_RECORDING_BYTES): void {
  const { firstAt, lastAt } = store.window({ maxPoints: 10, fromAt: Infinity });
  if (firstAt === 0) return;
  function apply({ fromAt, toAt, stepMs }: ThinSlice): void {
    recording.thin(fromAt, toAt, stepMs);
    store.thin(fromAt, toAt, stepMs);
  }
  try {
    const slice = nextThinSlice(now, firstAt, Number(recording.getMeta(THINNED_BEFORE) ?? 0));
    if (slice) {
      apply(slice);
      recording.setMeta(THINNED_BEFORE, String(slice.toAt));
    } else if (recording.sizeBytes() > maxBytes) {
      const coarse = oversizeSlice(firstAt, lastAt, Number(recording.getMeta(COARSE_BEFORE) ?? 0));
      apply(coarse);
      recording.setMeta(COARSE_BEFORE, String(coarse.toAt));
    }
  } catch {
    // The writer reports a disk that fails; thinning can wait.
  }
}
