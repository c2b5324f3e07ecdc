/** What the workbench tells the analysis host; the renderer reaches the same host only through the `heap` and `explore` contracts. */
import * as v from 'valibot';
import { path } from '#shared/contracts/common.ts';
import { defineService, method } from '#shared/rpc/define-service.ts';

export const analysisContract = defineService('analysis', {
  methods: {
    /** Where exports go, and indexes of snapshots (null: none are kept); files are created there on demand. */
    configure: method<null>()(v.object({ exportsDir: path, indexDir: v.optional(v.nullable(path), null), sessionTitle: v.string() })),
    /** Names a snapshot file; calling it again with the same id replaces the entry. */
    register: method<null>()(v.object({ snapshotId: v.string(), path, name: v.string(), takenAt: v.number(), idEpoch: v.optional(v.nullable(v.string()), null) })),
    unregister: method<null>()(v.object({ snapshotId: v.string() })),
  },
});
