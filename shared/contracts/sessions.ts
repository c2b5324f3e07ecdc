/** Sessions: what is open, what was captured, and the actions on a target. */
import * as v from 'valibot';
import type { OutputChunk, RecentSession, SessionInfo, SnapshotArtefact } from '../model/session.ts';
import { defineService, event, method, type Progress } from '../rpc/define-service.ts';
import { empty, path, sessionId } from './common.ts';

const title = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(200));

export const sessionsContract = defineService('sessions', {
  methods: {
    list: method<SessionInfo[]>()(empty),
    recent: method<RecentSession[]>()(empty),
    /** Opens snapshot files (one session for all of them) or, if the only path is a session folder, that session. */
    open: method<{ sessionId: string }>()(v.object({ paths: v.pipe(v.array(path), v.minLength(1), v.maxLength(50)) })),
    /** Adds files to a session of files or a recording. */
    addFiles: method<SnapshotArtefact[]>()(v.object({ sessionId, paths: v.pipe(v.array(path), v.minLength(1), v.maxLength(50)) })),
    takeSnapshot: method<SnapshotArtefact, Progress>()(v.object({ sessionId, name: v.optional(title) })),
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
    deleteSnapshot: method<null>()(v.object({ sessionId, snapshotId: v.pipe(v.string(), v.maxLength(64)) })),
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
