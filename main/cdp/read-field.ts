/** Reading fields of answers that come from a target: anything of the wrong type is null, never an exception. */

export function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

export function numberField(value: unknown, field: string): number | null {
  const found = asRecord(value)[field];
  return typeof found === 'number' && Number.isFinite(found) ? found : null;
}

/** A count or a size: finite, not negative, whole. */
export function countField(value: unknown, field: string): number | null {
  const found = numberField(value, field);
  return found !== null && found >= 0 && found <= Number.MAX_SAFE_INTEGER ? Math.round(found) : null;
}

export function stringField(value: unknown, field: string, maxChars = 1_000): string | null {
  const found = asRecord(value)[field];
  return typeof found === 'string' ? found.slice(0, maxChars) : null;
}

export function booleanField(value: unknown, field: string): boolean | null {
  const found = asRecord(value)[field];
  return typeof found === 'boolean' ? found : null;
}
