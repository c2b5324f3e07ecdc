/** What a launched and an attached target have in common, as the workbench holds them. */
import type { Dispose } from '#shared/rpc/channel.ts';
import type { CaptureTarget } from '#main/hosts/capture-contract.ts';
import type { CgroupMemory, Receipt, TargetKind } from '#shared/model/target.ts';

export interface TargetExit {
  code: number | null;
  signal: string | null;
}

export interface LiveTarget {
  pid: number | null;
  kind: TargetKind;
  runtime: string;
  title: string;
  commandLine: string;
  cwd: string | null;
  capture: CaptureTarget;
  /** What attaching cost; null for a launch. */
  receipt: Receipt | null;
  /** Null when the end of the target cannot be seen from here (a remote endpoint). */
  onExit: ((listener: (exit: TargetExit) => void) => Dispose) | null;
  onOutput: ((listener: (chunk: { stream: 'stdout' | 'stderr'; text: string }) => void) => Dispose) | null;
  /** Memory limits of its control group, now or as last seen; null where there is none. */
  cgroup: () => Promise<CgroupMemory | null>;
  /** The last output, for the exit's diagnosis. */
  terminate: ((graceMs: number) => Promise<void>) | null;
  dispose: () => Promise<void> | void;
}
