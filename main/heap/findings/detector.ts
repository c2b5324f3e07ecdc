import type { Confidence } from '#shared/model/heap-explore.ts';

import type { HeapAnalysis } from '../analysis.ts';
import type { Comparison } from '../compare.ts';
import type { Heap } from '../heap.ts';
import type { RunOptions } from '../run.ts';

/**
 * A detector looks at one heap (and, where given, at its comparison with an earlier one) and says what it saw, with the
 * objects in question. One per file, `NAME.detector.ts`; registered in `all.ts`. Rules for all of them:
 *
 * - precision before recall: a program that is well must get no finding;
 * - linear in nodes and edges, in slices, stopped by the signal;
 * - texts are whole sentences with the figures in them.
 */
export interface Detector {
  readonly id: string;
  readonly title: string;
  /** Needs an earlier snapshot to say anything. */
  readonly needsBase?: boolean;
  /** The only producer whose heaps it understands. */
  readonly only?: 'v8' | 'cpython';
  detect(context: DetectorContext): Promise<RawFinding[]>;
}

export interface DetectorContext {
  readonly heap: Heap;
  readonly analysis: HeapAnalysis;
  /** The heap compared with an earlier one of its process, null without. */
  readonly comparison: Comparison | null;
  /** Bytes of all objects. */
  readonly wholeBytes: number;
  readonly run: RunOptions;
  /** Objects an earlier detector has named as the place of a problem: others keep silent about them. */
  readonly claimed: ReadonlySet<number>;
}

export interface RawFinding {
  /** Tells findings of one detector apart; stable for the snapshot. */
  readonly key: string;
  readonly title: string;
  readonly saw: string;
  readonly why: string;
  readonly advice: string;
  readonly confidence: Confidence;
  readonly bytes: number;
  /** The object it is about (its path is shown); −1 when it is about many. */
  readonly about: number;
  readonly links: readonly { readonly label: string; readonly ordinal: number }[];
  /** The objects in question, for the list behind the finding. */
  readonly ordinals: Uint32Array;
}

/** Below both of these a finding is not worth anybody's time. */
export const LEAST_BYTES = 256 * 1024;
export const LEAST_SHARE = 0.01;

export function isWorthwhile(bytes: number, { wholeBytes }: Pick<DetectorContext, 'wholeBytes'>, share = LEAST_SHARE, least = LEAST_BYTES): boolean {
  return bytes >= least && bytes >= wholeBytes * share;
}
