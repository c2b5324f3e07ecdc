import { describe, expect, test } from 'vitest';
import { allocatorsNav, gcNav, segmentsNav } from '#renderer/navigation/memory-nav.ts';
import { fromHash, toHash } from '#renderer/navigation/nav-state.ts';

describe('addresses of the memory views', () => {
  test.each([gcNav('abc'), gcNav('abc', { fromAt: 1_760_000_000_000, toAt: 1_760_000_009_000 }), allocatorsNav('a_b'), allocatorsNav('a_b', 'native'), segmentsNav('abc'), segmentsNav('abc', 'sum')])('%o', (nav) => {
    expect(fromHash(toHash(nav))).toEqual(nav);
  });

  test('broken parts are left out', () => {
    expect(fromHash('#/session/abc/gc?from=12&to=x')).toEqual(gcNav('abc'));
    expect(fromHash('#/session/abc/gc?from=12&to=11')).toEqual(gcNav('abc'));
    expect(fromHash('#/session/abc/segments?pane=nowhere')).toEqual(segmentsNav('abc'));
    expect(fromHash('#/session/abc/allocators?pane=%00')).toEqual(allocatorsNav('abc'));
  });
});
