/**
 * Records, while a target is attached, how its segments change and when the program changes its collector. As often as
 * it is cheap: reading the segments of a process with a large memory map holds up its own mmap calls for a moment.
 */
import type { GcSettings } from '#shared/model/memory.ts';
import type { StoredReading } from '../../storage/recording.ts';
import { readGcSettings, settingsChanges } from './collector.ts';
import { readSegments } from './segments.ts';

export interface MemoryRecorderOptions {
  pid: number | null;
  /** Python: the collector's settings. Null for other targets. */
  readGcState: (() => Promise<unknown>) | null;
  /** False while the target is known to stand still. */
  mayAsk(): boolean;
  onReading(reading: StoredReading): void;
}

const EVERY_MS = 5_000;
/** A reading may take a hundredth of the time at most. */
const SPARING = 100;

/** Returns how to stop it. */
export function startMemoryRecorder({ pid, readGcState, mayAsk, onReading }: MemoryRecorderOptions): () => void {
  let segmentTimer: NodeJS.Timeout | undefined;
  let settings: GcSettings | null = null;
  let stopped = false;

  function recordSegments(): number {
    if (pid === null) return 0;
    try {
      const { list } = readSegments(pid);
      onReading({ at: list.at, kind: 'segments', body: Object.fromEntries(list.segments.map((row) => [row.kind, row.residentBytes])) });
      return list.elapsedMs;
    } catch {
      // Ended, not ours to read, or no Linux: a view that asks is told why.
      return 0;
    }
  }

  async function recordSettings(): Promise<void> {
    const found = readGcState && mayAsk() ? readGcSettings(await readGcState().catch(() => null)) : null;
    if (!found || stopped) return;
    for (const text of settings ? settingsChanges(settings, found) : firstNotes(found)) onReading({ at: Date.now(), kind: 'gc-settings', body: { text } });
    settings = found;
  }

  function tick(): void {
    const tookMs = recordSegments();
    segmentTimer = setTimeout(tick, Math.max(EVERY_MS, tookMs * SPARING));
  }

  tick();
  void recordSettings();
  const settingsTimer = setInterval(() => void recordSettings(), EVERY_MS);
  return () => {
    stopped = true;
    clearTimeout(segmentTimer);
    clearInterval(settingsTimer);
  };
}

function firstNotes({ enabled, frozen }: GcSettings): string[] {
  const notes: string[] = [];
  if (!enabled) notes.push('The collector was disabled when recording began.');
  if (frozen > 0) notes.push(`${frozen} objects were put aside with gc.freeze() when recording began.`);
  return notes;
}
