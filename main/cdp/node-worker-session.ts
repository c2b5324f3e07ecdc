/**
 * The worker threads of a Node.js, each with a session of its own over the connection to the main thread (`NodeWorker`
 * domain): messages to and from a worker are texts inside messages of the main thread. Threads are never stopped for it,
 * and threads of threads are told of as well. What a worker sends is as little trusted as what a target sends.
 */
import type { Dispose } from '#shared/rpc/channel.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import type { CdpConnection, CdpSession } from './connection.ts';
import { createMessagePeer, MAX_MALFORMED, type MessagePeer } from './message-peer.ts';
import { asRecord, stringField } from './read-field.ts';

/** A pool has some dozens of threads. What comes above this is not listed. */
const MAX_WORKERS = 1_000;
const MAX_ID_CHARS = 64;
/** `[worker 2]`, `[worker 2] name`; before Node 20 `Worker 2`. */
const TITLE = /^(?:\[worker (\d{1,10})\]|Worker (\d{1,10})$) ?(.*)$/s;
/** What Node 24 calls a thread that its program gave no name. */
const NO_NAME = 'WorkerThread';

export interface NodeWorker {
  /** Names it on this connection; not used again for another. */
  readonly id: string;
  /** `require('worker_threads').threadId`; null when it was not told. */
  readonly threadId: number | null;
  /** Given by the program; empty: none. */
  readonly name: string;
  /** Of its script; empty for one that was started with `eval`. */
  readonly url: string;
  readonly session: CdpSession;
  /** The thread has ended, or the connection. Called once, also when it is over already. */
  onGone(listener: (error: HeaphouseError) => void): Dispose;
}

export interface NodeWorkers {
  /** In the order of their thread ids. */
  list(): NodeWorker[];
  find(id: string): NodeWorker | undefined;
  /** Closes the sessions in all threads. Resolves when the target has done it. */
  close(): Promise<void>;
}

interface Entry {
  worker: NodeWorker;
  peer: MessagePeer;
  malformed: number;
  gone(error: HeaphouseError): void;
}

/** Errors: `unsupported` (`isMethodNotFound`: not a Node.js), `target-gone`. Threads that run already are listed when it resolves. */
export async function openNodeWorkers(connection: CdpConnection): Promise<NodeWorkers> {
  const entries = new Map<string, Entry>();

  function drop(id: string, error: HeaphouseError): void {
    const entry = entries.get(id);
    if (!entry) return;
    entries.delete(id);
    entry.gone(error);
  }

  function dropAll(error: HeaphouseError): void {
    for (const id of [...entries.keys()]) drop(id, error);
  }

  /** Disabling the domain or closing the connection leaves Node's sessions in the threads open for as long as these run. */
  async function detach(id: string): Promise<void> {
    await connection.send('NodeWorker.detach', { sessionId: id }).catch(() => undefined);
  }

  const disposables = [
    connection.on('NodeWorker.attachedToWorker', (params) => {
      const id = idOf(params);
      if (id === null || entries.has(id)) return;
      if (entries.size >= MAX_WORKERS) void detach(id);
      else entries.set(id, createEntry(connection, id, asRecord(params)['workerInfo']));
    }),
    connection.on('NodeWorker.detachedFromWorker', (params) => {
      const id = idOf(params);
      if (id !== null) drop(id, new HeaphouseError('target-gone', 'The worker thread has ended.'));
    }),
    connection.on('NodeWorker.receivedMessageFromWorker', (params) => {
      const { message } = asRecord(params);
      const entry = entries.get(idOf(params) ?? '');
      if (!entry) return;
      const wrong = typeof message === 'string' ? entry.peer.receive(message) : 'it sends messages that are no text';
      if (wrong === null || ++entry.malformed < MAX_MALFORMED) return;
      void detach(entry.worker.id);
      drop(entry.worker.id, new HeaphouseError('target-gone', `The worker thread does not speak the DevTools protocol: ${wrong}.`));
    }),
    connection.onClose(dropAll),
  ];

  function dispose(): void {
    for (const one of disposables.splice(0)) one();
    dropAll(new HeaphouseError('target-gone', 'The session of the worker thread was closed by Heaphouse.'));
  }

  try {
    await connection.send('NodeWorker.enable', { waitForDebuggerOnStart: false });
  } catch (error) {
    dispose();
    throw error;
  }

  return {
    list: () => [...entries.values()].map(({ worker }) => worker).sort((a, b) => (a.threadId ?? 0) - (b.threadId ?? 0)),
    find: (id) => entries.get(id)?.worker,
    async close() {
      // First of all no new ones, of which we hear until it is answered.
      if (!connection.closed) await connection.send('NodeWorker.disable').catch(() => undefined);
      const ids = [...entries.keys()];
      dispose();
      if (!connection.closed) await Promise.all(ids.map(detach));
    },
  };
}

function createEntry(connection: CdpConnection, id: string, info: unknown): Entry {
  const { threadId, name } = readTitle(stringField(info, 'title') ?? '');
  const listeners = new Set<(error: HeaphouseError) => void>();
  let over: HeaphouseError | null = null;
  const peer = createMessagePeer({
    where: threadId === null ? 'The worker thread' : `Worker ${threadId}`,
    post: (message, failed) => connection.send('NodeWorker.sendMessageToWorker', { sessionId: id, message }).catch(failed),
  });
  const worker: NodeWorker = {
    id,
    threadId,
    name,
    url: stringField(info, 'url') ?? '',
    session: peer.session(undefined),
    onGone(listener) {
      if (over) {
        listener(over);
        return () => undefined;
      }
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  return {
    worker,
    peer,
    malformed: 0,
    gone(error) {
      if (over) return;
      over = error;
      peer.close(error);
      for (const listener of [...listeners]) listener(error);
      listeners.clear();
    },
  };
}

/** Longer than any that Node.js makes: not one we could name again. */
function idOf(params: unknown): string | null {
  const id = stringField(params, 'sessionId', MAX_ID_CHARS + 1);
  return id !== null && id.length <= MAX_ID_CHARS ? id : null;
}

function readTitle(title: string): { threadId: number | null; name: string } {
  const match = TITLE.exec(title);
  if (!match) return { threadId: null, name: title };
  return { threadId: Number(match[1] ?? match[2]), name: match[3] === NO_NAME ? '' : match[3]! };
}
