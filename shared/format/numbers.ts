/**
 * Number text that every formatter shares: thousands by comma, decimals by point, minus as U+2212 so that signs line up
 * in tabular figures. The locale of the machine plays no part: a report reads the same everywhere.
 */
export const MINUS = '\u2212';

/** Shown in place of a number that is not known (null, NaN, infinite). */
export const UNKNOWN = '\u2013';

/** `1234567` → `1,234,567`. Whole part only; a fraction is rounded. */
export function groupThousands(value: number): string {
  const rounded = Math.round(Math.abs(value));
  const digits = rounded.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ',');
  return value < 0 && rounded !== 0 ? MINUS + digits : digits;
}

/** `+` or the real minus before what `format` makes of the absolute value; zero stays without a sign. */
export function signed(value: number, format: (absolute: number) => string): string {
  if (!Number.isFinite(value)) return UNKNOWN;
  if (value === 0) return format(0);
  return (value < 0 ? MINUS : '+') + format(Math.abs(value));
}
