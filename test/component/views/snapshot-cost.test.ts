import { expect, test } from 'vitest';
import { costLines, longPause } from '#renderer/views/session/snapshot-cost.ts';
import type { SnapshotEstimate } from '#shared/model/snapshot-estimate.ts';

const MIB = 1024 ** 2;
const estimate = (more: Partial<SnapshotEstimate>): SnapshotEstimate => ({ basis: 'typical', heapBytes: { low: 20 * MIB, high: 92 * MIB }, pauseMs: null, fileBytes: null, nodes: null, targetRssBytes: null, ...more });

test('says ranges, and one figure where they are narrow', () => {
  expect(costLines(estimate({ pauseMs: { low: 100, high: 800 }, fileBytes: { low: 34 * MIB, high: 156 * MIB }, targetRssBytes: 800 * MIB }))).toEqual([
    'The target stands still for 100 ms to 800 ms.',
    'The file takes 34.0 MiB to 156 MiB.',
    'Meanwhile the target may need up to 800 MiB of memory.',
    'Judging by 20.0 MiB to 92.0 MiB of heap, as other programs took.',
  ]);
  expect(costLines(estimate({ basis: 'last-snapshot', pauseMs: { low: 80, high: 120 } }))).toEqual(['The target stands still for about 100 ms.', 'Judging by its last snapshot.']);
});

test('says when nothing can be said', () => {
  expect(costLines(null)).toEqual([]);
  expect(costLines(estimate({}))).toEqual(['How long it takes is not known before the first one.']);
});

test('a long pause is for everybody to see', () => {
  expect(longPause(estimate({ pauseMs: { low: 100, high: 900 } }))).toBeNull();
  expect(longPause(estimate({ pauseMs: { low: 1_500, high: 4_000 } }))).toBe('stands still 1.5 s to 4.0 s');
  expect(longPause(null)).toBeNull();
});
