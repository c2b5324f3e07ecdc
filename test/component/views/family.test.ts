/** Several targets of one session: which belong together, and their readings on one axis. */
import { describe, expect, it } from 'vitest';
import { familyExtent, moments, readingsAt } from '#renderer/charts/readings.ts';
import { familySessions, rootOf } from '#renderer/views/processes/family-sessions.ts';
import type { TimelineWindow } from '#shared/contracts/timeline.ts';
import { fakeSession, fakeTimeline } from '../fake-workbench.ts';

const one = (id: string, parentId?: string, createdAt = 0) => fakeSession({ id, createdAt, ...(parentId ? { parentId } : {}) });

describe('sessions that belong together', () => {
  const all = [one('a'), one('a2', 'a', 20), one('b'), one('a1', 'a', 10), one('a1x', 'a1', 30)];
  it('each after its parent, in the order of attaching, from wherever one looks', () => {
    for (const start of ['a', 'a1', 'a1x', 'a2']) {
      expect(familySessions(all, all.find(({ id }) => id === start)!).map(({ id }) => id)).toEqual(['a', 'a1', 'a1x', 'a2']);
    }
    expect(familySessions(all, all[2]!).map(({ id }) => id)).toEqual(['b']);
  });
  it('a parent that is not open, and parents in a circle, do not hang', () => {
    expect(rootOf([one('x', 'gone')], one('x', 'gone')).id).toBe('x');
    const circle = [one('p', 'q'), one('q', 'p')];
    expect(familySessions(circle, circle[0]!).length).toBeGreaterThan(0);
  });
});

describe('readings on one axis', () => {
  const window = (at: number[], rssBytes: (number | null)[]): TimelineWindow => ({ ...fakeTimeline(0), firstAt: at[0] ?? 0, lastAt: at.at(-1) ?? 0, at, series: { rssBytes, heapUsedBytes: [], heapTotalBytes: [], externalBytes: [] } });
  it.each([
    ['before the first reading', [0, 50], [null, null]],
    ['at and after a reading', [100, 150, 200], [1, 1, 2]],
    ['within the slack after the last', [300, 340], [3, 3]],
    ['after the end', [300, 500], [3, null]],
  ])('%s', (_name, at, expected) => {
    expect(readingsAt(window([100, 200, 300], [1, 2, 3]), 'rssBytes', at, 50)).toEqual(expected);
  });
  it('moments include both ends; the extent leaves empty recordings out', () => {
    expect(moments(10, 20, 3)).toEqual([10, 15, 20]);
    expect(familyExtent([window([], []), window([100, 200], [1, 2]), window([150, 400], [1, 1])])).toEqual({ firstAt: 100, lastAt: 400 });
    expect(familyExtent([])).toEqual({ firstAt: 0, lastAt: 0 });
  });
});
