/** What the session needs of a target, whatever runs in it. One implementation per runtime. */
import type { SnapshotResult } from '#main/hosts/capture-contract.ts';
import type { GcEvent } from '#shared/model/target.ts';
import type { AllocatorTotals } from './memory/allocator-totals.ts';
import type { HeapFigures } from './memory-sampler.ts';
import type { ProcessDump } from './memory/browser-dump.ts';
import type { SnapshotWay } from './snapshot-estimate.ts';
import type { SnapshotOptions } from './snapshot-stream.ts';
import type { WorkerThreads } from './worker-threads.ts';

export interface CollectFigures {
  collected: number | null;
  uncollectable: number | null;
  pauseMs: number | null;
  /** CPython: objects the collector follows. */
  trackedBefore?: number | null;
  trackedAfter?: number | null;
  before: HeapFigures | null;
  after: HeapFigures | null;
}

export interface TargetAdapter {
  /** `Node.js v20.20.2` */
  readonly runtime: string;
  readonly canSnapshot: boolean;
  readonly snapshotWay: SnapshotWay;
  readonly gcEvents: boolean;
  readonly notes: string[];
  /** The process that holds the heap where it is another than the one we were told of (a page's renderer). */
  processPid?(): number | null;
  /** The runtime's own figures; null when it cannot tell now. */
  readHeap(): Promise<HeapFigures | null>;
  /** A page: figures of its process's allocators, asked of the browser (about 0.2 s of its time). Errors: why there are none. */
  readProcessDump?(): Promise<ProcessDump | null>;
  /** Totals by allocator and use, for the recording. Null for a target that never tells. */
  readonly readAllocators: (() => Promise<AllocatorTotals | null>) | null;
  /** Whether ids of objects in a snapshot with this epoch still mean the same objects (V8). */
  sameIds(idEpoch: string | null): Promise<boolean>;
  takeSnapshot(path: string, options: SnapshotOptions): Promise<SnapshotResult>;
  /** `generation`: CPython only, default everything. */
  collectGarbage(generation?: number): Promise<CollectFigures>;
  /** Worker threads with heaps of their own. Absent: the runtime has none. */
  readonly workers?: WorkerThreads | null;
  /** Lets a program go that waits for its debugger. */
  run(): Promise<void>;
  /** Undoes what we did in the target. Returns what could not be undone, one sentence each. */
  release(): Promise<string[]>;
}

export interface TargetListener {
  gc(event: GcEvent): void;
  /** The program has finished and only waits for us to go: close the connection now, it cannot end before. */
  ending(): void;
}
