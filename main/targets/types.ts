/** What launching and attaching hand to the workbench. */
import type { CaptureTarget } from '#main/hosts/capture-contract.ts';
import type { OutputChunk } from '#shared/model/session.ts';
import type { Receipt, TargetKind } from '#shared/model/target.ts';
import type { Progress } from '#shared/rpc/define-service.ts';
import type { Dispose } from '#shared/rpc/channel.ts';
import type { PythonRouteId } from './attach/python-route.ts';

export interface TargetDescription {
  /** The process that holds the heap; for a launched wrapper (npm, a shell script) that is a descendant of the command. */
  pid: number;
  kind: TargetKind;
  /** `CPython 3.11.7` */
  runtime: string;
  /** Script or program, for a tab. */
  title: string;
  /** At most 4,096 characters. */
  commandLine: string;
  cwd: string | null;
  capture: CaptureTarget;
}

/** How a process ended. Both null: it vanished and the system does not tell (a process that is not our child). */
export interface TargetExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface LaunchedTarget extends TargetDescription {
  /** Process id of the command itself; equal to `pid` unless the command is a wrapper. */
  commandPid: number;
  /** Output so far (its last 256 KiB) is replayed to the first listener, then chunks as they come. */
  onOutput(listener: (chunk: OutputChunk) => void): Dispose;
  /** Calls at once if it has ended already. */
  onExit(listener: (exit: TargetExit) => void): Dispose;
  /** The last lines of both streams, at most 8,000 characters; for the exit diagnosis. */
  lastOutput(): string;
  /** Asks with SIGTERM, waits `graceMs` (default 5,000), then SIGKILL; the whole process group. Resolves when all are gone. */
  terminate(graceMs?: number): Promise<void>;
  /** SIGKILL to the whole process group and every other descendant. */
  kill(): Promise<void>;
  /** Kills what is left and removes the rendezvous folder. */
  dispose(): Promise<void>;
}

export interface AttachedTarget extends TargetDescription {
  receipt: Receipt;
  /** Calls once when the process has gone; code and signal are not known for a process that is not our child. */
  onExit(listener: (exit: TargetExit) => void): Dispose;
  /**
   * Stops watching and removes what we left: files, an inspector that we opened and nobody has closed. The agent in a
   * Python ends by itself when its folder is gone. An orderly detach is the session host's part and comes before.
   */
  dispose(): Promise<void>;
}

export interface TargetOptions {
  /** A private folder (created with mode 0700 where it does not exist); each launch or attach makes its own folder inside. */
  rendezvousDir: string;
  /** Where compiled modules of the Python agent are kept; without, an attached Python compiles them itself. */
  bytecodeDir?: string | undefined;
  /** Folder of the Python agent. Default: found beside this source, the bundle, or in the packaged app's resources. */
  agentDir?: string | undefined;
  /** Only these ways into a running Python, in their usual order. Default: all. */
  pythonRoutes?: readonly PythonRouteId[] | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
}

export const MAX_COMMAND_LINE_CHARS = 4_096;

export function step(options: { onProgress?: ((progress: Progress) => void) | undefined }, phase: string, done = 0, total = 0): void {
  options.onProgress?.({ phase, done, total, unit: 'steps' });
}
