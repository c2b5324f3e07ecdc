/** Profiles of targets and files as trees: sums stay, rubbish is refused. */
import { expect, it } from 'vitest';
import { readCpuProfile, readHeapProfile, toTree } from '#main/capture/allocations/profile-tree.ts';

const frame = (functionName: string, lineNumber = 4) => ({ functionName, scriptId: '1', url: '/app.py', lineNumber, columnNumber: 0 });
const HEAP = {
  head: {
    callFrame: frame('(root)', -1), selfSize: 0, id: 1,
    children: [
      { callFrame: frame('a'), selfSize: 100, id: 2, children: [{ callFrame: frame('b'), selfSize: 50, id: 3, children: [] }, { callFrame: frame('b'), selfSize: 7, id: 4, children: [] }] },
      { callFrame: frame('free'), selfSize: 0, id: 5, children: [] },
    ],
  },
  samples: [{ size: 100, nodeId: 2, ordinal: 3 }, { size: 50, nodeId: 3, ordinal: 9 }, { size: 7, nodeId: 4, ordinal: 11 }, { size: 1, nodeId: 99, ordinal: 12 }],
};

it('reads a heap profile: equal callees are one, lines count from 1, empty calls are left out', () => {
  const read = readHeapProfile(HEAP, null);
  expect(read).toMatchObject({ samples: 3, lastOrdinal: 12 });
  const { tree, cutNodes } = toTree(read.nodes);
  expect(cutNodes).toBe(0);
  expect(tree.frame.map((at) => tree.frames[at]?.name)).toEqual(['(root)', 'a', 'b']);
  expect(tree.total).toEqual([157, 157, 57]);
  expect(tree.self).toEqual([0, 100, 57]);
  expect(tree.samples).toEqual([0, 1, 2]);
  expect(tree.frames[1]).toEqual({ name: 'a', url: '/app.py', line: 5 });
});

it('tells what was allocated since a mark', () => {
  const { tree } = toTree(readHeapProfile(HEAP, 9).nodes);
  expect(tree.total).toEqual([7, 7, 7]);
});

it('keeps the sums of large profiles when small calls are cut', () => {
  const children = Array.from({ length: 30_000 }, (_, at) => ({ callFrame: frame(`f${at}`), selfSize: at + 1, id: at + 2, children: [] }));
  const { tree, cutNodes } = toTree(readHeapProfile({ head: { ...HEAP.head, children }, samples: [] }, null).nodes);
  expect(cutNodes).toBeGreaterThan(20_000);
  expect(tree.parent.length).toBeLessThan(10_000);
  expect(tree.self.reduce((a, b) => a + b, 0)).toBe((30_000 * 30_001) / 2);
  expect(tree.total[0]).toBe((30_000 * 30_001) / 2);
});

it('reads a CPU profile', () => {
  const profile = {
    nodes: [{ id: 1, callFrame: frame('(root)', -1), hitCount: 0, children: [2, 3] }, { id: 2, callFrame: frame('a'), hitCount: 2 }, { id: 3, callFrame: frame('b'), hitCount: 1, children: [2] }],
    startTime: 0, endTime: 100, samples: [2, 2, 3, 77], timeDeltas: [10, 20, 30, 40],
  };
  const { tree } = toTree(readCpuProfile(profile).nodes);
  expect(tree.total[0]).toBe(60);
  expect(tree.frame.map((at) => tree.frames[at]?.name)).toEqual(['(root)', 'a', 'b']);
});

it('refuses what is no profile, and does not follow a deep or circular one into the ground', () => {
  for (const rubbish of [null, {}, [], { head: 3 }, 'x']) expect(() => readHeapProfile(rubbish, null)).toThrow(/head/);
  for (const rubbish of [null, {}, { nodes: [] }]) expect(() => readCpuProfile(rubbish)).toThrow(/nodes/);
  expect(() => readCpuProfile({ nodes: [{ id: 1, children: [2] }, { id: 2, children: [1] }] })).toThrow(/circle/);
  let deep: object = { callFrame: frame('leaf'), selfSize: 1, id: 1, children: [] };
  for (let at = 2; at < 60_000; at++) deep = { callFrame: frame(`d${at}`), selfSize: 0, id: at, children: [deep] };
  expect(toTree(readHeapProfile({ head: deep, samples: [] }, null).nodes).tree.total[0]).toBe(1);
  const odd = readHeapProfile({ head: { callFrame: { functionName: 5, url: {}, lineNumber: 'x' }, selfSize: -3, children: 'none' }, samples: [null, { nodeId: 'x' }] }, null);
  expect(toTree(odd.nodes).tree.frames).toEqual([{ name: '(anonymous)', url: '', line: 0 }]);
});
