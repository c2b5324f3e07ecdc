/** Sessions: what is open, what was captured, and the actions on a target. */
import * as v from 'valibot';
import type { OutputChunk, RecentSession, SavedComparison, SessionInfo, SnapshotArtefact } from '../model/session.ts';
import { defineService, event, method, type Progress } from '../rpc/define-service.ts';
import { count, empty, path, sessionId, threadId } from './common.ts';

const title = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(200));
const artefactId = v.pipe(v.string(), v.minLength(1), v.maxLength(64));

export const sessionsContract = defineService('sessions', {
  methods: {
    list: method<SessionInfo[]>()(empty),
    recent: method<RecentSession[]>()(empty),
    /**
     * Opens snapshot files (one session for all of them), a session folder, or session archives (`.heaphouse`): those
     * are unpacked into the sessions folder first; of several the last is returned.
     */
    open: method<{ sessionId: string }, Progress>()(v.object({ paths: v.pipe(v.array(path), v.minLength(1), v.maxLength(50)) })),
    /** Adds files to a session of files or a recording. */
    addFiles: method<SnapshotArtefact[]>()(v.object({ sessionId, paths: v.pipe(v.array(path), v.minLength(1), v.maxLength(50)) })),
    /** Of the target, or of one of its worker threads (`WorkerThread.id`). */
    takeSnapshot: method<SnapshotArtefact, Progress>()(v.object({ sessionId, name: v.optional(title), threadId: v.optional(threadId) })),
    collectGarbage: method<{ collected: number | null; uncollectable: number | null; pauseMs: number | null; heapUsedBeforeBytes: number | null; heapUsedAfterBytes: number | null }>()(
      v.object({ sessionId }),
    ),
    mark: method<null>()(v.object({ sessionId, label: title })),
    /** Leaves the target running and clean. */
    detach: method<null>()(v.object({ sessionId })),
    /** Ends a target that we launched: SIGTERM, after 3 s SIGKILL. */
    terminate: method<null>()(v.object({ sessionId })),
    /** Detaches if attached and forgets the session here; its folder stays. */
    close: method<null>()(v.object({ sessionId })),
    rename: method<null>()(v.object({ sessionId, title })),
    setNotes: method<null>()(v.object({ sessionId, notes: v.pipe(v.string(), v.maxLength(50_000)) })),
    /** Objects that retaining paths in a snapshot look past; replaces the list, kept with the session. */
    setIgnoredRetainers: method<null>()(
      v.object({
        sessionId,
        snapshotId: artefactId,
        objects: v.pipe(v.array(v.object({ ordinal: count, id: count, name: v.pipe(v.string(), v.maxLength(200)) })), v.maxLength(200)),
      }),
    ),
    /** Keeps a pair of snapshots with the session, or with an id changes one that is kept. */
    saveComparison: method<SavedComparison>()(
      v.object({ sessionId, comparisonId: v.optional(artefactId), name: title, baseId: artefactId, comparedId: artefactId, view: v.pipe(v.string(), v.maxLength(4_096)) }),
    ),
    deleteComparison: method<null>()(v.object({ sessionId, comparisonId: artefactId })),
    /** Renames a session that is on disk, open or not. */
    renameSaved: method<null>()(v.object({ dir: path, title })),
    /** Deletes a session from the disk, after closing it; what else lies in its folder stays and is returned. */
    deleteSaved: method<{ kept: string[] }>()(v.object({ dir: path })),
    /** Packs a session into one file, for the host to hand to the user. */
    exportSaved: method<{ path: string; bytes: number; suggestedName: string }, Progress>()(v.object({ dir: path })),
    deleteSnapshot: method<null>()(v.object({ sessionId, snapshotId: artefactId })),
    /** The launched target's output so far, at most the last 1 MiB. */
    output: method<OutputChunk[]>()(v.object({ sessionId })),
  },
  events: {
    /** All sessions, at once and after every change. */
    changed: event<SessionInfo[]>()(empty),
    output: event<OutputChunk>()(v.object({ sessionId })),
    /** Work under way in a session (snapshots), whoever asked for it. */
    activity: event<SessionActivity>()(empty),
  },
});

/** Progress of a capture as everybody sees it; `progress` null when it has ended. */
export interface SessionActivity {
  sessionId: string;
  taskId: string;
  label: string;
  progress: Progress | null;
}
