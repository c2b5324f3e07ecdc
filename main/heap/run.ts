import type { HeapPhase, HeapProgress } from '#shared/model/heap.ts';

/** What every long call takes: a way to stop it and a way to watch it. */
export interface RunOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: HeapProgress) => void;
}

/** Longest stretch of work between two looks at the event loop: a fifth of the promised 50 ms to cancel. */
const SLICE_MS = 10;

/** Progress is reported at most this often. */
const PROGRESS_MS = 50;

/** Keeps a long loop polite: lets messages in, notices a cancel, reports progress. One per phase. */
export interface Pacer {
  /** True when the slice is used up and `pause` is due. Cheap, but not free: ask every few thousand steps. */
  due(): boolean;
  /** Yields to the event loop, then throws if cancelled. */
  pause(done: number): Promise<void>;
  /** Reports the phase as complete. */
  finish(): void;
}

export function createPacer(run: RunOptions | undefined, phase: HeapPhase, total: number): Pacer {
  const signal = run?.signal;
  const onProgress = run?.onProgress;
  let sliceStart = performance.now();
  let reportedAt = 0;
  signal?.throwIfAborted();
  onProgress?.({ phase, done: 0, total });
  return {
    due: () => performance.now() - sliceStart >= SLICE_MS,
    async pause(done) {
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
      signal?.throwIfAborted();
      sliceStart = performance.now();
      if (onProgress && sliceStart - reportedAt >= PROGRESS_MS) {
        reportedAt = sliceStart;
        onProgress({ phase, done, total });
      }
    },
    finish() {
      onProgress?.({ phase, done: total, total });
    },
  };
}

/**
 * Calls `body(from, to)` over 0 … total in slices. The body is an ordinary function with a tight loop, which the
 * compiler optimises better than a loop with an await in it.
 */
export async function inSlices(
  run: RunOptions | undefined,
  phase: HeapPhase,
  total: number,
  step: number,
  body: (from: number, to: number) => void,
): Promise<void> {
  const pacer = createPacer(run, phase, total);
  for (let from = 0; from < total; from += step) {
    body(from, Math.min(total, from + step));
    if (pacer.due()) await pacer.pause(Math.min(total, from + step));
  }
  pacer.finish();
}

/** Calls `body()` until it returns true; for work that keeps its own place (stacks, queues). */
export async function untilDone(
  run: RunOptions | undefined,
  phase: HeapPhase,
  total: number,
  done: () => number,
  body: () => boolean,
): Promise<void> {
  const pacer = createPacer(run, phase, total);
  while (!body()) {
    if (pacer.due()) await pacer.pause(done());
  }
  pacer.finish();
}

/** The same signal, but nothing is reported: for small work within a phase. */
export function quiet(run: RunOptions | undefined): RunOptions | undefined {
  return run?.signal ? { signal: run.signal } : undefined;
}

/** Waits for something that does not know the signal. */
export async function abortable<T>(task: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  signal?.throwIfAborted();
  if (!signal) return task;
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([task, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
