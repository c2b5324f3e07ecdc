import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it, vi } from 'vitest';

import { createHeapStore } from '#main/hosts/analysis/heap-store.ts';
import { writeSyntheticSnapshot } from '#test/fixtures/heap/generate.ts';

it('indexes what it has analysed, and opens it from the index the next time', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'heaphouse-store-'));
  try {
    const path = join(folder, 'service.heapsnapshot');
    const indexDir = join(folder, 'index');
    await writeSyntheticSnapshot(path, { nodes: 160_000 }); // above the size that is worth an index
    const file = { snapshotId: 's', path, name: 'service', takenAt: 1, idEpoch: null };
    const open = async (): Promise<{ nodes: number; root: number; analysed: boolean }> => {
      const store = createHeapStore({ budgetBytes: 2 ** 30, indexDir: () => indexDir });
      store.register(file);
      const analysed = await store.use('s', 'open', {}, (heap) => heap.analysis !== null);
      return store.use('s', 'analysed', {}, (heap) => ({ nodes: heap.nodeCount, root: heap.analysis!.retained[heap.root]!, analysed }));
    };
    const first = await open();
    expect(first.analysed).toBe(false);
    await vi.waitFor(() => expect(readdirSync(indexDir).filter((name) => name.endsWith('.heapindex'))).toHaveLength(1), 10_000);
    expect(await open()).toEqual({ ...first, analysed: true });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
