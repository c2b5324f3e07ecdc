/**
 * How long a target will stand still for a snapshot, and how large the file will be. From the heap in use and, as soon as
 * there is one, from the last snapshot of the same target. The heap in use is an upper bound only: a program that makes
 * and drops objects all the time has much garbage in it, which no snapshot sees, so the least of the last minute counts as
 * well, and the answer is a range.
 */
import type { Between, SnapshotEstimate } from '#shared/model/snapshot-estimate.ts';

/**
 * `v8`: the target itself builds and sends it. `copy`: a copy of the process does, the target stands still while the copy
 * is made. Null: a way of which nothing is known beforehand.
 */
export type SnapshotWay = 'v8' | 'copy' | null;

/**
 * Measured on Node 20.20.2 with heaps of 17 MB to 649 MB (0.3 M to 12.5 M nodes): the file has about 1.7 times the heap
 * alive, the target's resident memory rises to about 9 times of it, a node takes 5 to 9 microseconds and has some 53 bytes
 * of heap.
 */
const V8_FILE_PER_BYTE = 1.7;
const V8_RSS_PER_BYTE = 9;
const V8_BYTES_PER_NODE = 53;
const V8_MS_PER_NODE: Between = { low: 0.005, high: 0.009 };

/** Copies of 137 MB to 4.8 GB of resident memory: docs/python-heap.md, "What it costs". */
const COPY_MS: Between = { low: 1, high: 6 };
const COPY_MS_PER_GIB: Between = { low: 13, high: 60 };
const GIB = 1024 ** 3;

/** How far a second snapshot of the same program may be from what the first one took. */
const MEASURED: Between = { low: 0.8, high: 1.25 };

/** As long as a program that allocates little may wait for its next full collection. */
const WINDOW_MS = 60_000;
const MAX_SAMPLES = 1_200;

interface HeapSample {
  at: number;
  heapUsedBytes: number | null;
  rssBytes: number | null;
}

interface Taken {
  nodes: number | null;
  bytes: number;
  pauseMs: number | null;
  /** In use right after it, when there was no garbage; null until the next sample. */
  heapBytes: number | null;
}

export interface SnapshotEstimates {
  addSample(sample: HeapSample): void;
  addSnapshot(taken: { nodes: number | null; bytes: number; pauseMs: number | null }): void;
  /** Null: nothing is known of the heap yet. */
  estimate(way: SnapshotWay): SnapshotEstimate | null;
}

export function createSnapshotEstimates(): SnapshotEstimates {
  const recent: HeapSample[] = [];
  let last: Taken | null = null;
  return {
    addSample(sample) {
      recent.push(sample);
      while (recent.length > MAX_SAMPLES || (recent[0]?.at ?? Infinity) < sample.at - WINDOW_MS) recent.shift();
      if (last && last.heapBytes === null) last.heapBytes = sample.heapUsedBytes;
    },
    addSnapshot({ nodes, bytes, pauseMs }) {
      last = { nodes, bytes, pauseMs, heapBytes: null };
      // What was in use before says nothing of what was alive.
      recent.length = 0;
    },
    estimate(way) {
      const used = recent.flatMap(({ heapUsedBytes }) => (heapUsedBytes === null ? [] : [heapUsedBytes]));
      const now = used.at(-1);
      if (now === undefined) return null;
      const heapBytes = { low: Math.min(...used), high: now };
      const rssBytes = recent.at(-1)?.rssBytes ?? null;
      return last?.heapBytes ? measured(last, last.heapBytes, heapBytes, way) : typical(heapBytes, rssBytes, way);
    },
  };
}

function measured(last: Taken, lastHeapBytes: number, heapBytes: Between, way: SnapshotWay): SnapshotEstimate {
  const scaled = (value: number): Between => ({
    low: value * Math.max(0, heapBytes.low / lastHeapBytes) * MEASURED.low,
    high: value * Math.max(0, heapBytes.high / lastHeapBytes) * MEASURED.high,
  });
  return {
    basis: 'last-snapshot',
    heapBytes,
    pauseMs: last.pauseMs === null ? null : scaled(last.pauseMs),
    fileBytes: scaled(last.bytes),
    nodes: last.nodes === null ? null : scaled(last.nodes),
    targetRssBytes: way === 'v8' ? heapBytes.high * V8_RSS_PER_BYTE : null,
  };
}

function typical(heapBytes: Between, rssBytes: number | null, way: SnapshotWay): SnapshotEstimate {
  const unknown: SnapshotEstimate = { basis: 'typical', heapBytes, pauseMs: null, fileBytes: null, nodes: null, targetRssBytes: null };
  if (way === 'copy') {
    if (rssBytes === null) return unknown;
    const gib = rssBytes / GIB;
    return { ...unknown, pauseMs: { low: COPY_MS.low + gib * COPY_MS_PER_GIB.low, high: COPY_MS.high + gib * COPY_MS_PER_GIB.high } };
  }
  if (way === null) return unknown;
  const nodes = { low: heapBytes.low / V8_BYTES_PER_NODE, high: heapBytes.high / V8_BYTES_PER_NODE };
  return {
    ...unknown,
    nodes,
    pauseMs: { low: nodes.low * V8_MS_PER_NODE.low, high: nodes.high * V8_MS_PER_NODE.high },
    fileBytes: { low: heapBytes.low * V8_FILE_PER_BYTE, high: heapBytes.high * V8_FILE_PER_BYTE },
    targetRssBytes: heapBytes.high * V8_RSS_PER_BYTE,
  };
}

/** Nodes of a heap with so many bytes in use, for progress that has to be counted against something. */
export function likelyV8Nodes(heapUsedBytes: number): number {
  return Math.round(heapUsedBytes / V8_BYTES_PER_NODE);
}
