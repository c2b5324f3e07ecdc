/** The `sessions` contract: the list of open sessions and the actions on them. */
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type sessionsContract } from '#shared/contracts/sessions.ts';
import type { OutputChunk, RecentSession, SessionInfo, SnapshotArtefact } from '#shared/model/session.ts';
import type { ServiceHandlers } from '#shared/rpc/define-service.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { ioError } from '#main/storage/io-error.ts';
import { INDEX_DIR, OUTPUT_FILE, readSessionFile, SESSION_FILE, TARGETS_DIR } from '#main/storage/session-file.ts';
import type { Hosts } from './hosts.ts';
import type { LiveSessions } from './live-sessions.ts';
import { fromSessionFile, newId, type SessionStore } from './session-store.ts';

const MAX_RECENT = 50;
/** More targets than this in one folder were not made by us. */
const MAX_FURTHER_TARGETS = 200;
/** Of a recorded output.log only this much is shown. */
const MAX_OUTPUT_CHARS = 1024 * 1024;

export interface SessionsServiceOptions {
  store: SessionStore;
  live: LiveSessions;
  hosts: Hosts;
  sessionsDir: string;
  cwd: string;
}

export function createSessionsService(options: SessionsServiceOptions): ServiceHandlers<typeof sessionsContract> {
  const { store, live, hosts, sessionsDir, cwd } = options;

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

  async function openFolder(dir: string): Promise<string> {
    const open = store.list().find((session) => session.dir === dir);
    if (open) return open.id;
    const session = fromSessionFile(dir, await readSessionFile(dir));
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
      const session = { ...fromSessionFile(child, file), parentId };
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

  async function open(paths: string[]): Promise<string> {
    const [first] = paths;
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
      capabilities: { snapshot: false, collect: false, timeline: false, output: false },
    };
    store.add(session);
    return session.id;
  }

  async function recent(): Promise<RecentSession[]> {
    const names = await readdir(sessionsDir).catch(() => [] as string[]);
    const found = await Promise.all(
      names.map(async (name): Promise<RecentSession | null> => {
        const dir = join(sessionsDir, name);
        try {
          const { title, createdAt, snapshots } = await readSessionFile(dir);
          return { dir, title, createdAt, snapshots: snapshots.length, bytes: snapshots.reduce((sum, { bytes }) => sum + bytes, 0) };
        } catch {
          return null;
        }
      }),
    );
    return found
      .filter((session) => session !== null)
      .sort((a, b) => b.createdAt - a.createdAt)
      .slice(0, MAX_RECENT);
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
      open: async ({ paths }) => ({ sessionId: await open(paths) }),
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
      takeSnapshot: ({ sessionId, name }, context) => live.takeSnapshot(sessionId, name, context),
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
      async deleteSnapshot({ sessionId, snapshotId }) {
        const session = store.get(sessionId);
        const snapshot = session.snapshots.find(({ id }) => id === snapshotId);
        if (!snapshot) throw new HeaphouseError('not-found', 'That snapshot is not part of the session (any more).');
        if (snapshot.state === 'writing') {
          throw new HeaphouseError('busy', 'The snapshot is being written.', { advice: 'Cancel it first.' });
        }
        await hosts.unregisterSnapshot(sessionId, snapshotId);
        // A file that was opened from elsewhere belongs to the user: it only leaves the list.
        if (session.kind !== 'files') await rm(snapshot.path, { force: true });
        // Index files hold text of the snapshot. Which is whose is in their keys; all of them are only a cache.
        if (session.dir) await rm(join(session.dir, INDEX_DIR), { recursive: true, force: true });
        store.update(sessionId, (now) => ({ snapshots: now.snapshots.filter(({ id }) => id !== snapshotId) }));
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
