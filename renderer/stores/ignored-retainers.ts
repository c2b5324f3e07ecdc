/** Retainers the user asked to look past, by snapshot; remembered with the session on this machine. */
import { defineStore } from 'pinia';
import { shallowRef } from 'vue';
import type { NodeRef } from '#shared/model/heap.ts';
import { nodeName } from '../views/heap/node-text.ts';

export interface IgnoredRetainer {
  readonly ordinal: number;
  readonly id: number;
  readonly name: string;
}

const STORAGE_KEY = 'heaphouse.ignored-retainers';
const MAX_SNAPSHOTS = 50;
/** The contract takes 1,000; nobody picks more by hand. */
const MAX_IGNORED = 200;

export const useIgnoredRetainers = defineStore('ignored-retainers', () => {
  const bySnapshot = shallowRef<ReadonlyMap<string, readonly IgnoredRetainer[]>>(load());
  const keyOf = (sessionId: string, snapshotId: string) => `${sessionId}/${snapshotId}`;

  function set(key: string, list: readonly IgnoredRetainer[]): void {
    const next = new Map(bySnapshot.value);
    next.delete(key);
    if (list.length > 0) next.set(key, list);
    bySnapshot.value = next;
    try {
      localStorage.setItem(STORAGE_KEY, JSON.stringify([...next].slice(-MAX_SNAPSHOTS)));
    } catch {
      // Storage may be full or forbidden; the choice then lasts as long as the page.
    }
  }
  const of = (sessionId: string, snapshotId: string) => bySnapshot.value.get(keyOf(sessionId, snapshotId)) ?? [];

  return {
    of,
    ignore(sessionId: string, snapshotId: string, node: NodeRef) {
      const list = of(sessionId, snapshotId);
      if (list.length >= MAX_IGNORED || list.some(({ ordinal }) => ordinal === node.ordinal)) return;
      set(keyOf(sessionId, snapshotId), [...list, { ordinal: node.ordinal, id: node.id, name: nodeName(node).slice(0, 80) }]);
    },
    restore(sessionId: string, snapshotId: string, ordinal: number | null) {
      set(keyOf(sessionId, snapshotId), ordinal === null ? [] : of(sessionId, snapshotId).filter((item) => item.ordinal !== ordinal));
    },
  };
});

function load(): Map<string, IgnoredRetainer[]> {
  const map = new Map<string, IgnoredRetainer[]>();
  try {
    const value: unknown = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? '[]');
    if (!Array.isArray(value)) return map;
    for (const entry of value.slice(-MAX_SNAPSHOTS)) {
      if (!Array.isArray(entry) || typeof entry[0] !== 'string' || !Array.isArray(entry[1])) continue;
      map.set(entry[0], entry[1].filter(isIgnored).slice(0, MAX_IGNORED));
    }
  } catch {
    // What cannot be read is as if nothing had been ignored.
  }
  return map;
}

function isIgnored(value: unknown): value is IgnoredRetainer {
  if (typeof value !== 'object' || value === null) return false;
  const { ordinal, id, name } = value as Partial<IgnoredRetainer>;
  return Number.isSafeInteger(ordinal) && (ordinal as number) >= 0 && typeof id === 'number' && typeof name === 'string';
}
