import { describe, expect, it } from 'vitest';

import { analyseHeap } from '#main/heap/analyse.ts';
import { classIndexOf, classRow } from '#main/heap/classes.ts';
import { openHeap } from '#main/heap/open.ts';
import { distancesAsDevTools } from '#test/bench/heap-dump.ts';
import type { DumpedClass, HeapDump } from '#test/bench/heap-dump.ts';
import { compareDumps } from '#test/bench/heap-exact.ts';
import { parseNodes, snapshotText, tempFile } from '#test/fixtures/heap/build.ts';

// `dead` and `lost` are held by a weak edge only: no way leads to them.
const TEXT = `root -> !app; app:10 (object App) -> .near near, .far far, ~w dead, ~v lost, ~x empty;
  near:8 (object Partly); far:8 (object Wholly) -> .more more; more:8 (object Wholly) -> .held held; held:8 (object Held);
  dead:8 (object Partly); lost:8 (object Lost); empty:0 (object Held)`;

describe('distances of classes, compared with DevTools', () => {
  it.each([
    ['Partly', 'one of two objects reached: the nearest is shown, DevTools has none', 2, -1],
    ['Wholly', 'all reached: the same', 2, 2],
    ['Held', 'what is not reached has no size and counts in no class: the same', 4, 4],
    ['Lost', 'none reached: neither has one', null, -1],
  ] as const)('%s: %s', async (name, _why, shown, compared) => {
    const heap = await openHeap(tempFile(snapshotText(parseNodes(TEXT))));
    const analysis = await analyseHeap(heap);
    const index = classIndexOf(heap, name);
    expect(classRow(heap, index).distance).toBe(shown);
    expect(distancesAsDevTools(heap, analysis)[index]).toBe(compared);
  });

  const dump = (...classes: DumpedClass[]): HeapDump => {
    const none = new Float64Array(0);
    return { classes, id: none, shallow: none, retained: none, distance: none };
  };
  const line = (distance: number): DumpedClass => ({ name: 'A', objects: 1, shallowBytes: 8, retainedBytes: 8, distance });

  it.each([
    [[3], [3], 0],
    [[3], [-1], 1],
    [[-1], [3], 1],
    [[3, -1], [-1, 3], 0],
    [[3, 3], [-1, 3], 1],
  ])('%j against %j: %i differences', (ours, theirs, differences) => {
    expect(compareDumps(dump(...ours.map(line)), dump(...theirs.map(line)))).toHaveLength(differences);
  });
});
