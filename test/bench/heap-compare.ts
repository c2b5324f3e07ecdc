/**
 * Two open snapshots compared, and long calls cancelled: `node heap-compare.ts [--runs N] [--devtools] [BASE COMPARED]`.
 * Milliseconds by the clock and of processor time, medians. Without files: the pair of heap-files.ts. `--devtools`: Chrome
 * DevTools' comparison of the two as well, where `npm run bench heap` has installed its engine.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

import { analyseHeap } from '#main/heap/analyse.ts';
import { compareHeaps, comparisonRows } from '#main/heap/compare.ts';
import { growthLines, growthTree } from '#main/heap/growth-tree.ts';
import { openHeap } from '#main/heap/open.ts';

import { benchPair } from './heap-files.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '5' }, devtools: { type: 'boolean', default: false } },
});
const [basePath, comparedPath] = positionals.length === 2 ? positionals as [string, string] : await benchPair();
const runs = Number(values.runs);

const base = await openHeap(basePath);
await analyseHeap(base);
const compared = await openHeap(comparedPath);
await analyseHeap(compared);

const times: Record<string, { ms: number; cpuMs: number }[]> = {};
async function timed<T>(name: string, body: () => Promise<T>): Promise<T> {
  const before = process.cpuUsage();
  const started = performance.now();
  const result = await body();
  const { user, system } = process.cpuUsage(before);
  (times[name] ??= []).push({ ms: performance.now() - started, cpuMs: (user + system) / 1000 });
  return result;
}

/** Cancels a call after a while; notes how long it goes on. */
async function cancelled(name: string, afterMs: number, body: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const controller = new AbortController();
  let at = 0;
  const timer = setTimeout(() => {
    at = performance.now();
    controller.abort(new Error('enough'));
  }, afterMs);
  await body(controller.signal).catch(() => undefined);
  clearTimeout(timer);
  if (at > 0) (times[name] ??= []).push({ ms: performance.now() - at, cpuMs: 0 });
}

for (let i = 0; i < runs; i++) {
  const comparison = await timed('first rows by class', async () => {
    const made = await compareHeaps(base, compared);
    await comparisonRows(made, { start: 0, end: 100 });
    return made;
  });
  await timed('growth tree', async () => growthLines(await growthTree(comparison), null, { start: 0, end: 100 }));
  await cancelled('cancel: reading', 40 + 60 * i, (signal) => openHeap(comparedPath, { signal }));
  await cancelled('cancel: comparing', 20 + 40 * i, (signal) => compareHeaps(base, compared, { signal }));
  await cancelled('cancel: analysing', 20 + 120 * i, async (signal) => {
    const again = { ...base, analysis: null, analysing: null, prepared: null };
    await analyseHeap(again, { signal });
  });
}

const rows: Record<string, Record<string, number>> = {};
for (const [name, list] of Object.entries(times)) {
  const middle = (pick: (time: { ms: number; cpuMs: number }) => number): number =>
    Math.round(list.map(pick).sort((a, b) => a - b)[list.length >> 1]! * 10) / 10;
  rows[name] = { 'median ms': middle(({ ms }) => ms), 'worst ms': Math.round(Math.max(...list.map(({ ms }) => ms))), 'median CPU ms': middle(({ cpuMs }) => cpuMs) };
}
console.log(`${base.nodeCount.toLocaleString('en-US')} and ${compared.nodeCount.toLocaleString('en-US')} nodes`);
console.table(rows);

if (values.devtools) {
  const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
  const args = ['--max-old-space-size=12288', here('heap-devtools-compare.ts'), here('../../.cache/heap-peers/bundle'), basePath, comparedPath];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const { ms } = JSON.parse(stdout.trim().split('\n').at(-1)!) as { ms: number };
  console.log(`DevTools' comparison of the same: ${Math.round(ms).toLocaleString('en-US')} ms`);
}
