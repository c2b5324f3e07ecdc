import { readdirSync, readFileSync, statSync } from 'node:fs';

import { afterAll, describe, expect, it } from 'vitest';

import { analyseHeap } from '#main/heap/analyse.ts';
import { edgeLane, takeEdges, takeEdgesBack } from '#main/heap/edge-records.ts';
import type { EdgeTarget } from '#main/heap/edge-records.ts';
import { isHeapFormatError } from '#main/heap/errors.ts';
import type { Heap } from '#main/heap/heap.ts';
import { startHelper } from '#main/heap/helper.ts';
import { closeHeap, openHeap } from '#main/heap/open.ts';
import type { RawHeap } from '#main/heap/raw-heap.ts';
import { readHeapFile } from '#main/heap/reader.ts';
import { parseNodes, snapshotText, tempFile } from '#test/fixtures/heap/build.ts';
import { writeSyntheticSnapshot } from '#test/fixtures/heap/generate.ts';
import { mutant } from '#test/fixtures/heap/mutate.ts';

/** Every column of a heap and of its analysis that a view can ask for. */
async function columnsOf(heap: Heap): Promise<Record<string, unknown>> {
  const { classRetained, classDistance, ...analysis } = await analyseHeap(heap);
  const { nodeKind, nodeName, nodeId, firstEdge, edgeKind, edgeName, edgeTo, classOf, classes } = heap;
  return { ...analysis, classRetained, classDistance, nodeKind, nodeName, nodeId, nodeShallow: heap.shallow, firstEdge, edgeKind, edgeName, edgeTo, classOf, ...classes };
}

describe('a second thread', () => {
  it.each([
    ['node20', 1 << 12],
    ['node20', 1 << 20],
    ['node24', 96],
    ['node24', 1 << 16],
  ] as const)('changes nothing in a %s file read in blocks of %i bytes', async (style, edgeBlockBytes) => {
    const file = tempFile('');
    await writeSyntheticSnapshot(file, { nodes: 30_000, seed: 7, style });
    const alone = await columnsOf(await openHeap(file, { helper: 'never' }));
    const both = await columnsOf(await openHeap(file, { helper: 'always', edgeBlockBytes }));
    expect(Object.keys(both)).toEqual(Object.keys(alone));
    for (const [name, column] of Object.entries(alone)) expect(both[name], name).toEqual(column);
  });

  it('is not asked about small and compressed files, and about those where edges come elsewhere', async () => {
    const text = snapshotText(parseNodes('root -> a; a -> b'));
    const heap = await openHeap(tempFile(text), { helper: 'always' });
    expect((await analyseHeap(heap)).retained.length).toBe(3);
    const { edges, ...rest } = JSON.parse(text) as Record<string, unknown>;
    const late = await openHeap(tempFile(JSON.stringify({ ...rest, edges })), { helper: 'always' });
    expect((await analyseHeap(late)).retained.length).toBe(3);
  });

  it('ends with the call that is cancelled, and the heap can be analysed again', async () => {
    const file = tempFile('');
    await writeSyntheticSnapshot(file, { nodes: 200_000, seed: 3 });
    const heap = await openHeap(file, { helper: 'always' });
    const controller = new AbortController();
    const analysing = analyseHeap(heap, { signal: controller.signal });
    let cancelledAt = 0;
    setTimeout(() => {
      cancelledAt = performance.now();
      controller.abort(new Error('enough'));
    }, 5);
    await expect(analysing).rejects.toThrow('enough');
    expect(performance.now() - cancelledAt).toBeLessThan(150); // 50 on a machine of its own
    expect(heap.analysis).toBeNull();
    expect((await analyseHeap(heap)).retained[heap.root]).toBeGreaterThan(0);
  });

  it('ends when its heap is closed, also in the middle of its work; the heap stays whole', async () => {
    const file = tempFile('');
    await writeSyntheticSnapshot(file, { nodes: 200_000, seed: 3 });
    const heap = await openHeap(file, { helper: 'always' });
    const prepared = heap.prepared!;
    closeHeap(heap);
    expect(heap.prepared).toBeNull();
    await expect(prepared.marked()).rejects.toThrow('closed');
    closeHeap(heap);
    const { retained } = await analyseHeap(heap);
    expect(retained[heap.root]).toBe(heap.shallowBytes);
    closeHeap(heap);
    expect(heap.analysis).not.toBeNull();
  });

  it.runIf(process.platform === 'linux')('is gone soon after its heap is closed or was analysed (threads as Linux lists them)', async () => {
    const file = tempFile('');
    await writeSyntheticSnapshot(file, { nodes: 30_000, seed: 3 });
    const threads = (): string[] => readdirSync('/proc/self/task').flatMap((task) => {
      try {
        return readFileSync(`/proc/self/task/${task}/comm`, 'utf8').trim() === 'heap helper' ? [task] : [];
      } catch {
        return []; // ended meanwhile
      }
    });
    const before = threads();
    const started = (): number => threads().filter((task) => !before.includes(task)).length;
    const closed = await openHeap(file, { helper: 'always' });
    const analysed = await openHeap(file, { helper: 'always' });
    expect(started()).toBe(2);
    closeHeap(closed);
    await expect.poll(started, { timeout: 5_000 }).toBe(1);
    await analyseHeap(analysed);
    await expect.poll(started, { timeout: 5_000 }).toBe(0);
  });

  it('that fails says so', async () => {
    const helper = startHelper();
    await expect(helper.call('search', null)).rejects.toThrow('no graph');
    const waiting = helper.call('search', null);
    helper.close();
    await expect(waiting).rejects.toThrow(/closed|ended|no graph/);
    await expect(helper.call('search', null)).rejects.toThrow('closed');
  });
});

describe('the lanes of edges', () => {
  const lines: [name: string, records: string, count: number][] = [
    ['small numbers', '2,1,0,1,22,6,', 2],
    ['the last position of a sparse array', '1,4294967295,6,1,1073741824,12,1,134217728,0,', 3],
    ['line feeds before commas', '1,5,6\n,2,7,12\n,', 2],
    ['line feeds behind commas', '1,5,6,\n2,7,12,', 2],
  ];
  it.each(lines)('take %s from both ends', (_name, records, count) => {
    const margin = '\n'.repeat(64);
    const text = new TextEncoder().encode(`,${records}[${margin}`);
    const columns = (): EdgeTarget => ({ count: 0, kind: new Uint8Array(count), name: new Uint32Array(count), to: new Uint32Array(count) });
    const front = columns();
    const back = { ...columns(), count };
    const lane = edgeLane(['context', 'element', 'property'], 6);
    expect(takeEdges(front, lane, text, 1, text.length, 1 + records.length)).toBe(1 + records.length);
    expect(front.count).toBe(count);
    const end = 1 + records.trimEnd().replace(/\n?,$/, '').length;
    expect(takeEdgesBack(back, edgeLane(['context', 'element', 'property'], 6), text, 1, end)).toBe(0);
    expect({ ...back, count }).toEqual(front);
  });

  it.each(['1,4294967296,6', '3,1,6', '1,1,7', '1,,6', '1,1,1234567890', '-1,1,6'])('leave %s to the scanner', (record) => {
    const text = new TextEncoder().encode(`,${record},1,1,6,${'\n'.repeat(64)}`);
    const edges = { count: 0, kind: new Uint8Array(4), name: new Uint32Array(4), to: new Uint32Array(4) };
    expect(takeEdges(edges, edgeLane(['a', 'b', 'c'], 6), text, 1, text.length)).toBe(1);
    expect(takeEdgesBack({ ...edges, count: 4 }, edgeLane(['a', 'b', 'c'], 6), text, 1, 1 + record.length)).toBe(-1);
  });
});

describe('edges read from both ends', () => {
  const helper = startHelper();
  afterAll(() => {
    helper.close();
  });

  async function outcome(path: string, withHelper: boolean): Promise<Partial<RawHeap> | string> {
    try {
      const { nodeCount, edgeCount, firstEdge, edgeKind, edgeName, edgeTo } = await readHeapFile(path, undefined, withHelper ? helper : null, 64);
      return { nodeCount, edgeCount, firstEdge, edgeKind, edgeName, edgeTo };
    } catch (error) {
      if (isHeapFormatError(error)) return error.message;
      throw error;
    }
  }

  it('are what one thread reads, or are refused with the same words, in 600 damaged files', async () => {
    for (let number = 0; number < 600; number++) {
      const path = tempFile(mutant(11, number));
      if (statSync(path).size === 0) continue;
      expect(await outcome(path, true), `mutant ${number}`).toEqual(await outcome(path, false));
    }
  });
});
