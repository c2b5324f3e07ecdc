/** Our engine as a command: `node heap-ours.ts FILE [DUMP]`. Prints one line of JSON; DUMP as in heap-dump.ts. */
import { parseArgs } from 'node:util';

import { analyseHeap } from '#main/heap/analyse.ts';
import { classRow } from '#main/heap/classes.ts';
import { openHeap } from '#main/heap/open.ts';
import type { OpenOptions } from '#main/heap/open.ts';

import { distancesAsDevTools, writeDump } from './heap-dump.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { helper: { type: 'string', default: 'auto' } },
});
const [file, dump] = positionals;
if (file === undefined) throw new Error('usage: heap-ours.ts FILE [DUMP] [--helper auto|always|never]');
const helper = values.helper as NonNullable<OpenOptions['helper']>;

/** Processor time of this thread by phase: the clock of a busy machine says little about a single one. */
const phases: Record<string, number> = {};
const threadMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};
const started = performance.now();
let phase = '';
let phaseStarted = threadMs();
const onProgress = (progress: { phase: string }): void => {
  if (progress.phase === phase) return;
  const now = threadMs();
  if (phase !== '') phases[phase] = Math.round((phases[phase] ?? 0) + now - phaseStarted);
  phase = progress.phase;
  phaseStarted = now;
};
const heap = await openHeap(file, { onProgress, helper });
const firstTableMs = performance.now() - started;
const analysis = await analyseHeap(heap, { onProgress });
onProgress({ phase: '' });
const ms = performance.now() - started;
const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
const maxRssBytes = maxRSS * 1024;
const cpuMs = (userCPUTime + systemCPUTime) / 1000;
const mainCpuMs = threadMs();

if (dump !== undefined) {
  const distances = distancesAsDevTools(heap, analysis);
  const listed = Array.from({ length: heap.classes.count }, (_, index) => ({ ...classRow(heap, index), distance: distances[index]! }));
  await writeDump(dump, {
    classes: listed
      .filter((row) => row.objects > 0)
      .map((row) => ({
        name: row.name,
        objects: row.objects,
        shallowBytes: row.shallowBytes,
        retainedBytes: row.retainedBytes ?? 0,
        distance: row.distance,
      })),
    id: Float64Array.from(heap.nodeId),
    shallow: Float64Array.from(heap.shallow),
    retained: Float64Array.from(analysis.retained),
    distance: Float64Array.from(analysis.distance, (value) => (value === 0xffffffff ? -1 : value)),
  });
}
console.log(JSON.stringify({ ms, cpuMs, mainCpuMs, firstTableMs, maxRssBytes, nodes: heap.nodeCount, edges: heap.edgeCount, phases }));
