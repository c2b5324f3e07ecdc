/** A CPython target with our agent in it (main/agents/python). */
import type { CaptureTarget } from '#main/hosts/capture-contract.ts';
import type { GcTrigger } from '#shared/model/memory.ts';
import type { GcEvent } from '#shared/model/target.ts';
import type { OpenTarget } from '../cdp/open-target.ts';
import { asRecord, booleanField, countField, numberField, stringField } from '../cdp/read-field.ts';
import type { HeapFigures } from './memory-sampler.ts';
import { pythonTotals } from './memory/allocator-totals.ts';
import { takePythonSnapshot } from './snapshot-python.ts';
import type { TargetAdapter, TargetListener } from './target-adapter.ts';

export async function openPythonTarget(target: OpenTarget, asked: CaptureTarget, listener: TargetListener): Promise<TargetAdapter> {
  const { session } = target;
  const info: unknown = await session.send('Python.getInfo');
  const stopListening = session.on('Python.gcFinished', (params) => {
    const event = readGcEvent(params);
    if (event) listener.gc(event);
  });
  const stopListeningToBatches = session.on('Python.gcFinishedBatch', (params) => {
    for (const event of readGcBatch(params)) listener.gc(event);
  });
  const stopListeningToSums = session.on('Python.gcSummary', (params) => {
    for (const event of readGcSummary(params)) listener.gc(event);
  });
  await session.send('Python.enable', { batches: true });
  const notes: string[] = [];
  const canSnapshot = capability(info, 'heapSnapshot', 'No snapshots', notes);
  const copies = canSnapshot && capability(info, 'forkedSnapshot', 'A snapshot is taken in the living process, not in a copy', notes);

  /** `sparing`: an older figure will do where a new one costs the program time (many arenas). */
  async function readHeap(sparing: boolean): Promise<HeapFigures> {
    const usage: unknown = await session.send('Python.getMemoryUsage', { sparing });
    return {
      heapUsedBytes: countField(usage, 'heapUsedBytes'),
      heapTotalBytes: countField(usage, 'heapTotalBytes'),
      externalBytes: countField(usage, 'nativeUsedBytes'),
      rssBytes: null,
    };
  }

  return {
    runtime: describeRuntime(info),
    canSnapshot,
    snapshotWay: copies ? 'copy' : null,
    gcEvents: true,
    notes,
    readHeap: () => readHeap(true),
    readAllocators: async () => pythonTotals(await session.send('Python.getAllocatorStatistics')),
    // Ids are addresses: the object itself is the evidence.
    sameIds: () => Promise.resolve(true),
    takeSnapshot: (path, options) => takePythonSnapshot({ target, pid: asked.pid, path, ...options }),
    async collectGarbage(generation = 2) {
      const before = await readHeap(false);
      const answer: unknown = await session.send('Python.collectGarbage', { generation, countObjects: true });
      return {
        trackedBefore: countField(answer, 'trackedBefore'),
        trackedAfter: countField(answer, 'trackedAfter'),
        collected: countField(answer, 'collected'),
        uncollectable: countField(answer, 'uncollectable'),
        pauseMs: numberField(answer, 'pauseMs'),
        before,
        after: await readHeap(false),
      };
    },
    async run() {
      await session.send('Runtime.runIfWaitingForDebugger');
    },
    async release() {
      stopListening();
      stopListeningToBatches();
      stopListeningToSums();
      await session.send('Python.detach');
      return [];
    },
  };
}

/** Adds why not, when the agent says so. */
function capability(info: unknown, name: string, without: string, notes: string[]): boolean {
  const found = asRecord(asRecord(info)['capabilities'])[name];
  if (booleanField(found, 'available') !== false) return true;
  notes.push(`${without}: ${stringField(found, 'reason', 300) ?? 'the agent does not say why'}.`);
  return false;
}

function describeRuntime(info: unknown): string {
  const version = stringField(info, 'version', 40);
  const implementation = stringField(info, 'implementation', 40);
  const name = implementation === null || implementation === 'cpython' ? 'CPython' : implementation;
  return version ? `${name} ${version}` : name;
}

/** Bytes of a row: struct row of main/agents/python/native/gcnote.c, little-endian. */
const ROW_BYTES = 40;
/** The agent keeps 4,096 of each of its two kinds at most. */
const MAX_BATCH_CHARS = 2 * 4_096 * ROW_BYTES * 2;

/** Collections that allocations caused, many in one message. What makes no sense is left out. */
export function readGcBatch(params: unknown): GcEvent[] {
  const rows = Buffer.from(stringField(params, 'rows', MAX_BATCH_CHARS) ?? '', 'base64');
  const thresholds = asRecord(params)['thresholds'];
  const events: GcEvent[] = [];
  for (let at = 0; at + ROW_BYTES <= rows.byteLength; at += ROW_BYTES) {
    const candidates = rows.readInt32LE(at + 20);
    const survivors = rows.readInt32LE(at + 24);
    const event = readGcEvent({
      startedAt: rows.readDoubleLE(at),
      pauseMs: rows.readFloatLE(at + 8),
      collected: rows.readInt32LE(at + 12),
      uncollectable: rows.readInt32LE(at + 16),
      ...(candidates >= 0 ? { candidates } : {}),
      ...(survivors >= 0 ? { survivors } : {}),
      counts: [rows.readInt32LE(at + 28), rows.readUInt16LE(at + 32), rows.readUInt16LE(at + 34)],
      generation: rows.readInt32LE(at + 36),
      thresholds,
      trigger: 'allocation',
    });
    if (event) events.push(event);
  }
  return events;
}

/** Collections that came too fast to be noted one by one: a row for each generation that stands for all of it. */
export function readGcSummary(params: unknown): GcEvent[] {
  const at = numberField(params, 'fromAt');
  const generations = asRecord(params)['generations'];
  if (at === null || !Array.isArray(generations)) return [];
  return generations.slice(0, 3).flatMap((found: unknown, generation): GcEvent[] => {
    const count = countField(found, 'collections') ?? 0;
    if (count === 0) return [];
    const pauseMs = Math.max(0, numberField(found, 'meanPauseMs') ?? 0);
    const details = { trigger: 'unknown' as const, thresholds: readCounts(params, 'thresholds'), reason: 'too many to be noted one by one: the number is exact, pauses are the mean of those noted before', merged: { count, totalPauseMs: pauseMs * count } };
    return [{ at, pauseMs, kind: `generation ${generation}`, generation, collected: countField(found, 'collected'), uncollectable: countField(found, 'uncollectable'), details }];
  });
}

/** Null when it is not one. */
export function readGcEvent(params: unknown): GcEvent | null {
  const at = numberField(params, 'startedAt');
  const pauseMs = numberField(params, 'pauseMs');
  const generation = countField(params, 'generation');
  if (at === null || pauseMs === null || pauseMs < 0 || generation === null || generation > 9) return null;
  return {
    at,
    pauseMs,
    kind: `generation ${generation}`,
    generation,
    collected: countField(params, 'collected'),
    uncollectable: countField(params, 'uncollectable'),
    details: {
      trigger: readTrigger(params),
      triggerAt: stringField(params, 'triggerAt', 400),
      counts: readCounts(params, 'counts'),
      thresholds: readCounts(params, 'thresholds'),
      ...readLookedAt(params),
    },
  };
}

/** What the collection looked at and what of it lived on, where the interpreter knows one or both. */
function readLookedAt(params: unknown): { trackedBefore: number | null; trackedAfter: number | null } {
  const candidates = countField(params, 'candidates');
  const survivors = countField(params, 'survivors');
  const unreachable = (countField(params, 'collected') ?? 0) + (countField(params, 'uncollectable') ?? 0);
  return {
    trackedBefore: candidates ?? (survivors === null ? null : survivors + unreachable),
    trackedAfter: survivors ?? (candidates === null ? null : Math.max(0, candidates - unreachable)),
  };
}

function readTrigger(params: unknown): GcTrigger {
  const trigger = stringField(params, 'trigger', 20);
  return trigger === 'allocation' || trigger === 'explicit' || trigger === 'heaphouse' ? trigger : 'unknown';
}

function readCounts(params: unknown, field: string): number[] | null {
  const found = asRecord(params)[field];
  return Array.isArray(found) && found.length <= 9 && found.every((n) => typeof n === 'number' && Number.isSafeInteger(n)) ? (found as number[]) : null;
}
