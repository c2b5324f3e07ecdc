import { describe, expect, test } from 'vitest';
import {
  clampTop,
  isScaled,
  MAX_SCROLL_PX,
  maxTopPx,
  scrollFromTop,
  scrollHeightPx,
  topFromScroll,
  topToReveal,
} from '#renderer/components/tree-table/scroll-map.ts';

const small = { rows: 1_000, rowHeightPx: 23, bodyHeightPx: 600 };
const large = { rows: 10_000_000, rowHeightPx: 23, bodyHeightPx: 600 };

describe('scroll map', () => {
  test('a small table scrolls pixel by pixel', () => {
    expect(isScaled(small)).toBe(false);
    expect(topFromScroll(123, small)).toBe(123);
    expect(scrollFromTop(123, small)).toBe(123);
  });

  test('ten million rows fit under the height that Chromium allows', () => {
    expect(isScaled(large)).toBe(true);
    expect(scrollHeightPx(large)).toBe(MAX_SCROLL_PX);
    expect(topFromScroll(MAX_SCROLL_PX - 600, large)).toBe(maxTopPx(large));
    expect(topFromScroll(0, large)).toBe(0);
  });

  test('both directions agree', () => {
    for (const top of [0, 1, 12_345_678, maxTopPx(large)]) expect(topFromScroll(scrollFromTop(top, large), large)).toBeCloseTo(top, 3);
  });

  test('the last row can be seen whole', () => {
    const top = topToReveal(large.rows - 1, 0, large);
    expect(top).toBe(maxTopPx(large));
    expect(topToReveal(5, 100 * 23, large)).toBe(5 * 23);
    expect(topToReveal(110, 100 * 23, large)).toBe(100 * 23);
    expect(clampTop(1e12, large)).toBe(maxTopPx(large));
  });
});
