/** Memory of several targets on one time axis, as lines or stacked to their sum, and their collections below. Pure. */
import type { BarSeriesOption, EChartsOption, LineSeriesOption } from 'echarts';
import type { SeriesName } from '#shared/contracts/timeline.ts';
import { formatBytes } from '#shared/format/bytes.ts';
import { formatTime } from '#shared/format/dates.ts';
import { formatDuration } from '#shared/format/durations.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import type { ChartTheme } from '../chart-theme.ts';
import { moments, readingsAt, type FamilyLine } from '../readings.ts';
import { byteTicks, decimalTicks, timeStep, timeTicks } from '../ticks.ts';

export interface FamilyScale {
  fromAt: number;
  toAt: number;
  widthPx: number;
  series: SeriesName;
  stacked: boolean;
}

const LEFT_PX = 74;
const RIGHT_PX = 18;
const GC_HEIGHT_PX = 48;
/** Longest gap between two samples of a living target that is bridged, as a share of the range. */
const SLACK_SHARE = 0.01;
const LEAST_SLACK_MS = 2_000;

export function familyOption(lines: readonly FamilyLine[], scale: FamilyScale, theme: ChartTheme): EChartsOption {
  const plotPx = Math.max(50, scale.widthPx - LEFT_PX - RIGHT_PX);
  const at = moments(scale.fromAt, scale.toAt, Math.max(2, Math.min(1_200, Math.round(plotPx))));
  const slackMs = Math.max(LEAST_SLACK_MS, (scale.toAt - scale.fromAt) * SLACK_SHARE);
  const readings = lines.map(({ window }) => readingsAt(window, scale.series, at, slackMs));
  const tops = at.map((_, index) => {
    const values = readings.map((line) => line[index] ?? 0);
    return scale.stacked ? values.reduce((sum, value) => sum + value, 0) : Math.max(0, ...values);
  });
  const bytes = byteTicks(0, tops.reduce((high, top) => Math.max(high, top), 0) * 1.04 || 1024 * 1024, 5);
  const longest = lines.reduce((most, { window }) => window.gc.pauseMs.reduce((high, pause) => Math.max(high, pause), most), 0);
  const step = timeStep(scale.toAt - scale.fromAt, Math.max(2, plotPx / 90));
  const ticks = timeTicks(scale.fromAt, scale.toAt, step);
  const label = { color: theme.textMuted, fontFamily: theme.font, fontSize: 11 };
  const split = { show: true, lineStyle: { color: theme.grid } };
  const time = (gridIndex: number) => ({
    type: 'value' as const,
    gridIndex,
    min: scale.fromAt,
    max: scale.toAt,
    containShape: false,
    axisLabel: gridIndex === 1 ? { ...label, customValues: ticks, hideOverlap: true, formatter: (moment: number) => formatTime(moment) } : { show: false },
    axisTick: { show: gridIndex === 1, customValues: ticks, lineStyle: { color: theme.border } },
    axisLine: { onZero: false, lineStyle: { color: theme.border } },
    splitLine: { show: false },
  });
  return {
    animation: false,
    textStyle: { fontFamily: theme.font },
    grid: [
      { left: LEFT_PX, right: RIGHT_PX, top: 22, bottom: GC_HEIGHT_PX + 46 },
      { left: LEFT_PX, right: RIGHT_PX, height: GC_HEIGHT_PX, bottom: 26 },
    ],
    xAxis: [time(0), time(1)],
    yAxis: [
      { type: 'value', gridIndex: 0, ...bytes, axisLabel: { ...label, formatter: (value: number) => formatBytes(value) }, splitLine: split, axisLine: { show: false }, axisTick: { show: false } },
      { type: 'value', gridIndex: 1, min: 0, ...decimalTicks(longest || 1, 2), axisLabel: { ...label, formatter: (value: number) => (value === 0 ? '' : formatDuration(value)) }, splitLine: split, axisLine: { show: false }, axisTick: { show: false } },
    ],
    series: [...lines.map((line, index) => memoryLine(line, at, readings[index] ?? [], scale, theme)), ...lines.map(collections)],
  };
}

function memoryLine(line: FamilyLine, at: readonly number[], readings: readonly (number | null)[], scale: FamilyScale, theme: ChartTheme): LineSeriesOption {
  return {
    type: 'line',
    id: line.sessionId,
    xAxisIndex: 0,
    yAxisIndex: 0,
    showSymbol: false,
    silent: true,
    connectNulls: false,
    // ECharts stacks by position in the array: every line has a value at every moment.
    ...(scale.stacked ? { stack: 'memory', areaStyle: { color: line.colour, opacity: 0.55 } } : {}),
    lineStyle: { color: line.colour, width: scale.stacked ? 0.8 : 1.6 },
    data: at.map((moment, index) => [moment, scale.stacked ? (readings[index] ?? 0) : (readings[index] ?? null)]),
    markLine: {
      silent: true,
      symbol: 'none',
      animation: false,
      data: line.window.marks
        .filter((mark) => mark.kind !== 'attach' && mark.kind !== 'detach' && mark.at >= scale.fromAt && mark.at <= scale.toAt)
        .map((mark) => ({
          xAxis: mark.at,
          lineStyle: { color: mark.kind === 'exit' ? theme.mark : line.colour, width: 1, type: mark.kind === 'exit' ? ('solid' as const) : ([4, 3] as number[]) },
          label: { show: true, formatter: visibleText(mark.label, 18), color: line.colour, fontFamily: theme.font, fontSize: 11, position: 'end' as const, distance: 3 },
        })),
    },
  };
}

function collections(line: FamilyLine): BarSeriesOption {
  const { at, pauseMs } = line.window.gc;
  return {
    type: 'bar',
    id: `gc-${line.sessionId}`,
    xAxisIndex: 1,
    yAxisIndex: 1,
    silent: true,
    barWidth: 2,
    barMinHeight: 2,
    barGap: '-100%',
    itemStyle: { color: line.colour },
    data: at.map((moment, index) => [moment, pauseMs[index] ?? 0]),
  };
}
