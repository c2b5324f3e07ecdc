/** Resident memory of each segment over time as one stacked area chart. Pure. */
import type { EChartsOption } from 'echarts';
import { SEGMENT_KINDS, type SegmentHistory, type SegmentKind } from '#shared/model/memory.ts';
import type { ChartTheme } from '../chart-theme.ts';
import { stackedHistoryOption } from './stacked-history.ts';

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
  const series = historyKinds(history).map((kind) => ({ id: kind, colour: scale.colourOf(kind), bytes: history.residentBytes[kind] ?? [] }));
  return stackedHistoryOption(history.at, series, scale.widthPx, theme);
}
