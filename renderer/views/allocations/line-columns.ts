/** Columns of the table of lines. */
import { formatBytes, formatBytesExact } from '#shared/format/bytes.ts';
import { formatCount } from '#shared/format/counts.ts';
import { formatDuration } from '#shared/format/durations.ts';
import { formatShare } from '#shared/format/percent.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import type { ProfileKind } from '#shared/model/allocations.ts';
import { textCell, type Column } from '../../components/tree-table/columns.ts';
import { shortPlace, type ProfileLine } from './profile-lines.ts';

export const amountText = (kind: ProfileKind, value: number): string => (kind === 'cpu' ? formatDuration(value / 1_000) : formatBytes(value));
export const exactText = (kind: ProfileKind, value: number): string => (kind === 'cpu' ? `${formatCount(Math.round(value))} µs` : formatBytesExact(value));

export function lineColumns(kind: ProfileKind, whole: () => number): Column<ProfileLine>[] {
  const amount = (id: 'self' | 'total', label: string, hint: string): Column<ProfileLine> => ({
    id,
    label,
    hint,
    widthPx: 120,
    align: 'end',
    sortable: true,
    cell: (row) => textCell(amountText(kind, row[id]), { title: `${exactText(kind, row[id])}, ${formatShare(row[id], whole())}`, ...(whole() > 0 ? { fraction: row[id] / whole() } : {}), ...(row[id] === 0 ? { tone: 'muted' as const } : {}) }),
    copy: (row) => String(row[id]),
  });
  return [
    { id: 'name', label: 'Function', widthPx: 260, sortable: true, firstOrder: 'ascending', cell: (row) => textCell(visibleText(row.name, 160), { title: visibleText(row.name, 300) }) },
    {
      id: 'place',
      label: 'File and line',
      widthPx: 300,
      sortable: true,
      firstOrder: 'ascending',
      cell: (row) => textCell(visibleText(shortPlace(row), 120), { title: visibleText(row.url ? `${row.url}${row.line > 0 ? `:${row.line}` : ''}` : '', 1_000), tone: 'muted' }),
      copy: (row) => (row.url ? `${row.url}${row.line > 0 ? `:${row.line}` : ''}` : ''),
    },
    amount('self', kind === 'cpu' ? 'Own time' : 'Live bytes', kind === 'cpu' ? 'On this function itself' : 'Allocated right here and still alive; estimated from the samples'),
    amount('total', kind === 'cpu' ? 'With callees' : 'With callees', 'With everything it called; recursion counts once'),
    { id: 'samples', label: 'Samples', hint: kind === 'cpu' ? 'Times it was seen at work' : 'Live allocations that were sampled here: the more, the surer the estimate', widthPx: 84, align: 'end', sortable: true, cell: (row) => textCell(formatCount(row.samples), row.samples === 0 ? { tone: 'muted' } : {}), copy: (row) => String(row.samples) },
  ];
}
