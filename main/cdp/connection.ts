/**
 * A connection to a DevTools endpoint: commands, events, flattened sessions. Nothing the other side sends can crash us
 * or make us hold more than MAX_MESSAGE_BYTES; when the connection ends, everything under way ends with `target-gone`.
 */
import { WebSocket, type RawData } from 'ws';
import type { Dispose } from '#shared/rpc/channel.ts';
import { cancelledError, HeaphouseError } from '#shared/rpc/errors.ts';
import type { CdpEventName, CdpEventParams, CdpMethod, CdpParams, CdpResult } from './protocol.ts';
import { asRecord } from './read-field.ts';

/** Snapshot chunks have 100 KiB, large sampling profiles some ten MiB; V8 cannot build a string above 512 MiB. */
const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;
/** Messages that are no DevTools messages. A real endpoint sends none; more than this and it is something else. */
const MAX_MALFORMED = 100;
/** More calls than this at once mean that the target has stopped answering and somebody keeps asking. */
const MAX_PENDING = 10_000;
const CLOSE_GRACE_MS = 1_000;
const CHUNK_EVENT = 'HeapProfiler.addHeapSnapshotChunk';
const CHUNK_PREFIX = `{"method":"${CHUNK_EVENT}"`;
const SESSION_ID_KEY = '"sessionId":';
const METHOD_NOT_FOUND = -32601;

export interface CdpCallOptions {
  signal?: AbortSignal | undefined;
  /** Default: no limit, a target may be busy for as long as it likes. */
  timeoutMs?: number | undefined;
}

/** One target behind a connection: the connection itself, or a flattened session of it. */
export interface CdpSession {
  /**
   * Resolves with the target's answer (its type is the target's claim). Errors: `unsupported` (the target refuses or
   * does not know the method), `target-gone`, `timeout`, `cancelled`.
   */
  send<M extends CdpMethod>(method: M, params?: CdpParams<M>, options?: CdpCallOptions): Promise<CdpResult<M>>;
  on<E extends CdpEventName>(event: E, listener: (params: CdpEventParams<E>) => void): Dispose;
}

export interface CdpConnection extends CdpSession {
  session(sessionId: string): CdpSession;
  /** Stops reading from the socket, so that the target's data waits there and not in our memory. */
  pause(): void;
  resume(): void;
  readonly closed: boolean;
  /** Called once, also when it is closed already. */
  onClose(listener: (error: HeaphouseError) => void): Dispose;
  /** Closes politely, by force after a second. */
  close(): void;
}

export interface ConnectOptions {
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
}

interface Pending {
  method: string;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/**
 * Connects to a DevTools WebSocket. Errors: `invalid-argument` (not a ws:// address), `not-found` (nothing listens),
 * `unsupported` (something else listens there), `timeout`, `cancelled`.
 */
export function connectCdp(webSocketUrl: string, { signal, timeoutMs = 10_000 }: ConnectOptions = {}): Promise<CdpConnection> {
  const where = describeEndpoint(webSocketUrl);
  if (signal?.aborted) return Promise.reject(cancelledError());
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(webSocketUrl, {
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
      skipUTF8Validation: true,
      followRedirects: false,
    });
    let settled = false;

    function settle(outcome: CdpConnection | HeaphouseError): void {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      if (outcome instanceof HeaphouseError) {
        socket.terminate();
        reject(outcome);
      } else resolve(outcome);
    }

    const onAbort = () => settle(cancelledError());
    const timer = setTimeout(() => {
      settle(new HeaphouseError('timeout', `${where} did not answer within ${timeoutMs / 1000} s.`, {
        advice: 'The process may be stopped or busy in a native call. Try again, or check the port.',
      }));
    }, timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });

    socket.on('error', (error) => settle(connectError(where, error)));
    socket.on('unexpected-response', (_request, response) => {
      settle(new HeaphouseError('unsupported', `${where} answered HTTP ${response.statusCode ?? '?'} instead of opening a DevTools connection.`, {
        advice: 'The address may be out of date (it changes with every start of the target), or the port belongs to another program.',
      }));
    });
    socket.on('close', () => settle(connectError(where, new Error('the connection was closed'))));
    // Built before any message can arrive: what comes with the handshake must not be lost.
    const connection = createConnection(socket, where);
    socket.on('open', () => settle(connection));
  });
}

/** `127.0.0.1:9229`. The path holds the secret of the endpoint and is never shown. */
function describeEndpoint(webSocketUrl: string): string {
  try {
    const url = new URL(webSocketUrl);
    if (url.protocol === 'ws:' || url.protocol === 'wss:') return url.host;
  } catch {
    // Said below.
  }
  throw new HeaphouseError('invalid-argument', 'This is not a DevTools address: it must start with ws:// or wss://.');
}

function connectError(where: string, error: Error): HeaphouseError {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EHOSTUNREACH') {
    return new HeaphouseError('not-found', `Nothing listens at ${where}.`, {
      advice: 'The process may have ended, or its debugging port is closed or another one.',
      detail: error.message,
      cause: error,
    });
  }
  return new HeaphouseError('unsupported', `${where} does not speak the DevTools protocol.`, {
    advice: 'Check that the port is the debugging port of the process.',
    detail: error.message,
    cause: error,
  });
}

function createConnection(socket: WebSocket, where: string): CdpConnection {
  const pending = new Map<number, Pending>();
  const listeners = new Map<string, Set<(params: unknown) => void>>();
  const closeListeners = new Set<(error: HeaphouseError) => void>();
  let nextId = 1;
  let malformed = 0;
  let closedError: HeaphouseError | null = null;
  let endReason: string | null = null;

  function closed(detail: string): void {
    if (closedError) return;
    closedError = new HeaphouseError('target-gone', endReason ?? 'The target closed the debugging connection.', { detail });
    for (const call of [...pending.values()]) call.reject(closedError);
    pending.clear();
    listeners.clear();
    for (const listener of [...closeListeners]) listener(closedError);
    closeListeners.clear();
  }

  function reject(what: string): void {
    malformed++;
    if (malformed < MAX_MALFORMED || closedError) return;
    endReason = `${where} does not speak the DevTools protocol: ${what}.`;
    socket.terminate();
    closed(what);
  }

  function receive(data: RawData, isBinary: boolean): void {
    if (isBinary) return reject('it sends binary messages');
    const text = String(data);
    // Chunks of a cancelled snapshot: hundreds of megabytes that nobody wants.
    if (text.startsWith(CHUNK_PREFIX) && !listeners.get(CHUNK_EVENT)?.size && text.indexOf(SESSION_ID_KEY, text.length - 100) < 0) return;
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      return reject('it sends text that is not JSON');
    }
    const { id, method, params, result, error, sessionId } = asRecord(message);
    if (typeof id === 'number') {
      const call = pending.get(id);
      // An unknown id is the late answer to a call that was given up.
      if (!call) return;
      pending.delete(id);
      if (error !== undefined) call.reject(protocolError(call.method, error));
      else call.resolve(typeof result === 'object' && result !== null ? result : {});
      return;
    }
    if (typeof method !== 'string') return reject('it sends messages with neither id nor method');
    const interested = listeners.get(eventKey(typeof sessionId === 'string' ? sessionId : undefined, method));
    if (!interested) return;
    for (const listener of [...interested]) {
      try {
        listener(asRecord(params));
      } catch (cause) {
        reject(`an event "${method.slice(0, 60)}" could not be read (${String(cause).slice(0, 200)})`);
      }
    }
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
      socket.send(JSON.stringify(sessionId === undefined ? { id, method, params } : { id, method, params, sessionId }), (error) => {
        if (error) fail(new HeaphouseError('target-gone', `${method} could not be sent.`, { detail: error.message }));
      });
    });
  }

  function sessionOf(sessionId: string | undefined): CdpSession {
    return {
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
    };
  }

  socket.on('message', receive);
  socket.on('error', (error) => {
    endReason ??= `The debugging connection to ${where} broke.`;
    socket.terminate();
    closed(error.message);
  });
  socket.on('close', (code) => closed(`WebSocket closed with code ${code}`));

  return {
    ...sessionOf(undefined),
    session: sessionOf,
    pause: () => {
      if (socket.readyState === WebSocket.OPEN) socket.pause();
    },
    resume: () => {
      if (socket.isPaused) socket.resume();
    },
    get closed() {
      return closedError !== null;
    },
    onClose(listener) {
      if (closedError) {
        listener(closedError);
        return () => undefined;
      }
      closeListeners.add(listener);
      return () => closeListeners.delete(listener);
    },
    close() {
      if (closedError) return;
      endReason = 'The connection was closed by Heaphouse.';
      const paused = socket.isPaused;
      socket.close(1000);
      // A paused socket would never read the other side's goodbye.
      if (paused) socket.terminate();
      else setTimeout(() => socket.terminate(), CLOSE_GRACE_MS).unref();
      closed('closed by this side');
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
