import { describe, expect, it } from 'vitest';
import { compareByGrowth, isGenericClass } from '#main/export/growth-rank.ts';
import { groupLabel, pathText } from '#main/export/holder-text.ts';
import { writeHeadline } from '#main/export/headline.ts';
import { pairWarning } from '#main/export/identity-note.ts';
import type { Amounts, ReportClass } from '#main/export/report-model.ts';
import type { ComparisonRow } from '#shared/model/heap.ts';

const MiB = 1024 ** 2;
const zero = { objects: 0, shallowBytes: 0, retainedBytes: 0 };
const empty: Amounts = { base: zero, compared: zero, new: zero, dead: zero, survived: zero, delta: zero };
const grown = (name: string, objects: number, retainedBytes: number): ComparisonRow => {
  const amount = { objects, shallowBytes: objects * 8, retainedBytes };
  return { classIndex: 0, name, kind: 'object', ...empty, new: amount, delta: amount };
};
const totals = (compared: number, delta: number): Amounts => ({
  ...empty,
  compared: { ...zero, shallowBytes: compared },
  delta: { ...zero, shallowBytes: delta },
});
const first = (...rows: ComparisonRow[]) => rows.sort(compareByGrowth)[0]!.name;

describe('the class a report speaks of first', () => {
  it('is of the program, not the containers it drags along', () => {
    expect(first(grown('dict', 20_001, 11.3 * MiB), grown('__main__.Session', 10_000, 11.2 * MiB), grown('str', 20_000, 2 * MiB))).toBe('__main__.Session');
    expect(first(grown('(array)', 10_050, 9 * MiB), grown('Session', 10_000, 8.8 * MiB))).toBe('Session');
  });
  it('is what there is many of, not the one object that keeps them', () => {
    expect(first(grown('Cache', 1, 11.3 * MiB), grown('Session', 10_000, 11.2 * MiB))).toBe('Session');
  });
  it('is what holds most, not the smallest part', () => {
    expect(first(grown('Tag', 50_000, 2 * MiB), grown('Session', 10_000, 11 * MiB))).toBe('Session');
  });
  it('is a built-in one when nothing else explains the growth', () => {
    expect(first(grown('dict', 10_000, 10 * MiB), grown('app.Helper', 3, 900))).toBe('dict');
  });
  it('knows built-in names of both worlds', () => {
    for (const name of ['(string)', 'Array', 'system / Context', 'dict', 'builtins.list', 'collections.deque'.replace('deque', 'dict')]) expect(isGenericClass(name)).toBe(true);
    for (const name of ['Session', '__main__.Session', 'app.dict_like', 'HTMLDivElement']) expect(isGenericClass(name)).toBe(false);
  });
});

describe('the sentence', () => {
  const asClass = (row: ComparisonRow): ReportClass => row;
  const group = (holder: string, objects: number) => ({
    holder, objects, steps: [], owner: null, shallowBytes: 0, retainedBytes: null, example: { id: 1, name: 'x' },
  });
  const holders = (...groups: ReturnType<typeof group>[]) => [{ className: '__main__.Session', side: 'new' as const, objects: 10_000, groups }];
  const session = asClass(grown('__main__.Session', 10_000, 11.2 * MiB));

  it('names class, growth and holder', () => {
    const { text } = writeHeadline([session], holders(group('module __main__ → _cache (dict)', 10_000)), totals(50 * MiB, 11 * MiB));
    expect(text).toBe('+10,000 `__main__.Session` objects, +11.2 MiB retained, held by `module __main__ → _cache (dict)`.');
  });
  it('says how many when one holder does not have nearly all', () => {
    const { text } = writeHeadline([session], holders(group('a', 6_200), group('b', 3_800)), totals(50 * MiB, 11 * MiB));
    expect(text).toContain('6,200 of 10,000 new ones held by `a`.');
  });
  it('tells noise and no growth as such', () => {
    expect(writeHeadline([asClass(grown('Foo', 3, 900))], [], totals(50 * MiB, 900)).text).toBe('Little grew: +3 `Foo` objects, +900 B retained.');
    expect(writeHeadline([], [], totals(MiB, 0)).text).toBe('Nothing grew: no class has more objects than before.');
    expect(writeHeadline([], [], totals(MiB, 2 * MiB)).text).toContain('The heap itself is +2.0 MiB: objects that were there before have grown.');
  });
  it('cannot be broken by a name', () => {
    const { text } = writeHeadline([asClass(grown('a`b\u202e\n', 10_000, 11 * MiB))], [], totals(MiB, 0));
    expect(text).toContain("`a'b\\u{202e}␊`");
  });
});

it('tells holders apart that read alike', () => {
  const steps = (edge: string) => [{ edge: '', node: 'global' }, { edge: '_cache', node: 'Map' }, { edge, node: '(string)' }];
  const [a, b] = [{ holder: 'global → _cache (Map)', steps: steps('user') }, { holder: 'global → _cache (Map)', steps: steps('name') }];
  expect(groupLabel(a!, [a!])).toBe('global → _cache (Map)');
  expect(groupLabel(b!, [a!, b!])).toBe('global → _cache (Map) → name (string)');
  expect(pathText([{ edge: '_x', node: '' }])).toBe('_x');
});

it('warns of snapshots that are hardly of one process', () => {
  expect(pairWarning(10, 50_000, 50_000)).toContain('two different processes');
  expect(pairWarning(40_000, 50_000, 60_000)).toBeNull();
  expect(pairWarning(0, 10, 10)).toBeNull();
});
