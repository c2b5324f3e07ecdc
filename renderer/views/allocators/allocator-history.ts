/** Memory by allocator as series of a stacked history: what is in use lies below what is free. */
import type { AllocatorHistory } from '#shared/model/memory.ts';
import type { HistorySeries } from '../memory/StackedHistory.vue';

type Series = AllocatorHistory['series'][number];

const USED = ['--cat-0', '--cat-2', '--cat-1', '--cat-3', '--cat-5', '--cat-4', '--cat-7', '--cat-10'];
const FREE = ['--cat-6', '--cat-9', '--cat-11', '--cat-8'];

/** Those that ever held anything, from the bottom up; the largest lowest. */
export function allocatorSeries({ series }: AllocatorHistory): HistorySeries[] {
  const most = ({ bytes }: Series) => bytes.reduce<number>((high, value) => Math.max(high, value ?? 0), 0);
  const seen = { used: 0, free: 0 };
  return series
    .filter((each) => most(each) > 0)
    .sort((a, b) => Number(a.group === 'free') - Number(b.group === 'free') || most(b) - most(a))
    .map(({ id, label, group, bytes }) => {
      const colours = group === 'free' ? FREE : USED;
      return { id, label, bytes, colour: colours[seen[group]++ % colours.length] ?? '--cat-9' };
    });
}
