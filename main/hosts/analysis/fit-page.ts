/**
 * Keeps an answer under 1 MiB (what one message to the renderer may weigh): first long names are shortened, and if that
 * is not enough the page ends early. Whoever asked sees fewer rows than wanted and asks again from there.
 */
import { cutText } from '#shared/format/visible-text.ts';

export const MAX_PAGE_BYTES = 1 << 20;

const TEXT_LIMITS = [400, 160, 80, 40];

interface AnyPage {
  readonly rows: readonly unknown[];
}

const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

export function fitPage<P extends AnyPage>(page: P, maxBytes = MAX_PAGE_BYTES): P {
  if (bytesOf(page) <= maxBytes) return page;
  let rows = page.rows;
  for (const limit of TEXT_LIMITS) {
    rows = page.rows.map((row) => shorten(row, limit));
    const fitted = { ...page, rows };
    if (bytesOf(fitted) <= maxBytes) return fitted;
  }
  let bytes = bytesOf({ ...page, rows: [] });
  let end = 0;
  while (end < rows.length) {
    bytes += bytesOf(rows[end]) + 1;
    if (bytes > maxBytes && end > 0) break;
    end++;
  }
  return { ...page, rows: rows.slice(0, end) };
}

/** The same plain value with every text in it at most `limit` long. */
export function shorten<T>(value: T, limit: number): T {
  if (typeof value === 'string') return cutText(value, limit) as T;
  if (Array.isArray(value)) return value.map((item: unknown) => shorten(item, limit)) as T;
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shorten(item as unknown, limit)])) as T;
  }
  return value;
}
