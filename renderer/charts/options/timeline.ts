/**
 * The timeline as one ECharts option: memory lines above, pauses of collections below on the same time axis, and an
 * overview of the whole recording. Pure: no queries, no colours of its own, no DOM.
 */
import type { EChartsOption, LineSeriesOption, BarSeriesOption } from 'echarts';
import type { SeriesName, TimelineWindow } from '#shared/contracts/timeline.ts';
import { formatBytes } from '#shared/format/bytes.ts';
import { formatTime } from '#shared/format/dates.ts';
import { formatDuration } from '#shared/format/durations.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import type { ChartTheme } from '../chart-theme.ts';
import { byteTicks, decimalTicks, timeStep, timeTicks } from '../ticks.ts';

/** Pixels around the plots; the view lays its own overlays after these. */
export const PLOT = { leftPx: 74, rightPx: 18, topPx: 26, gcHeightPx: 64, overviewHeightPx: 34, gapPx: 26, bottomPx: 6 } as const;

export const SERIES: readonly { name: SeriesName; label: string; hint: string; colour: 'rss' | 'heapUsed' | 'heapTotal' | 'external'; dash: number[] }[] = [
  { name: 'rssBytes', label: 'Resident (RSS)', hint: 'Memory of the whole process that is in RAM', colour: 'rss', dash: [] },
  { name: 'heapTotalBytes', label: 'Heap total', hint: 'What the collected heap has reserved', colour: 'heapTotal', dash: [6, 3] },
  { name: 'heapUsedBytes', label: 'Heap used', hint: 'Objects in the collected heap', colour: 'heapUsed', dash: [] },
  { name: 'externalBytes', label: 'External', hint: 'Native memory that objects hold, and memory from malloc', colour: 'external', dash: [2, 2] },
];

export interface TimelineScale {
  fromAt: number;
  toAt: number;
  heightPx: number;
  widthPx: number;
  zeroBased: boolean;
  hidden: ReadonlySet<SeriesName>;
  /** Areas that add up to resident memory instead of lines. */
  stacked: boolean;
}

export interface TimelineGrids {
  memory: { topPx: number; heightPx: number };
  gc: { topPx: number; heightPx: number };
  overview: { topPx: number; heightPx: number };
}

export function timelineGrids(heightPx: number): TimelineGrids {
  const overviewTop = heightPx - PLOT.bottomPx - PLOT.overviewHeightPx;
  const gcTop = overviewTop - PLOT.gapPx - PLOT.gcHeightPx;
  return {
    memory: { topPx: PLOT.topPx, heightPx: Math.max(60, gcTop - 24 - PLOT.topPx) },
    gc: { topPx: gcTop, heightPx: PLOT.gcHeightPx },
    overview: { topPx: overviewTop, heightPx: PLOT.overviewHeightPx },
  };
}

export function timelineOption(
  window: TimelineWindow,
  overview: TimelineWindow | null,
  scale: TimelineScale,
  theme: ChartTheme,
): EChartsOption {
  const grids = timelineGrids(scale.heightPx);
  const box = (grid: { topPx: number; heightPx: number }) => ({ left: PLOT.leftPx, right: PLOT.rightPx, top: grid.topPx, height: grid.heightPx });
  const shown = SERIES.filter((series) => !scale.hidden.has(series.name));
  const layers = scale.stacked ? stackLayers(window, scale.hidden) : [];
  const { low, high } = scale.stacked ? { low: 0, high: stackHeight(layers) } : extent(window, shown.map((series) => series.name));
  const bytes = byteTicks(scale.zeroBased || scale.stacked ? 0 : low, high, 5);
  const longest = window.gc.pauseMs.reduce((most, pause) => Math.max(most, pause), 0);
  const pauses = decimalTicks(longest || 1, 2);
  const step = timeStep(scale.toAt - scale.fromAt, Math.max(2, (scale.widthPx - PLOT.leftPx - PLOT.rightPx) / 90));
  const ticks = timeTicks(scale.fromAt, scale.toAt, step);
  const label = { color: theme.textMuted, fontFamily: theme.font, fontSize: 11 };
  const line = { lineStyle: { color: theme.border } };
  const split = { show: true, lineStyle: { color: theme.grid } };
  const time = (gridIndex: number, labels: boolean, from: number, to: number) => ({
    type: 'value' as const,
    gridIndex,
    min: from,
    max: to,
    // ECharts would widen the axis of the bars so that none is cut, and the two plots would no longer agree on time.
    containShape: false,
    axisLabel: labels ? { ...label, customValues: ticks, hideOverlap: true, formatter: (at: number) => clock(at, step) } : { show: false },
    axisTick: { show: labels, customValues: ticks, lineStyle: { color: theme.border } },
    axisLine: { show: true, onZero: false, ...line },
    splitLine: gridIndex === 0 ? split : { show: false },
  });

  const stack: LineSeriesOption[] = layers.map((layer) => ({
    type: 'line',
    id: `stack-${layer.id}`,
    stack: 'memory',
    xAxisIndex: 0,
    yAxisIndex: 0,
    showSymbol: false,
    silent: true,
    lineStyle: { color: theme[layer.colour], width: 0.8 },
    areaStyle: { color: theme[layer.colour], opacity: layer.id === 'heapFree' ? 0.35 : 0.6 },
    data: points(window.at, layer.bytes),
  }));
  const lines: LineSeriesOption[] = shown.map((series) => ({
    type: 'line',
    id: series.name,
    xAxisIndex: 0,
    yAxisIndex: 0,
    showSymbol: false,
    silent: true,
    connectNulls: false,
    lineStyle: { color: theme[series.colour], width: series.name === 'heapUsedBytes' ? 1.8 : 1.3, type: series.dash.length > 0 ? series.dash : 'solid' },
    ...(series.name === 'heapUsedBytes' ? { areaStyle: { color: theme.heapUsed, opacity: 0.09 } } : {}),
    data: points(window.at, window.series[series.name]),
  }));

  return {
    animation: false,
    textStyle: { fontFamily: theme.font },
    grid: [box(grids.memory), box(grids.gc), box(grids.overview)],
    xAxis: [
      time(0, false, scale.fromAt, scale.toAt),
      time(1, true, scale.fromAt, scale.toAt),
      { type: 'value', gridIndex: 2, min: overview?.firstAt ?? window.firstAt, max: Math.max(overview?.lastAt ?? window.lastAt, (overview?.firstAt ?? window.firstAt) + 1), show: false },
    ],
    yAxis: [
      { type: 'value', gridIndex: 0, ...bytes, axisLabel: { ...label, formatter: (value: number) => formatBytes(value) }, splitLine: split, axisLine: { show: false }, axisTick: { show: false } },
      {
        type: 'value',
        gridIndex: 1,
        min: 0,
        ...pauses,
        axisLabel: { ...label, formatter: (value: number) => (value === 0 ? '' : formatDuration(value)) },
        splitLine: split,
        axisLine: { show: false },
        axisTick: { show: false },
      },
      { type: 'value', gridIndex: 2, min: 0, max: extent(overview ?? window, ['rssBytes', 'heapUsedBytes']).high * 1.1, show: false },
    ],
    series: [...(scale.stacked ? stack : lines), marks(window, scale, theme), ...collections(window, theme), ...overviewLines(overview ?? window, theme)],
  };
}

export interface StackLayer {
  id: 'heapUsed' | 'heapFree' | 'external' | 'rest';
  label: string;
  colour: 'heapUsed' | 'heapTotal' | 'external' | 'rss';
  bytes: number[];
}

/**
 * Resident memory as layers from the bottom up: heap used, heap reserved and unused, external, and what is left of the
 * whole. A figure that was not known at a moment is the last known one: heap figures come more seldom than resident
 * memory. Where heap and external are more than what is resident (reserved, swapped), the stack is as high as they are.
 */
export function stackLayers(window: TimelineWindow, hidden: ReadonlySet<SeriesName>): StackLayer[] {
  const used = lastKnown(window.series.heapUsedBytes);
  const total = lastKnown(window.series.heapTotalBytes);
  const external = lastKnown(window.series.externalBytes);
  const rss = lastKnown(window.series.rssBytes);
  const layers: (StackLayer & { of: SeriesName })[] = [
    { id: 'heapUsed', of: 'heapUsedBytes', label: 'Heap used', colour: 'heapUsed', bytes: used },
    { id: 'heapFree', of: 'heapTotalBytes', label: 'Heap, unused', colour: 'heapTotal', bytes: total.map((bytes, i) => Math.max(0, bytes - used[i])) },
    { id: 'external', of: 'externalBytes', label: 'External', colour: 'external', bytes: external },
    { id: 'rest', of: 'rssBytes', label: 'Rest of resident memory', colour: 'rss', bytes: rss.map((bytes, i) => Math.max(0, bytes - Math.max(total[i], used[i]) - external[i])) },
  ];
  return layers.filter(({ of }) => !hidden.has(of)).map(({ of: _of, ...layer }) => layer);
}

function lastKnown(values: readonly (number | null)[]): number[] {
  let last = 0;
  return values.map((value) => (last = value ?? last));
}

function stackHeight(layers: readonly StackLayer[]): number {
  const high = (layers[0]?.bytes ?? []).reduce((most, _, index) => Math.max(most, layers.reduce((sum, { bytes }) => sum + bytes[index], 0)), 0);
  return high === 0 ? 1024 * 1024 : high * 1.04;
}

function clock(at: number, step: number): string {
  return step < 1_000 ? `${formatTime(at)}.${String(Math.round(at) % 1_000).padStart(3, '0')}` : step >= 60_000 ? formatTime(at).slice(0, 5) : formatTime(at);
}

function points(at: readonly number[], values: readonly (number | null)[]): [number, number | null][] {
  return at.map((time, index) => [time, values[index] ?? null]);
}

function extent(window: TimelineWindow, names: readonly SeriesName[]): { low: number; high: number } {
  let low = Infinity;
  let high = 0;
  for (const name of names) {
    for (const value of window.series[name]) {
      if (value === null) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return { low: low === Infinity ? 0 : low, high: high === 0 ? 1024 * 1024 : high * 1.04 };
}

/** Vertical lines for snapshots, marks and the end, with their names. */
function marks(window: TimelineWindow, scale: TimelineScale, theme: ChartTheme): LineSeriesOption {
  // Near the right edge a name is written to the left of its line, so that it is not cut.
  const nearEnd = scale.fromAt + (scale.toAt - scale.fromAt) * 0.85;
  const texts = markTexts(window.marks, scale, nearEnd);
  const colour = { snapshot: theme.accent, mark: theme.external, exit: theme.mark, attach: theme.textMuted, detach: theme.textMuted };
  return {
    type: 'line',
    id: 'marks',
    xAxisIndex: 0,
    yAxisIndex: 0,
    silent: true,
    data: [],
    markLine: {
      silent: true,
      symbol: 'none',
      animation: false,
      data: window.marks.map((mark, index) => ({
        xAxis: mark.at,
        lineStyle: { color: colour[mark.kind], width: 1, type: mark.kind === 'exit' ? ('solid' as const) : ([4, 3] as number[]) },
        label: { show: texts[index] !== '', formatter: () => texts[index] ?? '', color: colour[mark.kind], fontFamily: theme.font, fontSize: 11, position: 'end' as const, distance: 4, align: mark.at > nearEnd ? ('right' as const) : ('left' as const) },
      })),
    },
  };
}

const MARK_CHAR_PX = 6.4;
const MARK_MOST_CHARS = 30;

/** Names of marks cut to the room up to their neighbour; where there is none, the line speaks for itself. */
export function markTexts(marks: TimelineWindow['marks'], scale: TimelineScale, nearEnd: number): string[] {
  const plotPx = Math.max(1, scale.widthPx - PLOT.leftPx - PLOT.rightPx);
  const toPx = (at: number) => ((at - scale.fromAt) / Math.max(1, scale.toAt - scale.fromAt)) * plotPx;
  return marks.map((mark, index) => {
    const x = toPx(mark.at);
    if (x < -1 || x > plotPx + 1) return '';
    const next = marks[index + 1];
    const previous = marks[index - 1];
    const leftwards = mark.at > nearEnd;
    // Text written leftwards shares the gap with the neighbour's own text.
    const room = leftwards ? (x - (previous ? toPx(previous.at) : 0)) * (previous && previous.at <= nearEnd ? 0.5 : 1) : ((next ? toPx(next.at) : plotPx) - x) * (next && next.at > nearEnd ? 0.5 : 1);
    const chars = Math.min(MARK_MOST_CHARS, Math.floor((room - 6) / MARK_CHAR_PX));
    return chars < 3 ? '' : visibleText(mark.label, chars);
  });
}

/** One bar series a generation, so that the colours tell them apart; heights are pauses. */
function collections(window: TimelineWindow, theme: ChartTheme): BarSeriesOption[] {
  return [0, 1, 2].map((generation) => ({
    type: 'bar',
    id: `gc-${generation}`,
    xAxisIndex: 1,
    yAxisIndex: 1,
    silent: true,
    barWidth: 2,
    barMinHeight: 2,
    barGap: '-100%',
    itemStyle: { color: theme.gc[generation as 0 | 1 | 2] },
    data: window.gc.at.flatMap((at, index) => (window.gc.generation[index] === generation ? [[at, window.gc.pauseMs[index] ?? 0]] : [])),
  }));
}

function overviewLines(overview: TimelineWindow, theme: ChartTheme): LineSeriesOption[] {
  const of = (name: SeriesName, colour: string, opacity: number): LineSeriesOption => ({
    type: 'line',
    id: `overview-${name}`,
    xAxisIndex: 2,
    yAxisIndex: 2,
    showSymbol: false,
    silent: true,
    lineStyle: { color: colour, width: 1 },
    areaStyle: { color: colour, opacity },
    data: points(overview.at, overview.series[name]),
  });
  return [of('rssBytes', theme.rss, 0.1), of('heapUsedBytes', theme.heapUsed, 0.18)];
}
