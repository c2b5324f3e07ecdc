/** Order and colours of the series of memory by allocator: what is in use lies below what is free. */
import type { AllocatorHistory } from '#shared/model/memory.ts';

type Series = AllocatorHistory['series'][number];

const USED = ['--cat-0', '--cat-2', '--cat-1', '--cat-3', '--cat-5', '--cat-4', '--cat-7', '--cat-10'];
const FREE = ['--cat-6', '--cat-9', '--cat-11', '--cat-8'];

/** Those that ever held anything, from the bottom up; the largest lowest. */
export function historySeries({ series }: AllocatorHistory): Series[] {
  const most = ({ bytes }: Series) => bytes.reduce<number>((high, value) => Math.max(high, value ?? 0), 0);
  return series.filter((each) => most(each) > 0).sort((a, b) => Number(a.group === 'free') - Number(b.group === 'free') || most(b) - most(a));
}

/** Names of CSS variables by id. */
export function historyColours(series: readonly Series[]): Map<string, string> {
  const seen = { used: 0, free: 0 };
  return new Map(
    series.map(({ id, group }) => {
      const colours = group === 'free' ? FREE : USED;
      return [id, colours[seen[group]++ % colours.length] ?? '--cat-9'];
    }),
  );
}
