/** A CPython target with our agent in it (main/agents/python). */
import type { CaptureTarget } from '#main/hosts/capture-contract.ts';
import type { GcEvent } from '#shared/model/target.ts';
import type { OpenTarget } from '../cdp/open-target.ts';
import { countField, numberField, stringField } from '../cdp/read-field.ts';
import { takePythonSnapshot } from './snapshot-python.ts';
import type { TargetAdapter, TargetListener } from './target-adapter.ts';

export async function openPythonTarget(target: OpenTarget, asked: CaptureTarget, listener: TargetListener, signal?: AbortSignal): Promise<TargetAdapter> {
  const { session } = target;
  session.on('Python.gcFinished', (params) => {
    const event = readGcEvent(params);
    if (event) listener.gc(event);
  });
  const enabled = await session.send('Python.enable', undefined, { signal });
  const runtime = stringField(enabled, 'runtime', 100) ?? stringField(enabled, 'implementation', 100) ?? 'CPython';

  return {
    runtime,
    gcEvents: true,
    notes: [],
    async readHeap() {
      const usage: unknown = await session.send('Python.getMemoryUsage');
      return {
        heapUsedBytes: countField(usage, 'heapUsedBytes'),
        heapTotalBytes: countField(usage, 'heapTotalBytes'),
        externalBytes: countField(usage, 'nativeUsedBytes'),
        rssBytes: countField(usage, 'rssBytes'),
      };
    },
    estimateSnapshot: () => Promise.resolve(null),
    takeSnapshot: (path, options) => takePythonSnapshot({ target, pid: asked.pid, path, ...options }),
    async collectGarbage() {
      const startedAt = performance.now();
      const answer: unknown = await session.send('Python.collectGarbage');
      return {
        collected: countField(answer, 'collected'),
        uncollectable: countField(answer, 'uncollectable'),
        pauseMs: numberField(answer, 'pauseMs') ?? performance.now() - startedAt,
      };
    },
    async run() {
      await session.send('Runtime.runIfWaitingForDebugger');
    },
    async release() {
      await session.send('Python.detach');
      return [];
    },
  };
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
