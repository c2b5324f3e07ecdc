/** Schemas that several contracts share. Bounds are generous for people and small for attackers. */
import * as v from 'valibot';

export const MAX_PATH_CHARS = 4_096;

export const empty = v.object({});
export const sessionId = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,64}$/, 'not a session id'));
export const path = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_PATH_CHARS), v.check((p) => !p.includes('\0'), 'contains a NUL character'));
export const pid = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(4_194_304));
/** `WorkerThread.id` */
export const threadId = v.pipe(v.string(), v.minLength(1), v.maxLength(64));
export const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
export const epochMs = v.pipe(v.number(), v.finite(), v.minValue(0));
/** Row windows: `end` is exclusive, at most 2,000 rows a page. */
export const MAX_PAGE_ROWS = 2_000;
export const rowWindow = { start: count, end: count };

/** A window of rows with sort and filter; `columns` are the ones that can be sorted by. */
export function rowQuery<const C extends readonly [string, ...string[]]>(columns: C) {
  return v.pipe(
    v.object({
      ...rowWindow,
      sort: v.optional(v.object({ by: v.picklist(columns), order: v.picklist(['ascending', 'descending']) })),
      /** Plain text (any case) or `/regex/flags`. */
      filter: v.optional(v.pipe(v.string(), v.maxLength(1_000))),
    }),
    v.check((q) => q.end >= q.start && q.end - q.start <= MAX_PAGE_ROWS, `a page has at most ${MAX_PAGE_ROWS} rows`),
  );
}
