/** Resident memory of each segment over time as one stacked area chart. Pure. */
import type { EChartsOption, LineSeriesOption } from 'echarts';
import { formatBytes } from '#shared/format/bytes.ts';
import { formatTime } from '#shared/format/dates.ts';
import { SEGMENT_KINDS, type SegmentHistory, type SegmentKind } from '#shared/model/memory.ts';
import type { ChartTheme } from '../chart-theme.ts';
import { byteTicks, timeStep, timeTicks } from '../ticks.ts';

export interface SegmentHistoryScale {
  widthPx: number;
  colourOf: (kind: SegmentKind) => string;
}

/** Kinds that ever had a resident page, from the bottom up: the largest at the end lies lowest. */
export function historyKinds({ residentBytes }: SegmentHistory): SegmentKind[] {
  const most = (kind: SegmentKind) => (residentBytes[kind] ?? []).reduce<number>((high, value) => Math.max(high, value ?? 0), 0);
  return SEGMENT_KINDS.filter((kind) => most(kind) > 0).sort((a, b) => most(b) - most(a));
}

export function segmentHistoryOption(history: SegmentHistory, scale: SegmentHistoryScale, theme: ChartTheme): EChartsOption {
  const kinds = historyKinds(history);
  const fromAt = history.at[0] ?? 0;
  const toAt = Math.max(history.at.at(-1) ?? 0, fromAt + 1_000);
  const sums = history.at.map((_, index) => kinds.reduce((sum, kind) => sum + (history.residentBytes[kind]?.[index] ?? 0), 0));
  const bytes = byteTicks(0, sums.reduce((high, sum) => Math.max(high, sum), 0) || 1, 5);
  const ticks = timeTicks(fromAt, toAt, timeStep(toAt - fromAt, Math.max(2, scale.widthPx / 100)));
  const label = { color: theme.textMuted, fontFamily: theme.font, fontSize: 11 };
  return {
    animation: false,
    textStyle: { fontFamily: theme.font },
    grid: { left: 74, right: 18, top: 14, bottom: 28 },
    xAxis: {
      type: 'value',
      min: fromAt,
      max: toAt,
      axisLabel: { ...label, customValues: ticks, hideOverlap: true, formatter: (at: number) => formatTime(at) },
      axisTick: { customValues: ticks, lineStyle: { color: theme.border } },
      axisLine: { lineStyle: { color: theme.border } },
      splitLine: { show: false },
    },
    yAxis: { type: 'value', ...bytes, axisLabel: { ...label, formatter: (value: number) => formatBytes(value) }, splitLine: { lineStyle: { color: theme.grid } }, axisLine: { show: false }, axisTick: { show: false } },
    series: kinds.map(
      (kind): LineSeriesOption => ({
        type: 'line',
        id: kind,
        stack: 'resident',
        showSymbol: history.at.length === 1,
        silent: true,
        lineStyle: { width: 0.8, color: scale.colourOf(kind) },
        areaStyle: { color: scale.colourOf(kind), opacity: 0.75 },
        data: history.at.map((at, index) => [at, history.residentBytes[kind]?.[index] ?? 0]),
      }),
    ),
  };
}
