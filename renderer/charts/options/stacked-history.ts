/** Amounts of memory over time as one stacked area chart: segments, allocators. Pure. */
import type { EChartsOption, LineSeriesOption } from 'echarts';
import { formatBytes } from '#shared/format/bytes.ts';
import { formatTime } from '#shared/format/dates.ts';
import type { ChartTheme } from '../chart-theme.ts';
import { byteTicks, timeStep, timeTicks } from '../ticks.ts';

export interface StackedSeries {
  id: string;
  colour: string;
  /** Of `at`; null: not known then. */
  bytes: readonly (number | null)[];
}

/** `series` from the bottom up. */
export function stackedHistoryOption(at: readonly number[], series: readonly StackedSeries[], widthPx: number, theme: ChartTheme): EChartsOption {
  const fromAt = at[0] ?? 0;
  const toAt = Math.max(at.at(-1) ?? 0, fromAt + 1_000);
  const highest = at.reduce((high, _, index) => Math.max(high, series.reduce((sum, { bytes }) => sum + (bytes[index] ?? 0), 0)), 0);
  const ticks = timeTicks(fromAt, toAt, timeStep(toAt - fromAt, Math.max(2, widthPx / 100)));
  const label = { color: theme.textMuted, fontFamily: theme.font, fontSize: 11 };
  return {
    animation: false,
    textStyle: { fontFamily: theme.font },
    grid: { left: 74, right: 18, top: 14, bottom: 28 },
    xAxis: {
      type: 'value',
      min: fromAt,
      max: toAt,
      axisLabel: { ...label, customValues: ticks, hideOverlap: true, formatter: (time: number) => formatTime(time) },
      axisTick: { customValues: ticks, lineStyle: { color: theme.border } },
      axisLine: { lineStyle: { color: theme.border } },
      splitLine: { show: false },
    },
    yAxis: { type: 'value', ...byteTicks(0, highest || 1, 5), axisLabel: { ...label, formatter: (value: number) => formatBytes(value) }, splitLine: { lineStyle: { color: theme.grid } }, axisLine: { show: false }, axisTick: { show: false } },
    series: series.map(
      ({ id, colour, bytes }): LineSeriesOption => ({
        type: 'line',
        id,
        stack: 'all',
        showSymbol: at.length === 1,
        silent: true,
        lineStyle: { width: 0.8, color: colour },
        areaStyle: { color: colour, opacity: 0.75 },
        data: at.map((time, index) => [time, bytes[index] ?? 0]),
      }),
    ),
  };
}
