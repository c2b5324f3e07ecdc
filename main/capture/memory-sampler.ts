/**
 * Memory over time. Resident memory comes from the system at full pace; heap figures have to be asked of the target and
 * come at a lower one: never more than one question under way, none while the target stands still, so that a busy
 * target never finds a queue of them.
 */
import type { MemorySample } from '#shared/model/target.ts';
import type { RssReader } from './process-memory.ts';

export interface HeapFigures {
  heapUsedBytes: number | null;
  heapTotalBytes: number | null;
  externalBytes: number | null;
  /** Resident memory as the target tells it, for a process that we cannot see ourselves. */
  rssBytes: number | null;
}

export interface MemorySamplerOptions {
  /** Null for a process elsewhere. */
  rss: RssReader | null;
  /** Rejects or answers null when the target cannot tell now. */
  readHeap(): Promise<HeapFigures | null>;
  /** False while the target is known to stand still. */
  mayAsk(): boolean;
  sampleEveryMs: number;
  heapEveryMs?: number;
  onSample(sample: MemorySample): void;
  /** The system says that the process is gone. Called once. */
  onGone(): void;
}

export interface MemorySampler {
  readonly last: MemorySample | null;
  stop(): void;
}

const HEAP_EVERY_MS = 250;
/**
 * A busy target pays more for a question than an idle one: a thread of it has to get the interpreter's lock, or its turn on the
 * event loop, from one that computes. How long the answer takes tells: two hundred times as long until the next question, a second at most.
 */
const HEAP_SPARING = 200;
const HEAP_MOST_MS = 1_000;
/** A heap figure older than this is not shown as if it were of now: the line has a gap. */
const HEAP_FRESH_MS = 1_500;

export function startMemorySampler(options: MemorySamplerOptions): MemorySampler {
  const { rss, sampleEveryMs, heapEveryMs = Math.max(HEAP_EVERY_MS, sampleEveryMs) } = options;
  let heap: HeapFigures | null = null;
  let heapAt = -Infinity;
  let heapIsNew = false;
  let asking = false;
  let askedAt = -Infinity;
  let everyMs = heapEveryMs;
  let last: MemorySample | null = null;
  let stopped = false;
  let saidGone = false;

  async function ask(): Promise<void> {
    asking = true;
    askedAt = performance.now();
    try {
      const figures = await options.readHeap();
      if (figures) {
        heap = figures;
        heapAt = performance.now();
        heapIsNew = true;
      }
    } catch {
      // The connection's end is somebody else's subject; a refused question leaves a gap.
    } finally {
      asking = false;
      everyMs = Math.max(heapEveryMs, Math.min((performance.now() - askedAt) * HEAP_SPARING, HEAP_MOST_MS));
    }
  }

  function tick(): void {
    if (stopped) return;
    const now = performance.now();
    const resident = rss?.read() ?? null;
    if (rss?.gone && !saidGone) {
      saidGone = true;
      options.onGone();
    }
    // What is known of a process that has gone is its last sample; half of one after it would hide that.
    if (rss?.gone) return;
    if (!asking && now - askedAt >= everyMs - sampleEveryMs / 2 && options.mayAsk()) void ask();
    const fresh = heap !== null && now - heapAt <= HEAP_FRESH_MS + everyMs ? heap : null;
    const rssBytes = resident ?? fresh?.rssBytes ?? null;
    if (resident === null && !heapIsNew) return;
    if (rssBytes === null && fresh === null) return;
    heapIsNew = false;
    last = {
      at: Date.now(),
      rssBytes,
      heapUsedBytes: fresh?.heapUsedBytes ?? null,
      heapTotalBytes: fresh?.heapTotalBytes ?? null,
      externalBytes: fresh?.externalBytes ?? null,
    };
    options.onSample(last);
  }

  const timer = setInterval(tick, sampleEveryMs);
  tick();

  return {
    get last() {
      return last;
    },
    stop() {
      stopped = true;
      clearInterval(timer);
    },
  };
}
