/**
 * A connection to a DevTools endpoint: commands, events, flattened sessions. Nothing the other side sends can crash us
 * or make us hold more than MAX_MESSAGE_BYTES; when the connection ends, everything under way ends with `target-gone`.
 */
import { WebSocket, type RawData } from 'ws';
import type { Dispose } from '#shared/rpc/channel.ts';
import { cancelledError, HeaphouseError } from '#shared/rpc/errors.ts';
import { createMessagePeer, MAX_MALFORMED } from './message-peer.ts';
import type { CdpEventName, CdpEventParams, CdpMethod, CdpParams, CdpResult } from './protocol.ts';

/** Snapshot chunks have 100 KiB, large sampling profiles some ten MiB; V8 cannot build a string above 512 MiB. */
const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;
const CLOSE_GRACE_MS = 1_000;

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
  const peer = createMessagePeer({
    where,
    post: (text, failed) => socket.send(text, (error) => error && failed(error)),
  });
  const closeListeners = new Set<(error: HeaphouseError) => void>();
  let malformed = 0;
  let closedError: HeaphouseError | null = null;
  let endReason: string | null = null;

  function closed(detail: string): void {
    if (closedError) return;
    closedError = new HeaphouseError('target-gone', endReason ?? 'The target closed the debugging connection.', { detail });
    peer.close(closedError);
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
    const wrong = isBinary ? 'it sends binary messages' : peer.receive(String(data));
    if (wrong !== null) reject(wrong);
  }

  socket.on('message', receive);
  socket.on('error', (error) => {
    endReason ??= `The debugging connection to ${where} broke.`;
    socket.terminate();
    closed(error.message);
  });
  socket.on('close', (code) => closed(`WebSocket closed with code ${code}`));

  return {
    ...peer.session(undefined),
    session: (sessionId) => peer.session(sessionId),
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
