/**
 * The way to one target's domains: a direct endpoint (Node, a page, our Python agent) or a browser's own endpoint, where
 * a page has to be chosen and reached through a flattened session.
 */
import type { Dispose } from '#shared/rpc/channel.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { connectCdp, type CdpConnection, type CdpSession, type ConnectOptions } from './connection.ts';
import { isMethodNotFound } from './message-peer.ts';
import { asRecord, stringField } from './read-field.ts';

export interface OpenTarget {
  connection: CdpConnection;
  session: CdpSession;
  /** The page, when the endpoint is a browser's. */
  targetId: string | null;
  /** The connection ended, or the page was closed or crashed. Called once. */
  onGone(listener: (error: HeaphouseError) => void): Dispose;
  close(): void;
}

/** `targetId` chooses the page of a browser endpoint again (a second connection must reach the same page). */
export async function openTarget(webSocketUrl: string, options: ConnectOptions & { targetId?: string | null } = {}): Promise<OpenTarget> {
  const connection = await connectCdp(webSocketUrl, options);
  try {
    if (await hasOwnHeap(connection, options)) return directTarget(connection);
    return await pageTarget(connection, options);
  } catch (error) {
    connection.close();
    throw error;
  }
}

async function hasOwnHeap(connection: CdpConnection, { signal }: ConnectOptions): Promise<boolean> {
  try {
    // No time limit: a target that is busy in native code answers when it is back, and the caller can cancel.
    await connection.send('Runtime.getHeapUsage', undefined, { signal });
    return true;
  } catch (error) {
    if (isMethodNotFound(error)) return false;
    throw error;
  }
}

function directTarget(connection: CdpConnection): OpenTarget {
  return {
    connection,
    session: connection,
    targetId: null,
    onGone: (listener) => connection.onClose(listener),
    close: () => connection.close(),
  };
}

async function pageTarget(connection: CdpConnection, options: ConnectOptions & { targetId?: string | null }): Promise<OpenTarget> {
  const targetId = options.targetId ?? (await choosePage(connection, options));
  const attached = await connection.send('Target.attachToTarget', { targetId, flatten: true }, { signal: options.signal, timeoutMs: options.timeoutMs ?? 10_000 });
  const sessionId = stringField(attached, 'sessionId');
  if (sessionId === null) throw new HeaphouseError('unsupported', 'The browser did not open a session for its page.');
  const session = connection.session(sessionId);
  const listeners = new Set<(error: HeaphouseError) => void>();
  let gone: HeaphouseError | null = null;

  function lost(error: HeaphouseError): void {
    if (gone) return;
    gone = error;
    for (const listener of [...listeners]) listener(error);
    listeners.clear();
  }

  connection.onClose(lost);
  connection.on('Target.detachedFromTarget', (params) => {
    if (stringField(params, 'sessionId') === sessionId) lost(new HeaphouseError('target-gone', 'The page was closed.'));
  });
  session.on('Inspector.targetCrashed', () => lost(new HeaphouseError('target-gone', 'The page crashed.')));
  await session.send('Inspector.enable').catch(() => undefined);

  return {
    connection,
    session,
    targetId,
    onGone(listener) {
      if (gone) {
        listener(gone);
        return () => undefined;
      }
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      if (!gone) connection.send('Target.detachFromTarget', { sessionId }).catch(() => undefined);
      connection.close();
    },
  };
}

async function choosePage(connection: CdpConnection, { signal }: ConnectOptions): Promise<string> {
  let answer: unknown;
  try {
    answer = await connection.send('Target.getTargets', undefined, { signal, timeoutMs: 10_000 });
  } catch (error) {
    if (!isMethodNotFound(error)) throw error;
    throw new HeaphouseError('unsupported', 'This DevTools endpoint has neither a heap nor pages.', { cause: error });
  }
  const infos = asRecord(answer)['targetInfos'];
  const pages = (Array.isArray(infos) ? infos : []).filter(
    (info) => stringField(info, 'type') === 'page' && !(stringField(info, 'url') ?? '').startsWith('devtools:'),
  );
  const targetId = pages.map((page) => stringField(page, 'targetId')).find((id) => id !== null);
  if (targetId === undefined || targetId === null) {
    throw new HeaphouseError('not-found', 'The browser has no page open.', { advice: 'Open a page in it, or connect to the address of a page.' });
  }
  return targetId;
}
