import { describe, expect, test } from 'vitest';
import { compareNav, fromHash, objectNav, snapshotNav, toHash, type NavState } from '#renderer/navigation/nav-state.ts';

const STATES: NavState[] = [
  { view: 'start' },
  { view: 'timeline', sessionId: 'abc' },
  { view: 'output', sessionId: 'a_b-c' },
  snapshotNav('abc', 's1'),
  snapshotNav('abc', 's1', { focus: { kind: 'search', text: 'Request & "quotes" #?/' }, pane: 'details' }),
  snapshotNav('abc', 's1', { focus: { kind: 'object', id: 94_123_456_789 }, object: 94_123_456_789, pane: 'retainers' }),
  snapshotNav('abc', 's1', { filter: '/^app\\.(x|y)$/i', object: 0 }),
  snapshotNav('abc', 's1', { tab: 'dominators', shape: 'treemap', zoom: 77 }),
  snapshotNav('abc', 's1', { tab: 'strings', order: 'duplicates' }),
  snapshotNav('abc', 's1', { tab: 'findings', since: 'none' }),
  snapshotNav('abc', 's1', { group: 'module', narrow: { minShallowBytes: 1024, maxDistance: 4, notInId: 's 0:,' } }),
  snapshotNav('abc', 's1', { focus: { kind: 'set', set: { by: 'growth', baseId: 's:1', comparedId: 's2', lineId: 7 } } }),
  snapshotNav('abc', 's1', { focus: { kind: 'set', set: { by: 'retainedByClass', classIndex: 12 } } }),
  snapshotNav('abc', 's1', { focus: { kind: 'set', set: { by: 'finding', findingId: 'caches/12:x', baseId: null } } }),
  snapshotNav('abc', 's1', { focus: { kind: 'set', set: { by: 'trio', firstId: 'a', secondId: 'b', thirdId: 'c', classIndex: null } } }),
  snapshotNav('abc', 's1', { focus: { kind: 'set', set: { by: 'comparison', baseId: 'a', comparedId: 'b', classIndex: 3, side: 'dead' } } }),
  objectNav('abc', 's1', 94_123_456_789),
  objectNav('abc', 's1', 0, 'dominated'),
  compareNav('abc'),
  compareNav('abc', { tab: 'trio', baseId: 's1', comparedId: 's2', thirdId: 's3' }),
  compareNav('abc', { baseId: 's1', comparedId: 's2', className: '<b>名前 %2F</b>', side: 'dead', filter: 'a+b', pane: 'details' }),
];

describe('addresses', () => {
  test.each(STATES.map((nav) => [toHash(nav), nav] as const))('%s', (hash, nav) => {
    expect(fromHash(hash)).toEqual(nav);
    expect(toHash(fromHash(hash))).toBe(hash);
  });

  test.each(['', '#', '#/nowhere', '#/session', '#/session//timeline', '#/session/abc', '#/session/abc/snapshot', `#/${'x'.repeat(10_000)}`, '#/session/abc/secret/1'])(
    'an address that means nothing is the start page: %s',
    (hash) => expect(fromHash(hash.slice(0, 20_000))).toEqual({ view: 'start' }),
  );

  test('broken parts are left out, not guessed', () => {
    expect(fromHash('#/session/abc/snapshot/s1?object=12x&pane=nowhere&root=-4')).toEqual(snapshotNav('abc', 's1'));
    expect(fromHash('#/session/abc/snapshot/s1?tab=secret&set=growth:s1::x&narrow=minShallowBytes:-1,x&zoom=1e9')).toEqual(snapshotNav('abc', 's1'));
    expect(fromHash('#/session/abc/snapshot/s1/object/x')).toEqual(snapshotNav('abc', 's1'));
    expect(fromHash('#/session/abc/compare/s1?side=old')).toEqual(compareNav('abc'));
    expect(fromHash('#/session/%E0%A4%A/timeline')).toEqual({ view: 'timeline', sessionId: '%E0%A4%A' });
  });
});
