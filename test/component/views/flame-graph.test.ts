/** The arithmetic of flame graph and lines. */
import { describe, expect, it } from 'vitest';
import type { ProfileTree } from '#shared/model/allocations.ts';
import { boxAt, flameLayout, indexTree, LEAST_PX, neighbourOf, pathOf, ROW_PX } from '#renderer/views/allocations/flame-layout.ts';
import { linesOf, matchesText, shortPlace, sortLines } from '#renderer/views/allocations/profile-lines.ts';

/** [name, parent, self]: parents before children. */
function treeOf(rows: [string, number, number][]): ProfileTree {
  const frames: ProfileTree['frames'] = [];
  const frame = rows.map(([name]) => {
    const known = frames.findIndex((one) => one.name === name);
    return known >= 0 ? known : frames.push({ name, url: `/app/${name}.py`, line: name.length }) - 1;
  });
  const total = rows.map(([, , self]) => self);
  for (let at = rows.length - 1; at > 0; at--) total[rows[at]![1]]! += total[at]!;
  return { frames, frame, parent: rows.map(([, parent]) => parent), self: rows.map(([, , self]) => self), total, samples: rows.map(([, , self]) => (self > 0 ? 1 : 0)) };
}

const TREE = treeOf([
  ['root', 0, 0],
  ['main', 0, 10],
  ['load', 1, 60],
  ['walk', 1, 0],
  ['walk', 3, 30],
  ['load', 4, 100],
]);

describe('flame graph', () => {
  const index = indexTree(TREE);

  it('gives every call its share, the largest first, below its caller', () => {
    const boxes = flameLayout(index, 0, 1_000);
    expect(boxes.map(({ node, row }) => [node, row])).toEqual([[0, 0], [1, 1], [3, 2], [2, 2], [4, 3], [5, 4]]);
    for (const box of boxes) expect(box.width).toBeCloseTo((1_000 * TREE.total[box.node]!) / 200);
    for (const box of boxes.slice(1)) {
      const above = boxes.find(({ node }) => node === TREE.parent[box.node])!;
      expect(box.x).toBeGreaterThanOrEqual(above.x - 1e-9);
      expect(box.x + box.width).toBeLessThanOrEqual(above.x + above.width + 1e-9);
    }
  });

  it('zooms: callers keep the whole width, others are gone', () => {
    const boxes = flameLayout(index, 4, 500);
    expect(boxes.map(({ node, isAncestor }) => [node, isAncestor])).toEqual([[0, true], [1, true], [3, true], [4, false], [5, false]]);
    expect(boxes.slice(0, 4).every(({ width }) => width === 500)).toBe(true);
    expect(pathOf(TREE, 4)).toEqual([0, 1, 3, 4]);
  });

  it('leaves out what is too narrow, and what has no share', () => {
    const many = treeOf([['root', 0, 0], ...Array.from({ length: 5_000 }, (_, at): [string, number, number] => [`f${at}`, 0, at === 0 ? 10_000 : 1])]);
    const boxes = flameLayout(indexTree(many), 0, 1_000);
    expect(boxes.every(({ width }) => width >= LEAST_PX)).toBe(true);
    expect(boxes).toHaveLength(2);
    expect(flameLayout(indexTree(treeOf([['root', 0, 0]])), 0, 1_000)).toEqual([]);
    expect(flameLayout(index, 0, 0)).toEqual([]);
  });

  it('finds the call under a point, and the next one for an arrow', () => {
    const boxes = flameLayout(index, 0, 1_000);
    expect(boxAt(boxes, 5, ROW_PX * 2 + 3)?.node).toBe(3);
    expect(boxAt(boxes, 900, ROW_PX * 2 + 3)?.node).toBe(2);
    expect(boxAt(boxes, 990, ROW_PX * 2 + 3)).toBeNull();
    expect(boxAt(boxes, 5, ROW_PX * 40)).toBeNull();
    const go = (node: number, key: string) => neighbourOf(boxes, TREE, node, key);
    expect([go(-1, 'ArrowDown'), go(0, 'ArrowDown'), go(1, 'ArrowDown'), go(3, 'ArrowRight'), go(2, 'ArrowLeft'), go(2, 'ArrowRight'), go(5, 'ArrowUp'), go(0, 'ArrowUp')]).toEqual([0, 1, 3, 2, 3, 2, 4, 0]);
  });
});

describe('lines of a profile', () => {
  it('adds up a place wherever it was called from; recursion counts once', () => {
    const lines = new Map(linesOf(TREE).map((line) => [line.name, line]));
    expect(lines.get('load')).toMatchObject({ self: 160, total: 160, samples: 2, node: 5 });
    expect(lines.get('walk')).toMatchObject({ self: 30, total: 130, node: 3 });
    expect(lines.get('main')).toMatchObject({ self: 10, total: 200 });
    expect(lines.has('root')).toBe(false);
  });

  it('sorts and finds', () => {
    const lines = linesOf(TREE);
    expect(sortLines(lines, { by: 'total', order: 'descending' }).map(({ name }) => name)).toEqual(['main', 'load', 'walk']);
    expect(sortLines(lines, { by: 'name', order: 'ascending' }).map(({ name }) => name)).toEqual(['load', 'main', 'walk']);
    expect(lines.filter((line) => matchesText(line, 'WALK.py:4'))).toHaveLength(1);
    expect(shortPlace({ url: 'file:///home/me/app/views/handlers.py', line: 88 })).toBe('views/handlers.py:88');
    expect(shortPlace({ url: '', line: 0 })).toBe('');
  });
});
