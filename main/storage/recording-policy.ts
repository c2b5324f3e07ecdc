/**
 * How much a recording may take, on disk and in memory. In full detail: the last six hours (at 10 samples a second some
 * 2 MB an hour, and 60 bytes a collection). Older: of every ten seconds the lowest and the highest value, and one
 * collection that stands for all. If the file still grows beyond 256 MiB, the oldest half is thinned to every minute.
 * Marks are always kept. So a day of watching takes about 15 MB, and no recording more than 320 MiB.
 */
export const FULL_DETAIL_MS = 6 * 3600 * 1000;
export const THIN_STEP_MS = 10_000;
export const COARSE_STEP_MS = 60_000;
export const MAX_RECORDING_BYTES = 256 * 1024 * 1024;
/** Where writing stops should thinning ever not keep up: the recording then goes on in memory. */
export const HARD_LIMIT_BYTES = 320 * 1024 * 1024;
/** Thinned in pieces of this length, so that no piece holds up the sampling. */
export const THIN_SLICE_MS = 10 * 60 * 1000;
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

/** What to thin when the file is too large although the old part is thin. */
export function oversizeSlice(firstAt: number, lastAt: number): ThinSlice {
  return { fromAt: firstAt, toAt: firstAt + (lastAt - firstAt) / 2, stepMs: COARSE_STEP_MS };
}
