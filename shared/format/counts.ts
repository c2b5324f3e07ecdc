/** Counts of things: `48,210`, `+48,210`, `−3`. */
import { groupThousands, MINUS, signed, UNKNOWN } from './numbers.ts';

export function formatCount(count: number | null | undefined): string {
  return typeof count === 'number' && Number.isFinite(count) ? groupThousands(count) : UNKNOWN;
}

export function formatCountDelta(count: number | null | undefined): string {
  return typeof count === 'number' ? signed(count, groupThousands) : UNKNOWN;
}

/** `1 object`, `48,210 objects`. */
export function formatCountOf(count: number, singular: string, plural = `${singular}s`): string {
  return `${formatCount(count)} ${Math.abs(count) === 1 ? singular : plural}`;
}

/** For narrow places such as axis labels: `950`, `48.2k`, `1.3M`, `2.0G`. */
export function formatCountShort(count: number): string {
  if (!Number.isFinite(count)) return UNKNOWN;
  const units = ['', 'k', 'M', 'G', 'T'];
  let value = Math.abs(count);
  let unit = 0;
  while (unit < units.length - 1 && Math.round(value) >= 1000) {
    value /= 1000;
    unit++;
  }
  const text = unit === 0 || value >= 99.95 ? groupThousands(value) : value.toFixed(1);
  return (count < 0 ? MINUS : '') + text + units[unit];
}
