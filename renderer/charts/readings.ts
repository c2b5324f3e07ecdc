/** Readings of several targets at common moments, for one axis. Pure. */
import type { SeriesName, TimelineWindow } from '#shared/contracts/timeline.ts';

export interface FamilyLine {
  sessionId: string;
  label: string;
  colour: string;
  window: TimelineWindow;
}

/** `count` moments from `fromAt` to `toAt`, both included. */
export function moments(fromAt: number, toAt: number, count: number): number[] {
  const step = (toAt - fromAt) / Math.max(1, count - 1);
  return Array.from({ length: count }, (_, index) => fromAt + index * step);
}

/**
 * The last reading at or before each moment; null before the first and after the last one: a target that has not begun,
 * or has ended, has no memory. `slackMs` bridges the time until the next sample.
 */
export function readingsAt(window: TimelineWindow, name: SeriesName, at: readonly number[], slackMs: number): (number | null)[] {
  const values = window.series[name];
  let index = -1;
  return at.map((moment) => {
    while (index + 1 < window.at.length && window.at[index + 1]! <= moment) index++;
    if (index < 0) return null;
    if (index === window.at.length - 1 && moment > window.at[index]! + slackMs) return null;
    return values[index] ?? null;
  });
}

/** First and last moment of all of them. */
export function familyExtent(windows: readonly TimelineWindow[]): { firstAt: number; lastAt: number } {
  const used = windows.filter(({ lastAt }) => lastAt > 0);
  if (used.length === 0) return { firstAt: 0, lastAt: 0 };
  return { firstAt: Math.min(...used.map(({ firstAt }) => firstAt)), lastAt: Math.max(...used.map(({ lastAt }) => lastAt)) };
}
