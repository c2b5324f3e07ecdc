/**
 * A worker process of the workbench as the workbench sees it. Electron starts them as utility processes, Node as child
 * processes; nothing above this interface knows which.
 */
import type { Channel, Dispose } from '#shared/rpc/channel.ts';

/** `session`: one per target, does the capture. `analysis`: one per session, answers questions about snapshots. */
export type HostKind = 'session' | 'analysis';

export interface HostExit {
  code: number | null;
  signal: string | null;
  /** The last lines the host wrote to stderr, for the error's detail; at most 4,000 characters. */
  stderrTail: string;
}

export interface HostProcess {
  kind: HostKind;
  label: string;
  channel: Channel;
  pid: number | undefined;
  /** Called once, also when it has ended already. */
  onExit(listener: (exit: HostExit) => void): Dispose;
  /** Closes the channel, which asks the host to undo what it did and leave; killed after `graceMs` (default 3,000). */
  stop(graceMs?: number): Promise<void>;
  kill(): void;
}

export type StartHost = (kind: HostKind, label: string) => HostProcess;

/** Megabytes of JavaScript heap for a host. The heap engine keeps its columns outside of it, in array buffers. */
export const HOST_HEAP_MB: Record<HostKind, number> = { session: 512, analysis: 4_096 };
