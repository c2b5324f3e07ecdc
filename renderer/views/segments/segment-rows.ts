/** Rows of the table of segments: the segments of one reading, and below each its mappings. */
import { formatBytes, formatBytesExact } from '#shared/format/bytes.ts';
import { formatCountOf } from '#shared/format/counts.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import type { SortSpec } from '#shared/model/heap.ts';
import { MAPPING_COLUMNS, type MappingRow, type MemoryAmounts, type SegmentKind, type SegmentList, type SegmentRow } from '#shared/model/memory.ts';
import { textCell, type Column } from '../../components/tree-table/columns.ts';
import type { TreeProvider } from '../../components/tree-table/tree-model.ts';
import type { MemoryClient } from '../../host/workbench.ts';

export type SegmentTableRow = { type: 'segment'; row: SegmentRow } | { type: 'mapping'; row: MappingRow };

/** Colour of each segment in bars and charts: what a program fills itself is blue, its code and data purple and rose. */
export const SEGMENT_COLOURS: Record<SegmentKind, string> = {
  text: '--cat-3',
  'read-only-data': '--cat-10',
  'initialised-data': '--cat-4',
  'uninitialised-data': '--cat-11',
  heap: '--cat-0',
  stack: '--cat-2',
  'thread-stacks': '--cat-7',
  anonymous: '--cat-6',
  'shared-libraries': '--cat-1',
  'file-mappings': '--cat-5',
  'shared-memory': '--cat-8',
  kernel: '--cat-9',
  reserved: '--cat-9',
};

const AMOUNTS = [
  { id: 'virtualBytes', widthPx: 80, label: 'Virtual', hint: 'Addresses set aside, used or not' },
  { id: 'residentBytes', widthPx: 86, label: 'Resident', hint: 'Pages in memory now' },
  { id: 'proportionalBytes', widthPx: 100, label: 'Proportional', hint: 'Resident, with each shared page divided by how many processes share it' },
  { id: 'privateDirtyBytes', widthPx: 100, label: 'Private dirty', hint: 'Written to by this process alone: what its end would give back' },
  { id: 'swappedBytes', widthPx: 80, label: 'Swapped', hint: 'Pages the kernel moved to the swap device' },
] as const satisfies readonly { id: keyof MemoryAmounts; widthPx: number; label: string; hint: string }[];

export function createSegmentProvider(memory: MemoryClient, list: () => SegmentList | null): TreeProvider<SegmentTableRow> {
  return {
    expandable: (row) => row.type === 'segment' && row.row.mappings > 0,
    async page(parent, { start, end }, sort, signal) {
      if (parent === null) {
        const rows = sortSegments(list()?.segments ?? [], sort);
        return { rows: rows.slice(start, end).map((row) => ({ type: 'segment' as const, row })), total: rows.length };
      }
      if (parent.type === 'mapping') return { rows: [], total: 0 };
      const by = MAPPING_COLUMNS.find((column) => column === sort?.by);
      const page = await memory.mappings({ segment: parent.row.kind, query: { start, end, ...(by && sort ? { sort: { by, order: sort.order } } : {}) } }, { signal });
      return { rows: page.rows.map((row) => ({ type: 'mapping' as const, row })), total: page.total };
    },
  };
}

/** The order of a textbook when nothing is asked for. */
export function sortSegments(segments: readonly SegmentRow[], sort: SortSpec | null): SegmentRow[] {
  const rows = [...segments];
  if (!sort) return rows;
  const sign = sort.order === 'ascending' ? 1 : -1;
  const amount = AMOUNTS.find(({ id }) => id === sort.by)?.id;
  if (amount) return rows.sort((a, b) => sign * (a[amount] - b[amount]));
  return sort.by === 'name' ? rows.sort((a, b) => sign * a.name.localeCompare(b.name, 'en')) : rows;
}

/** `residentBytes`: of all segments, for the bars. */
export function segmentColumns(residentBytes: () => number): Column<SegmentTableRow>[] {
  return [
    {
      id: 'name',
      label: 'Segment',
      widthPx: 300,
      sortable: true,
      firstOrder: 'ascending',
      cell: (row) =>
        row.type === 'segment'
          ? textCell(visibleText(row.row.name, 80), { tone: 'strong', title: `${visibleText(row.row.name, 80)}: ${formatCountOf(row.row.mappings, 'mapping')}\n${visibleText(row.row.explanation, 400)}` })
          : textCell(row.row.name ? visibleText(row.row.name, 300) : 'anonymous', { title: visibleText(row.row.name, 1_000), ...(row.row.name ? {} : { tone: 'muted' as const }) }),
      copy: (row) => visibleText(row.row.name, 1_000),
    },
    {
      id: 'address',
      label: 'What it is',
      hint: 'Of a mapping: where it begins, and what may be done there (read, write, execute; private or shared)',
      widthPx: 510,
      cell: (row) =>
        row.type === 'segment'
          ? textCell(visibleText(row.row.explanation, 300), { tone: 'muted', title: visibleText(row.row.explanation, 400) })
          : { parts: [{ text: `0x${row.row.address}` }, { text: `  ${visibleText(row.row.permissions, 8)}`, tone: 'muted' }], title: permissionsText(row.row.permissions) },
    },
    ...AMOUNTS.map(
      ({ id, label, hint, widthPx }): Column<SegmentTableRow> => ({
        id,
        label,
        hint,
        widthPx,
        align: 'end',
        sortable: true,
        cell: ({ type, row }) =>
          textCell(row[id] === 0 ? '0' : formatBytes(row[id]), {
            title: formatBytesExact(row[id]),
            ...(row[id] === 0 ? { tone: 'muted' as const } : {}),
            ...(id === 'residentBytes' && type === 'segment' && residentBytes() > 0 ? { fraction: row[id] / residentBytes() } : {}),
          }),
        copy: ({ row }) => String(row[id]),
      }),
    ),
  ];
}

/** `rw-p` → `read, write; private`. */
export function permissionsText(permissions: string): string {
  const [read, write, execute, shared] = permissions;
  const words = [read === 'r' && 'read', write === 'w' && 'write', execute === 'x' && 'execute'].filter(Boolean);
  return `${words.length > 0 ? words.join(', ') : 'no access'}; ${shared === 's' ? 'shared' : 'private'}`;
}
