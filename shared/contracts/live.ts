/**
 * Objects of a snapshot as they are in the living target now (scope: the session id; its session host answers). Looking
 * at one runs nothing of the program: getters are named, not called. Fails with `target-gone` without a target and with
 * `not-found` when the object is gone, or when its id may mean another object by now; the message says which.
 */
import * as v from 'valibot';
import type { AllocationStacks, LiveObject, LivePin } from '../model/live-object.ts';
import type { SnapshotEstimate } from '../model/snapshot-estimate.ts';
import { defineService, method } from '../rpc/define-service.ts';
import { count, empty } from './common.ts';

const object = {
  /** Heap id in the snapshot. */
  heapId: count,
  /** Class in the snapshot: in CPython, where addresses are reused, the evidence that it is the same object. */
  className: v.pipe(v.string(), v.maxLength(1_000)),
  /** Of the snapshot's artefact; V8 ids are good for it alone. */
  idEpoch: v.nullable(v.pipe(v.string(), v.maxLength(100))),
};

export const liveContract = defineService('live', {
  methods: {
    inspect: method<LiveObject>()(v.object(object)),
    /** Makes the object a global variable of the target until it is unpinned or we detach. It stays alive for so long. */
    pin: method<LivePin>()(v.object(object)),
    unpin: method<null>()(v.object({ name: v.pipe(v.string(), v.maxLength(40)) })),
    pins: method<LivePin[]>()(empty),
    /** What a snapshot would cost now; null: not known yet, or no target. */
    snapshotEstimate: method<SnapshotEstimate | null>()(empty),
    /** Whether allocations are recorded with their stacks, so that snapshots tell where each object came from. */
    allocationStacks: method<AllocationStacks>()(empty),
    /** V8: until we detach. Python: until it is stopped. Slows every allocation and keeps memory for it (docs/allocations.md). */
    recordAllocationStacks: method<AllocationStacks>()(empty),
    /** Fails with `unsupported` where recording cannot be ended. */
    stopAllocationStacks: method<AllocationStacks>()(empty),
  },
  events: {},
});
