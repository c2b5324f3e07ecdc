/**
 * All open sessions: the list everybody sees, its change events, and session.json on disk. Entries are replaced, never
 * mutated, so a listener may keep what it got.
 */
import { randomBytes } from 'node:crypto';
import { basename, join } from 'node:path';
import type { SessionInfo, SnapshotArtefact } from '#shared/model/session.ts';
import type { Dispose } from '#shared/rpc/channel.ts';
import { HeaphouseError, toWireError } from '#shared/rpc/errors.ts';
import { SESSION_VERSION, writeSessionFile, type SessionFile } from '#main/storage/session-file.ts';

/** Changes within this time are saved together; a crash loses no more than this of session.json. */
const SAVE_DELAY_MS = 200;

export interface SessionStore {
  list(): SessionInfo[];
  find(id: string): SessionInfo | undefined;
  get(id: string): SessionInfo;
  add(session: SessionInfo): void;
  update(id: string, change: (session: SessionInfo) => Partial<SessionInfo>): void;
  updateSnapshot(id: string, snapshotId: string, change: Partial<SnapshotArtefact>): void;
  remove(id: string): Promise<void>;
  onChange(listener: (sessions: SessionInfo[]) => void): Dispose;
  /** Writes what has not been written yet. */
  flush(): Promise<void>;
}

export function newId(prefix: string): string {
  return `${prefix}-${randomBytes(8).toString('hex')}`;
}

export function createSessionStore(log: (line: string) => void): SessionStore {
  const sessions = new Map<string, SessionInfo>();
  const listeners = new Set<(sessions: SessionInfo[]) => void>();
  const timers = new Map<string, NodeJS.Timeout>();
  const saving = new Map<string, Promise<void>>();
  let notifying = false;

  const list = () => [...sessions.values()];

  function changed(id: string): void {
    if (!notifying) {
      notifying = true;
      queueMicrotask(() => {
        notifying = false;
        const all = list();
        for (const listener of [...listeners]) listener(all);
      });
    }
    const session = sessions.get(id);
    if (session?.dir && session.kind !== 'files' && !timers.has(id)) {
      timers.set(
        id,
        setTimeout(() => void save(id), SAVE_DELAY_MS),
      );
    }
  }

  async function save(id: string): Promise<void> {
    clearTimeout(timers.get(id));
    timers.delete(id);
    const session = sessions.get(id);
    if (!session?.dir) return;
    const dir = session.dir;
    // One write at a time per session: a later state must not be overtaken by an earlier one.
    const previous = saving.get(id) ?? Promise.resolve();
    const next = previous.then(() => writeSessionFile(dir, toSessionFile(sessions.get(id) ?? session))).catch((error: unknown) => {
      log(toWireError(error).message);
    });
    saving.set(id, next);
    await next;
  }

  function get(id: string): SessionInfo {
    const session = sessions.get(id);
    if (!session) throw new HeaphouseError('not-found', 'That session is not open (any more).');
    return session;
  }

  return {
    list,
    find: (id) => sessions.get(id),
    get,
    add(session) {
      sessions.set(session.id, session);
      changed(session.id);
    },
    update(id, change) {
      const session = sessions.get(id);
      if (!session) return;
      sessions.set(id, { ...session, ...change(session) });
      changed(id);
    },
    updateSnapshot(id, snapshotId, change) {
      this.update(id, (session) => ({
        snapshots: session.snapshots.map((snapshot) => (snapshot.id === snapshotId ? { ...snapshot, ...change } : snapshot)),
      }));
    },
    async remove(id) {
      await save(id);
      sessions.delete(id);
      changed(id);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async flush() {
      await Promise.all([...timers.keys()].map((id) => save(id)));
      await Promise.all(saving.values());
    },
  };
}

function toSessionFile(session: SessionInfo): SessionFile {
  const { target } = session;
  return {
    format: 'heaphouse-session',
    version: SESSION_VERSION,
    id: session.id,
    title: session.title,
    createdAt: session.createdAt,
    target: target && {
      kind: target.kind,
      pid: target.pid,
      title: target.title,
      commandLine: target.commandLine,
      cwd: target.cwd,
      runtime: target.runtime,
      launched: target.launched,
      startedAt: target.startedAt,
    },
    exit: session.exit,
    snapshots: session.snapshots
      .filter((snapshot) => snapshot.state === 'ready')
      .map(({ id, number, name, path, bytes, takenAt, nodes, idEpoch, receipt }) => ({
        id,
        number,
        name,
        file: basename(path),
        bytes,
        takenAt,
        nodes,
        idEpoch,
        receipt,
      })),
    receipts: session.receipts,
  };
}

/** A session read from its folder. */
export function fromSessionFile(dir: string, file: SessionFile): SessionInfo {
  return {
    id: file.id,
    kind: 'recording',
    title: file.title,
    dir,
    createdAt: file.createdAt,
    state: 'closed',
    target: file.target && { ...file.target, endpoint: null },
    error: null,
    exit: file.exit,
    snapshots: file.snapshots.map((snapshot) => ({
      ...snapshot,
      kind: 'snapshot',
      path: join(dir, snapshot.file),
      state: 'ready',
      error: null,
    })),
    receipts: file.receipts,
    capabilities: { snapshot: false, collect: false, timeline: true, output: true },
  };
}
