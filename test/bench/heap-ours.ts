/** Our engine as a command: `node heap-ours.ts FILE [DUMP]`. Prints one line of JSON; DUMP as in heap-dump.ts. */
import { analyseHeap } from '#main/heap/analyse.ts';
import { classRow } from '#main/heap/classes.ts';
import { openHeap } from '#main/heap/open.ts';

import { writeDump } from './heap-dump.ts';

const [file, dump] = process.argv.slice(2);
if (file === undefined) throw new Error('usage: heap-ours.ts FILE [DUMP]');

const phases: Record<string, number> = {};
const started = performance.now();
let phase = '';
let phaseStarted = started;
const onProgress = (progress: { phase: string }): void => {
  if (progress.phase === phase) return;
  const now = performance.now();
  if (phase !== '') phases[phase] = Math.round((phases[phase] ?? 0) + now - phaseStarted);
  phase = progress.phase;
  phaseStarted = now;
};
const heap = await openHeap(file, { onProgress });
const firstTableMs = performance.now() - started;
const analysis = await analyseHeap(heap, { onProgress });
onProgress({ phase: '' });
const ms = performance.now() - started;
const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
const maxRssBytes = maxRSS * 1024;
const cpuMs = (userCPUTime + systemCPUTime) / 1000;

if (dump !== undefined) {
  const listed = Array.from({ length: heap.classes.count }, (_, index) => classRow(heap, index));
  await writeDump(dump, {
    classes: listed
      .filter((row) => row.objects > 0)
      .map((row) => ({
        name: row.name,
        objects: row.objects,
        shallowBytes: row.shallowBytes,
        retainedBytes: row.retainedBytes ?? 0,
        distance: row.distance ?? -1,
      })),
    id: Float64Array.from(heap.nodeId),
    shallow: Float64Array.from(heap.shallow),
    retained: analysis.retained,
    distance: Float64Array.from(analysis.distance, (value) => (value === 0xffffffff ? -1 : value)),
  });
}
console.log(JSON.stringify({ ms, cpuMs, firstTableMs, maxRssBytes, nodes: heap.nodeCount, edges: heap.edgeCount, phases }));
