/**
 * The stack of every allocation, kept in the target until the object dies and written into snapshots. Costly, so only on
 * request. V8 then allocates nothing inline, keeps each distinct stack, and for the figures it sends along
 * (`HeapProfiler.heapStatsUpdate`) collects the whole heap up to 20 times a second; it goes on until we detach
 * (`HeapProfiler.disable`), because to stop it earlier V8 would write a whole snapshot (`stopTrackingHeapObjects`) or
 * forget the ids of all objects. Our agent in Python records in C (agents/python/native/record.h) and can be stopped.
 */
import type { AllocationStacks } from '#shared/model/live-object.ts';
import type { TargetKind } from '#shared/model/target.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import type { CdpSession } from '../cdp/connection.ts';
import { asRecord, numberField } from '../cdp/read-field.ts';

const INTERRUPTED = 'Another tool has taken our hooks out of the allocators (tracemalloc does when it was started before and is stopped). Stop, and record again.';

/** `target` throws `target-gone`. */
export function createStackRecording(target: () => { kind: TargetKind; session: CdpSession }) {
  let v8Since: number | null = null;
  const ofV8 = (): AllocationStacks => ({ since: v8Since, canStop: false, tableBytes: null, dropped: 0, problem: null });

  async function ofPython(session: CdpSession, method: 'getAllocationRecording' | 'startAllocationRecording' | 'stopAllocationRecording'): Promise<AllocationStacks> {
    const answer = asRecord(await session.send(`Python.${method}`));
    return {
      since: answer['recording'] === true ? (numberField(answer, 'since') ?? 0) : null,
      canStop: true,
      tableBytes: numberField(answer, 'tableBytes') ?? null,
      dropped: numberField(answer, 'dropped') ?? 0,
      problem: answer['interrupted'] === true ? INTERRUPTED : null,
    };
  }

  return {
    async allocationStacks(): Promise<AllocationStacks> {
      const { kind, session } = target();
      return kind === 'python' ? ofPython(session, 'getAllocationRecording') : ofV8();
    },
    async recordAllocationStacks(): Promise<AllocationStacks> {
      const { kind, session } = target();
      if (kind === 'python') {
        const now = await ofPython(session, 'getAllocationRecording');
        return now.since !== null ? now : ofPython(session, 'startAllocationRecording');
      }
      if (v8Since !== null) return ofV8();
      await session.send('HeapProfiler.startTrackingHeapObjects', { trackAllocations: true });
      v8Since = Date.now();
      return ofV8();
    },
    async stopAllocationStacks(): Promise<AllocationStacks> {
      const { kind, session } = target();
      if (kind === 'python') return ofPython(session, 'stopAllocationRecording');
      throw new HeaphouseError('unsupported', 'V8 records stacks until we detach.', { advice: 'Detach to end it.' });
    },
  };
}
