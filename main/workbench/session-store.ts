/**
 * All open sessions: the list everybody sees, its change events, and session.json on disk. Entries are replaced, never
 * mutated, so a listener may keep what it got.
 */
import { randomBytes } from 'node:crypto';
import { basename, join } from 'node:path';
import type { SessionInfo, SnapshotArtefact } from '#shared/model/session.ts';
import type { Dispose } from '#shared/rpc/channel.ts';
import { HeaphouseError, toWireError, type WireError } from '#shared/rpc/errors.ts';
import { ioError } from '#main/storage/io-error.ts';
import { SESSION_VERSION, writeSessionFile, type SessionFile } from '#main/storage/session-file.ts';

/** Changes within this time are saved together; a crash loses no more than this of session.json. */
const SAVE_DELAY_MS = 200;
/** After a failed save. */
const SAVE_AGAIN_MS = 5_000;

/** What may go wrong with a session's files, the gravest first: only that is shown. */
const PROBLEMS = ['folder', 'recording', 'file'] as const;
export type ProblemSource = (typeof PROBLEMS)[number];

export interface SessionStore {
  list(): SessionInfo[];
  find(id: string): SessionInfo | undefined;
  get(id: string): SessionInfo;
  add(session: SessionInfo): void;
  update(id: string, change: (session: SessionInfo) => Partial<SessionInfo>): void;
  updateSnapshot(id: string, snapshotId: string, change: Partial<SnapshotArtefact>): void;
  remove(id: string): Promise<void>;
  /** Null: it is over. */
  setProblem(id: string, source: ProblemSource, problem: WireError | null): void;
  onChange(listener: (sessions: SessionInfo[]) => void): Dispose;
  /** Writes what has not been written yet. */
  flush(): Promise<void>;
  /** Writes one session now. */
  saveNow(id: string): Promise<void>;
}

export function newId(prefix: string): string {
  return `${prefix}-${randomBytes(8).toString('hex')}`;
}

export function createSessionStore(log: (line: string) => void): SessionStore {
  const sessions = new Map<string, SessionInfo>();
  const listeners = new Set<(sessions: SessionInfo[]) => void>();
  const timers = new Map<string, NodeJS.Timeout>();
  const saving = new Map<string, Promise<void>>();
  const problems = new Map<string, Partial<Record<ProblemSource, WireError>>>();
  let notifying = false;

  const list = () => [...sessions.values()];

  function notify(): void {
    if (notifying) return;
    notifying = true;
    queueMicrotask(() => {
      notifying = false;
      const all = list();
      for (const listener of [...listeners]) listener(all);
    });
  }

  function changed(id: string): void {
    notify();
    saveAfter(id, SAVE_DELAY_MS);
  }

  function saveAfter(id: string, delayMs: number): void {
    const session = sessions.get(id);
    if (!session?.dir || session.kind === 'files' || timers.has(id)) return;
    const timer = setTimeout(() => void save(id), delayMs);
    if (delayMs === SAVE_AGAIN_MS) timer.unref();
    timers.set(id, timer);
  }

  function setProblem(id: string, source: ProblemSource, problem: WireError | null): void {
    const known = problems.get(id) ?? {};
    if (problem === null) delete known[source];
    else known[source] = problem;
    problems.set(id, known);
    const session = sessions.get(id);
    const gravest = PROBLEMS.map((one) => known[one]).find((one) => one !== undefined) ?? null;
    if (!session || session.problem?.message === gravest?.message) return;
    // Nothing to save: it is no part of the file.
    sessions.set(id, { ...session, problem: gravest });
    notify();
  }

  async function save(id: string): Promise<void> {
    clearTimeout(timers.get(id));
    timers.delete(id);
    const session = sessions.get(id);
    if (!session?.dir) return;
    const dir = session.dir;
    // One write at a time per session: a later state must not be overtaken by an earlier one.
    const previous = saving.get(id) ?? Promise.resolve();
    const next = previous
      .then(() => writeSessionFile(dir, toSessionFile(sessions.get(id) ?? session)))
      .then(
        () => setProblem(id, 'file', null),
        (error: unknown) => {
          const problem = toWireError(ioError(error, 'write', dir));
          if (!problems.get(id)?.file) log(problem.message);
          setProblem(id, 'file', { ...problem, message: `The session's list of contents cannot be saved. ${problem.message}` });
          saveAfter(id, SAVE_AGAIN_MS);
        },
      );
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
      // What was only opened is as its file says, and may lie where nobody can write.
      if (session.kind === 'live') changed(session.id);
      else notify();
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
      if (timers.has(id) || sessions.get(id)?.kind === 'live') await save(id);
      clearTimeout(timers.get(id));
      timers.delete(id);
      sessions.delete(id);
      problems.delete(id);
      notify();
    },
    setProblem,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    saveNow: save,
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
    snapshots: session.snapshots.map(({ id, number, name, path, bytes, takenAt, nodes, state, error, idEpoch, thread, receipt }) => ({
      id,
      number,
      name,
      file: basename(path),
      bytes,
      takenAt,
      nodes,
      state,
      error: error && { code: error.code, message: error.message.slice(0, 4_000), ...(error.advice ? { advice: error.advice.slice(0, 4_000) } : {}) },
      idEpoch,
      ...(thread ? { thread } : {}),
      receipt,
    })),
    receipts: session.receipts,
    comparisons: session.comparisons,
    ...(session.ignoredRetainers ? { ignoredRetainers: session.ignoredRetainers } : {}),
    notes: session.notes,
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
    snapshots: file.snapshots.map(({ error, ...snapshot }) => ({
      ...snapshot,
      kind: 'snapshot',
      path: join(dir, snapshot.file),
      error: error && { code: error.code, message: error.message, ...(error.advice === undefined ? {} : { advice: error.advice }) },
    })),
    receipts: file.receipts,
    comparisons: file.comparisons,
    ...(file.ignoredRetainers ? { ignoredRetainers: file.ignoredRetainers } : {}),
    notes: file.notes,
    problem: null,
    capabilities: { snapshot: false, collect: false, timeline: true, output: true },
  };
}
