/** What a process is to us, and how we reach it. */
import type { GcDetails } from './memory.ts';

export const TARGET_KINDS = ['python', 'node', 'electron', 'chromium', 'v8'] as const;
/** `v8`: a DevTools endpoint that does not say what it is. */
export type TargetKind = (typeof TARGET_KINDS)[number];

/** A process of this machine that we know how to look into. */
export interface ProcessInfo {
  pid: number;
  ppid: number;
  kind: TargetKind;
  /** `CPython 3.11.7`, `Node.js v20.20.2`, `Chromium`; as much as can be told without touching the process. */
  runtime: string;
  /** Short name: the script or the program. */
  title: string;
  /** Arguments joined by spaces, at most 4,096 characters. */
  commandLine: string;
  executable: string | null;
  user: string;
  rssBytes: number | null;
  /** Epoch ms. */
  startedAt: number | null;
  /** Debugging endpoint that is open already. */
  openPort: number | null;
  /** The session that is attached to it. */
  sessionId: string | null;
  /** Whether attach is expected to work, and if not, why and what to do. */
  preflight: Preflight;
}

/** A worker thread of a Node.js: a heap of its own in the process of its program. */
export interface WorkerThread {
  /** Names it as long as its process is attached; not used again for another. */
  id: string;
  /** What the program sees as `threadId`; null when it was not told. */
  threadId: number | null;
  /** Given by the program; empty: none. */
  name: string;
  /** Of its script; empty for one that was started with `eval`. */
  url: string;
  /** Null while it does not answer. */
  heapUsedBytes: number | null;
  heapTotalBytes: number | null;
}

export type AttachRoute = 'inspector-port' | 'sigusr1' | 'debugging-port' | 'injector' | 'gdb' | 'remote-exec' | 'agent';

export interface PreflightProblem {
  /** Stable id for tests and docs: `other-user`, `ptrace-scope`, `no-gdb`, `no-inspector`, `architecture`, … */
  id: string;
  message: string;
  advice: string;
  /** `stops`: attach cannot work. `warns`: it can, but the user should know. */
  severity: 'stops' | 'warns';
}

export interface Preflight {
  route: AttachRoute | null;
  /** One sentence of how we would attach and what it does to the target. */
  how: string;
  problems: PreflightProblem[];
}

/** A Python or Node.js that can start a program. */
export interface Interpreter {
  kind: 'python' | 'node';
  path: string;
  /** `3.11.7` */
  version: string;
  /** Where it comes from: `PATH`, `pyenv`, `virtual environment`, `conda`, `nvm`, `fnm`, `volta`, `system`, `bundled`. */
  origin: string;
  /** Which of them: `virtual environment .venv in app`. Absent: the origin says it all. */
  detail?: string;
  supported: boolean;
  /** Why not, if not supported. */
  reason: string | null;
}

/** One reading of a target's memory. Bytes; null where the target or the system does not tell. */
export interface MemorySample {
  /** Epoch ms. */
  at: number;
  rssBytes: number | null;
  heapUsedBytes: number | null;
  heapTotalBytes: number | null;
  /** V8: external memory and array buffers. CPython: memory handed out by malloc outside pymalloc's arenas. */
  externalBytes: number | null;
}

/** One garbage collection. */
export interface GcEvent {
  /** Start, epoch ms. */
  at: number;
  pauseMs: number;
  /** CPython: `generation 0` … `generation 2`. V8: `scavenge`, `mark-sweep-compact`, `incremental marking`, `weak callbacks`. */
  kind: string;
  /** CPython: 0, 1, 2. V8: 0 for scavenges and minor collections, 2 for major ones. */
  generation: number;
  /** CPython: unreachable objects freed. */
  collected: number | null;
  /** CPython: unreachable objects that could not be freed. */
  uncollectable: number | null;
  details?: GcDetails;
}

/** How a target ended, with what it usually means. */
export interface ExitInfo {
  /** Epoch ms. */
  at: number;
  code: number | null;
  signal: string | null;
  /** `Killed (SIGKILL, exit code 137)` */
  headline: string;
  /** What that usually is, two or three sentences. */
  explanation: string;
  likelyOutOfMemory: boolean;
  lastSample: MemorySample | null;
  cgroup: CgroupMemory | null;
}

export interface CgroupMemory {
  path: string;
  limitBytes: number | null;
  currentBytes: number | null;
  peakBytes: number | null;
  /** `oom` and `oom_kill` of memory.events; null where the kernel does not tell. */
  oomCount: number | null;
  oomKillCount: number | null;
}

/** What one action cost the target. */
export interface Receipt {
  action: 'attach' | 'snapshot' | 'collect' | 'detach';
  at: number;
  /** How long the target stood still; null if it cannot be told. */
  pauseMs: number | null;
  elapsedMs: number;
  bytes: number | null;
  /** Further facts, `mode: fork (no BLAS threads)`; at most a few. */
  notes: string[];
}
