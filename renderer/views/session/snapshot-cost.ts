/** What a snapshot will cost, in words. */
import { formatBytes } from '#shared/format/bytes.ts';
import { formatDuration } from '#shared/format/durations.ts';
import type { Between, SnapshotEstimate } from '#shared/model/snapshot-estimate.ts';

/** Ranges narrower than this are one figure. */
const ONE_FIGURE = 1.6;
/** A pause from here on is said beside the button, not only when one asks. */
const LONG_MS = 1_000;

function between({ low, high }: Between, format: (value: number) => string): string {
  if (high <= low * ONE_FIGURE || format(low) === format(high)) return `about ${format((low + high) / 2)}`;
  return `${format(low)} to ${format(high)}`;
}

/** Lines for the button's title; empty when nothing can be said. */
export function costLines(estimate: SnapshotEstimate | null): string[] {
  if (!estimate) return [];
  const { basis, heapBytes, pauseMs, fileBytes, targetRssBytes } = estimate;
  const lines: string[] = [];
  if (pauseMs) lines.push(`The target stands still for ${between(pauseMs, formatDuration)}.`);
  if (fileBytes) lines.push(`The file takes ${between(fileBytes, formatBytes)}.`);
  if (targetRssBytes !== null) lines.push(`Meanwhile the target may need up to ${formatBytes(targetRssBytes)} of memory.`);
  if (lines.length === 0) return ['How long it takes is not known before the first one.'];
  if (basis === 'last-snapshot') lines.push('Judging by its last snapshot.');
  else if (fileBytes) lines.push(`Judging by ${between(heapBytes, formatBytes)} of heap, as other programs took.`);
  return lines;
}

/** `stands still 2 to 4 s`; null when that is too short to be a concern. */
export function longPause(estimate: SnapshotEstimate | null): string | null {
  const pauseMs = estimate?.pauseMs;
  return pauseMs && pauseMs.high >= LONG_MS ? `stands still ${between(pauseMs, formatDuration)}` : null;
}
