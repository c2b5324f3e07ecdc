/**
 * What one session has recorded, on disk and in memory: samples, collections, marks and readings as they come. It lasts
 * longer than the target, and longer than the disk has room.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { GcEvent, MemorySample } from '#shared/model/target.ts';
import type { Dispose } from '#shared/rpc/channel.ts';
import { HeaphouseError, toWireError, type WireError } from '#shared/rpc/errors.ts';
import { annotateOwnCollection } from '../storage/collection-query.ts';
import { copyInMemory, openFinishedRecording, openRecording, readRecording, type Recording, type StoredReading } from '../storage/recording.ts';
import { createEmitter } from './emitter.ts';
import { startRecordingMaintenance } from './recording-maintenance.ts';
import type { CollectFigures } from './target-adapter.ts';
import { createTimelineStore, type TimelineMark } from './timeline-store.ts';

/** The target's clock is known to about this much. */
const CLOCK_SLACK_MS = 20;

export type SessionRecord = ReturnType<typeof createSessionRecord>;

export function createSessionRecord() {
  const store = createTimelineStore();
  const problems = createEmitter<WireError | null>();
  const appended = createEmitter<void>();
  let recording: Recording | null = null;
  let stopMaintenance: Dispose = () => undefined;
  let lastSample: MemorySample | null = null;
  let segmentReadings = 0;
  let lastCollectionAt: number | null = null;
  /** Folder of an ended session that is looked at again. */
  let replayed: string | null = null;

  return {
    onProblem: problems.on,
    /** Something was recorded. */
    onAppended: appended.on,
    get lastSample() {
      return lastSample;
    },
    window: store.window,
    counts: () => ({ lastAt: store.lastAt, samples: store.samples, collections: store.collections, lastCollectionAt, segmentReadings }),

    /** Errors: those of a recording that is not ours. A disk that takes nothing is a problem, not an error. */
    open(dir: string, maxBytes: number): void {
      removeLeftovers(dir);
      try {
        recording = openRecording(dir, {
          restore: { sample: store.appendSample, collection: store.appendCollection, mark: store.appendMark },
          onProblem: (error) => problems.emit(error && toWireError(error)),
        });
        stopMaintenance = startRecordingMaintenance(recording, store, maxBytes);
      } catch (error) {
        // A full or read-only disk must not keep anybody from watching.
        if (error instanceof HeaphouseError && error.code === 'io') problems.emit(toWireError(error));
        else throw error;
      }
    },
    replay(dir: string): void {
      replayed = dir;
      readRecording(dir, { sample: store.appendSample, collection: store.appendCollection, mark: store.appendMark });
      appended.emit();
    },

    addMark(mark: Omit<TimelineMark, 'at'>, at = Date.now()): void {
      store.appendMark({ at, ...mark });
      recording?.addMark({ at, ...mark });
      appended.emit();
    },
    addSample(sample: MemorySample): void {
      lastSample = sample;
      store.appendSample(sample);
      recording?.addSample(sample);
      appended.emit();
    },
    addReading(reading: StoredReading): void {
      recording?.addReading(reading);
      if (reading.kind !== 'gc-settings') segmentReadings++;
      appended.emit();
    },
    addCollection(event: GcEvent): void {
      lastCollectionAt = event.at;
      store.appendCollection(event);
      recording?.addCollection(event);
      appended.emit();
    },
    /** Adds what only the asker of a collection knows to the one that has run since `fromAt`. */
    annotateCollection({ trackedBefore = null, trackedAfter = null, before, after }: CollectFigures, fromAt: number): void {
      try {
        const heap = { heapBeforeBytes: before?.heapUsedBytes ?? null, heapAfterBytes: after?.heapUsedBytes ?? null };
        if (recording) annotateOwnCollection(recording.database(), fromAt - CLOCK_SLACK_MS, Date.now(), { trackedBefore, trackedAfter, ...heap });
      } catch (error) {
        problems.emit(toWireError(error));
      }
    },

    /** Asks the recording of this session, or the one that is looked at again, or what is held in memory when there is none. */
    query<T>(ask: (database: DatabaseSync) => T): T {
      if (recording) return ask(recording.database());
      const database = replayed === null ? copyInMemory(store) : openFinishedRecording(replayed);
      try {
        return ask(database);
      } finally {
        database.close();
      }
    },
    flush(): void {
      recording?.flush();
    },
    close(): void {
      stopMaintenance();
      recording?.close();
      recording = null;
    },
  };
}

/** Snapshots that an earlier host of this session did not finish because it was killed. */
function removeLeftovers(dir: string): void {
  try {
    for (const name of readdirSync(dir)) if (name.endsWith('.heapsnapshot.part')) rmSync(join(dir, name), { force: true });
  } catch {
    // The folder does not exist yet, or it is not ours: whoever writes there will say so.
  }
}
