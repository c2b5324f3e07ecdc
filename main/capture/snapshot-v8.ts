/** Heap snapshots of a V8 target: Node.js, a page, or anything else with `HeapProfiler`. */
import { randomUUID } from 'node:crypto';
import type { SnapshotResult } from '#main/hosts/capture-contract.ts';
import type { CdpSession } from '../cdp/connection.ts';
import type { OpenTarget } from '../cdp/open-target.ts';
import { asRecord, countField, stringField } from '../cdp/read-field.ts';
import { likelyV8Nodes } from './snapshot-estimate.ts';
import { streamSnapshot, type SnapshotOptions } from './snapshot-stream.ts';

/** What V8 answers for an object that no snapshot has seen (`HeapProfiler::kUnknownObjectId`). */
const UNKNOWN_OBJECT_ID = '0';
const MARKER_GROUP = 'heaphouse-marker';

export interface V8Snapshots {
  take(path: string, options: SnapshotOptions): Promise<SnapshotResult>;
  /** Whether V8 still numbers its objects as in the snapshots with this epoch. */
  sameIds(idEpoch: string | null): Promise<boolean>;
}

/** Snapshots of one target over its connection, which has to stay open between those that are to be compared. */
export function createV8Snapshots(target: OpenTarget): V8Snapshots {
  const ids = createIdEpochs(target.session);

  async function take(path: string, { signal, progress, busyUntil }: SnapshotOptions): Promise<SnapshotResult> {
    const at = Date.now();
    const startedAt = performance.now();
    progress({ phase: 'Waiting for the target', done: 0, total: 0, unit: 'objects' });
    const usage = await target.session.send('Runtime.getHeapUsage', undefined, { signal });
    const likelyNodes = likelyV8Nodes(countField(usage, 'usedSize') ?? 0);
    const idEpoch = await ids.current(signal);
    await prepareScripts(target, signal);
    progress({ phase: 'Building the snapshot', done: 0, total: likelyNodes, unit: 'objects' });
    const { bytes, nodes, edges, requestMs } = await streamSnapshot(target, path, { signal, progress, busyUntil });
    await ids.remember();
    const notes = [
      `${nodes} nodes, ${edges} edges`,
      'the pause is an upper bound: the target stood still while it built and sent the snapshot',
    ];
    if (idEpoch.broken) notes.push('another debugger has disconnected since the last snapshot, and V8 then numbers all objects anew: objects cannot be matched with earlier snapshots');
    return {
      path,
      bytes,
      nodes,
      idEpoch: idEpoch.id,
      receipt: { action: 'snapshot', at, pauseMs: requestMs, elapsedMs: performance.now() - startedAt, bytes, notes },
    };
  }

  return { take, sameIds: (idEpoch) => ids.holds(idEpoch) };
}

/**
 * V8 forgets the ids of all objects when any inspector session of the process ends, also somebody else's, and begins
 * again with the same small numbers: two snapshots then have many ids in common that mean different objects. A marker
 * object tells: the snapshot gives it an id, and after a reset V8 knows none for it.
 */
function createIdEpochs(session: CdpSession) {
  let markerObjectId: string | null = null;
  let rememberedId: string | null = null;
  let epoch: string = randomUUID();

  async function createMarker(signal: AbortSignal): Promise<void> {
    const answer = await session.send('Runtime.evaluate', { expression: '({})', silent: true, objectGroup: MARKER_GROUP }, { signal });
    markerObjectId = stringField(asRecord(answer)['result'], 'objectId');
  }

  async function markerId(signal?: AbortSignal): Promise<string | null> {
    if (markerObjectId === null) return null;
    const answer = await session.send('HeapProfiler.getHeapObjectId', { objectId: markerObjectId }, { signal });
    const id = stringField(answer, 'heapSnapshotObjectId');
    return id === UNKNOWN_OBJECT_ID ? null : id;
  }

  return {
    /** Asked before a snapshot: its epoch, and whether an earlier one has ended since the last. */
    async current(signal: AbortSignal): Promise<{ id: string; broken: boolean }> {
      const now = await markerId(signal).catch(() => null);
      if (now !== null && now === rememberedId) return { id: epoch, broken: false };
      const broken = rememberedId !== null;
      rememberedId = null;
      epoch = randomUUID();
      // A page that has gone elsewhere has lost the old one.
      await createMarker(signal).catch(() => undefined);
      return { id: epoch, broken };
    },
    /** Changes nothing: only the next snapshot begins a new epoch. */
    async holds(id: string | null): Promise<boolean> {
      if (id === null || id !== epoch || rememberedId === null) return false;
      return (await markerId().catch(() => null)) === rememberedId;
    },
    async remember(): Promise<void> {
      rememberedId = await markerId().catch(() => null);
    },
  };
}

/**
 * The snapshot generator looks up line and column of every closure, and V8 before 2024 scans the script from its start
 * each time unless the debugger has made it remember the line ends: 25.8 s against 0.9 s with one 9 MB script. Both
 * commands go out together, so that no `debugger` statement of the program can stop in between.
 */
async function prepareScripts(target: OpenTarget, signal: AbortSignal): Promise<void> {
  const enabled = target.session.send('Debugger.enable', undefined, { signal });
  const disabled = target.session.send('Debugger.disable', undefined, { signal });
  // An endpoint without a debugger can still have a heap. A cancel or a dead target shows at the next step.
  await Promise.allSettled([enabled, disabled]);
}
