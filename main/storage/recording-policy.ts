/**
 * How much a recording may take, on disk and in memory. In full detail: the last six hours (at 10 samples a second some
 * 2 MB an hour, and 60 bytes a collection). Older: of every ten seconds the lowest and the highest value, and one
 * collection that stands for all. If the file still grows beyond 128 MiB (two million collections), the oldest part is
 * thinned to every minute, however young it is. Marks are always kept. So a quiet day takes about 15 MB, and no
 * recording more than 192 MiB.
 */
export const FULL_DETAIL_MS = 6 * 3600 * 1000;
export const THIN_STEP_MS = 10_000;
export const COARSE_STEP_MS = 60_000;
export const MAX_RECORDING_BYTES = 128 * 1024 * 1024;
/** Where writing stops should thinning ever not keep up: the recording then goes on in memory. */
export function hardLimitBytes(maxBytes: number): number {
  return maxBytes * 1.5;
}
/** Thinned in pieces of this length, so that no piece holds up the sampling. */
export const THIN_SLICE_MS = 2 * 60 * 1000;
const MAX_COARSE_SLICE_MS = 10 * 60 * 1000;
export const MAINTAIN_EVERY_MS = 60_000;

export interface ThinSlice {
  fromAt: number;
  toAt: number;
  stepMs: number;
}

/** The next piece to thin, or null. `thinnedBefore`: everything before has been thinned by age already. */
export function nextThinSlice(now: number, firstAt: number, thinnedBefore: number): ThinSlice | null {
  const fromAt = Math.max(firstAt, thinnedBefore);
  const toAt = fromAt + THIN_SLICE_MS;
  return firstAt > 0 && toAt <= now - FULL_DETAIL_MS ? { fromAt, toAt, stepMs: THIN_STEP_MS } : null;
}

/**
 * What to thin when the file is too large although its old part is thin: the first half of what is not yet coarse, in
 * pieces. `coarseBefore`: everything before is coarse already.
 */
export function oversizeSlice(firstAt: number, lastAt: number, coarseBefore: number): ThinSlice {
  const fromAt = Math.max(firstAt, coarseBefore);
  return { fromAt, toAt: Math.min(fromAt + (lastAt - fromAt) / 2, fromAt + MAX_COARSE_SLICE_MS), stepMs: COARSE_STEP_MS };
}
