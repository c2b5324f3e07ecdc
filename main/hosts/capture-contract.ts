/**
 * What the session host (one process per target) offers to the workbench. The renderer never sees this service; it
 * reaches the same host only through the `timeline` contract.
 */
import * as v from 'valibot';
import { count, path } from '#shared/contracts/common.ts';
import type { GcEvent, MemorySample, Receipt } from '#shared/model/target.ts';
import { TARGET_KINDS } from '#shared/model/target.ts';
import { defineService, event, method, type Progress } from '#shared/rpc/define-service.ts';
import type { WireError } from '#shared/rpc/errors.ts';

export const captureTargetSchema = v.object({
  kind: v.picklist(TARGET_KINDS),
  /** Process on this machine whose resident memory is read; null for a remote endpoint. */
  pid: v.nullable(count),
  webSocketUrl: v.string(),
  /** The program waits for us before its first line: say go once recording has begun. */
  waitsForDebugger: v.boolean(),
  /** We opened the target's inspector (SIGUSR1) and must close it again on detach. */
  closeInspectorOnDetach: v.boolean(),
});
export type CaptureTarget = v.InferOutput<typeof captureTargetSchema>;

export interface CaptureStarted {
  runtime: string;
  capabilities: { snapshot: boolean; collect: boolean; timeline: boolean };
}

export interface SnapshotResult {
  path: string;
  bytes: number;
  nodes: number | null;
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
    /** Connects, begins to sample and to record into `dir`/recording.db. */
    start: method<CaptureStarted, Progress>()(
      v.object({ dir: path, target: captureTargetSchema, sampleEveryMs: v.optional(v.pipe(count, v.minValue(20)), 100) }),
    ),
    /** Opens the recording of an ended session read-only, for the timeline. */
    replay: method<null>()(v.object({ dir: path })),
    /** Streams a snapshot to `path` + ".part" and renames it when it is complete. */
    takeSnapshot: method<SnapshotResult, Progress>()(v.object({ path, label: v.string() })),
    collectGarbage: method<CollectResult>()(v.object({})),
    mark: method<null>()(v.object({ label: v.string(), kind: v.picklist(['mark', 'exit', 'attach', 'detach', 'snapshot']) })),
    /** Undoes everything we did in the target and disconnects; the recording stays open for the timeline. */
    detach: method<Receipt>()(v.object({})),
    lastSample: method<MemorySample | null>()(v.object({})),
  },
  events: {
    state: event<CaptureState>()(v.object({})),
    gc: event<GcEvent>()(v.object({})),
  },
});
