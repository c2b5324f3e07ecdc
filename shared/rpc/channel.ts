/**
 * A two-way pipe of structured-cloneable messages. Every transport (Electron port, WebSocket, child process, in-process
 * pair) is one of these; the RPC above knows nothing else.
 */
export type Dispose = () => void;

export interface Channel {
  post(message: unknown): void;
  onMessage(listener: (message: unknown) => void): Dispose;
  /** Called once, also when the channel is closed already. `reason` is for people. */
  onClose(listener: (reason: string) => void): Dispose;
  close(reason?: string): void;
}

/** Nobody has a reason to send more than a hello and a few events before the other side listens. */
const MAX_EARLY_MESSAGES = 1_000;

/** The part every channel shares: listeners and the closed state. A transport calls `receive` and `closed`. */
export function createChannelCore(send: (message: unknown) => void, end: (reason: string) => void) {
  const messageListeners = new Set<(message: unknown) => void>();
  const closeListeners = new Set<(reason: string) => void>();
  let closedReason: string | null = null;
  /** What came before anybody listened (the hello of a server that is quicker than its client); null once one does. */
  let early: unknown[] | null = [];

  function closed(reason: string): void {
    if (closedReason !== null) return;
    closedReason = reason;
    for (const listener of [...closeListeners]) listener(reason);
    closeListeners.clear();
    messageListeners.clear();
  }

  const channel: Channel = {
    post(message) {
      if (closedReason === null) send(message);
    },
    onMessage(listener) {
      messageListeners.add(listener);
      const waiting = early;
      early = null;
      for (const message of waiting ?? []) listener(message);
      return () => messageListeners.delete(listener);
    },
    onClose(listener) {
      if (closedReason !== null) {
        listener(closedReason);
        return () => undefined;
      }
      closeListeners.add(listener);
      return () => closeListeners.delete(listener);
    },
    close(reason = 'closed') {
      if (closedReason !== null) return;
      end(reason);
      closed(reason);
    },
  };

  return {
    channel,
    receive(message: unknown): void {
      if (early) {
        if (early.length < MAX_EARLY_MESSAGES) early.push(message);
        return;
      }
      for (const listener of [...messageListeners]) listener(message);
    },
    closed,
  };
}

/** Two channels joined in one process. Messages are copied, as on a real transport, and arrive in a later microtask. */
export function createChannelPair(): [Channel, Channel] {
  const left: ReturnType<typeof createChannelCore> = createChannelCore(
    (message) => deliver(right, message),
    (reason) => queueMicrotask(() => right.closed(reason)),
  );
  const right: ReturnType<typeof createChannelCore> = createChannelCore(
    (message) => deliver(left, message),
    (reason) => queueMicrotask(() => left.closed(reason)),
  );
  return [left.channel, right.channel];
}

function deliver(to: ReturnType<typeof createChannelCore>, message: unknown): void {
  const copy = structuredClone(message);
  queueMicrotask(() => to.receive(copy));
}
