/**
 * Sampled profiles of one session's target (scope: the session id; its session host answers, like `timeline`). `state`
 * and `open` also answer for a recording; the others fail with `target-gone` without a living target.
 */
import * as v from 'valibot';
import { PROFILE_KINDS, type ProfileFile, type ProfileView, type SamplingState } from '../model/allocations.ts';
import { defineService, event, method } from '../rpc/define-service.ts';
import { count, empty } from './common.ts';

const fileName = v.pipe(v.string(), v.regex(/^(allocations-\d{1,6}\.heapprofile|cpu-\d{1,6}\.cpuprofile)$/, 'not a profile of a session'));

export const allocationsContract = defineService('allocations', {
  methods: {
    state: method<SamplingState>()(empty),
    /** Errors: `busy` while one is running, `unsupported` with the target's reason. */
    start: method<SamplingState>()(
      v.object({
        kind: v.picklist(PROFILE_KINDS),
        /** Bytes between two samples of allocations on average; the CPU is looked at 100 times a second. */
        intervalBytes: v.optional(v.pipe(count, v.minValue(1_024), v.maxValue(1_073_741_824))),
      }),
    ),
    /** Ends the running one and keeps it in the session's folder. */
    stop: method<ProfileFile>()(empty),
    /** From now on `sinceMark` means now. Allocations only. */
    mark: method<SamplingState>()(empty),
    /** What the running sampling of allocations has found so far; the target goes on. */
    live: method<ProfileView>()(v.object({ sinceMark: v.optional(v.boolean()) })),
    /** Errors: `not-found`, `bad-file`. */
    open: method<ProfileView>()(v.object({ name: fileName, sinceMark: v.optional(v.boolean()) })),
  },
  events: {
    changed: event<SamplingState>()(empty),
  },
});
