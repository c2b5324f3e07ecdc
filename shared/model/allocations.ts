/**
 * Sampled profiles: who allocated what is alive, and where the CPU went. One shape for both, for Python and V8: a tree of
 * calls as columns, parents before their children. Node 0 is the root.
 */

export const PROFILE_KINDS = ['allocations', 'cpu'] as const;
export type ProfileKind = (typeof PROFILE_KINDS)[number];

/** Bytes between two samples, on average. */
export const SAMPLING_INTERVALS = [8_192, 32_768, 131_072, 524_288] as const;
export const DEFAULT_SAMPLING_INTERVAL = 131_072;

export interface ProfileTree {
  /** Functions and places; `line` counts from 1, 0: not known. */
  frames: { name: string; url: string; line: number }[];
  parent: number[];
  frame: number[];
  /** Bytes (estimated from samples) or microseconds. */
  self: number[];
  /** With everything below. */
  total: number[];
  /** Samples of the node itself. */
  samples: number[];
}

export interface ProfileView {
  kind: ProfileKind;
  tree: ProfileTree;
  /** Epoch ms. */
  startedAt: number;
  endedAt: number;
  /** Bytes, or microseconds for the CPU. */
  interval: number;
  samples: number;
  /** Bytes that were allocated in all since the start, freed or not; null where the target does not tell. */
  allocatedBytes: number | null;
  /** Only what was allocated after the last mark. */
  sinceMark: boolean;
  markedAt: number | null;
  /** Calls too small to be sent were put to their callers. */
  cutNodes: number;
  notes: string[];
}

/** A profile in the session's folder; DevTools opens it as well. */
export interface ProfileFile {
  /** `allocations-1.heapprofile`, `cpu-1.cpuprofile` */
  name: string;
  path: string;
  kind: ProfileKind;
  takenAt: number;
  bytes: number;
}

export interface SamplingState {
  running: { kind: ProfileKind; startedAt: number; interval: number; markedAt: number | null } | null;
  files: ProfileFile[];
}
