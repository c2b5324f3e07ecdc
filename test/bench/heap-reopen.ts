/**
 * Opening a snapshot for the second time, from its index, beside the first time: `node heap-reopen.ts [--runs N] [FILE…]`.
 * Each opening is a process of its own, up to the first page of classes with retained sizes. Files as in heap-peers.ts.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

import { analyseHeap } from '#main/heap/analyse.ts';
import { classRows } from '#main/heap/classes.ts';
import { readIndex, writeIndex } from '#main/heap/index-file.ts';
import { openHeap } from '#main/heap/open.ts';

import { BENCH_FILES, benchFile } from './heap-files.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '5' }, folder: { type: 'string' }, mode: { type: 'string' } },
});

if (values.mode !== undefined) await openOnce(values.mode, positionals[0]!, values.folder!);
else await measure();

/** Prints how long it took, in milliseconds. */
async function openOnce(mode: string, file: string, folder: string): Promise<void> {
  const started = performance.now();
  const heap = mode === 'again' ? await readIndex(file, { folder, minFileBytes: 0 }) : await openHeap(file);
  if (!heap) throw new Error('There is no index');
  await analyseHeap(heap);
  await classRows(heap, { start: 0, end: 100 });
  console.log(performance.now() - started);
  if (mode === 'write' && !(await writeIndex(heap, { folder, minFileBytes: 0 }))) throw new Error('The index was not written');
}

async function measure(): Promise<void> {
  const rows: Record<string, Record<string, string | number>> = {};
  for (const name of positionals.length > 0 ? positionals : ['middle', 'large', 'compiler']) {
    const file = BENCH_FILES.includes(name) ? await benchFile(name) : name;
    const folder = await mkdtemp(join(tmpdir(), 'heap-index-'));
    const open = async (mode: string): Promise<number> => {
      const args = [fileURLToPath(import.meta.url), '--mode', mode, '--folder', folder, file];
      return Number((await promisify(execFile)(process.execPath, args)).stdout);
    };
    try {
      await open('write');
      const times: Record<string, number[]> = { first: [], again: [] };
      for (let i = 0; i < Number(values.runs); i++) for (const mode of ['first', 'again']) times[mode]!.push(await open(mode));
      const [first, again] = ['first', 'again'].map((mode) => times[mode]!.sort((a, b) => a - b)[times[mode]!.length >> 1]!) as [number, number];
      const index = (await readdir(folder)).find((one) => one.endsWith('.heapindex'))!;
      const bytes = (await stat(join(folder, index))).size / (await stat(file)).size;
      rows[basename(file)] = { 'first s': (first / 1000).toFixed(2), 'again s': (again / 1000).toFixed(2), 'times faster': (first / again).toFixed(1), 'index / file': bytes.toFixed(2) };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  console.table(rows);
}
