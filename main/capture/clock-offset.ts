/**
 * A target's monotonic clock on our epoch. The program may fake `Date`, and another machine has another clock, so the
 * target only says "now is X of mine"; the report that came fastest tells the distance best. The smallest of the last
 * one to two minutes is used, because clocks drift apart.
 */
const WINDOW_MS = 60_000;

export interface ClockOffset {
  /** `targetNowMs`: the target's clock when it sent; `targetMs`: the moment asked for, same clock. */
  toEpochMs(targetNowMs: number, targetMs: number): number;
}

export function createClockOffset(now: () => number = Date.now): ClockOffset {
  let windowStartedAt = -Infinity;
  let previous = Infinity;
  let current = Infinity;
  return {
    toEpochMs(targetNowMs, targetMs) {
      const at = now();
      if (at - windowStartedAt > WINDOW_MS) {
        previous = at - windowStartedAt > 2 * WINDOW_MS ? Infinity : current;
        current = Infinity;
        windowStartedAt = at;
      }
      current = Math.min(current, at - targetNowMs);
      return Math.min(previous, current) + targetMs;
    },
  };
}
