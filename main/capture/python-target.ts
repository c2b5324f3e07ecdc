/** A CPython target with our agent in it (main/agents/python). */
import type { CaptureTarget } from '#main/hosts/capture-contract.ts';
import type { GcEvent } from '#shared/model/target.ts';
import type { OpenTarget } from '../cdp/open-target.ts';
import { asRecord, booleanField, countField, numberField, stringField } from '../cdp/read-field.ts';
import type { HeapFigures } from './memory-sampler.ts';
import { takePythonSnapshot } from './snapshot-python.ts';
import type { TargetAdapter, TargetListener } from './target-adapter.ts';

export async function openPythonTarget(target: OpenTarget, asked: CaptureTarget, listener: TargetListener): Promise<TargetAdapter> {
  const { session } = target;
  const info: unknown = await session.send('Python.getInfo');
  const stopListening = session.on('Python.gcFinished', (params) => {
    const event = readGcEvent(params);
    if (event) listener.gc(event);
  });
  await session.send('Python.enable');
  const notes: string[] = [];
  const canSnapshot = capability(info, 'heapSnapshot', 'No snapshots', notes);
  if (canSnapshot) capability(info, 'forkedSnapshot', 'A snapshot is taken in the living process, not in a copy', notes);

  async function readHeap(): Promise<HeapFigures> {
    const usage: unknown = await session.send('Python.getMemoryUsage');
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
    gcEvents: true,
    notes,
    readHeap,
    // The target goes on running beside it: there is no price to be named.
    estimateSnapshot: () => Promise.resolve(null),
    takeSnapshot: (path, options) => takePythonSnapshot({ target, pid: asked.pid, path, ...options }),
    async collectGarbage() {
      const before = await readHeap();
      const answer: unknown = await session.send('Python.collectGarbage');
      return {
        collected: countField(answer, 'collected'),
        uncollectable: countField(answer, 'uncollectable'),
        pauseMs: numberField(answer, 'pauseMs'),
        before,
        after: await readHeap(),
      };
    },
    async run() {
      await session.send('Runtime.runIfWaitingForDebugger');
    },
    async release() {
      stopListening();
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
  };
}
