/** Columns that every reader of the `collections` table needs, as the model has them. */
import type { GcEvent } from '#shared/model/target.ts';

export type Row = Record<string, unknown>;

/** SQLite's NULL, and anything else that is no number, as null. */
export function nullable(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

export function collectionFields(row: Row): Omit<GcEvent, 'details'> {
  return {
    at: Number(row['at']),
    pauseMs: Number(row['pause_ms']),
    kind: String(row['kind']),
    generation: Number(row['generation']),
    collected: nullable(row['collected']),
    uncollectable: nullable(row['uncollectable']),
  };
}
