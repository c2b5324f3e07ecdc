/** Variables added to or taken out of the environment of a launch. */
export interface EnvironmentRow {
  name: string;
  value: string;
  /** Take the variable out instead of setting it. */
  remove: boolean;
}

/** The change as the contract wants it (`null` removes), or why it is not one. Rows without a name are left out. */
export function environmentOf(rows: readonly EnvironmentRow[]): { env: Record<string, string | null>; error: string | null } {
  const env: Record<string, string | null> = {};
  for (const row of rows) {
    const name = row.name.trim();
    if (name === '') {
      if (row.value !== '') return { env, error: 'A value has no name.' };
      continue;
    }
    if (/[=\0]/.test(name)) return { env, error: `"${name}" is not a name: it contains "=".` };
    if (Object.hasOwn(env, name)) return { env, error: `"${name}" is there twice.` };
    env[name] = row.remove ? null : row.value;
  }
  return { env, error: null };
}
