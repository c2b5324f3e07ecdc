/** One shape for launched, attached and connected targets, so that the rest of the workbench need not tell them apart. */
import type { OutputChunk } from '#shared/model/session.ts';
import type { CgroupMemory, Receipt, TargetKind } from '#shared/model/target.ts';
import type { Dispose } from '#shared/rpc/channel.ts';
import type { CaptureTarget } from '#main/hosts/capture-contract.ts';
import type { AttachedTarget, LaunchedTarget, TargetExit } from '#main/targets/types.ts';

export interface LiveTarget {
  pid: number | null;
  kind: TargetKind;
  runtime: string;
  title: string;
  commandLine: string;
  cwd: string | null;
  capture: CaptureTarget;
  launched: boolean;
  /** What attaching cost; null for a launch and for an address. */
  receipt: Receipt | null;
  /** Null when the end of the target cannot be seen from here (a remote endpoint). */
  onExit: ((listener: (exit: TargetExit) => void) => Dispose) | null;
  onOutput: ((listener: (chunk: OutputChunk) => void) => Dispose) | null;
  lastOutput: () => string;
  /** Only for what we launched. */
  terminate: ((graceMs: number) => Promise<void>) | null;
  /** Memory limits of its control group; null where there is none or it cannot be read. */
  readCgroup: () => Promise<CgroupMemory | null>;
  dispose: () => Promise<void>;
}

export function fromLaunched(target: LaunchedTarget, readCgroup: () => Promise<CgroupMemory | null>): LiveTarget {
  return {
    ...describe(target),
    launched: true,
    receipt: null,
    onExit: (listener) => target.onExit(listener),
    onOutput: (listener) => target.onOutput(listener),
    lastOutput: () => target.lastOutput(),
    terminate: (graceMs) => target.terminate(graceMs),
    readCgroup,
    dispose: () => target.dispose(),
  };
}

export function fromAttached(target: AttachedTarget, readCgroup: () => Promise<CgroupMemory | null>): LiveTarget {
  return {
    ...describe(target),
    launched: false,
    receipt: target.receipt,
    onExit: (listener) => target.onExit(listener),
    onOutput: null,
    lastOutput: () => '',
    terminate: null,
    readCgroup,
    dispose: () => target.dispose(),
  };
}

export function fromEndpoint(endpoint: { capture: CaptureTarget; kind: TargetKind; runtime: string; title: string }, url: string): LiveTarget {
  return {
    pid: endpoint.capture.pid,
    kind: endpoint.kind,
    runtime: endpoint.runtime,
    title: endpoint.title,
    commandLine: url,
    cwd: null,
    capture: endpoint.capture,
    launched: false,
    receipt: null,
    onExit: null,
    onOutput: null,
    lastOutput: () => '',
    terminate: null,
    readCgroup: () => Promise.resolve(null),
    dispose: () => Promise.resolve(),
  };
}

function describe(target: LaunchedTarget | AttachedTarget) {
  const { pid, kind, runtime, title, commandLine, cwd, capture } = target;
  return { pid, kind, runtime, title, commandLine, cwd, capture };
}
