/**
 * Sessions with a living target: from launch, attach or connect through captures to detach and exit. One `Live` entry
 * holds what a SessionInfo cannot: the target's handles and its session host.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SessionActivity } from '#shared/contracts/sessions.ts';
import { threadLabel } from '#shared/format/worker-thread.ts';
import type { OutputChunk, SessionInfo, SnapshotArtefact, SnapshotThread } from '#shared/model/session.ts';
import type { CgroupMemory, WorkerThread } from '#shared/model/target.ts';
import type { Dispose } from '#shared/rpc/channel.ts';
import type { CallContext, Progress } from '#shared/rpc/define-service.ts';
import { HeaphouseError, isCancelled, toWireError, type WireError } from '#shared/rpc/errors.ts';
import type { CaptureState, CollectResult } from '#main/hosts/capture-contract.ts';
import { defaultSessionDir } from '#main/storage/app-folders.ts';
import { createSessionDir, OUTPUT_FILE, removeEmptySession, SESSION_FILE, TARGETS_DIR } from '#main/storage/session-file.ts';
import { diagnoseExit } from '#main/targets/exit-diagnosis.ts';
import type { TargetExit } from '#main/targets/types.ts';
import type { CaptureClient, Hosts } from './hosts.ts';
import type { LiveTarget } from './live-target.ts';
import { createOutputLog, type OutputLog } from './output-log.ts';
import { newId, type SessionStore } from './session-store.ts';

/** Time a launched target gets between SIGTERM and SIGKILL. */
const TERMINATE_GRACE_MS = 3_000;
/** When the connection is lost, the exit of the process is usually seen within this time and tells more. */
const EXIT_SETTLE_MS = 1_500;
/** How soon a deleted folder is noticed. */
const LOOK_AT_FOLDER_MS = 1_000;
/** Kept of each session's list of what actions cost. */
const MAX_RECEIPTS = 500;

interface Live {
  target: LiveTarget;
  capture: CaptureClient | null;
  output: OutputLog;
  cgroupAtStart: CgroupMemory | null;
  snapshotting: boolean;
  ended: boolean;
  /** The user asked for its end. */
  terminating: boolean;
  listeners: Dispose[];
}

export interface LiveSessions {
  /**
   * Opens a session around a target that has just been started or reached. Disposes of the target if that fails. With a
   * parent it is a further target of that session.
   */
  begin(target: LiveTarget, title: string, context: CallContext<Progress>, parent?: SessionInfo): Promise<string>;
  /** Of the target, or of one of its worker threads. */
  takeSnapshot(sessionId: string, asked: { name?: string | undefined; threadId?: string | undefined }, context: CallContext<Progress>): Promise<SnapshotArtefact>;
  /** Worker threads of a Node.js target; empty for every other session. */
  threads(sessionId: string): Promise<WorkerThread[]>;
  /** DevTools id of the page an attached session is connected to; null for other targets. Never shown. */
  pageOf(sessionId: string): string | null;
  collectGarbage(sessionId: string): Promise<CollectResult>;
  mark(sessionId: string, label: string): Promise<void>;
  detach(sessionId: string): Promise<void>;
  terminate(sessionId: string): Promise<void>;
  /** Detaches, ends a launched target, stops the hosts. */
  end(sessionId: string): Promise<void>;
  endAll(): Promise<void>;
  output(sessionId: string): OutputLog | undefined;
  onActivity(listener: (activity: SessionActivity) => void): Dispose;
}

export interface LiveSessionsOptions {
  store: SessionStore;
  hosts: Hosts;
  /** Folder for a new session. */
  sessionDir: (title: string, createdAt: number) => string;
  /** How to record, as it is set now. */
  recording?: () => { sampleEveryMs?: number; maxRecordingBytes?: number };
}

export function createLiveSessions({ store, hosts, sessionDir, recording = () => ({}) }: LiveSessionsOptions): LiveSessions {
  const lives = new Map<string, Live>();
  const activityListeners = new Set<(activity: SessionActivity) => void>();

  function get(sessionId: string): Live {
    const live = lives.get(sessionId);
    if (live) return live;
    store.get(sessionId);
    throw new HeaphouseError('target-gone', 'This session has no living target.', {
      advice: 'Launch or attach again to capture more.',
    });
  }

  function attached(sessionId: string): { live: Live; capture: CaptureClient } {
    const live = get(sessionId);
    if (!live.capture || store.get(sessionId).state !== 'attached') {
      throw new HeaphouseError('target-gone', 'The target is not attached.', { advice: 'Attach to it again.' });
    }
    return { live, capture: live.capture };
  }

  function addReceipt(sessionId: string, receipt: SessionInfo['receipts'][number]): void {
    store.update(sessionId, (session) => ({ receipts: [...session.receipts, receipt].slice(-MAX_RECEIPTS) }));
  }

  async function begin(target: LiveTarget, title: string, context: CallContext<Progress>, parent?: SessionInfo): Promise<string> {
    const id = newId('s');
    const createdAt = Date.now();
    const dir = parent?.dir ? defaultSessionDir(join(parent.dir, TARGETS_DIR), title, createdAt) : sessionDir(title, createdAt);
    try {
      await createSessionDir(dir);
    } catch (error) {
      await target.dispose();
      throw error;
    }
    store.add({
      id,
      kind: 'live',
      title,
      dir,
      createdAt,
      state: 'starting',
      target: {
        kind: target.kind,
        pid: target.pid,
        title: target.title,
        commandLine: target.commandLine,
        cwd: target.cwd,
        runtime: target.runtime,
        endpoint: endpointWithoutToken(target.capture.webSocketUrl),
        launched: target.launched,
        startedAt: target.launched ? createdAt : null,
      },
      error: null,
      exit: null,
      snapshots: [],
      receipts: target.receipt ? [target.receipt] : [],
      comparisons: [],
      notes: '',
      problem: null,
      ...(parent ? { parentId: parent.id } : {}),
      capabilities: { snapshot: false, collect: false, timeline: false, output: target.onOutput !== null },
    });
    const live: Live = {
      target,
      capture: null,
      output: createOutputLog(join(dir, OUTPUT_FILE)),
      cgroupAtStart: null,
      snapshotting: false,
      terminating: false,
      ended: false,
      listeners: [],
    };
    lives.set(id, live);
    live.listeners.push(watchFolder(id, dir));
    if (target.onOutput) live.listeners.push(target.onOutput((chunk: OutputChunk) => live.output.add(chunk)));
    if (target.onExit) live.listeners.push(target.onExit((exit) => void exited(id, live, exit)));
    // A folder that a crash leaves in the first moments is a session as well.
    await store.saveNow(id);
    live.cgroupAtStart = await target.readCgroup().catch(() => null);

    try {
      const { host, capture } = await hosts.startCapture(id, title);
      live.capture = capture;
      host.process.onExit((exit) => {
        if (!live.ended && live.capture === capture) hostCrashed(id, live, exit.stderrTail);
      });
      // Before it starts: a folder that takes no recording is told during the start.
      live.listeners.push(capture.on('problem', {}, (problem) => store.setProblem(id, 'recording', problem), () => undefined));
      const started = await capture.start({ dir, target: target.capture, ...recording() }, { signal: context.signal, onProgress: context.progress });
      store.update(id, (session) => ({
        // The target may have ended while we connected; its exit is not to be painted over.
        state: session.state === 'starting' ? 'attached' : session.state,
        target: session.target && { ...session.target, runtime: started.runtime || session.target.runtime },
        capabilities: { ...started.capabilities, output: session.capabilities.output },
      }));
      live.listeners.push(capture.on('state', {}, (state) => void captureState(id, live, state)));
    } catch (error) {
      // A target that ended at once explains itself better, with exit and output, than the broken connection does.
      if (target.onExit && !isCancelled(error)) await settled(id);
      if (store.find(id)?.state !== 'exited') {
        await end(id);
        await store.remove(id);
        await removeEmptySession(dir);
        throw error;
      }
    }
    return id;
  }

  /** A database whose folder was deleted takes rows as before, and they are lost: only looking tells. */
  function watchFolder(id: string, dir: string): Dispose {
    let gone = false;
    const timer = setInterval(() => {
      void stat(join(dir, SESSION_FILE)).then(
        () => {
          if (gone) store.setProblem(id, 'folder', null);
          gone = false;
        },
        (error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') return;
          // The first look may fall between a deletion and our own saving again.
          if (gone) store.setProblem(id, 'folder', folderGone(dir));
          else void store.saveNow(id);
          gone = true;
        },
      );
    }, LOOK_AT_FOLDER_MS);
    return () => clearInterval(timer);
  }

  /** Resolves when a starting session has become something else, at the latest after EXIT_SETTLE_MS. */
  async function settled(id: string): Promise<void> {
    const deadline = Date.now() + EXIT_SETTLE_MS;
    while (store.find(id)?.state === 'starting' && Date.now() < deadline) await sleep(20);
  }

  function ended(session: SessionInfo): SessionInfo['capabilities'] {
    return { snapshot: false, collect: false, timeline: session.capabilities.timeline, output: session.capabilities.output };
  }

  function hostCrashed(id: string, live: Live, stderrTail: string): void {
    live.capture = null;
    if (store.find(id)?.state !== 'attached') return;
    store.update(id, (now) => ({
      state: 'failed',
      error: {
        code: 'host-crashed',
        message: 'The process that records this target ended unexpectedly.',
        advice: live.target.launched
          ? 'What was recorded is kept. The target goes on running until this session is closed.'
          : 'What was recorded is kept. Attach again to go on.',
        detail: stderrTail,
      },
      capabilities: ended(now),
    }));
  }

  async function captureState(id: string, live: Live, state: CaptureState): Promise<void> {
    if (state.state !== 'lost' || live.ended) return;
    if (live.target.onExit) await sleep(EXIT_SETTLE_MS);
    if (live.ended || store.find(id)?.state !== 'attached') return;
    live.ended = true;
    store.update(id, (session) => ({ state: 'detached', error: state.error, capabilities: ended(session) }));
  }

  async function exited(id: string, live: Live, exit: TargetExit): Promise<void> {
    if (store.find(id)?.exit) return;
    live.ended = true;
    const lastSample = (await live.capture?.lastSample({}).catch(() => null)) ?? null;
    const cgroup = await live.target.readCgroup().catch(() => null);
    const info = diagnoseExit({
      ...exit,
      kind: live.target.kind,
      lastSample,
      cgroup,
      cgroupAtStart: live.cgroupAtStart,
      lastOutput: live.target.lastOutput(),
      endedHere: live.terminating,
    });
    await live.capture?.mark({ label: info.headline, kind: 'exit' }).catch(() => undefined);
    store.update(id, (session) => ({ state: 'exited', exit: info, error: null, capabilities: ended(session) }));
    await live.target.dispose().catch(() => undefined);
  }

  async function takeSnapshot(
    sessionId: string,
    { name, threadId }: { name?: string | undefined; threadId?: string | undefined },
    context: CallContext<Progress>,
  ): Promise<SnapshotArtefact> {
    const { live, capture } = attached(sessionId);
    if (live.snapshotting) {
      throw new HeaphouseError('busy', 'A snapshot of this target is being taken.', { advice: 'Wait for it, or cancel it.' });
    }
    live.snapshotting = true;
    let thread: SnapshotThread | null;
    try {
      thread = threadId === undefined ? null : await findThread(capture, threadId);
    } catch (error) {
      live.snapshotting = false;
      throw error;
    }
    const session = store.get(sessionId);
    const number = Math.max(0, ...session.snapshots.map((snapshot) => snapshot.number)) + 1;
    const taskId = newId('t');
    const artefact: SnapshotArtefact = {
      id: newId('h'),
      kind: 'snapshot',
      number,
      name: name ?? `Snapshot ${number}${thread ? ` of ${thread.label}` : ''}`,
      path: join(session.dir!, `snapshot-${number}.heapsnapshot`),
      state: 'writing',
      bytes: 0,
      takenAt: Date.now(),
      nodes: null,
      idEpoch: null,
      ...(thread ? { thread } : {}),
      receipt: null,
      error: null,
    };
    const label = `${artefact.name} ${thread ? 'in' : 'of'} ${session.title}`;
    const progress = (value: Progress) => {
      context.progress(value);
      tellActivity({ sessionId, taskId, label, progress: value });
    };
    store.update(sessionId, (now) => ({ snapshots: [...now.snapshots, artefact] }));
    void store.saveNow(sessionId);
    tellActivity({ sessionId, taskId, label, progress: { phase: 'Asking the target', done: 0, total: 0, unit: 'objects' } });
    try {
      const result = await capture.takeSnapshot(
        { path: artefact.path, label: artefact.name, threadId },
        { signal: context.signal, onProgress: progress },
      );
      store.updateSnapshot(sessionId, artefact.id, {
        state: 'ready',
        path: result.path,
        bytes: result.bytes,
        nodes: result.nodes,
        idEpoch: result.idEpoch,
        receipt: result.receipt,
      });
      addReceipt(sessionId, result.receipt);
      void store.saveNow(sessionId);
      await hosts.registerSnapshots(store.get(sessionId));
      return store.get(sessionId).snapshots.find((snapshot) => snapshot.id === artefact.id)!;
    } catch (error) {
      if (isCancelled(error)) {
        store.update(sessionId, (now) => ({ snapshots: now.snapshots.filter((snapshot) => snapshot.id !== artefact.id) }));
      } else {
        store.updateSnapshot(sessionId, artefact.id, { state: 'failed', error: toWireError(error) });
      }
      throw error;
    } finally {
      live.snapshotting = false;
      tellActivity({ sessionId, taskId, label, progress: null });
    }
  }

  function tellActivity(activity: SessionActivity): void {
    for (const listener of [...activityListeners]) listener(activity);
  }

  async function detach(sessionId: string): Promise<void> {
    const { live, capture } = attached(sessionId);
    live.ended = true;
    const receipt = await capture.detach({});
    addReceipt(sessionId, receipt);
    store.update(sessionId, (session) => ({ state: 'detached', capabilities: ended(session) }));
    if (!live.target.launched) await live.target.dispose();
  }

  async function end(sessionId: string): Promise<void> {
    const live = lives.get(sessionId);
    if (live) {
      lives.delete(sessionId);
      if (!live.ended) await live.capture?.detach({}).catch(() => undefined);
      live.ended = true;
      if (live.target.terminate && !store.find(sessionId)?.exit) {
        await live.target.terminate(TERMINATE_GRACE_MS).catch(() => undefined);
      }
      for (const dispose of live.listeners) dispose();
      await live.target.dispose().catch(() => undefined);
      await live.output.close();
    }
    await hosts.stop(sessionId);
  }

  return {
    begin,
    takeSnapshot,
    pageOf: (sessionId) => /\/devtools\/\w+\/([^/?]+)$/.exec(lives.get(sessionId)?.target.capture.webSocketUrl ?? '')?.[1] ?? null,
    async threads(sessionId) {
      const capture = store.find(sessionId)?.state === 'attached' ? lives.get(sessionId)?.capture : null;
      return (await capture?.threads({}).catch(() => null)) ?? [];
    },
    async collectGarbage(sessionId) {
      const { capture } = attached(sessionId);
      const result = await capture.collectGarbage({});
      addReceipt(sessionId, result.receipt);
      return result;
    },
    async mark(sessionId, label) {
      await attached(sessionId).capture.mark({ label, kind: 'mark' });
    },
    detach,
    async terminate(sessionId) {
      const live = get(sessionId);
      if (!live.target.terminate) {
        throw new HeaphouseError('permission', 'Heaphouse did not start this process and does not end it.', {
          advice: 'Detach from it, or end it where it was started.',
        });
      }
      live.terminating = true;
      await live.target.terminate(TERMINATE_GRACE_MS);
    },
    end,
    async endAll() {
      await Promise.all([...lives.keys()].map((id) => end(id)));
    },
    output: (sessionId) => lives.get(sessionId)?.output,
    onActivity(listener) {
      activityListeners.add(listener);
      return () => activityListeners.delete(listener);
    },
  };
}

async function findThread(capture: CaptureClient, threadId: string): Promise<SnapshotThread> {
  const thread = (await capture.threads({})).find(({ id }) => id === threadId);
  if (thread) return { id: thread.id, label: threadLabel(thread) };
  throw new HeaphouseError('not-found', 'This worker thread has ended.', { advice: 'Choose one that still runs.' });
}

function folderGone(dir: string): WireError {
  return {
    code: 'io',
    message: `The session's folder is gone: ${dir}.`,
    advice: 'The target is not affected, and what was recorded is still shown; it is lost when the session is closed. Put the folder back, or launch or attach anew.',
  };
}

/** `ws://127.0.0.1:9229`: the path of an inspector or agent is its secret and is not shown. */
function endpointWithoutToken(url: string): string | null {
  try {
    return new URL(url).origin;
  } catch {
    return null;
  }
}
