/** The `sessions` contract: the list of open sessions and the actions on them. */
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type sessionsContract } from '#shared/contracts/sessions.ts';
import type { OutputChunk, RecentSession, SavedComparison, SessionInfo, SnapshotArtefact } from '#shared/model/session.ts';
import type { CallContext, Progress, ServiceHandlers } from '#shared/rpc/define-service.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { ioError } from '#main/storage/io-error.ts';
import { defaultSessionDir } from '#main/storage/app-folders.ts';
import { deleteSession, listSessions, recoverSnapshots, renameSession } from '#main/storage/saved-sessions.ts';
import { ARCHIVE_ENDING, exportSession, importSession } from '#main/storage/session-archive.ts';
import { INDEX_DIR, MAX_COMPARISONS, OUTPUT_FILE, readSessionFile, SESSION_FILE, TARGETS_DIR, type SessionFile } from '#main/storage/session-file.ts';
import type { Hosts } from './hosts.ts';
import type { LiveSessions } from './live-sessions.ts';
import { fromSessionFile, newId, type SessionStore } from './session-store.ts';

const MAX_RECENT = 200;
/** More targets than this in one folder were not made by us. */
const MAX_FURTHER_TARGETS = 200;
/** Of a recorded output.log only this much is shown. */
const MAX_OUTPUT_CHARS = 1024 * 1024;

export interface SessionsServiceOptions {
  store: SessionStore;
  live: LiveSessions;
  hosts: Hosts;
  sessionsDir: () => string;
  /** A private folder for archives on their way to the user. */
  outgoingDir: () => Promise<string>;
  cwd: string;
}

export function createSessionsService(options: SessionsServiceOptions): ServiceHandlers<typeof sessionsContract> {
  const { store, live, hosts, sessionsDir, outgoingDir, cwd } = options;

  async function fileArtefact(path: string, number: number): Promise<SnapshotArtefact> {
    const full = resolve(cwd, path);
    let info;
    try {
      info = await stat(full);
    } catch (error) {
      throw ioError(error, 'read', full);
    }
    if (!info.isFile()) {
      throw new HeaphouseError('bad-file', `${full} is not a file.`, { advice: 'Open a .heapsnapshot file or a session folder.' });
    }
    return {
      id: newId('h'),
      kind: 'snapshot',
      number,
      name: basename(full),
      path: full,
      state: 'ready',
      bytes: info.size,
      takenAt: Math.round(info.mtimeMs),
      nodes: null,
      idEpoch: null,
      receipt: null,
      error: null,
    };
  }

  async function recovered(dir: string, file: SessionFile): Promise<SessionFile> {
    return { ...file, snapshots: await recoverSnapshots(dir, file) };
  }

  async function openFolder(dir: string): Promise<string> {
    const open = store.list().find((session) => session.dir === dir);
    if (open) return open.id;
    const session = fromSessionFile(dir, await recovered(dir, await readSessionFile(dir)));
    if (store.find(session.id)) {
      // A copy of a session that is open: the same id must not name two things.
      store.add({ ...session, id: newId('s') });
      return store.list().at(-1)!.id;
    }
    store.add(session);
    await openFurtherTargets(dir, session.id);
    return session.id;
  }

  /** What lies in the session's `targets/`. One that cannot be read is left out: the others and the parent still can. */
  async function openFurtherTargets(dir: string, parentId: string): Promise<void> {
    const names = await readdir(join(dir, TARGETS_DIR)).catch(() => [] as string[]);
    for (const name of names.sort().slice(0, MAX_FURTHER_TARGETS)) {
      const child = join(dir, TARGETS_DIR, name);
      if (store.list().some((session) => session.dir === child)) continue;
      const file = await readSessionFile(child).catch(() => null);
      if (!file) continue;
      const session = { ...fromSessionFile(child, await recovered(child, file)), parentId };
      store.add(store.find(session.id) ? { ...session, id: newId('s') } : session);
    }
  }

  async function close(sessionId: string): Promise<void> {
    store.get(sessionId);
    const further = store.list().filter(({ parentId }) => parentId === sessionId);
    await Promise.all(further.map(({ id }) => close(id)));
    await live.end(sessionId);
    await store.remove(sessionId);
  }

  /** Unpacks an archive into the sessions folder and opens it there. */
  async function openArchive(path: string, context: CallContext<Progress>): Promise<string> {
    const dir = defaultSessionDir(sessionsDir(), basename(path).slice(0, -ARCHIVE_ENDING.length), Date.now());
    await importSession(path, dir, context);
    return openFolder(dir);
  }

  async function open(paths: string[], context: CallContext<Progress>): Promise<string> {
    const [first] = paths;
    const archives = paths.filter((path) => path.toLowerCase().endsWith(ARCHIVE_ENDING));
    if (archives.length > 0) {
      if (archives.length < paths.length) {
        throw new HeaphouseError('invalid-argument', 'Session archives and snapshot files cannot be opened as one.', { advice: 'Open the archives first, then the other files.' });
      }
      let last = '';
      for (const path of archives) last = await openArchive(resolve(cwd, path), context);
      return last;
    }
    if (paths.length === 1) {
      const full = resolve(cwd, first);
      const isFolder = await stat(full).then(
        (info) => info.isDirectory(),
        () => false,
      );
      if (isFolder) return openFolder(full);
      if (basename(full) === SESSION_FILE) return openFolder(resolve(full, '..'));
    }
    const snapshots = await Promise.all(paths.map((path, index) => fileArtefact(path, index + 1)));
    const session: SessionInfo = {
      id: newId('s'),
      kind: 'files',
      title: snapshots.length === 1 ? snapshots[0].name : `${snapshots.length} snapshots`,
      dir: null,
      createdAt: Date.now(),
      state: 'closed',
      target: null,
      error: null,
      exit: null,
      snapshots,
      receipts: [],
      comparisons: [],
      notes: '',
      problem: null,
      capabilities: { snapshot: false, collect: false, timeline: false, output: false },
    };
    store.add(session);
    return session.id;
  }

  async function recent(): Promise<RecentSession[]> {
    const open = new Map(store.list().map(({ id, dir }) => [dir, id]));
    return (await listSessions(sessionsDir())).slice(0, MAX_RECENT).map(({ dir, file, bytes }) => ({
      dir,
      title: store.find(open.get(dir) ?? '')?.title ?? file.title,
      createdAt: file.createdAt,
      snapshots: file.snapshots.filter(({ state }) => state === 'ready').length,
      bytes,
      runtime: file.target?.runtime ?? null,
      notes: file.notes.slice(0, 300),
      sessionId: open.get(dir) ?? null,
    }));
  }

  const openAt = (dir: string) => store.list().find((session) => session.dir === dir && session.kind !== 'files');

  function saveComparison({ sessionId, comparisonId, ...content }: { sessionId: string; comparisonId?: string | undefined } & Pick<SavedComparison, 'name' | 'baseId' | 'comparedId' | 'view'>): SavedComparison {
    const session = store.get(sessionId);
    for (const id of [content.baseId, content.comparedId]) {
      if (!session.snapshots.some((snapshot) => snapshot.id === id)) throw new HeaphouseError('not-found', 'One of the two snapshots is not part of the session (any more).');
    }
    const known = session.comparisons.find(({ id }) => id === comparisonId);
    if (comparisonId !== undefined && !known) throw new HeaphouseError('not-found', 'That comparison is not kept (any more).');
    if (!known && session.comparisons.length >= MAX_COMPARISONS) throw new HeaphouseError('invalid-argument', `A session keeps at most ${MAX_COMPARISONS} comparisons.`, { advice: 'Delete one first.' });
    const comparison: SavedComparison = { id: known?.id ?? newId('c'), createdAt: known?.createdAt ?? Date.now(), ...content };
    store.update(sessionId, (now) => ({ comparisons: known ? now.comparisons.map((one) => (one === known ? comparison : one)) : [...now.comparisons, comparison] }));
    return comparison;
  }

  async function exportSaved(dir: string, context: CallContext<Progress>) {
    const session = openAt(dir);
    if (session) await store.saveNow(session.id);
    const { title, createdAt } = session ?? (await readSessionFile(dir));
    const suggestedName = `${basename(defaultSessionDir('', title, createdAt))}${ARCHIVE_ENDING}`;
    const folder = await outgoingDir();
    const { path, bytes } = await exportSession(dir, join(folder, `${newId('e')}${ARCHIVE_ENDING}`), context);
    return { path, bytes, suggestedName };
  }

  async function deleteSaved(dir: string): Promise<{ kept: string[] }> {
    const session = openAt(dir);
    if (session && (session.state === 'attached' || session.state === 'starting')) {
      throw new HeaphouseError('busy', `"${session.title}" is attached to its target.`, { advice: 'Detach or terminate the target, then delete the session.' });
    }
    if (session) await close(session.id);
    return deleteSession(dir);
  }

  async function output(sessionId: string): Promise<OutputChunk[]> {
    const log = live.output(sessionId);
    if (log) return log.recent();
    const session = store.get(sessionId);
    if (!session.dir) return [];
    const text = await readFile(join(session.dir, OUTPUT_FILE), 'utf8').catch(() => '');
    return text === '' ? [] : [{ at: session.createdAt, stream: 'stdout', text: text.slice(-MAX_OUTPUT_CHARS) }];
  }

  return {
    methods: {
      list: () => store.list(),
      recent: () => recent(),
      open: async ({ paths }, context) => ({ sessionId: await open(paths, context) }),
      async addFiles({ sessionId, paths }) {
        const session = store.get(sessionId);
        if (session.kind !== 'files') {
          throw new HeaphouseError('invalid-argument', 'Files can be added to a set of files only.', {
            advice: 'Open the files together, apart from this session.',
          });
        }
        const first = Math.max(0, ...session.snapshots.map(({ number }) => number)) + 1;
        const added = await Promise.all(paths.map((path, index) => fileArtefact(path, first + index)));
        store.update(sessionId, (now) => ({ snapshots: [...now.snapshots, ...added] }));
        await hosts.registerSnapshots(store.get(sessionId));
        return added;
      },
      takeSnapshot: ({ sessionId, ...asked }, context) => live.takeSnapshot(sessionId, asked, context),
      async collectGarbage({ sessionId }) {
        const { receipt: _receipt, ...result } = await live.collectGarbage(sessionId);
        return result;
      },
      async mark({ sessionId, label }) {
        await live.mark(sessionId, label);
        return null;
      },
      async detach({ sessionId }) {
        await live.detach(sessionId);
        return null;
      },
      async terminate({ sessionId }) {
        await live.terminate(sessionId);
        return null;
      },
      async close({ sessionId }) {
        await close(sessionId);
        return null;
      },
      rename({ sessionId, title }) {
        store.get(sessionId);
        store.update(sessionId, () => ({ title }));
        return null;
      },
      setNotes({ sessionId, notes }) {
        store.get(sessionId);
        store.update(sessionId, () => ({ notes }));
        return null;
      },
      setIgnoredRetainers({ sessionId, snapshotId, objects }) {
        if (!store.get(sessionId).snapshots.some(({ id }) => id === snapshotId)) throw new HeaphouseError('not-found', 'That snapshot is not part of the session (any more).');
        store.update(sessionId, ({ ignoredRetainers = [] }) => {
          const others = ignoredRetainers.filter((entry) => entry.snapshotId !== snapshotId);
          return { ignoredRetainers: objects.length === 0 ? others : [...others, { snapshotId, objects }] };
        });
        return null;
      },
      saveComparison: (params) => saveComparison(params),
      deleteComparison({ sessionId, comparisonId }) {
        store.get(sessionId);
        store.update(sessionId, (now) => ({ comparisons: now.comparisons.filter(({ id }) => id !== comparisonId) }));
        return null;
      },
      async renameSaved({ dir, title }) {
        const session = openAt(dir);
        if (session) store.update(session.id, () => ({ title }));
        else await renameSession(dir, title);
        return null;
      },
      deleteSaved: ({ dir }) => deleteSaved(resolve(cwd, dir)),
      exportSaved: ({ dir }, context) => exportSaved(resolve(cwd, dir), context),
      async deleteSnapshot({ sessionId, snapshotId }) {
        const session = store.get(sessionId);
        const snapshot = session.snapshots.find(({ id }) => id === snapshotId);
        if (!snapshot) throw new HeaphouseError('not-found', 'That snapshot is not part of the session (any more).');
        if (snapshot.state === 'writing') {
          throw new HeaphouseError('busy', 'The snapshot is being written.', { advice: 'Cancel it first.' });
        }
        await hosts.unregisterSnapshot(sessionId, snapshotId);
        // A file that was opened from elsewhere belongs to the user: it only leaves the list.
        if (session.kind !== 'files') {
          await rm(snapshot.path, { force: true });
          await rm(`${snapshot.path}.part`, { force: true });
        }
        // Index files hold text of the snapshot. Which is whose is in their keys; all of them are only a cache.
        if (session.dir) await rm(join(session.dir, INDEX_DIR), { recursive: true, force: true });
        store.update(sessionId, (now) => ({
          snapshots: now.snapshots.filter(({ id }) => id !== snapshotId),
          comparisons: now.comparisons.filter(({ baseId, comparedId }) => baseId !== snapshotId && comparedId !== snapshotId),
          ignoredRetainers: (now.ignoredRetainers ?? []).filter((entry) => entry.snapshotId !== snapshotId),
        }));
        return null;
      },
      output: ({ sessionId }) => output(sessionId),
    },
    events: {
      changed(_params, emit) {
        emit(store.list());
        return store.onChange(emit);
      },
      output({ sessionId }, emit) {
        store.get(sessionId);
        return live.output(sessionId)?.onChunk(emit) ?? (() => undefined);
      },
      activity: (_params, emit) => live.onActivity(emit),
    },
  };
}
