import { describe, expect, it } from 'vitest';
import { allocationSites } from '#main/heap/allocation-sites.ts';
import { className } from '#main/heap/class-names.ts';
import { groupRows, groupTable, provideGroups } from '#main/heap/groups.ts';
import type { Heap } from '#main/heap/heap.ts';
import { openHeap } from '#main/heap/open.ts';
import { setSites } from '#main/heap/set-sites.ts';
import { comparisonPair } from '#test/fixtures/comparison-pair.ts';
import { withStacks, type Stacks } from '#test/fixtures/heap/with-stacks.ts';

const STACKS = {
  leak: ['Session.load /usr/lib/python3.11/json/decoder.py:10', 'leak /app/leaky.py:57', '<module> /app/leaky.py:120'],
  other: ['warm /venv/lib/python3.11/site-packages/lib/cache.py:8', '<module> /app/leaky.py:121'],
  deep: ['f /app/a.py:1', '(outer frames left out)'],
  c: ['(no Python code)'],
};

async function opened(stacks: Omit<Stacks, 'stacks'>): Promise<Heap> {
  return openHeap(withStacks(comparisonPair({ sessions: 40 }).compared, { stacks: STACKS, ...stacks }));
}

function nodesOf(heap: Heap, name: string): Uint32Array {
  return Uint32Array.from(Array.from({ length: heap.nodeCount }, (_, node) => node).filter((node) => className(heap, heap.classOf[node]!) === name));
}

describe('allocation stacks of a Python snapshot', () => {
  it('are the calls of each object, and its site the innermost one outside of the standard library', async () => {
    const heap = await opened({ stackOf: (name, index) => (name !== '__main__.Session' || index >= 30 ? null : index < 24 ? 'leak' : index < 28 ? 'other' : index < 29 ? 'deep' : 'c') });
    const sites = await allocationSites(heap);
    const nodes = nodesOf(heap, '__main__.Session');
    expect(sites!.stack(nodes[0]!)).toEqual([
      { functionName: 'Session.load', script: '/usr/lib/python3.11/json/decoder.py', line: 10, column: 0 },
      { functionName: 'leak', script: '/app/leaky.py', line: 57, column: 0 },
      { functionName: '<module>', script: '/app/leaky.py', line: 120, column: 0 },
    ]);
    expect(sites!.site(nodes[0]!)).toMatchObject({ functionName: 'leak', line: 57 });
    // What was installed beside the standard library is the program's choice.
    expect(sites!.site(nodes[24]!)).toMatchObject({ functionName: 'warm', line: 8 });
    expect(sites!.stack(nodes[39]!)).toEqual([]);
    expect(sites!.weight(nodes[0]!)).toBe(1);

    expect(await setSites(heap, nodes)).toMatchObject({
      source: { by: 'recording', unsureClasses: [], missing: null },
      objects: 40,
      known: 30,
      unsure: false,
      groups: [
        { site: 'leak (/app/leaky.py:57)', objects: 24, samples: 24, shallowBytes: 24 * 48, share: 0.8, stack: [{}, {}, {}] },
        { site: 'warm (/venv/lib/python3.11/site-packages/lib/cache.py:8)', objects: 4 },
        { site: 'f (/app/a.py:1)', objects: 1 },
        { site: '(no Python code)', objects: 1 },
      ],
    });
    expect((await setSites(heap, nodes, { limit: 1 })).groups).toHaveLength(1);

    provideGroups(heap, 'site', sites!.groups);
    const { rows } = await groupRows(await groupTable(heap, 'site', null), { start: 0, end: 50 });
    expect(rows.find(({ name }) => name === 'leak (/app/leaky.py:57)')).toMatchObject({ objects: 24, estimate: null });
    expect(rows.find(({ name }) => name === '(not recorded)')!.objects).toBeGreaterThan(1_000);
  });

  it('count by weight where they were sampled', async () => {
    const heap = await opened({
      allocations: { by: 'sampling', samplingInterval: 32_768, unsureClasses: ['str', 'dict'] },
      stackOf: (name, index) => (['__main__.Session', 'str'].includes(name) && index % 4 === 0 ? (index < 20 ? 'leak' : 'other') : null),
      weightOf: (name) => (name === 'str' ? 250 : 600),
    });
    expect(heap.header.allocations).toEqual({ by: 'sampling', samplingInterval: 32_768, unsureClasses: ['str', 'dict'], missing: null });
    const sites = await allocationSites(heap);
    expect(await setSites(heap, nodesOf(heap, '__main__.Session'))).toMatchObject({
      objects: 40, known: 10, unsure: false,
      groups: [{ objects: 30, samples: 5, share: 0.5, shallowBytes: 30 * 48 }, { objects: 30, samples: 5, share: 0.5 }],
    });
    expect(await setSites(heap, nodesOf(heap, 'str'))).toMatchObject({ unsure: true, known: 10 });
    provideGroups(heap, 'site', sites!.groups);
    const { rows } = await groupRows(await groupTable(heap, 'site', null), { start: 0, end: 50, sort: { by: 'objects', order: 'descending' } });
    expect(rows.find(({ name }) => name.startsWith('leak'))).toMatchObject({ objects: 10, estimate: { objects: Math.round(5 * 6 + 5 * 2.5) } });
    expect(rows.find(({ name }) => name === '(not sampled)')).toMatchObject({ estimate: null });
  });

  it('are told to be missing, and hostile heads are read past', async () => {
    const plain = comparisonPair({ sessions: 2 }).compared;
    const heads: [Record<string, unknown>, unknown][] = [
      [{ by: 'recording', missing: 'tracemalloc was stopped' }, { by: 'recording', samplingInterval: null, unsureClasses: [], missing: 'tracemalloc was stopped' }],
      [{ by: 'sampling', samplingInterval: -3, unsureClasses: 'dict', missing: 7 }, { by: 'sampling', samplingInterval: null, unsureClasses: [], missing: null }],
      [{ by: ['recording'] }, null],
    ];
    for (const [allocations, read] of heads) {
      const heap = await openHeap(withStacks(plain, { stacks: {}, stackOf: () => null, allocations }));
      expect(heap.header.allocations).toEqual(read);
      expect(await setSites(heap, nodesOf(heap, '__main__.Session'))).toMatchObject({ objects: 2, known: 0, groups: [] });
    }
    const none = await openHeap(plain);
    expect(await setSites(none, nodesOf(none, '__main__.Session'))).toEqual({ source: null, objects: 2, known: 0, unsure: false, groups: [] });
  });
});
