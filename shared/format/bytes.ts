/** Sizes in IEC units, three significant figures: `512 B`, `4.0 KiB`, `11.2 MiB`, `312 MiB`. */
import { groupThousands, MINUS, signed, UNKNOWN } from './numbers.ts';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `1572864` → `1.5 MiB`. Below 100 of a unit one decimal, above none; a value that rounds to 1,024 takes the next unit. */
export function formatBytes(bytes: number | null | undefined): string {
  if (typeof bytes !== 'number' || !Number.isFinite(bytes)) return UNKNOWN;
  if (bytes < 0) return MINUS + formatBytes(-bytes);
  let unit = 0;
  let value = bytes;
  while (unit < UNITS.length - 1 && Math.round(value) >= 1024) {
    value /= 1024;
    unit++;
  }
  if (unit === 0) return `${groupThousands(value)} B`;
  const text = value < 99.95 ? value.toFixed(1) : groupThousands(value);
  return `${text} ${UNITS[unit]}`;
}

/** `1572864` → `1,572,864 bytes`. */
export function formatBytesExact(bytes: number | null | undefined): string {
  if (typeof bytes !== 'number' || !Number.isFinite(bytes)) return UNKNOWN;
  return `${groupThousands(bytes)} ${Math.abs(Math.round(bytes)) === 1 ? 'byte' : 'bytes'}`;
}

/** `+312 MiB`, `−4.0 KiB`, `0 B`. */
export function formatBytesDelta(bytes: number | null | undefined): string {
  return typeof bytes === 'number' ? signed(bytes, formatBytes) : UNKNOWN;
}
