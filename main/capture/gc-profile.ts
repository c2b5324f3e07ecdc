/**
 * Used heap before and after each collection of a Node.js process. Two observers of V8 count the same collections: one
 * tells when they began, the other (V8's profiler of collections) how full the heap was, in the same order (of each
 * kind) and without a time. The profiler is asked again and again; all collections that began between two such moments belong together.
 * Pure.
 */
import type { GcDetails } from '#shared/model/memory.ts';

interface Batch {
  fromMs: number;
  toMs: number;
  /** kind, milliseconds, before, after; of each collection. */
  figures: number[];
  taken: Set<number>;
}

const FIELDS = 4;
/** Collections whose beginning was not told within so many readings are not told any more. */
const MAX_BATCHES = 4_096;
/** The observer counts a little more than the profiler: what both do at the beginning and the end. */
const SLACK_MS = 2;

export interface GcProfile {
  /** `[from, to, kind, cost, before, after, kind, …]` of the observer; anything else is passed over. */
  add(reading: readonly unknown[]): void;
  /** Nulls where nobody measured this collection. Ask in the order of the collections. */
  take(kind: number, startMs: number, pauseMs: number): Pick<GcDetails, 'heapBeforeBytes' | 'heapAfterBytes'>;
}

export function createGcProfile(): GcProfile {
  const batches: Batch[] = [];
  return {
    add(reading) {
      const numbers = reading.filter((each): each is number => typeof each === 'number' && Number.isFinite(each) && each >= 0);
      if (numbers.length !== reading.length || numbers.length < 2 || (numbers.length - 2) % FIELDS !== 0) return;
      const [fromMs = 0, toMs = 0, ...figures] = numbers;
      batches.push({ fromMs, toMs, figures, taken: new Set() });
      if (batches.length > MAX_BATCHES) batches.shift();
    },
    take(kind, startMs, pauseMs) {
      const unknown = { heapBeforeBytes: null, heapAfterBytes: null };
      while (batches[0] && batches[0].toMs < startMs) batches.shift();
      const [batch] = batches;
      if (!batch || startMs < batch.fromMs) return unknown;
      // By kind, because the two observers do not agree on the order of a collection and the marking that ends in it.
      let at = 0;
      while (at < batch.figures.length && (batch.taken.has(at) || batch.figures[at] !== kind)) at += FIELDS;
      const [, costMs = Infinity, heapBeforeBytes = 0, heapAfterBytes = 0] = batch.figures.slice(at, at + FIELDS);
      // One of the two lists lacks a collection: what is found belongs to another one.
      if (costMs > pauseMs + SLACK_MS || costMs < pauseMs / 2 - SLACK_MS) return unknown;
      batch.taken.add(at);
      return { heapBeforeBytes, heapAfterBytes };
    },
  };
}
