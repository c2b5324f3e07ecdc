import { expect, it } from 'vitest';

import { analyseHeap } from '#main/heap/analyse.ts';
import { NONE } from '#main/heap/heap.ts';
import { holdersOf } from '#main/heap/holders.ts';
import { holderTree } from '#main/heap/holder-tree.ts';
import { openHeap } from '#main/heap/open.ts';
import { nearestHolder } from '#main/heap/shortest.ts';
import { tempFile } from '#test/fixtures/heap/build.ts';
import { writeSyntheticSnapshot } from '#test/fixtures/heap/generate.ts';
import { largeSnapshot } from '#test/fixtures/heap/large.ts';

it('gives for every node what a search for its nearest holder gives', async () => {
  const file = tempFile('');
  await writeSyntheticSnapshot(file, { nodes: 20_000, style: 'node20' });
  const heap = await openHeap(file);
  const analysis = await analyseHeap(heap);
  const tree = await holderTree(heap, analysis);
  const differing: number[] = [];
  for (let node = 0; node < heap.nodeCount; node++) {
    const found = nearestHolder(heap, analysis, node);
    if ((found?.node ?? NONE) !== tree.holder[node] || (found?.edge ?? NONE) !== tree.edge[node]) differing.push(node);
  }
  expect(differing).toEqual([]);
});

it('takes a time linear in the elements of one array', async () => {
  const heap = await openHeap(largeSnapshot({ nodes: 200_000, shape: 'star' }));
  await analyseHeap(heap);
  const all = Uint32Array.from({ length: heap.nodeCount }, (_, node) => node);
  const before = process.cpuUsage().user;
  const groups = await holdersOf(heap, all);
  // Looking through the array for each element costs some 20 seconds.
  expect((process.cpuUsage().user - before) / 1_000).toBeLessThan(5_000);
  expect(groups.reduce((sum, { objects }) => sum + objects, 0)).toBe(heap.nodeCount);
});
