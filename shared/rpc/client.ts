/**
 * The calling side of a channel. One client serves any number of services and scopes; when the channel closes every
 * open call fails with `closedCode` (a worker process: `host-crashed`; the workbench itself: `io`).
 */
import * as v from 'valibot';
import type { Channel, Dispose } from './channel.ts';
import type { CallOptions, ServiceClient, ServiceDef } from './define-service.ts';
import { cancelledError, fromWireError, HeaphouseError, type ErrorCode } from './errors.ts';
import { serverFrameSchema, RPC_PROTOCOL, type ClientFrame } from './frames.ts';

export interface RawCall {
  service: string;
  scope?: string | undefined;
  method: string;
  params: unknown;
}

export interface RawSubscription {
  service: string;
  scope?: string | undefined;
  event: string;
  params: unknown;
}

export interface RpcClient {
  call(call: RawCall, options?: CallOptions<unknown>): Promise<unknown>;
  subscribe(
    subscription: RawSubscription,
    listener: (value: unknown) => void,
    onError?: (error: unknown) => void,
  ): Dispose;
  service<S extends ServiceDef>(def: S, scope?: string): ServiceClient<S>;
  /** Resolves when the server has said hello with the same protocol; rejects when it is another or the channel closes. */
  readonly ready: Promise<void>;
  onClose(listener: (reason: string) => void): Dispose;
  close(): void;
}

interface Pending {
  settle(outcome: { value: unknown } | { error: unknown }): void;
  progress(value: unknown): void;
}

interface Subscription {
  listener: (value: unknown) => void;
  onError: (error: unknown) => void;
}

export function createRpcClient(
  channel: Channel,
  { closedCode = 'io', closedMessage = 'The connection to the workbench is closed' }: { closedCode?: ErrorCode; closedMessage?: string } = {},
): RpcClient {
  const calls = new Map<number, Pending>();
  const subscriptions = new Map<number, Subscription>();
  let nextId = 1;
  let closedError: HeaphouseError | null = null;
  let settleReady: { resolve: () => void; reject: (error: unknown) => void };
  const ready = new Promise<void>((resolve, reject) => {
    settleReady = { resolve, reject };
  });
  ready.catch(() => undefined);

  function send(frame: ClientFrame): void {
    channel.post(frame);
  }

  channel.onMessage((message) => {
    const parsed = v.safeParse(serverFrameSchema, message);
    if (!parsed.success) return;
    const frame = parsed.output;
    switch (frame.t) {
      case 'hello':
        if (frame.protocol === RPC_PROTOCOL) settleReady.resolve();
        else {
          const text = `The workbench speaks protocol ${frame.protocol}, this window ${RPC_PROTOCOL}.`;
          settleReady.reject(new HeaphouseError('unsupported', text, { advice: 'Reload the window.' }));
        }
        return;
      case 'progress':
        calls.get(frame.id)?.progress(frame.value);
        return;
      case 'result':
        calls.get(frame.id)?.settle({ value: frame.value });
        return;
      case 'error': {
        const error = fromWireError(frame.error);
        calls.get(frame.id)?.settle({ error });
        const subscription = subscriptions.get(frame.id);
        subscriptions.delete(frame.id);
        subscription?.onError(error);
        return;
      }
      case 'event':
        subscriptions.get(frame.id)?.listener(frame.value);
    }
  });

  channel.onClose((reason) => {
    closedError = new HeaphouseError(closedCode, `${closedMessage}: ${reason}.`);
    settleReady.reject(closedError);
    for (const pending of [...calls.values()]) pending.settle({ error: closedError });
    for (const subscription of [...subscriptions.values()]) subscription.onError(closedError);
    subscriptions.clear();
  });

  function call(request: RawCall, { signal, onProgress }: CallOptions<unknown> = {}): Promise<unknown> {
    if (closedError) return Promise.reject(closedError);
    if (signal?.aborted) return Promise.reject(cancelledError());
    const id = nextId++;
    return new Promise((resolve, reject) => {
      const onAbort = () => send({ t: 'cancel', id });
      calls.set(id, {
        progress: (value) => onProgress?.(value),
        settle(outcome) {
          calls.delete(id);
          signal?.removeEventListener('abort', onAbort);
          if ('error' in outcome) reject(outcome.error as Error);
          else resolve(outcome.value);
        },
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      send({ t: 'call', id, service: request.service, scope: request.scope, method: request.method, params: request.params });
    });
  }

  function subscribe(
    request: RawSubscription,
    listener: (value: unknown) => void,
    onError: (error: unknown) => void = () => undefined,
  ): Dispose {
    if (closedError) {
      onError(closedError);
      return () => undefined;
    }
    const id = nextId++;
    subscriptions.set(id, { listener, onError });
    send({ t: 'subscribe', id, service: request.service, scope: request.scope, event: request.event, params: request.params });
    return () => {
      if (subscriptions.delete(id)) send({ t: 'unsubscribe', id });
    };
  }

  function service<S extends ServiceDef>(def: S, scope?: string): ServiceClient<S> {
    const proxy: Record<string, unknown> = {
      on: (event: string, params: unknown, listener: (value: unknown) => void, onError?: (error: unknown) => void) =>
        subscribe({ service: def.name, scope, event, params }, listener, onError),
    };
    for (const name of Object.keys(def.methods)) {
      proxy[name] = (params: unknown, options?: CallOptions<unknown>) =>
        call({ service: def.name, scope, method: name, params }, options);
    }
    return proxy as ServiceClient<S>;
  }

  return {
    call,
    subscribe,
    service,
    ready,
    onClose: (listener) => channel.onClose(listener),
    close: () => channel.close('closed by this side'),
  };
}
