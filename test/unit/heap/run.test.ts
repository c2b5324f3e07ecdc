import { describe, expect, it } from 'vitest';

import { analyseHeap } from '#main/heap/analyse.ts';
import { openHeap } from '#main/heap/open.ts';
import { nodeSetRows } from '#main/heap/nodes.ts';
import type { HeapProgress } from '#shared/model/heap.ts';
import { largeSnapshot } from '#test/fixtures/heap/large.ts';
import { heapOf, openOf } from '#test/fixtures/heap/build.ts';

describe('progress', () => {
  it('has real counts that only grow within a phase and reach the total', async () => {
    const file = largeSnapshot({ nodes: 100_000, shape: 'double list' });
    const seen: HeapProgress[] = [];
    const onProgress = (progress: HeapProgress): void => void seen.push(progress);
    await analyseHeap(await openHeap(file, { onProgress }), { onProgress });
    expect([...new Set(seen.map(({ phase }) => phase))]).toEqual(
      expect.arrayContaining(['reading', 'classes', 'retainers', 'sizes', 'dominators', 'distances', 'aggregates']),
    );
    for (const { done, total } of seen) expect(done).toBeLessThanOrEqual(total);
  });
});

describe('cancel', () => {
  it.each([0, 20, 60, 150])('ends soon when it comes after %i ms, and the heap can be analysed again', async (delayMs) => {
    const file = largeSnapshot({ nodes: 150_000, shape: 'double list' });
    const heap = await openHeap(file);
    const controller = new AbortController();
    let cancelledAt = Infinity;
    const timer = setTimeout(() => {
      cancelledAt = performance.now();
      controller.abort(new Error('enough'));
    }, delayMs);
    const outcome = await analyseHeap(heap, { signal: controller.signal }).then(
      () => 'done',
      (error: unknown) => (error as Error).message,
    );
    const lateMs = performance.now() - cancelledAt;
    clearTimeout(timer);
    if (outcome === 'enough') {
      expect(lateMs).toBeLessThan(150); // 50 on a machine of its own
      expect(heap.analysis).toBeNull();
    } else expect(outcome).toBe('done');
    expect((await analyseHeap(heap)).retained[1]).toBe(149_999);
  });

  it('stops reading, and does not begin when it has come already', async () => {
    const file = largeSnapshot({ nodes: 150_000, shape: 'list' });
    const controller = new AbortController();
    const reading = openHeap(file, { signal: controller.signal });
    setTimeout(() => {
      controller.abort(new Error('enough'));
    }, 15);
    await expect(reading).rejects.toThrow('enough');
    await expect(openHeap(file, { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
  });

  it('of one caller does not hurt another one', async () => {
    const { heap } = await openOf('root -> a; a -> b');
    const controller = new AbortController();
    const first = analyseHeap(heap, { signal: controller.signal });
    const second = analyseHeap(heap);
    controller.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    expect(await second).toBe(heap.analysis);
    expect(heap.analysis).not.toBeNull();
  });

  it('stops a sort', async () => {
    const { heap } = await heapOf('root -> a; a -> b');
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(nodeSetRows(heap, Uint32Array.of(1, 2), { start: 0, end: 5 }, { signal })).rejects.toThrow('enough');
  });
});

describe('analyseHeap', () => {
  it('runs once for all who ask', async () => {
    const { heap } = await openOf('root -> a; a -> b');
    const [first, second] = await Promise.all([analyseHeap(heap), analyseHeap(heap)]);
    expect(first).toBe(second);
    expect(await analyseHeap(heap)).toBe(first);
  });
});
