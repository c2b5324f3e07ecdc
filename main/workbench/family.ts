/** The `family` contract: what a session's target has started, and following it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { familyContract, Family, FamilyMember, FamilyThread, FamilyPage } from '#shared/contracts/family.ts';
import type { SessionInfo } from '#shared/model/session.ts';
import type { ProcessInfo } from '#shared/model/target.ts';
import type { ServiceHandlers } from '#shared/rpc/define-service.ts';
import { HeaphouseError, toWireError, type WireError } from '#shared/rpc/errors.ts';
import { readDescendants, readStat } from '#main/targets/proc/read.ts';
import type { Attaching } from './attaching.ts';
import { attachPage, pagePort, readPages } from './family-pages.ts';
import type { LiveSessions } from './live-sessions.ts';
import type { SessionStore } from './session-store.ts';

const POLL_MS = 1_000;
/** A child that has just been forked is still becoming what it will be; attaching waits until it is this old. */
const SETTLE_MS = 400;
/** A first attempt can meet an interpreter that is not ready. */
const MAX_ATTEMPTS = 3;
/** A target that starts more than this is a build, not a server; the rest can be attached by hand. */
const MAX_FOLLOWED = 32;

interface Watched {
  following: boolean;
  /** Descendants seen, pid to start time: pids are used again. */
  known: Map<number, number | null>;
  attempts: Map<number, number>;
  problems: Map<number, WireError>;
  pagesTried: Set<string>;
  listeners: Set<(family: Family) => void>;
  last: string;
  attaching: boolean;
}

export interface FamilyOptions {
  store: SessionStore;
  /** For the worker threads of its targets. */
  sessions: LiveSessions;
  attaching: Attaching;
  log: (line: string) => void;
}

export interface FamilyService {
  handlers: ServiceHandlers<typeof familyContract>;
  dispose(): void;
}

export function createFamilyService({ store, sessions, attaching, log }: FamilyOptions): FamilyService {
  const watched = new Map<string, Watched>();
  const abort = new AbortController();
  let running = false;

  function watch(sessionId: string): Watched {
    let found = watched.get(sessionId);
    if (!found) {
      found = { following: false, known: new Map(), attempts: new Map(), problems: new Map(), pagesTried: new Set(), listeners: new Set(), last: '', attaching: false };
      watched.set(sessionId, found);
    }
    return found;
  }

  async function familyOf(session: SessionInfo, state: Watched, processes: readonly ProcessInfo[], asked = false): Promise<Family> {
    const root = session.target?.pid ?? null;
    if (root === null || session.kind !== 'live') return { following: false, target: null, members: [], threads: [], pages: [] };
    const members = descendants(root, await readLineage(root), processes, state.known);
    const target = processes.find(({ pid }) => pid === root) ?? null;
    return {
      following: state.following,
      target,
      members: members.map((member) => ({ ...member, problem: state.problems.get(member.pid) ?? null })),
      // Following goes on when nobody looks; the threads are for whoever does.
      threads: state.listeners.size > 0 || asked ? await threadsOf(session) : [],
      pages: await pagesOf(session, target),
    };
  }

  async function threadsOf(session: SessionInfo): Promise<FamilyThread[]> {
    const targets = withFurther(store.list(), session).filter(({ target }) => target !== null && target.kind !== 'python' && target.kind !== 'chromium');
    const threads = await Promise.all(targets.map(async ({ id }) => (await sessions.threads(id)).map((thread) => ({ ...thread, sessionId: id }))));
    return threads.flat();
  }

  async function pagesOf(session: SessionInfo, target: ProcessInfo | null): Promise<FamilyPage[]> {
    const port = pagePort(session, target);
    if (port === null) return [];
    const connected = new Map(withFurther(store.list(), session).flatMap(({ id, state }) => (state === 'attached' ? [[id, sessions.pageOf(id) ?? ''] as const] : [])));
    return readPages(port, connected);
  }

  async function look(sessionId: string): Promise<Family> {
    return familyOf(store.get(sessionId), watch(sessionId), await attaching.processes(), true);
  }

  /** Runs while anybody listens or follows. */
  async function run(): Promise<void> {
    if (running) return;
    running = true;
    try {
      while (!abort.signal.aborted) {
        for (const [id, state] of watched) {
          if (!store.find(id) || (state.listeners.size === 0 && !state.following)) watched.delete(id);
        }
        if (watched.size === 0) return;
        const processes = await attaching.processes().catch(() => null);
        if (processes) for (const [id, state] of watched) await tell(id, state, processes);
        await sleep(POLL_MS, undefined, { signal: abort.signal }).catch(() => undefined);
      }
    } finally {
      running = false;
    }
  }

  async function tell(id: string, state: Watched, processes: readonly ProcessInfo[]): Promise<void> {
    const session = store.find(id);
    if (!session) return;
    const family = await familyOf(session, state, processes);
    const text = JSON.stringify(family);
    if (text !== state.last) {
      state.last = text;
      for (const listener of [...state.listeners]) listener(family);
    }
    if (state.following && !state.attaching) void followNext(session, state, family);
  }

  /** One at a time: each attach stops its process for a moment, and a server should not lose all workers at once. */
  async function followNext(session: SessionInfo, state: Watched, family: Family): Promise<void> {
    const further = store.list().filter(({ parentId }) => parentId === session.id);
    if (further.length >= MAX_FOLLOWED) return;
    // One that was a target already was let go on purpose.
    const before = new Set(further.map(({ target }) => target?.pid));
    const next = family.members.find((member) => wanted(member, state) && !before.has(member.pid));
    if (!next) return followPage(session, state, family);
    state.attaching = true;
    state.attempts.set(next.pid, (state.attempts.get(next.pid) ?? 0) + 1);
    try {
      await attaching.attach(next.pid, { signal: abort.signal, progress: () => undefined }, session);
      state.problems.delete(next.pid);
    } catch (error) {
      state.problems.set(next.pid, toWireError(error));
      log(`following ${next.pid}: ${toWireError(error).message}`);
    } finally {
      state.attaching = false;
    }
  }

  /** Pages only: their frames and workers come and go with them, and are attached by hand. */
  async function followPage(session: SessionInfo, state: Watched, family: Family): Promise<void> {
    const page = family.pages.find(({ type, sessionId, pageId }) => type === 'page' && sessionId === null && !state.pagesTried.has(pageId));
    const port = pagePort(session, family.target);
    if (!page || port === null) return;
    state.attaching = true;
    state.pagesTried.add(page.pageId);
    try {
      await attachPage(sessions, session, port, page.pageId, { signal: abort.signal, progress: () => undefined });
    } catch (error) {
      log(`following a page: ${toWireError(error).message}`);
    } finally {
      state.attaching = false;
    }
  }

  function requireLive(sessionId: string): SessionInfo {
    const session = store.get(sessionId);
    if (session.kind === 'live' && session.target?.pid) return session;
    throw new HeaphouseError('target-gone', 'This session has no living target whose processes could be looked at.', {
      advice: 'Launch or attach again.',
    });
  }

  const handlers: ServiceHandlers<typeof familyContract> = {
    methods: {
      list: ({ sessionId }) => look(sessionId),
      async attach({ sessionId, pid }, context) {
        const session = requireLive(sessionId);
        const { members } = await look(sessionId);
        if (!members.some((member) => member.pid === pid)) {
          throw new HeaphouseError('not-found', `Process ${pid} was not started by this target, or has ended.`, {
            advice: 'Attach to it from the list of running processes.',
          });
        }
        return attaching.attach(pid, context, session);
      },
      async attachPage({ sessionId, pageId }, context) {
        const session = requireLive(sessionId);
        const { target } = await look(sessionId);
        const port = pagePort(session, target);
        if (port === null) throw new HeaphouseError('unsupported', 'This target has no debugging port with pages.', { advice: 'Start it with --remote-debugging-port=0.' });
        return attachPage(sessions, session, port, pageId, context);
      },
      async follow({ sessionId, on }) {
        const state = watch(sessionId);
        if (on) requireLive(sessionId);
        state.following = on;
        if (on) {
          state.attempts.clear();
          state.pagesTried.clear();
          state.problems.clear();
        }
        store.update(sessionId, () => ({ followsChildren: on }));
        void run();
        return look(sessionId);
      },
    },
    events: {
      changed({ sessionId }, emit) {
        store.get(sessionId);
        const state = watch(sessionId);
        state.listeners.add(emit);
        state.last = '';
        void look(sessionId).then(emit, () => undefined);
        void run();
        return () => state.listeners.delete(emit);
      },
    },
  };
  return { handlers, dispose: () => abort.abort() };
}

function wanted(member: FamilyMember, state: Watched): boolean {
  if (member.sessionId !== null || member.helper) return false;
  if ((state.attempts.get(member.pid) ?? 0) >= MAX_ATTEMPTS) return false;
  if (member.startedAt !== null && Date.now() - member.startedAt < SETTLE_MS) return false;
  return !member.preflight.problems.some(({ severity }) => severity === 'stops');
}

/** A session and the further targets in it, theirs included. */
function withFurther(all: readonly SessionInfo[], session: SessionInfo): SessionInfo[] {
  const found = [session];
  for (const one of found) found.push(...all.filter((other) => other.parentId === one.id && !found.includes(other)));
  return found;
}

/** What multiprocessing starts beside its workers; it holds no objects of the program. */
const HELPER = /multiprocessing[./](resource_tracker|semaphore_tracker)/;

/** Parents of all processes below `root`, those included that are no targets (a shell between two of them). */
async function readLineage(root: number): Promise<Map<number, number>> {
  const pids = await readDescendants(root).catch(() => []);
  const stats = await Promise.all(pids.map(async (pid) => [pid, (await readStat(pid))?.ppid] as const));
  return new Map(stats.filter((entry): entry is readonly [number, number] => entry[1] !== undefined));
}

/**
 * Processes below `root` in the order of the tree, and those that were below it once: a worker stays in the family when
 * the process between has ended. `parentOf` has every descendant; `known` (pid to start time) is brought up to date.
 */
export function descendants(
  root: number,
  parentOf: ReadonlyMap<number, number>,
  processes: readonly ProcessInfo[],
  known: Map<number, number | null>,
): Omit<FamilyMember, 'problem'>[] {
  const byPid = new Map(processes.map((process) => [process.pid, process]));
  for (const [pid, startedAt] of known) if (byPid.get(pid)?.startedAt !== startedAt) known.delete(pid);
  /** The nearest ancestor that is listed; `root` for those that were below it and have another parent now. */
  function holder(pid: number): number {
    let parent = parentOf.get(pid);
    while (parent !== undefined && parent !== root && !byPid.has(parent)) parent = parentOf.get(parent);
    return parent ?? root;
  }
  const below = processes.filter(({ pid }) => pid !== root && (parentOf.has(pid) || known.has(pid)));
  const children = new Map<number, ProcessInfo[]>();
  for (const process of below) {
    const parent = holder(process.pid);
    children.set(parent, [...(children.get(parent) ?? []), process]);
  }
  const members: Omit<FamilyMember, 'problem'>[] = [];
  function place(parent: number, depth: number): void {
    for (const process of (children.get(parent) ?? []).sort((a, b) => (a.startedAt ?? 0) - (b.startedAt ?? 0) || a.pid - b.pid)) {
      known.set(process.pid, process.startedAt);
      members.push({ ...process, depth, helper: HELPER.test(process.commandLine) });
      place(process.pid, depth + 1);
    }
  }
  place(root, 1);
  return members;
}
