/**
 * The page's connection to the workbench: typed service clients that survive a lost connection.
 *
 * - Calls made before the first connection wait for it; calls made while the connection is lost fail at once with `io`,
 *   so that a view shows its error state instead of a spinner without end.
 * - Subscriptions are renewed after every reconnection.
 */
import { inject, readonly, shallowRef, type InjectionKey, type Ref } from 'vue';
import { allocationsContract } from '#shared/contracts/allocations.ts';
import { exploreContract } from '#shared/contracts/explore.ts';
import { familyContract } from '#shared/contracts/family.ts';
import { heapContract } from '#shared/contracts/heap.ts';
import { launchesContract } from '#shared/contracts/launches.ts';
import { memoryContract } from '#shared/contracts/memory.ts';
import { liveContract } from '#shared/contracts/live.ts';
import { referencesContract } from '#shared/contracts/references.ts';
import { sessionsContract } from '#shared/contracts/sessions.ts';
import { settingsContract } from '#shared/contracts/settings.ts';
import { shellContract } from '#shared/contracts/shell.ts';
import { targetsContract } from '#shared/contracts/targets.ts';
import { timelineContract } from '#shared/contracts/timeline.ts';
import { createRpcClient, type RpcClient } from '#shared/rpc/client.ts';
import type { Dispose } from '#shared/rpc/channel.ts';
import type { ServiceClient, ServiceDef } from '#shared/rpc/define-service.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import type { OpenChannel } from './connect.ts';

export type ConnectionStatus =
  | { state: 'connecting' }
  | { state: 'open' }
  /** `retryAt` is epoch ms of the next attempt; 0 while one is running. */
  | { state: 'lost'; reason: string; attempt: number; retryAt: number }
  | { state: 'closed' };

export type TargetsClient = ServiceClient<typeof targetsContract>;
export type SessionsClient = ServiceClient<typeof sessionsContract>;
export type SettingsClient = ServiceClient<typeof settingsContract>;
export type LaunchesClient = ServiceClient<typeof launchesContract>;
export type ShellClient = ServiceClient<typeof shellContract>;
export type TimelineClient = ServiceClient<typeof timelineContract>;
export type HeapClient = ServiceClient<typeof heapContract>;
export type MemoryClient = ServiceClient<typeof memoryContract>;
export type AllocationsClient = ServiceClient<typeof allocationsContract>;
export type LiveClient = ServiceClient<typeof liveContract>;
export type ReferencesClient = ServiceClient<typeof referencesContract>;
export type FamilyClient = ServiceClient<typeof familyContract>;
export type ExploreClient = ServiceClient<typeof exploreContract>;

export interface Workbench {
  readonly status: Readonly<Ref<ConnectionStatus>>;
  /** Counts connections; views reload what they show when it grows. */
  readonly epoch: Readonly<Ref<number>>;
  readonly targets: TargetsClient;
  readonly sessions: SessionsClient;
  readonly family: FamilyClient;
  readonly shell: ShellClient;
  readonly settings: SettingsClient;
  readonly launches: LaunchesClient;
  timeline(sessionId: string): TimelineClient;
  heap(sessionId: string): HeapClient;
  explore(sessionId: string): ExploreClient;
  memory(sessionId: string): MemoryClient;
  references(sessionId: string): ReferencesClient;
  live(sessionId: string): LiveClient;
  allocations(sessionId: string): AllocationsClient;
  reconnectNow(): void;
  close(): void;
}

export const workbenchKey: InjectionKey<Workbench> = Symbol('workbench');

/** The workbench of this app; works in components and in Pinia setup stores. */
export function useWorkbench(): Workbench {
  const workbench = inject(workbenchKey);
  if (!workbench) throw new Error('No workbench is provided to this app.');
  return workbench;
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;
const HELLO_TIMEOUT_MS = 10_000;

interface LiveSubscription {
  start(client: RpcClient): void;
}

export function createWorkbench(open: OpenChannel): Workbench {
  const status = shallowRef<ConnectionStatus>({ state: 'connecting' });
  const epoch = shallowRef(0);
  const subscriptions = new Set<LiveSubscription>();
  let client: RpcClient | null = null;
  const waiting: { resolve: (client: RpcClient) => void; reject: (error: unknown) => void }[] = [];
  let attempt = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let closed = false;

  function lost(reason: string): void {
    client = null;
    if (closed) return;
    const delayMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt);
    attempt++;
    status.value = { state: 'lost', reason, attempt, retryAt: Date.now() + delayMs };
    const error = notConnected();
    for (const waiter of waiting.splice(0)) waiter.reject(error);
    clearTimeout(timer);
    timer = setTimeout(() => void connect(), delayMs);
  }

  async function connect(): Promise<void> {
    clearTimeout(timer);
    if (status.value.state === 'lost') status.value = { ...status.value, retryAt: 0 };
    try {
      const channel = await open();
      const next = createRpcClient(channel, { closedMessage: 'The connection to the workbench was lost' });
      await withTimeout(next.ready, HELLO_TIMEOUT_MS);
      client = next;
      attempt = 0;
      status.value = { state: 'open' };
      epoch.value++;
      for (const waiter of waiting.splice(0)) waiter.resolve(next);
      for (const subscription of subscriptions) subscription.start(next);
      next.onClose((reason) => lost(reason));
    } catch (error) {
      lost(error instanceof Error ? error.message : String(error));
    }
  }

  function whenOpen(): Promise<RpcClient> {
    if (client) return Promise.resolve(client);
    if (status.value.state === 'connecting') {
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    }
    return Promise.reject(notConnected());
  }

  function subscribe(
    def: ServiceDef,
    scope: string | undefined,
    event: string,
    params: unknown,
    listener: (value: unknown) => void,
    onError?: (error: unknown) => void,
  ): Dispose {
    let stop: Dispose | null = null;
    const subscription: LiveSubscription = {
      start(next) {
        stop = next.subscribe({ service: def.name, scope, event, params }, listener, onError);
      },
    };
    subscriptions.add(subscription);
    if (client) subscription.start(client);
    return () => {
      subscriptions.delete(subscription);
      stop?.();
    };
  }

  function service<S extends ServiceDef>(def: S, scope?: string): ServiceClient<S> {
    const proxy: Record<string, unknown> = {
      on: (event: string, params: unknown, listener: (value: unknown) => void, onError?: (error: unknown) => void) =>
        subscribe(def, scope, event, params, listener, onError),
    };
    for (const name of Object.keys(def.methods)) {
      proxy[name] = async (params: unknown, options?: { signal?: AbortSignal; onProgress?: (value: unknown) => void }) =>
        (await whenOpen()).call({ service: def.name, scope, method: name, params }, options);
    }
    return proxy as ServiceClient<S>;
  }

  const scoped = <S extends ServiceDef>(def: S) => {
    const clients = new Map<string, ServiceClient<S>>();
    return (scope: string): ServiceClient<S> => {
      let found = clients.get(scope);
      if (!found) clients.set(scope, (found = service(def, scope)));
      return found;
    };
  };

  void connect();

  return {
    status: readonly(status) as Readonly<Ref<ConnectionStatus>>,
    epoch: readonly(epoch),
    targets: service(targetsContract),
    sessions: service(sessionsContract),
    family: service(familyContract),
    shell: service(shellContract),
    settings: service(settingsContract),
    launches: service(launchesContract),
    timeline: scoped(timelineContract),
    heap: scoped(heapContract),
    explore: scoped(exploreContract),
    memory: scoped(memoryContract),
    references: scoped(referencesContract),
    live: scoped(liveContract),
    allocations: scoped(allocationsContract),
    reconnectNow() {
      if (status.value.state === 'lost' && status.value.retryAt !== 0) void connect();
    },
    close() {
      closed = true;
      clearTimeout(timer);
      status.value = { state: 'closed' };
      client?.close();
    },
  };
}

function notConnected(): HeaphouseError {
  return new HeaphouseError('io', 'The page is not connected to the workbench.', {
    advice: 'It reconnects by itself; if the workbench was restarted, open the address it printed.',
  });
}

function withTimeout<T>(promise: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the workbench did not answer in time')), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
