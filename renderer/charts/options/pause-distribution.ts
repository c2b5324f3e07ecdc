/** How long pauses were: one bar for each power of two, stacked by generation. Pure. */
import type { BarSeriesOption, EChartsOption } from 'echarts';
import { formatCount, formatCountShort } from '#shared/format/counts.ts';
import { formatDuration } from '#shared/format/durations.ts';
import type { GcSummary } from '#shared/model/memory.ts';
import type { ChartTheme } from '../chart-theme.ts';

type Distribution = GcSummary['distribution'];

/** From the first to the last length that occurred; a hole between them stays. */
export function occurringBuckets(distribution: Distribution): Distribution {
  const first = distribution.findIndex(({ count }) => count > 0);
  const last = distribution.findLastIndex(({ count }) => count > 0);
  return first < 0 ? [] : distribution.slice(first, last + 1);
}

/** Generation `n` has colour `n`; older ones than there are colours share the last. */
export function generationColour(generation: number, theme: ChartTheme): string {
  return theme.gc[Math.max(0, Math.min(theme.gc.length - 1, generation))] ?? theme.accent;
}

export function pauseDistributionOption(distribution: Distribution, theme: ChartTheme): EChartsOption {
  const buckets = occurringBuckets(distribution);
  const generations = buckets.reduce((most, { byGeneration }) => Math.max(most, byGeneration.length), 1);
  const label = { color: theme.textMuted, fontFamily: theme.font, fontSize: 11 };
  const series = Array.from(
    { length: generations },
    (_, generation): BarSeriesOption => ({
      type: 'bar',
      id: `generation-${generation}`,
      stack: 'pauses',
      silent: true,
      barCategoryGap: '18%',
      barMaxWidth: 54,
      barMinHeight: 2,
      itemStyle: { color: generationColour(generation, theme) },
      data: buckets.map(({ byGeneration }) => byGeneration[generation] || null),
    }),
  );
  // A bar of no height on top carries the number of the whole stack.
  series.push({
    type: 'bar',
    id: 'totals',
    stack: 'pauses',
    silent: true,
    barMaxWidth: 54,
    data: buckets.map(() => 0),
    label: { show: true, position: 'top', distance: 2, ...label, color: theme.text, formatter: ({ dataIndex }) => totalLabel(buckets[dataIndex]?.count ?? 0) },
  });
  return {
    animation: false,
    textStyle: { fontFamily: theme.font },
    grid: { left: 46, right: 12, top: 22, bottom: 24 },
    xAxis: { type: 'category', data: buckets.map(({ fromMs }) => `≥ ${formatDuration(fromMs)}`), axisLabel: { ...label, hideOverlap: true }, axisTick: { show: false }, axisLine: { lineStyle: { color: theme.border } } },
    yAxis: { type: 'value', min: 0, minInterval: 1, splitNumber: 3, axisLabel: { ...label, formatter: (value: number) => formatCountShort(value) }, splitLine: { lineStyle: { color: theme.grid } }, axisLine: { show: false }, axisTick: { show: false } },
    series,
  };
}

const totalLabel = (count: number) => (count === 0 ? '' : formatCount(count));
