/** What is open, and the actions on it. Actions report their failures where the session is shown. */
import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import { formatBytes } from '#shared/format/bytes.ts';
import { formatDuration } from '#shared/format/durations.ts';
import type { RecentSession, SavedComparison, SessionInfo, SnapshotArtefact, SnapshotThread } from '#shared/model/session.ts';
import { isCancelled, toWireError, type WireError } from '#shared/rpc/errors.ts';
import { saveForUser } from '../host/files.ts';
import { useWorkbench } from '../host/workbench.ts';
import { collectionLines } from '../views/session/collection-result.ts';
import { compareNav, snapshotNav, type NavState } from '../navigation/nav-state.ts';
import { useNavigationStore } from './navigation.ts';
import { useObjectTabsStore } from './object-tabs.ts';
import { useNoticesStore } from './notices.ts';
import { useTasksStore } from './tasks.ts';

export interface ActionError {
  action: string;
  error: WireError;
}

export const useSessionsStore = defineStore('sessions', () => {
  const workbench = useWorkbench();
  const navigation = useNavigationStore();
  const objectTabs = useObjectTabsStore();
  const tasks = useTasksStore();
  const notices = useNoticesStore();

  /** Null until the first list has come. */
  const list = shallowRef<readonly SessionInfo[] | null>(null);
  const recent = shallowRef<readonly RecentSession[]>([]);
  const actionErrors = ref<Record<string, ActionError>>({});

  workbench.sessions.on('changed', {}, (sessions) => (list.value = sessions));

  const all = computed(() => list.value ?? []);
  const current = computed(() => byId(navigation.sessionId));

  function byId(id: string | null): SessionInfo | null {
    return id === null ? null : (all.value.find((session) => session.id === id) ?? null);
  }

  async function loadRecent(): Promise<void> {
    recent.value = await workbench.sessions.recent({});
  }

  /** Runs an action of a session; a failure is kept as the session's visible error. */
  async function act<T>(sessionId: string, action: string, work: () => Promise<T>): Promise<T | undefined> {
    clearError(sessionId);
    try {
      return await work();
    } catch (error) {
      if (!isCancelled(error)) actionErrors.value = { ...actionErrors.value, [sessionId]: { action, error: toWireError(error) } };
      return undefined;
    }
  }

  function clearError(sessionId: string): void {
    if (!(sessionId in actionErrors.value)) return;
    const { [sessionId]: _gone, ...rest } = actionErrors.value;
    actionErrors.value = rest;
  }

  /** Of the target, or of one of its worker threads. */
  async function takeSnapshot(sessionId: string, thread?: SnapshotThread): Promise<SnapshotArtefact | undefined> {
    const title = byId(sessionId)?.title ?? 'the target';
    const label = `Snapshot of ${thread ? `${thread.label} in ` : ''}${title}`;
    const artefact = await act(sessionId, 'Snapshot', () =>
      tasks.run({ kind: 'snapshot', label, sessionId }, (context) => workbench.sessions.takeSnapshot({ sessionId, ...(thread ? { threadId: thread.id } : {}) }, context)),
    );
    const pauseMs = artefact?.receipt?.pauseMs ?? null;
    if (artefact) notices.done(`${artefact.name} taken`, pauseMs === null ? [] : [`The ${thread ? 'thread' : 'target'} stood still for ${formatDuration(pauseMs)}`]);
    return artefact;
  }

  async function collectGarbage(sessionId: string): Promise<void> {
    const result = await act(sessionId, 'Collect garbage', () => workbench.sessions.collectGarbage({ sessionId }));
    if (!result) return;
    notices.done('Garbage collected', collectionLines(result));
  }

  const mark = (sessionId: string, label: string) => act(sessionId, 'Mark', () => workbench.sessions.mark({ sessionId, label }));
  const detach = (sessionId: string) => act(sessionId, 'Detach', () => workbench.sessions.detach({ sessionId }));
  const terminate = (sessionId: string) => act(sessionId, 'Terminate', () => workbench.sessions.terminate({ sessionId }));
  const rename = (sessionId: string, title: string) => act(sessionId, 'Rename', () => workbench.sessions.rename({ sessionId, title }));
  const deleteSnapshot = (sessionId: string, snapshotId: string) =>
    act(sessionId, 'Delete snapshot', () => workbench.sessions.deleteSnapshot({ sessionId, snapshotId }));

  async function close(sessionId: string): Promise<void> {
    const done = await act(sessionId, 'Close', () => workbench.sessions.close({ sessionId }));
    if (done === undefined) return;
    navigation.forget(sessionId);
    objectTabs.forget(sessionId);
    if (navigation.sessionId === sessionId) navigation.go({ view: 'start' });
  }

  const setNotes = (sessionId: string, notes: string) => act(sessionId, 'Notes', () => workbench.sessions.setNotes({ sessionId, notes }));
  const saveComparison = (comparison: { sessionId: string; comparisonId?: string } & Pick<SavedComparison, 'name' | 'baseId' | 'comparedId' | 'view'>) =>
    act(comparison.sessionId, 'Keep comparison', () => workbench.sessions.saveComparison(comparison));
  const deleteComparison = (sessionId: string, comparisonId: string) => act(sessionId, 'Delete comparison', () => workbench.sessions.deleteComparison({ sessionId, comparisonId }));

  async function renameSaved(dir: string, title: string): Promise<void> {
    await workbench.sessions.renameSaved({ dir, title });
    await loadRecent();
  }

  async function deleteSaved(dir: string): Promise<void> {
    const open = all.value.find((session) => session.dir === dir);
    const { kept } = await workbench.sessions.deleteSaved({ dir });
    if (open && navigation.sessionId === open.id) navigation.go({ view: 'start' });
    notices.done('Session deleted', kept.length > 0 ? [`Not ours and still there: ${kept.slice(0, 5).join(', ')}${kept.length > 5 ? ' …' : ''}`] : []);
    await loadRecent();
  }

  /** Packs it and hands it to the user; failures and success are notices, because it may take a while. */
  async function exportSaved(dir: string, title: string): Promise<void> {
    try {
      const { path, bytes, suggestedName } = await tasks.run({ kind: 'export', label: `Packing ${title}` }, (context) => workbench.sessions.exportSaved({ dir }, context));
      const saved = await saveForUser(workbench.shell, path, suggestedName);
      if (saved !== null) notices.done('Session exported', [`${saved}, ${formatBytes(bytes)}`]);
    } catch (error) {
      notices.failed('The session could not be exported', error);
    }
  }

  /** Opens snapshot files, session archives or one session folder and shows it; throws for the caller to show the failure in place. */
  async function openPaths(paths: string[]): Promise<void> {
    const label = paths.length === 1 ? `Opening ${paths[0]?.split(/[\\/]/).at(-1) ?? ''}` : `Opening ${paths.length} files`;
    const { sessionId } = await tasks.run({ kind: 'upload', label }, (context) => workbench.sessions.open({ paths }, context));
    await show(sessionId);
  }

  async function addFiles(sessionId: string, paths: string[]): Promise<void> {
    const added = await workbench.sessions.addFiles({ sessionId, paths });
    const last = added.at(-1);
    if (last) navigation.go(snapshotNav(sessionId, last.id));
  }

  /** Goes to a session that was just opened, as soon as the list knows it. */
  async function show(sessionId: string): Promise<void> {
    if (!byId(sessionId)) list.value = await workbench.sessions.list({});
    navigation.go(navigation.lastOf(sessionId) ?? homeOf(byId(sessionId), sessionId));
  }

  return {
    list,
    all,
    current,
    recent,
    actionErrors,
    byId,
    loadRecent,
    clearError,
    takeSnapshot,
    collectGarbage,
    mark,
    detach,
    terminate,
    rename,
    deleteSnapshot,
    setNotes,
    saveComparison,
    deleteComparison,
    renameSaved,
    deleteSaved,
    exportSaved,
    close,
    openPaths,
    addFiles,
    show,
  };
});

/** The first view of a session: its timeline, or what its files are for. */
export function homeOf(session: SessionInfo | null, sessionId: string): NavState {
  if (session && !session.capabilities.timeline) {
    const [first, second] = session.snapshots;
    if (first && second) return compareNav(sessionId, { baseId: first.id, comparedId: (session.snapshots.at(-1) ?? second).id });
    if (first) return snapshotNav(sessionId, first.id);
  }
  return { view: 'timeline', sessionId };
}

/** Whether two snapshots are of one heap: each worker thread has its own. */
export function isSameHeap(a: SnapshotArtefact, b: SnapshotArtefact): boolean {
  return a.thread?.id === b.thread?.id;
}

/** The last snapshot and the one before it of the same heap, older first; any two when there is none; null for fewer. */
export function lastPair(session: SessionInfo): [SnapshotArtefact, SnapshotArtefact] | null {
  const ready = session.snapshots.filter((snapshot) => snapshot.state === 'ready');
  const compared = ready.at(-1);
  if (!compared) return null;
  const base = ready.slice(0, -1).findLast((snapshot) => isSameHeap(snapshot, compared)) ?? ready.at(-2);
  return base ? [base, compared] : null;
}
