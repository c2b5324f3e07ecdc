/** Waiting for promises that may fail, take too long, or be given up. */

/** Resolves when the promise has, whatever became of it. */
export function settled(promise: Promise<unknown>): Promise<void> {
  return promise.then(
    () => undefined,
    () => undefined,
  );
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Null when the signal came first. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | null> {
  if (signal.aborted) return Promise.resolve(null);
  return Promise.race([promise, new Promise<null>((resolve) => signal.addEventListener('abort', () => resolve(null), { once: true }))]);
}
