/** Resident memory of each segment over time as series of a stacked history. */
import { SEGMENT_KINDS, type SegmentHistory, type SegmentKind } from '#shared/model/memory.ts';
import type { HistorySeries } from '../memory/StackedHistory.vue';
import { SEGMENT_COLOURS } from './segment-rows.ts';

/** Segments that ever had a resident page, from the bottom up: the one that was largest lies lowest. */
export function segmentSeries({ residentBytes }: SegmentHistory, nameOf: (kind: SegmentKind) => string): HistorySeries[] {
  const most = (kind: SegmentKind) => (residentBytes[kind] ?? []).reduce<number>((high, value) => Math.max(high, value ?? 0), 0);
  return SEGMENT_KINDS.filter((kind) => most(kind) > 0)
    .sort((a, b) => most(b) - most(a))
    .map((kind) => ({ id: kind, label: nameOf(kind), colour: SEGMENT_COLOURS[kind], bytes: residentBytes[kind] ?? [] }));
}
