/** The part of a recording that is on screen, as a value with pure operations. Times are epoch ms. */
export type TimeRange =
  /** From the beginning to the newest sample. */
  | { kind: 'all' }
  /** The newest `spanMs`, moving along. */
  | { kind: 'follow'; spanMs: number }
  | { kind: 'fixed'; fromAt: number; toAt: number };

export interface Extent {
  firstAt: number;
  lastAt: number;
}

/** No zoom goes below this: samples are 100 ms apart at best. */
export const SHORTEST_MS = 500;

/** `roomMs`: least span of the whole; a recording that has just begun gets room to grow into. */
export function resolveRange(range: TimeRange, { firstAt, lastAt }: Extent, roomMs = 0): { fromAt: number; toAt: number } {
  if (range.kind === 'fixed') return { fromAt: range.fromAt, toAt: range.toAt };
  if (range.kind === 'all') return { fromAt: firstAt, toAt: Math.max(lastAt, firstAt + Math.max(roomMs, 1)) };
  return { fromAt: Math.max(firstAt, lastAt - range.spanMs), toAt: Math.max(lastAt, firstAt + range.spanMs) };
}

/** `factor` below 1 zooms in; `anchorAt` stays where it is on screen. */
export function zoom(range: TimeRange, extent: Extent, factor: number, anchorAt: number): TimeRange {
  const { fromAt, toAt } = resolveRange(range, extent);
  const span = Math.max(SHORTEST_MS, (toAt - fromAt) * factor);
  const whole = resolveRange({ kind: 'all' }, extent);
  if (span >= whole.toAt - whole.fromAt) return { kind: 'all' };
  const share = toAt > fromAt ? (anchorAt - fromAt) / (toAt - fromAt) : 0.5;
  return within(anchorAt - span * share, span, whole);
}

export function pan(range: TimeRange, extent: Extent, byMs: number): TimeRange {
  const { fromAt, toAt } = resolveRange(range, extent);
  const whole = resolveRange({ kind: 'all' }, extent);
  if (toAt - fromAt >= whole.toAt - whole.fromAt) return range;
  return within(fromAt + byMs, toAt - fromAt, whole);
}

function within(fromAt: number, span: number, whole: { fromAt: number; toAt: number }): TimeRange {
  const from = Math.min(Math.max(fromAt, whole.fromAt), whole.toAt - span);
  return { kind: 'fixed', fromAt: from, toAt: from + span };
}
