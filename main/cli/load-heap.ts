/** Snapshots for commands: opened in this process, with progress, and with errors that say which file and what to do. */
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { analyseHeap } from '#main/heap/analyse.ts';
import { compareHeaps, type Comparison } from '#main/heap/compare.ts';
import type { Heap } from '#main/heap/heap.ts';
import { openHeap } from '#main/heap/open.ts';
import { toHeaphouseError } from '#main/hosts/analysis/heap-errors.ts';
import type { SnapshotLabel } from '#main/export/comparison-report.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import type { CommandContext } from './command-context.ts';

export interface LoadedHeap {
  heap: Heap;
  label: SnapshotLabel;
}

/** Opens and analyses a file given on the command line. */
export async function loadHeap(path: string, context: CommandContext): Promise<LoadedHeap> {
  const full = resolve(context.io.cwd, path);
  const name = basename(full);
  const run = { signal: context.signal, onProgress: (value: Parameters<typeof context.progress.update>[1]) => context.progress.update(name, value) };
  try {
    const { mtimeMs } = await stat(full);
    const heap = await openHeap(full, run);
    await analyseHeap(heap, run);
    for (const notice of heap.notices) context.progress.note(`${name}: ${visibleText(notice, 500)}`);
    return { heap, label: { name, takenAt: Math.round(mtimeMs) } };
  } catch (error) {
    throw toHeaphouseError(error, path);
  } finally {
    context.progress.clear();
  }
}

export async function loadComparison(
  basePath: string,
  comparedPath: string,
  context: CommandContext,
): Promise<{ comparison: Comparison; base: SnapshotLabel; compared: SnapshotLabel }> {
  const base = await loadHeap(basePath, context);
  const compared = await loadHeap(comparedPath, context);
  try {
    const comparison = await compareHeaps(base.heap, compared.heap, {
      signal: context.signal,
      onProgress: (value) => context.progress.update('comparison', value),
    });
    return { comparison, base: base.label, compared: compared.label };
  } catch (error) {
    throw toHeaphouseError(error);
  } finally {
    context.progress.clear();
  }
}
