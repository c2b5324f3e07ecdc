/**
 * Records, while a target is attached, how its segments and the totals of its allocators change and when the program
 * changes its collector. As often as
 * it is cheap: reading the segments of a process with a large memory map holds up its own mmap calls for a moment.
 */
import type { GcSettings } from '#shared/model/memory.ts';
import type { StoredReading } from '../../storage/recording.ts';
import type { AllocatorTotals } from './allocator-totals.ts';
import { readGcSettings, settingsChanges } from './collector.ts';
import { readSegments } from './segments.ts';

export interface MemoryRecorderOptions {
  /** Null for a process elsewhere. */
  pid(): number | null;
  /** Totals by allocator and use; rejects or answers null when the target cannot tell now. Null for targets that never can. */
  readAllocators: (() => Promise<AllocatorTotals | null>) | null;
  /** Python: the collector's settings. Null for other targets. */
  readGcState: (() => Promise<unknown>) | null;
  /** False while the target is known to stand still. */
  mayAsk(): boolean;
  onReading(reading: StoredReading): void;
}

const EVERY_MS = 5_000;
const MOST_MS = 60_000;
/** A reading may take a hundredth of the time at most. */
const SPARING = 100;
/** This one is made by the program itself (20 ms for 4 GiB in arenas); the wait for its turn is counted with it. */
const ALLOCATORS_SPARING = 1_000;

/** Returns how to stop it. */
export function startMemoryRecorder({ pid, readAllocators, readGcState, mayAsk, onReading }: MemoryRecorderOptions): () => void {
  let segmentTimer: NodeJS.Timeout | undefined;
  let allocatorTimer: NodeJS.Timeout | undefined;
  let settings: GcSettings | null = null;
  let stopped = false;

  function recordSegments(): number {
    const process = pid();
    if (process === null) return 0;
    try {
      const { list } = readSegments(process);
      onReading({ at: list.at, kind: 'segments', body: Object.fromEntries(list.segments.map((row) => [row.kind, row.residentBytes])) });
      return list.elapsedMs;
    } catch {
      // Ended, not ours to read, or no Linux: a view that asks is told why.
      return 0;
    }
  }

  async function recordAllocators(): Promise<void> {
    const startedAt = performance.now();
    const totals = readAllocators && mayAsk() ? await readAllocators().catch(() => null) : null;
    if (stopped) return;
    if (totals && Object.keys(totals).length > 0) onReading({ at: Date.now(), kind: 'allocators', body: totals });
    // The wait for a busy program is counted as well: it errs on the side of asking less.
    allocatorTimer = setTimeout(() => void recordAllocators(), Math.max(EVERY_MS, Math.min((performance.now() - startedAt) * ALLOCATORS_SPARING, MOST_MS)));
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
  if (readAllocators) void recordAllocators();
  void recordSettings();
  const settingsTimer = setInterval(() => void recordSettings(), EVERY_MS);
  return () => {
    stopped = true;
    clearTimeout(segmentTimer);
    clearTimeout(allocatorTimer);
    clearInterval(settingsTimer);
  };
}

function firstNotes({ enabled, frozen }: GcSettings): string[] {
  const notes: string[] = [];
  if (!enabled) notes.push('The collector was disabled when recording began.');
  if (frozen > 0) notes.push(`${frozen} objects were put aside with gc.freeze() when recording began.`);
  return notes;
}
