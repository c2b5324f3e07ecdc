/**
 * Reference counts and cyclic garbage of one session's CPython target (scope: the session id; its session host answers).
 * Everything needs the living process and fails with `target-gone` without it, with `unsupported` where it is no CPython,
 * and with `invalid-argument` where the target refuses what was asked.
 */
import * as v from 'valibot';
import { defineService, method } from '../rpc/define-service.ts';
import type { GarbageReport, ReferenceReport, ReferenceTrace, TraceableFunction, TraceableModule } from '../model/references.ts';
import { count, empty } from './common.ts';

/** Characters of a text that is run to be traced. */
export const MAX_TRACED_TEXT = 200_000;
export const MAX_TRACE_STEPS = 2_000;
export const MAX_TRACE_WAIT_MS = 600_000;

const name = v.pipe(v.string(), v.minLength(1), v.maxLength(500));
const variable = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(200));
const limits = {
  maxSteps: v.optional(v.pipe(count, v.minValue(1), v.maxValue(MAX_TRACE_STEPS))),
  timeoutMs: v.optional(v.pipe(count, v.minValue(100), v.maxValue(MAX_TRACE_WAIT_MS))),
};

export const referencesContract = defineService('references', {
  methods: {
    /** Who holds an object: the value of an expression, which runs in the target, or an object of a snapshot. */
    referrers: method<ReferenceReport>()(
      v.union([
        v.object({ expression: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(10_000)), module: v.optional(name) }),
        v.object({ heapObjectId: count }),
      ]),
    ),
    modules: method<{ modules: TraceableModule[] }>()(v.object({ standardLibrary: v.optional(v.boolean()) })),
    functions: method<{ functions: TraceableFunction[] }>()(v.object({ module: name })),
    /** Waits for the next call of a function and follows one of its variables. */
    traceCall: method<ReferenceTrace>()(v.object({ module: name, function: name, variable, ...limits })),
    /** Runs a text, or a file of the target's machine, in a namespace of its own and follows a variable. */
    traceText: method<ReferenceTrace>()(
      v.object({
        source: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_TRACED_TEXT))),
        path: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(4_096))),
        variable,
        /** A function that the text defines and calls; default: the text itself. */
        within: v.optional(name),
        /** Put text constants together anew, so that sharing does not hide the counts. Default: yes. */
        freshConstants: v.optional(v.boolean()),
        ...limits,
      }),
    ),
    /** Stops waiting for a call. */
    cancelTrace: method<null>()(empty),
    /** Runs the collector and lists what it found as cycles before it is freed. */
    exploreGarbage: method<GarbageReport>()(v.object({ generation: v.optional(v.picklist([0, 1, 2])) })),
  },
  events: {},
});
