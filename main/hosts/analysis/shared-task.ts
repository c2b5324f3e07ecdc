/**
 * One piece of work that several callers wait for. It runs once; every caller sees its progress; a caller who cancels
 * leaves alone, and only when the last one has left is the work itself stopped. A failed or stopped task can be joined
 * again and starts anew.
 */
export interface TaskRun<G> {
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: G) => void) | undefined;
}

export interface SharedTask<T, G> {
  join(run: TaskRun<G>): Promise<T>;
  /** The result, once it is there. */
  readonly value: T | undefined;
}

interface Current<T, G> {
  promise: Promise<T>;
  controller: AbortController;
  waiters: Set<(progress: G) => void>;
  last: G | undefined;
}

export function createSharedTask<T, G>(
  start: (run: { signal: AbortSignal; onProgress: (progress: G) => void }) => Promise<T>,
): SharedTask<T, G> {
  let current: Current<T, G> | null = null;
  let done: { value: T } | null = null;
  /** A stopped run may need some milliseconds to notice; the next one begins after it, never beside it. */
  let previous: Promise<unknown> = Promise.resolve();

  function begin(): Current<T, G> {
    const controller = new AbortController();
    const waiters = new Set<(progress: G) => void>();
    const begun: Current<T, G> = { promise: undefined as unknown as Promise<T>, controller, waiters, last: undefined };
    begun.promise = previous.then(() => {
      controller.signal.throwIfAborted();
      return start({
        signal: controller.signal,
        onProgress(progress) {
          begun.last = progress;
          for (const waiter of [...waiters]) waiter(progress);
        },
      });
    });
    begun.promise.then(
      (value) => {
        done = { value };
        if (current === begun) current = null;
      },
      () => {
        if (current === begun) current = null;
      },
    );
    previous = begun.promise.catch(() => undefined);
    return begun;
  }

  function join({ signal, onProgress }: TaskRun<G>): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    if (done) return Promise.resolve(done.value);
    const joined = (current ??= begin());
    const waiter = (progress: G) => onProgress?.(progress);
    joined.waiters.add(waiter);
    if (joined.last !== undefined) waiter(joined.last);

    return new Promise<T>((resolve, reject) => {
      function leave(): void {
        signal?.removeEventListener('abort', onAbort);
        joined.waiters.delete(waiter);
      }
      function onAbort(): void {
        leave();
        if (joined.waiters.size === 0) {
          if (current === joined) current = null;
          joined.controller.abort();
        }
        reject(signal?.reason as Error);
      }
      signal?.addEventListener('abort', onAbort, { once: true });
      joined.promise.then(
        (value) => {
          leave();
          resolve(value);
        },
        (error: unknown) => {
          leave();
          reject(error as Error);
        },
      );
    });
  }

  return {
    join,
    get value() {
      return done?.value;
    },
  };
}
