import { describe, expect, it } from 'vitest';
import { readGarbage, readReport, readTrace } from '#main/capture/references/read-references.ts';
import { gcNav, garbageNav, referencesNav } from '#renderer/navigation/memory-nav.ts';
import { fromHash, toHash } from '#renderer/navigation/nav-state.ts';
import { cycleTitle, roundTrip } from '#renderer/views/gc/garbage-rows.ts';
import { traceRows } from '#renderer/views/references/trace-rows.ts';
import { fakeGarbage, fakeTrace } from '../../component/fake-references.ts';

describe('addresses', () => {
  it.each([referencesNav('s'), referencesNav('s', 'object'), referencesNav('s', 'object', 42), garbageNav('s'), gcNav('s')])('%j comes back from its address', (nav) => {
    expect(fromHash(toHash(nav))).toEqual(nav);
  });
  it('reads a broken object as none', () => expect(fromHash('#/session/s/references?pane=object&id=-4e2')).toEqual(referencesNav('s', 'object')));
});

describe('rows of a trace', () => {
  it('tells changes against the line before, not across another object', () => {
    const trace = fakeTrace();
    expect(traceRows(trace).map(({ delta, count, share }) => [delta, count, share])).toEqual([[null, '1', 0.5], [1, '2', 1], [-1, '1', 0.5]]);
    const rebound = fakeTrace({ steps: trace.steps.map((step, index) => ({ ...step, rebound: index === 1 })) });
    expect(traceRows(rebound)[1]).toMatchObject({ delta: null, note: "now 'test'" });
  });
  it('says immortal in place of a number, and what a count of none means', () => {
    const [first] = fakeTrace().steps;
    const row = (more: object) => traceRows(fakeTrace({ steps: [{ ...first!, ...more }] }))[0];
    expect(row({ state: 'immortal', count: null })?.count).toBe('immortal');
    expect(row({ count: 0, named: 0 })?.note).toMatch(/would be freed here/);
    expect(row({ count: 0, named: 1 })?.note).toMatch(/borrowed/);
    expect(row({ count: 3, named: 1 })?.unnamed).toBe(2);
    expect(row({ address: null, count: null })?.count).toBe('–');
  });
});

describe('cycles', () => {
  it('walks the shortest way around', () => {
    const [pair, self] = fakeGarbage(0).groups;
    expect(roundTrip(pair!)).toEqual([0, 1, 0]);
    expect(cycleTitle(pair!)).toBe('app.Node → app.Node → app.Node');
    expect(cycleTitle(self!)).toBe('list → list');
    expect(cycleTitle({ ...pair!, edges: [] })).toBe('2 app.Node');
  });
});

describe('answers of a target that lies', () => {
  it('reads what makes sense and leaves out the rest', () => {
    expect(readReport({ state: 'nonsense', count: -4, referrers: [null, { kind: 7 }], notes: ['a', 5] })).toMatchObject({ state: 'counted', count: null, referrers: [{ kind: '', name: '' }, { kind: '' }], notes: ['a'], heldFromC: null });
    expect(readTrace({ steps: [{ line: 'x', count: 1e99, appeared: 'no' }] }).steps[0]).toMatchObject({ line: 0, count: null, appeared: [] });
    const edges = readGarbage({ groups: [{ objects: [{}], edges: [{ from: 0, to: 9 }, { from: 0, to: 0, name: 'a'.repeat(999) }] }] }).groups[0]?.edges;
    expect(edges).toHaveLength(1);
    expect(edges?.[0]?.name).toHaveLength(300);
  });
  it.each([null, 7, {}, []])('%j is no answer', (answer) => {
    expect(() => readReport(answer)).toThrow(/cannot be read/);
    expect(() => readTrace(answer)).toThrow(/cannot be read/);
    expect(() => readGarbage(answer)).toThrow(/cannot be read/);
  });
});
