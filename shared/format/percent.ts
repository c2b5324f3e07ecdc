/** Shares: `0.1234` → `12.3 %`; tiny but not zero reads `< 0.1 %`. */
import { groupThousands, signed, UNKNOWN } from './numbers.ts';

/** `fraction` is of 1, not of 100. */
export function formatPercent(fraction: number | null | undefined): string {
  if (typeof fraction !== 'number' || !Number.isFinite(fraction)) return UNKNOWN;
  if (fraction < 0) return signed(fraction, formatPercent);
  const percent = fraction * 100;
  if (percent === 0) return '0 %';
  if (percent < 0.05) return '< 0.1 %';
  return percent < 99.95 ? `${percent.toFixed(1)} %` : `${groupThousands(percent)} %`;
}

/** Share of `part` in `whole`; unknown where there is no whole. */
export function formatShare(part: number, whole: number): string {
  return whole > 0 ? formatPercent(part / whole) : UNKNOWN;
}
