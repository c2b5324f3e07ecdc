/**
 * The stack of every allocation, kept by V8 until the object dies and written into snapshots. Costly, so only on request:
 * V8 then allocates nothing inline, keeps each distinct stack, and for the figures it sends along
 * (`HeapProfiler.heapStatsUpdate`) collects the whole heap up to 20 times a second.
 *
 * It goes on until we detach (`HeapProfiler.disable`): to stop it earlier V8 would write a whole snapshot
 * (`stopTrackingHeapObjects`) or forget the ids of all objects.
 */
import type { AllocationStacks } from '#shared/model/live-object.ts';
import type { TargetKind } from '#shared/model/target.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import type { CdpSession } from '../cdp/connection.ts';

/** `target` throws `target-gone`. */
export function createStackRecording(target: () => { kind: TargetKind; session: CdpSession }) {
  let since: number | null = null;
  const state = (): AllocationStacks => ({ since });
  return {
    allocationStacks: state,
    async recordAllocationStacks(): Promise<AllocationStacks> {
      const { kind, session } = target();
      if (kind === 'python') {
        throw new HeaphouseError('unsupported', 'Stacks of single allocations are recorded for V8 only.', { advice: 'For Python, sample allocations: the Allocations page of the session.' });
      }
      if (since !== null) return state();
      await session.send('HeapProfiler.startTrackingHeapObjects', { trackAllocations: true });
      since = Date.now();
      return state();
    },
  };
}
