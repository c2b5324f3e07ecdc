/**
 * The worker threads of a Node.js target: each an isolate with a heap of its own. They are looked for when somebody first
 * asks; from then on our session in each stays open until we detach, because V8 numbers the objects of a heap anew when a
 * session in it ends.
 */
import type { SnapshotResult } from '#main/hosts/capture-contract.ts';
import type { WorkerThread } from '#shared/model/target.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { isMethodNotFound } from '../cdp/message-peer.ts';
import { openNodeWorkers, type NodeWorker, type NodeWorkers } from '../cdp/node-worker-session.ts';
import type { OpenTarget } from '../cdp/open-target.ts';
import { countField } from '../cdp/read-field.ts';
import { abortable, delay, settled } from './settle.ts';
import type { SnapshotOptions } from './snapshot-stream.ts';
import { createV8Snapshots, type V8Snapshots } from './snapshot-v8.ts';

/** The list does not wait longer for a thread that is busy in native code; it shows what was read before. */
const ANSWER_LIMIT_MS = 400;

export interface WorkerThreads {
  /** Never fails for a target without threads or without the protocol for them: that is an empty list. */
  list(): Promise<WorkerThread[]>;
  /** Errors: `not-found` (the thread has ended), and those of a snapshot. */
  takeSnapshot(id: string, path: string, options: Omit<SnapshotOptions, 'busyUntil'>): Promise<SnapshotResult>;
  /** The thread whose objects have the ids of a snapshot with this epoch; undefined: none of them. */
  withIds(idEpoch: string): Promise<NodeWorker | undefined>;
  /** Closes our sessions in all threads. */
  release(): Promise<void>;
}

interface Watched {
  worker: NodeWorker;
  snapshots: V8Snapshots;
  usage: { usedBytes: number | null; totalBytes: number | null };
  asking: Promise<void> | null;
  /** Until a snapshot that was given up has been sent to its end. */
  busy: Promise<void> | null;
}

export function createWorkerThreads(target: OpenTarget): WorkerThreads {
  const watched = new Map<string, Watched>();
  let opening: Promise<NodeWorkers | null> | null = null;
  let released = false;

  /** Null: the target has no such thing. A failure of another kind is tried again by the next question. */
  function open(): Promise<NodeWorkers | null> {
    opening ??= openNodeWorkers(target.connection).catch((error: unknown) => {
      if (!isMethodNotFound(error)) opening = null;
      return null;
    });
    return opening;
  }

  function watch(worker: NodeWorker): Watched {
    const known = watched.get(worker.id);
    if (known) return known;
    const own: OpenTarget = {
      connection: target.connection,
      session: worker.session,
      targetId: null,
      onGone: (listener) => worker.onGone(listener),
      close: () => undefined,
    };
    const made: Watched = { worker, snapshots: createV8Snapshots(own), usage: { usedBytes: null, totalBytes: null }, asking: null, busy: null };
    watched.set(worker.id, made);
    worker.onGone(() => watched.delete(worker.id));
    return made;
  }

  async function readUsage(one: Watched): Promise<void> {
    const usage = await one.worker.session.send('Runtime.getHeapUsage');
    one.usage = { usedBytes: countField(usage, 'usedSize'), totalBytes: countField(usage, 'totalSize') };
  }

  /** One question at a time: what a busy thread has not answered is not asked again. */
  function ask(one: Watched): Promise<void> {
    one.asking ??= settled(readUsage(one)).finally(() => (one.asking = null));
    return one.asking;
  }

  function running(id: string): Watched {
    const one = watched.get(id);
    if (one) return one;
    throw new HeaphouseError('not-found', 'This worker thread has ended.', { advice: 'Choose one that still runs.' });
  }

  return {
    async list() {
      if (released) return [];
      const workers = (await Promise.race([open(), delay(ANSWER_LIMIT_MS)])) ?? null;
      const listed = (workers?.list() ?? []).map(watch);
      await Promise.race([Promise.all(listed.filter(({ busy }) => busy === null).map(ask)), delay(ANSWER_LIMIT_MS)]);
      return listed.map(({ worker: { id, threadId, name, url }, usage }) => ({ id, threadId, name, url, heapUsedBytes: usage.usedBytes, heapTotalBytes: usage.totalBytes }));
    },
    async takeSnapshot(id, path, options) {
      await open();
      const one = running(id);
      if (one.busy) await abortable(one.busy, options.signal);
      const taken = await one.snapshots.take(path, {
        ...options,
        busyUntil(idle) {
          const own = idle.finally(() => {
            if (one.busy === own) one.busy = null;
          });
          one.busy = own;
        },
      });
      const notes = [...taken.receipt.notes, 'of a worker thread: the main thread passed the data on, and stood still for moments of that time'];
      return { ...taken, receipt: { ...taken.receipt, notes } };
    },
    async withIds(idEpoch) {
      const matches = await Promise.all([...watched.values()].map(async ({ worker, snapshots }) => ((await snapshots.sameIds(idEpoch)) ? worker : undefined)));
      return matches.find((worker) => worker !== undefined);
    },
    async release() {
      released = true;
      const workers = await opening;
      await workers?.close();
    },
  };
}
