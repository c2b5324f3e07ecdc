/** Points in time (epoch ms) in the reader's time zone, in the order that sorts: `2026-03-01 14:05:09`. */
import { UNKNOWN } from './numbers.ts';

const two = (value: number) => String(value).padStart(2, '0');

function dateOf(epochMs: number | null | undefined): Date | null {
  if (typeof epochMs !== 'number') return null;
  const date = new Date(epochMs);
  return Number.isNaN(date.getTime()) ? null : date;
}

export function formatDate(epochMs: number | null | undefined): string {
  const date = dateOf(epochMs);
  return date ? `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}` : UNKNOWN;
}

export function formatTime(epochMs: number | null | undefined): string {
  const date = dateOf(epochMs);
  return date ? `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}` : UNKNOWN;
}

export function formatDateTime(epochMs: number | null | undefined): string {
  return dateOf(epochMs) ? `${formatDate(epochMs)} ${formatTime(epochMs)}` : UNKNOWN;
}

/** `2026-03-01T13:05:09.000Z`, for files other programs read; empty when the time is not known. */
export function formatIso(epochMs: number | null | undefined): string {
  return dateOf(epochMs)?.toISOString() ?? '';
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How long ago: `just now`, `42 s ago`, `5 min ago`, `3 h ago`, `yesterday`, `6 d ago`, then the date. */
export function formatAge(epochMs: number | null | undefined, nowMs: number): string {
  const date = dateOf(epochMs);
  if (!date) return UNKNOWN;
  const age = nowMs - date.getTime();
  if (age < -MINUTE) return formatDateTime(date.getTime());
  if (age < 5 * SECOND) return 'just now';
  if (age < MINUTE) return `${Math.floor(age / SECOND)} s ago`;
  if (age < HOUR) return `${Math.floor(age / MINUTE)} min ago`;
  if (age < DAY) return `${Math.floor(age / HOUR)} h ago`;
  if (age < 2 * DAY) return 'yesterday';
  if (age < 14 * DAY) return `${Math.floor(age / DAY)} d ago`;
  return formatDate(date.getTime());
}
