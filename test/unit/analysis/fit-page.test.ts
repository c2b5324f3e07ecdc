import { describe, expect, it } from 'vitest';
import { fitPage, MAX_PAGE_BYTES } from '#main/hosts/analysis/fit-page.ts';

const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));
const page = (count: number, chars: number, character = 'x') => ({
  rows: Array.from({ length: count }, (_, id) => ({ id, name: character.repeat(chars), nested: { name: character.repeat(chars), bytes: 1 } })),
  start: 0,
  total: count,
  unfiltered: count,
});

describe('fitPage', () => {
  it('leaves a page that fits as it is', () => {
    const small = page(100, 100);
    expect(fitPage(small)).toBe(small);
  });
  it.each([[2_000, 1_000, 'x'], [2_000, 1_000, '漢'], [2_000, 1_000, '🏚'], [2_000, 1_000, '"']])(
    'shortens names of %i rows of %i × %s',
    (count, chars, character) => {
      const fitted = fitPage(page(count, chars, character));
      expect(bytesOf(fitted)).toBeLessThanOrEqual(MAX_PAGE_BYTES);
      expect(fitted.rows).toHaveLength(count);
      expect(fitted.rows[0]!.name.endsWith('…')).toBe(true);
      expect(fitted.rows[7]!.id).toBe(7);
    },
  );
  it('ends the page early when names are not what is large', () => {
    const wide = { rows: Array.from({ length: 2_000 }, () => ({ numbers: Array.from({ length: 200 }, () => 1_234_567) })), start: 0, total: 2_000 };
    const fitted = fitPage(wide);
    expect(bytesOf(fitted)).toBeLessThanOrEqual(MAX_PAGE_BYTES);
    expect(fitted.rows.length).toBeGreaterThan(100);
    expect(fitted.total).toBe(2_000);
  });
});
