/**
 * One end of a conversation in DevTools messages, whatever carries them: calls under way, listeners, flattened
 * sessions. Nothing the other side says can make it throw.
 */
import { cancelledError, HeaphouseError } from '#shared/rpc/errors.ts';
import type { CdpCallOptions, CdpSession } from './connection.ts';
import { asRecord } from './read-field.ts';

/** Messages that are no DevTools messages. A real endpoint sends none; more than this and it is something else. */
export const MAX_MALFORMED = 100;
/** More calls than this at once mean that the target has stopped answering and somebody keeps asking. */
const MAX_PENDING = 10_000;
const CHUNK_EVENT = 'HeapProfiler.addHeapSnapshotChunk';
const CHUNK_PREFIX = `{"method":"${CHUNK_EVENT}"`;
const SESSION_ID_KEY = '"sessionId":';
const METHOD_NOT_FOUND = -32601;

export interface MessagePeerOptions {
  /** For messages: `127.0.0.1:9229`, `worker 2`. */
  where: string;
  /** Sends; `failed` hears that it could not. */
  post(text: string, failed: (error: Error) => void): void;
}

export interface MessagePeer {
  /** Undefined: the other end itself. */
  session(sessionId: string | undefined): CdpSession;
  /** Takes one message. Returns what is wrong with it; null: nothing. */
  receive(text: string): string | null;
  /** Every call under way, and every further one, ends with the error. */
  close(error: HeaphouseError): void;
}

interface Pending {
  method: string;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export function createMessagePeer({ where, post }: MessagePeerOptions): MessagePeer {
  const pending = new Map<number, Pending>();
  const listeners = new Map<string, Set<(params: unknown) => void>>();
  let nextId = 1;
  let closedError: HeaphouseError | null = null;

  function receive(text: string): string | null {
    // Chunks of a cancelled snapshot: hundreds of megabytes that nobody wants.
    if (text.startsWith(CHUNK_PREFIX) && !listeners.get(CHUNK_EVENT)?.size && text.indexOf(SESSION_ID_KEY, text.length - 100) < 0) return null;
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      return 'it sends text that is not JSON';
    }
    const { id, method, params, result, error, sessionId } = asRecord(message);
    if (typeof id === 'number') {
      const call = pending.get(id);
      // An unknown id is the late answer to a call that was given up.
      if (!call) return null;
      pending.delete(id);
      if (error !== undefined) call.reject(protocolError(call.method, error));
      else call.resolve(typeof result === 'object' && result !== null ? result : {});
      return null;
    }
    if (typeof method !== 'string') return 'it sends messages with neither id nor method';
    const interested = listeners.get(eventKey(typeof sessionId === 'string' ? sessionId : undefined, method));
    let wrong: string | null = null;
    for (const listener of [...(interested ?? [])]) {
      try {
        listener(asRecord(params));
      } catch (cause) {
        wrong = `an event "${method.slice(0, 60)}" could not be read (${String(cause).slice(0, 200)})`;
      }
    }
    return wrong;
  }

  function send(sessionId: string | undefined, method: string, params: object | undefined, { signal, timeoutMs }: CdpCallOptions): Promise<unknown> {
    if (closedError) return Promise.reject(closedError);
    if (signal?.aborted) return Promise.reject(cancelledError());
    if (pending.size >= MAX_PENDING) return Promise.reject(new HeaphouseError('busy', `${where} has stopped answering.`));
    const id = nextId++;
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        pending.delete(id);
      };
      const fail = (error: unknown) => {
        settle();
        reject(error as Error);
      };
      const onAbort = () => fail(cancelledError());
      pending.set(id, {
        method,
        resolve(value) {
          settle();
          resolve(value);
        },
        reject: fail,
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      if (timeoutMs !== undefined) {
        timer = setTimeout(() => fail(new HeaphouseError('timeout', `The target did not answer ${method} within ${timeoutMs / 1000} s.`)), timeoutMs);
      }
      post(JSON.stringify(sessionId === undefined ? { id, method, params } : { id, method, params, sessionId }), (error) =>
        fail(new HeaphouseError('target-gone', `${method} could not be sent.`, { detail: error.message })),
      );
    });
  }

  return {
    session: (sessionId) => ({
      send: ((method: string, params?: object, options: CdpCallOptions = {}) => send(sessionId, method, params, options)) as CdpSession['send'],
      on(event, listener) {
        const key = eventKey(sessionId, event);
        const set = listeners.get(key) ?? new Set();
        // Wrapped, so that one function registered twice is heard twice and removed once.
        const entry = (params: unknown) => listener(params as never);
        set.add(entry);
        listeners.set(key, set);
        return () => {
          set.delete(entry);
        };
      },
    }),
    receive,
    close(error) {
      if (closedError) return;
      closedError = error;
      for (const call of [...pending.values()]) call.reject(error);
      pending.clear();
      listeners.clear();
    },
  };
}

function eventKey(sessionId: string | undefined, event: string): string {
  return sessionId === undefined ? event : `${sessionId}\u0000${event}`;
}

function protocolError(method: string, error: unknown): HeaphouseError {
  const { code, message, data } = asRecord(error);
  const text = typeof message === 'string' ? message.slice(0, 2_000) : 'no reason given';
  const more = { detail: `${method}: ${text}${typeof data === 'string' ? `\n${data.slice(0, 4_000)}` : ''}`, cause: { protocolCode: code } };
  if (code === METHOD_NOT_FOUND) return new HeaphouseError('unsupported', `The target does not know ${method}.`, more);
  return new HeaphouseError('unsupported', `The target refused ${method}: ${text}`, more);
}

/** The target answered, and does not have the method. */
export function isMethodNotFound(error: unknown): boolean {
  return error instanceof HeaphouseError && asRecord(error.cause)['protocolCode'] === METHOD_NOT_FOUND;
}
