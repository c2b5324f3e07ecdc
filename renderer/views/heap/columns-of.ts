/** Columns that every heap table draws the same way: counts, bytes, sizes with their share. */
import { formatBytes, formatBytesDelta, formatBytesExact } from '#shared/format/bytes.ts';
import { formatCount } from '#shared/format/counts.ts';
import { formatPercent, formatShare } from '#shared/format/percent.ts';
import { textCell, type CellPart, type Column } from '../../components/tree-table/columns.ts';

interface Common {
  id: string;
  label: string;
  hint?: string;
  widthPx?: number;
  sortable?: boolean;
  divider?: boolean;
}

type Value<Row> = (row: Row) => number | null | undefined;

export function countColumn<Row>({ widthPx = 86, sortable = true, ...common }: Common, value: Value<Row>): Column<Row> {
  return {
    ...common,
    widthPx,
    sortable,
    align: 'end',
    cell(row) {
      const count = value(row);
      return typeof count === 'number' ? textCell(formatCount(count), count === 0 ? { tone: 'muted' } : {}) : null;
    },
    copy: (row) => String(value(row) ?? ''),
  };
}

/** Bytes; with `whole` also their share of it and a bar. */
export function bytesColumn<Row>(
  { widthPx, sortable = true, whole, signed, ...common }: Common & { whole?: number; signed?: boolean },
  value: Value<Row>,
): Column<Row> {
  return {
    ...common,
    widthPx: widthPx ?? (whole === undefined ? 96 : 154),
    sortable,
    align: 'end',
    cell(row) {
      const bytes = value(row);
      if (typeof bytes !== 'number') return null;
      const tone = bytes === 0 ? 'muted' : signed ? (bytes > 0 ? 'grow' : 'shrink') : undefined;
      const parts: CellPart[] = [{ text: signed ? formatBytesDelta(bytes) : formatBytes(bytes), ...(tone ? { tone } : {}) }];
      if (whole === undefined || whole <= 0) return { parts, title: formatBytesExact(bytes) };
      const share = bytes / whole;
      parts.push({ text: formatPercent(share).padStart(8, '\u2007'), tone: 'muted' });
      return { parts, title: `${formatBytesExact(bytes)}, ${formatShare(bytes, whole)}`, fraction: share > 0 ? share : null };
    },
    copy: (row) => String(value(row) ?? ''),
  };
}
