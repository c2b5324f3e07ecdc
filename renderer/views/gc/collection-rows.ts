/** Rows and columns of the table of collections; what a target does not tell has no column. */
import { formatBytes, formatBytesDelta, formatBytesExact } from '#shared/format/bytes.ts';
import { formatCount, formatCountOf } from '#shared/format/counts.ts';
import { formatDateTime, formatTime } from '#shared/format/dates.ts';
import { formatDuration } from '#shared/format/durations.ts';
import { UNKNOWN } from '#shared/format/numbers.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import { COLLECTION_COLUMNS, type CollectionRow, type GcTrigger } from '#shared/model/memory.ts';
import { textCell, type Column } from '../../components/tree-table/columns.ts';
import type { TreeProvider } from '../../components/tree-table/tree-model.ts';
import type { MemoryClient } from '../../host/workbench.ts';

export const TRIGGERS: Record<GcTrigger, string> = {
  allocation: 'Allocation',
  explicit: 'The program asked',
  heaphouse: 'Heaphouse asked',
  'memory-pressure': 'Little memory left',
  unknown: 'Not known',
};

export interface CollectionFilter {
  range: { fromAt: number; toAt: number } | null;
  generation: number | null;
  trigger: GcTrigger | null;
  minPauseMs: number | null;
  uncollectableOnly: boolean;
  text: string;
}

export const NO_FILTER: CollectionFilter = { range: null, generation: null, trigger: null, minPauseMs: null, uncollectableOnly: false, text: '' };

export function createCollectionProvider(memory: MemoryClient, filter: CollectionFilter): TreeProvider<CollectionRow> {
  return {
    expandable: () => false,
    async page(_parent, { start, end }, sort, signal) {
      const by = COLLECTION_COLUMNS.find((column) => column === sort?.by);
      const { range, generation, trigger, minPauseMs, uncollectableOnly, text } = filter;
      return memory.collections(
        {
          query: {
            start,
            end,
            ...(by && sort ? { sort: { by, order: sort.order } } : {}),
            filter: {
              ...(range ?? {}),
              ...(generation === null ? {} : { generations: [generation] }),
              ...(trigger === null ? {} : { triggers: [trigger] }),
              ...(minPauseMs === null ? {} : { minPauseMs }),
              ...(uncollectableOnly ? { uncollectableOnly } : {}),
              ...(text === '' ? {} : { text }),
            },
          },
        },
        { signal },
      );
    },
  };
}

/** `longestMs`: for the bars. `python`: CPython counts objects, V8 bytes. */
export function collectionColumns(python: boolean, longestMs: () => number): Column<CollectionRow>[] {
  const objects = (id: 'collected' | 'uncollectable', label: string, hint: string, widthPx = 84): Column<CollectionRow> => ({
    id,
    label,
    hint,
    widthPx,
    align: 'end',
    sortable: true,
    cell: (row) => textCell(formatCount(row[id]), row[id] === null || row[id] === 0 ? { tone: 'muted' } : id === 'uncollectable' ? { tone: 'warn' } : {}),
    copy: (row) => String(row[id] ?? ''),
  });
  const bytes = (id: 'heapBeforeBytes' | 'heapAfterBytes' | 'freedBytes', label: string, hint: string): Column<CollectionRow> => ({
    id,
    label,
    hint,
    widthPx: 100,
    align: 'end',
    sortable: true,
    cell: (row) => textCell(formatBytes(row[id]), { title: formatBytesExact(row[id]), ...(row[id] === null ? { tone: 'muted' as const } : {}) }),
    copy: (row) => String(row[id] ?? ''),
  });
  return [
    {
      id: 'at',
      label: 'Time',
      widthPx: 130,
      sortable: true,
      firstOrder: 'descending',
      cell: (row) => ({
        parts: [{ text: timeText(row.at) }, ...(row.merged > 1 ? [{ text: `  and ${formatCount(row.merged - 1)} more`, tone: 'muted' as const }] : [])],
        title: row.merged > 1 ? `${formatDateTime(row.at)}\nThis row stands for ${formatCountOf(row.merged, 'collection')}: ${row.reason ?? 'the recording was thinned, this is the longest pause'}` : formatDateTime(row.at),
      }),
      copy: (row) => new Date(row.at).toISOString(),
    },
    { id: 'generation', label: 'Gen.', hint: 'Generation: the higher, the older the objects and the dearer the collection', widthPx: 56, align: 'end', sortable: true, cell: (row) => textCell(String(row.generation)) },
    { id: 'kind', label: 'Kind', widthPx: python ? 116 : 170, sortable: true, cell: (row) => textCell(visibleText(row.kind, 60), { title: visibleText(row.kind, 200) }) },
    {
      id: 'pauseMs',
      label: 'Pause',
      hint: 'How long the program stood still',
      widthPx: 84,
      align: 'end',
      sortable: true,
      cell: (row) => textCell(formatDuration(row.pauseMs), { title: `${row.pauseMs} ms`, ...(longestMs() > 0 ? { fraction: row.pauseMs / longestMs() } : {}) }),
      copy: (row) => String(row.pauseMs),
    },
    ...(python
      ? [objects('collected', 'Collected', 'Unreachable objects that were freed'), objects('uncollectable', 'Uncollectable', 'Unreachable objects that could not be freed (gc.garbage)', 112)]
      : [bytes('heapBeforeBytes', 'Heap before', 'Used heap when it began'), bytes('heapAfterBytes', 'Heap after', 'Used heap when it ended'), bytes('freedBytes', 'Freed', 'Difference of both')]),
    {
      id: 'trigger',
      label: 'Why',
      widthPx: 170,
      sortable: true,
      firstOrder: 'ascending',
      cell: (row) => ({
        parts: [{ text: TRIGGERS[row.trigger], ...(row.trigger === 'unknown' ? { tone: 'muted' as const } : {}) }, ...(row.triggerAt ? [{ text: `  ${visibleText(row.triggerAt, 120)}`, tone: 'muted' as const }] : [])],
        ...(row.triggerAt ? { title: visibleText(row.triggerAt, 500) } : {}),
      }),
      copy: (row) => [TRIGGERS[row.trigger], row.triggerAt ?? ''].filter(Boolean).join(' '),
    },
    ...(python
      ? [
          {
            id: 'counts',
            label: 'Counts',
            hint: 'Of each generation when it began: allocations minus deallocations, then collections of the younger one; next to the thresholds',
            widthPx: 196,
            cell: (row: CollectionRow) => (row.counts ? { parts: [{ text: row.counts.join(', ') }, ...(row.thresholds ? [{ text: ` of ${row.thresholds.join(', ')}`, tone: 'muted' as const }] : [])] } : textCell(UNKNOWN, { tone: 'muted' })),
          } satisfies Column<CollectionRow>,
          {
            id: 'trackedBefore',
            label: 'Looked at',
            hint: 'Objects the collection looked at, and how many of them lived on. Before Python 3.15 of generation 0 not for each when they come fast: counting takes a thousandth of the time at most',
            widthPx: 140,
            align: 'end',
            sortable: true,
            cell: (row: CollectionRow) => (row.trackedBefore === null ? textCell(UNKNOWN, { tone: 'muted' }) : textCell(`${formatCount(row.trackedBefore)} → ${formatCount(row.trackedAfter)}`)),
          } satisfies Column<CollectionRow>,
        ]
      : []),
  ];
}

/** With milliseconds: collections come many a second. */
export function timeText(at: number): string {
  return `${formatTime(at)}.${String(Math.floor(at) % 1_000).padStart(3, '0')}`;
}

/** What a forced collection found, in one line each. */
export function freedText(before: number | null, after: number | null): string | null {
  return before === null || after === null ? null : `${formatBytes(before)} → ${formatBytes(after)} (${formatBytesDelta(after - before)})`;
}
