/**
 * What the session host (one process per target) offers to the workbench. The renderer never sees this service; it
 * reaches the same host only through the `timeline` contract.
 */
import * as v from 'valibot';
import { count, path, threadId } from '#shared/contracts/common.ts';
import type { GcEvent, MemorySample, Receipt, WorkerThread } from '#shared/model/target.ts';
import { TARGET_KINDS } from '#shared/model/target.ts';
import { defineService, event, method, type Progress } from '#shared/rpc/define-service.ts';
import type { WireError } from '#shared/rpc/errors.ts';
import { MAX_RECORDING_BYTES } from '#main/storage/recording-policy.ts';

export const captureTargetSchema = v.object({
  kind: v.picklist(TARGET_KINDS),
  /** Process on this machine whose resident memory is read; null for a remote endpoint. */
  pid: v.nullable(count),
  webSocketUrl: v.string(),
  /** The program waits for us before its first line: say go once recording has begun. */
  waitsForDebugger: v.boolean(),
  /** We opened the target's inspector (SIGUSR1) and must close it again on detach. */
  closeInspectorOnDetach: v.boolean(),
  /** Record the stack of every allocation before the program goes on; what stands in the way becomes a note. */
  allocationStacks: v.optional(v.boolean()),
});
export type CaptureTarget = v.InferOutput<typeof captureTargetSchema>;

export interface CaptureStarted {
  runtime: string;
  capabilities: { snapshot: boolean; collect: boolean; timeline: boolean };
  /** Whether collections are recorded; if not, `notes` says why. */
  gcEvents: boolean;
  /** What the user should know about this target, one sentence each. */
  notes: string[];
}

export interface SnapshotResult {
  path: string;
  bytes: number;
  nodes: number | null;
  /**
   * Snapshots with the same value number their objects alike; between two others equal ids mean nothing (V8 begins
   * anew when any debugger disconnects). Null for CPython, whose ids are addresses.
   */
  idEpoch: string | null;
  receipt: Receipt;
}

export interface CollectResult {
  collected: number | null;
  uncollectable: number | null;
  pauseMs: number | null;
  heapUsedBeforeBytes: number | null;
  heapUsedAfterBytes: number | null;
  receipt: Receipt;
}

export type CaptureState =
  | { state: 'attached' }
  /** The connection ended without our doing: the target exited, or closed its endpoint. */
  | { state: 'lost'; error: WireError; lastSample: MemorySample | null };

export const captureContract = defineService('capture', {
  methods: {
    /** Connects, begins to sample and to record into `dir`/recording.db, which is thinned beyond `maxRecordingBytes`. */
    start: method<CaptureStarted, Progress>()(
      v.object({ dir: path, target: captureTargetSchema, sampleEveryMs: v.optional(v.pipe(count, v.minValue(20)), 100), maxRecordingBytes: v.optional(v.pipe(count, v.minValue(1_048_576)), MAX_RECORDING_BYTES) }),
    ),
    /** What a snapshot would cost now; null where it cannot be told (CPython: the target does not stop for it). */
    /** Opens the recording of an ended session read-only, for the timeline. */
    replay: method<null>()(v.object({ dir: path })),
    /** Of the main thread, or of a worker thread (`WorkerThread.id`): streams a snapshot to `path` + ".part" and renames it when it is complete. */
    takeSnapshot: method<SnapshotResult, Progress>()(v.object({ path, label: v.string(), threadId: v.optional(threadId) })),
    /** The worker threads of a Node.js target, with their heaps as they are now. Empty for every other target. */
    threads: method<WorkerThread[]>()(v.object({})),
    collectGarbage: method<CollectResult>()(v.object({})),
    /** The host itself marks `attach`, `detach` and `snapshot`; the workbench adds the user's marks and the `exit`. */
    mark: method<null>()(v.object({ label: v.string(), kind: v.picklist(['mark', 'exit', 'attach', 'detach', 'snapshot']) })),
    /** Undoes everything we did in the target and disconnects; the recording stays open for the timeline. */
    detach: method<Receipt>()(v.object({})),
    lastSample: method<MemorySample | null>()(v.object({})),
  },
  events: {
    state: event<CaptureState>()(v.object({})),
    gc: event<GcEvent>()(v.object({})),
    /** Something is wrong that does not end the session: the disk takes no rows. Null: it is over. */
    problem: event<WireError | null>()(v.object({})),
  },
});
