/** Statements that were run, newest first, remembered in this browser; and the answer each snapshot showed last. */
import { shallowRef } from 'vue';
import { MAX_QUERY_CHARS, type QueryAnswer } from '#shared/model/heap-query.ts';

const KEY = 'heaphouse.queries';
const MAX_REMEMBERED = 50;

function read(): string[] {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string' && item.length <= MAX_QUERY_CHARS).slice(0, MAX_REMEMBERED) : [];
  } catch {
    return [];
  }
}

export const queryHistory = shallowRef<readonly string[]>(read());

export function rememberQuery(sql: string): void {
  queryHistory.value = [sql, ...queryHistory.value.filter((other) => other !== sql)].slice(0, MAX_REMEMBERED);
  try {
    localStorage.setItem(KEY, JSON.stringify(queryHistory.value));
  } catch {
    // Without room the history lasts as long as the page.
  }
}

export interface ShownAnswer {
  sql: string;
  baseId: string | null;
  answer: QueryAnswer;
  /** Connection it came over; another one may be another analysis host. */
  epoch: number;
}

/** By session and snapshot, so that going to an object and back shows the same rows. */
export const shownAnswers = new Map<string, ShownAnswer>();
