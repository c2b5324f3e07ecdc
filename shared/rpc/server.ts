/**
 * The answering side. Services are provided here or forwarded to another process; parameters are validated before a
 * handler sees them; a handler gets an AbortSignal that fires on cancel and when the caller goes away.
 */
import * as v from 'valibot';
import type { Channel, Dispose } from './channel.ts';
import type { RpcClient } from './client.ts';
import type { ServiceDef, ServiceHandlers } from './define-service.ts';
import { HeaphouseError, toWireError } from './errors.ts';
import { clientFrameSchema, frameId, RPC_PROTOCOL, type ClientFrame, type ServerFrame } from './frames.ts';

/** A caller that opens more calls than this at once is refused further ones: a page has no reason to. */
const MAX_OPEN_CALLS = 1_000;
const MAX_SUBSCRIPTIONS = 500;

interface Provided {
  def: ServiceDef;
  handlers: {
    methods: Record<string, (params: unknown, context: { signal: AbortSignal; progress: (value: unknown) => void }) => unknown>;
    events: Record<string, (params: unknown, emit: (value: unknown) => void) => Dispose>;
  };
}

type Forward = (scope: string | undefined) => Promise<RpcClient> | RpcClient;

export interface RpcServer {
  provide<S extends ServiceDef>(def: S, handlers: ServiceHandlers<S>, scope?: string): Dispose;
  /** Calls of this service go to the client that `resolve` returns for the scope. */
  forward(service: string, resolve: Forward): Dispose;
  /** Answers on a channel until it closes. */
  serve(channel: Channel): Dispose;
}

export function createRpcServer(): RpcServer {
  const provided = new Map<string, Provided>();
  const forwards = new Map<string, Forward>();
  const keyOf = (service: string, scope: string | undefined) => (scope === undefined ? service : `${service}\u0000${scope}`);

  function find(service: string, scope: string | undefined): Provided {
    const found = provided.get(keyOf(service, scope)) ?? provided.get(service);
    if (!found) throw new HeaphouseError('not-found', `There is no service "${service}"${scope ? ` for "${scope}"` : ''}.`);
    return found;
  }

  function validate(schema: v.GenericSchema, params: unknown, where: string): unknown {
    const parsed = v.safeParse(schema, params);
    if (parsed.success) return parsed.output;
    const issue = parsed.issues[0];
    const path = v.getDotPath(issue);
    throw new HeaphouseError('invalid-argument', `${where}: ${path ? `${path}: ` : ''}${issue.message}`);
  }

  async function runCall(
    frame: Extract<ClientFrame, { t: 'call' }>,
    signal: AbortSignal,
    progress: (value: unknown) => void,
  ): Promise<unknown> {
    const forward = forwards.get(frame.service);
    if (forward) {
      const client = await forward(frame.scope);
      return client.call(frame, { signal, onProgress: progress });
    }
    const { def, handlers } = find(frame.service, frame.scope);
    const method = Object.hasOwn(def.methods, frame.method) ? def.methods[frame.method] : undefined;
    if (!method) throw new HeaphouseError('not-found', `"${frame.service}" has no method "${frame.method}".`);
    const params = validate(method.params, frame.params, `${frame.service}.${frame.method}`);
    return handlers.methods[frame.method](params, { signal, progress });
  }

  async function runSubscription(
    frame: Extract<ClientFrame, { t: 'subscribe' }>,
    emit: (value: unknown) => void,
    fail: (error: unknown) => void,
  ): Promise<Dispose> {
    const forward = forwards.get(frame.service);
    if (forward) return (await forward(frame.scope)).subscribe(frame, emit, fail);
    const { def, handlers } = find(frame.service, frame.scope);
    const event = Object.hasOwn(def.events, frame.event) ? def.events[frame.event] : undefined;
    if (!event) throw new HeaphouseError('not-found', `"${frame.service}" has no event "${frame.event}".`);
    return handlers.events[frame.event](validate(event.params, frame.params, `${frame.service}.${frame.event}`), emit);
  }

  function serve(channel: Channel): Dispose {
    const calls = new Map<number, AbortController>();
    const subscriptions = new Map<number, Dispose | null>();
    const send = (frame: ServerFrame) => channel.post(frame);

    function handleCall(frame: Extract<ClientFrame, { t: 'call' }>): void {
      if (calls.has(frame.id)) return;
      if (calls.size >= MAX_OPEN_CALLS) {
        send({ t: 'error', id: frame.id, error: { code: 'busy', message: 'Too many calls are open on this connection.' } });
        return;
      }
      const controller = new AbortController();
      calls.set(frame.id, controller);
      runCall(frame, controller.signal, (value) => {
        if (calls.has(frame.id)) send({ t: 'progress', id: frame.id, value });
      }).then(
        (value) => {
          calls.delete(frame.id);
          send({ t: 'result', id: frame.id, value });
        },
        (error: unknown) => {
          calls.delete(frame.id);
          send({ t: 'error', id: frame.id, error: toWireError(error) });
        },
      );
    }

    function handleSubscribe(frame: Extract<ClientFrame, { t: 'subscribe' }>): void {
      if (subscriptions.has(frame.id)) return;
      const fail = (error: unknown) => {
        subscriptions.delete(frame.id);
        send({ t: 'error', id: frame.id, error: toWireError(error) });
      };
      if (subscriptions.size >= MAX_SUBSCRIPTIONS) {
        fail(new HeaphouseError('busy', 'Too many subscriptions are open on this connection.'));
        return;
      }
      subscriptions.set(frame.id, null);
      const emit = (value: unknown) => {
        if (subscriptions.has(frame.id)) send({ t: 'event', id: frame.id, value });
      };
      runSubscription(frame, emit, fail).then((dispose) => {
        if (subscriptions.has(frame.id)) subscriptions.set(frame.id, dispose);
        else dispose();
      }, fail);
    }

    const stopListening = channel.onMessage((message) => {
      const parsed = v.safeParse(clientFrameSchema, message);
      if (!parsed.success) {
        const id = v.safeParse(frameId, (message as { id?: unknown } | null)?.id);
        // Without an id that a call can have, nobody waits for the answer.
        if (id.success) {
          send({ t: 'error', id: id.output, error: { code: 'invalid-argument', message: 'A message that is not part of the protocol.' } });
        }
        return;
      }
      const frame = parsed.output;
      if (frame.t === 'call') handleCall(frame);
      else if (frame.t === 'cancel') calls.get(frame.id)?.abort();
      else if (frame.t === 'subscribe') handleSubscribe(frame);
      else {
        const dispose = subscriptions.get(frame.id);
        subscriptions.delete(frame.id);
        dispose?.();
      }
    });

    function release(): void {
      stopListening();
      for (const controller of calls.values()) controller.abort();
      calls.clear();
      for (const dispose of subscriptions.values()) dispose?.();
      subscriptions.clear();
    }

    channel.onClose(release);
    send({ t: 'hello', protocol: RPC_PROTOCOL });
    return release;
  }

  return {
    provide(def, handlers, scope) {
      const key = keyOf(def.name, scope);
      provided.set(key, { def, handlers: handlers as unknown as Provided['handlers'] });
      return () => provided.delete(key);
    },
    forward(service, resolve) {
      forwards.set(service, resolve);
      return () => forwards.delete(service);
    },
    serve,
  };
}
