/** Short messages that are no part of a view: a file was saved, an action failed. Errors stay until dismissed. */
import { defineStore } from 'pinia';
import { ref } from 'vue';
import { isCancelled, toWireError, type WireError } from '#shared/rpc/errors.ts';

export interface Notice {
  id: number;
  tone: 'done' | 'error';
  title: string;
  /** Further lines, such as what an export left out. */
  lines: string[];
  error: WireError | null;
}

const DONE_MS = 4_000;
const MAX_NOTICES = 5;

export const useNoticesStore = defineStore('notices', () => {
  const notices = ref<Notice[]>([]);
  let nextId = 1;

  function push(notice: Omit<Notice, 'id'>): number {
    const id = nextId++;
    notices.value = [...notices.value, { id, ...notice }].slice(-MAX_NOTICES);
    return id;
  }

  function done(title: string, lines: string[] = []): void {
    const id = push({ tone: 'done', title, lines, error: null });
    setTimeout(() => dismiss(id), DONE_MS + lines.length * 2_000);
  }

  /** What the user cancelled is no error. */
  function failed(title: string, error: unknown): void {
    if (isCancelled(error)) return;
    push({ tone: 'error', title, lines: [], error: toWireError(error) });
  }

  function dismiss(id: number): void {
    notices.value = notices.value.filter((notice) => notice.id !== id);
  }

  return { notices, done, failed, dismiss };
});
