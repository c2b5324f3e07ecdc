/** Which columns of a table the user has put away, by the name of the table; kept in localStorage. */
import { computed, reactive, type ComputedRef } from 'vue';
import type { Column } from './columns.ts';

const STORAGE_KEY = 'heaphouse.hidden-columns';
const MAX_TABLES = 100;

const hidden = reactive(new Map<string, readonly string[]>(load()));

export interface ColumnChoice<Row> {
  readonly shown: ComputedRef<readonly Column<Row>[]>;
  isShown(id: string): boolean;
  set(id: string, shown: boolean): void;
}

/** The first column names the row and always stays. Without a name the choice lasts as long as the table. */
export function useColumnChoice<Row>(name: () => string | undefined, columns: () => readonly Column<Row>[], ownKey: string): ColumnChoice<Row> {
  const key = () => name() ?? ownKey;
  const isShown = (id: string) => !(hidden.get(key())?.includes(id) ?? false);
  return {
    shown: computed(() => columns().filter((column, index) => index === 0 || isShown(column.id))),
    isShown,
    set(id, shown) {
      const others = (hidden.get(key()) ?? []).filter((other) => other !== id);
      hidden.set(key(), shown ? others : [...others, id]);
      if (name() !== undefined) save();
    },
  };
}

function save(): void {
  try {
    const named = [...hidden].filter(([key, ids]) => !key.startsWith('v-') && ids.length > 0).slice(-MAX_TABLES);
    localStorage.setItem(STORAGE_KEY, JSON.stringify(Object.fromEntries(named)));
  } catch {
    // Storage may be full or forbidden; the choice then lasts as long as the page.
  }
}

function load(): [string, string[]][] {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? '{}');
    if (typeof value !== 'object' || value === null) return [];
    return Object.entries(value).flatMap(([key, ids]): [string, string[]][] =>
      Array.isArray(ids) ? [[key, ids.filter((id): id is string => typeof id === 'string')]] : [],
    );
  } catch {
    return [];
  }
}
