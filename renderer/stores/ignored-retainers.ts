/** Retainers the user asked to look past, by snapshot; kept with the session. */
import { defineStore } from 'pinia';
import type { NodeRef } from '#shared/model/heap.ts';
import type { IgnoredRetainer } from '#shared/model/session.ts';
import { useWorkbench } from '../host/workbench.ts';
import { nodeName } from '../views/heap/node-text.ts';
import { useNoticesStore } from './notices.ts';
import { useSessionsStore } from './sessions.ts';

/** What the session keeps of one snapshot; nobody picks more by hand. */
const MAX_IGNORED = 200;
const NAME_CHARS = 80;

export const useIgnoredRetainers = defineStore('ignored-retainers', () => {
  const workbench = useWorkbench();
  const notices = useNoticesStore();
  const sessions = useSessionsStore();

  const of = (sessionId: string, snapshotId: string): readonly IgnoredRetainer[] =>
    sessions.byId(sessionId)?.ignoredRetainers?.find((entry) => entry.snapshotId === snapshotId)?.objects ?? [];

  function set(sessionId: string, snapshotId: string, objects: IgnoredRetainer[]): void {
    workbench.sessions.setIgnoredRetainers({ sessionId, snapshotId, objects }).catch((error: unknown) => notices.failed('The list of ignored retainers was not kept', error));
  }

  return {
    of,
    ignore(sessionId: string, snapshotId: string, node: NodeRef) {
      const list = of(sessionId, snapshotId);
      if (list.length >= MAX_IGNORED || list.some(({ ordinal }) => ordinal === node.ordinal)) return;
      set(sessionId, snapshotId, [...list, { ordinal: node.ordinal, id: node.id, name: nodeName(node).slice(0, NAME_CHARS) }]);
    },
    restore(sessionId: string, snapshotId: string, ordinal: number | null) {
      set(sessionId, snapshotId, ordinal === null ? [] : of(sessionId, snapshotId).filter((item) => item.ordinal !== ordinal));
    },
  };
});
