/** A session: one target (or a set of files) with everything that was recorded about it. */
import type { WireError } from '../rpc/errors.ts';
import type { ExitInfo, Receipt, TargetKind } from './target.ts';

export type SessionKind =
  /** A target that we launched or attached to. */
  | 'live'
  /** A session folder opened from disk. */
  | 'recording'
  /** Snapshot files opened from anywhere. */
  | 'files';

export type SessionState = 'starting' | 'attached' | 'detached' | 'exited' | 'failed' | 'closed';

export interface SessionTarget {
  kind: TargetKind;
  pid: number | null;
  title: string;
  commandLine: string;
  cwd: string | null;
  /** `CPython 3.11.7` */
  runtime: string;
  /** Where it speaks the DevTools protocol; never shown with its token. */
  endpoint: string | null;
  launched: boolean;
  startedAt: number | null;
}

export interface SnapshotThread {
  id: string;
  /** `worker 2 (crunch.js)` */
  label: string;
}

export interface SnapshotArtefact {
  id: string;
  kind: 'snapshot';
  /** 1, 2, 3 … in the order taken. */
  number: number;
  name: string;
  path: string;
  state: 'writing' | 'ready' | 'failed';
  bytes: number;
  /** Epoch ms; a file's modification time when it was not taken by us. */
  takenAt: number;
  nodes: number | null;
  /**
   * V8: objects of two snapshots may be matched by id only where this is the same, because V8 numbers all objects anew
   * when a debugger disconnects. Null: not known (a file), or not needed (CPython).
   */
  idEpoch: string | null;
  /** The worker thread whose heap it is; `id` is unique in the session. Absent: the main thread, or a target without threads. */
  thread?: SnapshotThread;
  receipt: Receipt | null;
  error: WireError | null;
}

/** A pair of snapshots that the user keeps, and how they look at it. */
export interface SavedComparison {
  id: string;
  name: string;
  baseId: string;
  comparedId: string;
  /** Query part of the Compare view's address: `tab=growth&filter=…`. */
  view: string;
  createdAt: number;
}

/** An object that retaining paths look past because the user said so. */
export interface IgnoredRetainer {
  ordinal: number;
  /** Heap id. */
  id: number;
  name: string;
}

export interface SessionInfo {
  id: string;
  kind: SessionKind;
  title: string;
  /** Folder on disk; null for a set of files. */
  dir: string | null;
  createdAt: number;
  state: SessionState;
  target: SessionTarget | null;
  /** Why it failed or was closed. */
  error: WireError | null;
  exit: ExitInfo | null;
  snapshots: SnapshotArtefact[];
  receipts: Receipt[];
  comparisons: SavedComparison[];
  /** By snapshot; kept with the session. Absent: none. */
  ignoredRetainers?: { snapshotId: string; objects: IgnoredRetainer[] }[];
  /** What the user wrote about it. */
  notes: string;
  /** What is wrong but does not end the session: the disk takes no more. Null when all is well (again). */
  problem: WireError | null;
  /** The session whose target started this one's; it lies in that session's folder. Absent: none. */
  parentId?: string;
  /** Processes the target starts are attached to as they appear. Absent: no. */
  followsChildren?: boolean;
  capabilities: { snapshot: boolean; collect: boolean; timeline: boolean; output: boolean };
}

export interface RecentSession {
  dir: string;
  title: string;
  createdAt: number;
  snapshots: number;
  /** Of everything in the folder that belongs to the session. */
  bytes: number;
  /** Runtime of its target, `CPython 3.11.7`; null for none. */
  runtime: string | null;
  notes: string;
  /** It is open here. */
  sessionId: string | null;
}

export interface OutputChunk {
  at: number;
  stream: 'stdout' | 'stderr' | 'workbench';
  text: string;
}
