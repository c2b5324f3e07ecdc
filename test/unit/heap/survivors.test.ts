import { describe, expect, it } from 'vitest';

import { addedTo, grownRows, grownSurvivors } from '#main/heap/grown-survivors.ts';
import { compareHeaps } from '#main/heap/compare.ts';
import { makeTrio, trioObjects, trioRows } from '#main/heap/trio.ts';
import { openOf } from '#test/fixtures/heap/build.ts';
import { builtPair, elements, many } from '#test/fixtures/heap/pair.ts';

const ALL = { start: 0, end: 100 };

describe('a container that was empty', () => {
  const text = (cache: string, rest = ''): string =>
    `root@1 -> .m m; m@3:10 (object module) "module m" -> ._cache cache, .other other, .f f; f@9 (closure) "f";
     other@5:9 (object list) -> [0] f; cache@7:64 (object dict) -> ${cache}; ${rest}`;

  it('is in both when an object in both holds it by the same name in both', async () => {
    const { comparison, compared } = await builtPair(text(''), text('[1] s', 's@101:5 (object m.S) -> .f f'), { python: true });
    expect(comparison.survivesInCompared[compared.at('cache')]).toBe(1);
    expect(comparison.survivesInCompared[compared.at('s')]).toBe(0);
  });

  it('is another one when the name is another one, or the class', async () => {
    const full = text('[1] s', 's@101:5 (object m.S) -> .f f');
    const renamed = await builtPair(text('').replace('_cache', '_old'), full, { python: true });
    expect(renamed.comparison.survivesInCompared[renamed.compared.at('cache')]).toBe(0);
    const retyped = await builtPair(text('').replace('dict', 'set'), full, { python: true });
    expect(retyped.comparison.survivesInCompared[retyped.compared.at('cache')]).toBe(0);
  });

  it('in one that is itself known only by its holder is found as well', async () => {
    const nested = (inner: string): string => `root@1 -> .m m; m@3:10 (object module) "module m" -> .a a, .f f; f@9 (closure) "f";
      a@5:8 (object m.A) -> .b b; b@7:8 (object list) -> ${inner}`;
    const { comparison, compared } = await builtPair(nested(''), nested('[0] f'), { python: true });
    expect(comparison.survivesInCompared[compared.at('b')]).toBe(1);
  });
});

describe('grown survivors', () => {
  const app = (sessions: number): string => `root@1 -> !g; g@3:5 (object global) -> .app app; app@5:10 (object App) -> .cache cache, .name n; n@7:4 (string) "x";
    cache@9:20 (object Map) -> {table} table; table@11:${16 + 8 * sessions} (array)${sessions ? ` -> ${elements(sessions, 's').replaceAll(/\[(\d+)\]/g, '<$1>')}` : ''};
    ${many(sessions, 's', 101, ':40 (object Session)')}`;

  it('name what retains more than before, and where that happened', async () => {
    const { comparison, compared } = await builtPair(app(0), app(10));
    const survivors = await grownSurvivors(comparison);
    const all = await grownRows(survivors, false, ALL);
    expect(all.rows.map(({ node, grownRetainedBytes, accumulates }) => [node.className, grownRetainedBytes, accumulates])).toEqual([
      ['global', 480, false], ['App', 480, false], ['Map', 480, true],
    ]);
    const { rows } = await grownRows(survivors, true, ALL);
    expect(rows).toMatchObject([
      { baseRetainedBytes: 36, baseShallowBytes: 36, grownShallowBytes: 80, newObjects: 10, newBytes: 400, addedFields: 0 },
    ]);
    expect(await addedTo(comparison, compared.at('cache'), 5)).toMatchObject([{ name: 'Session', objects: 10, shallowBytes: 400 }]);
    expect((await grownRows(survivors, false, { ...ALL, filter: 'app', sort: { by: 'name', order: 'ascending' } })).rows).toHaveLength(1);
    await expect(addedTo(comparison, 99_999, 5)).rejects.toThrow(RangeError);
  });
});

describe('three snapshots', () => {
  it('tell what was born between the first two and is there in the third', async () => {
    const text = (ids: readonly number[]): string => `root@1 -> !g; g@3:5 (object global) -> ${ids.map((id, i) => `[${i}] s${id}`).join(', ')};
      ${ids.map((id) => `s${id}@${id}:10 (object Session) -> .data d${id}; d${id}@${id + 1000}:5 (object Data)`).join(';')}`;
    const [first, second, third] = await Promise.all([[101, 103], [101, 103, 105, 107, 109], [103, 105, 107, 111]].map((ids) => openOf(text(ids))));
    const early = await compareHeaps(first!.heap, second!.heap);
    const late = await compareHeaps(second!.heap, third!.heap);
    const trio = await makeTrio(early, late);
    expect(trio.summary).toMatchObject({ born: { objects: 6, shallowBytes: 45, retainedBytes: 45 }, stayed: { objects: 4, shallowBytes: 30, retainedBytes: 30 } });
    const { rows } = await trioRows(trio, ALL);
    expect(rows).toMatchObject([
      { name: 'Session', objects: 2, shallowBytes: 20, retainedBytes: 30, goneObjects: 1 },
      { name: 'Data', objects: 2, shallowBytes: 10, retainedBytes: 10, goneObjects: 1 },
    ]);
    expect(Array.from(trioObjects(trio, rows[0]!.classIndex), third!.key)).toEqual(['s105', 's107']);
    expect(trioObjects(trio, null)).toHaveLength(4);
    expect(() => trioObjects(trio, 99)).toThrow(RangeError);
    await expect(makeTrio(late, early)).rejects.toThrow(RangeError);
  });
});
