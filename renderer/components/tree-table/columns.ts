/** What a column draws. Cells are plain text parts: heap contents never become markup. */
export type Tone = 'normal' | 'muted' | 'strong' | 'keyword' | 'string' | 'number' | 'grow' | 'shrink' | 'warn';

export interface CellPart {
  text: string;
  tone?: Tone;
}

export interface Cell {
  parts: readonly CellPart[];
  /** Exact value or whole name, shown on hover. */
  title?: string;
  /** 0 to 1: a bar behind the text. */
  fraction?: number | null;
  /** The value is still being computed. */
  busy?: boolean;
  /** Makes the cell a button; the text says what it does. */
  action?: string;
  /** Highlights the chosen one of several actions. */
  pressed?: boolean;
}

export interface Column<Row> {
  id: string;
  label: string;
  /** Explains the column on hover. */
  hint?: string;
  /** Pixels; the tree column (first) takes what is left. */
  widthPx: number;
  align?: 'start' | 'end';
  sortable?: boolean;
  /** Order of the first click; default descending for right-aligned columns. */
  firstOrder?: 'ascending' | 'descending';
  /** Starts a visual group. */
  divider?: boolean;
  cell(row: Row): Cell | null;
  /** Text for copying; default the cell's text. */
  copy?(row: Row): string;
}

export function textCell(text: string, more: Omit<Cell, 'parts'> & { tone?: Tone } = {}): Cell {
  const { tone, ...rest } = more;
  return { parts: [tone ? { text, tone } : { text }], ...rest };
}

export function cellText(cell: Cell | null): string {
  return cell ? cell.parts.map((part) => part.text).join('') : '';
}

/** Rows as tab-separated text: names indented by depth, exact values where the column gives them. */
export function toTsv<Row>(columns: readonly Column<Row>[], rows: readonly { row: Row; depth: number }[], header: boolean): string {
  const clean = (text: string) => text.replace(/[\t\r\n]+/g, ' ');
  const lines = rows.map(({ row, depth }) =>
    columns
      .map((column, index) => {
        const text = clean(column.copy ? column.copy(row) : cellText(column.cell(row)));
        return index === 0 && rows.length > 1 ? '  '.repeat(depth) + text : text;
      })
      .join('\t'),
  );
  if (header) lines.unshift(columns.map((column) => clean(column.label)).join('\t'));
  return lines.join('\n');
}

/** Rows as a Markdown table; what would end a cell or become markup is escaped. */
export function toMarkdown<Row>(columns: readonly Column<Row>[], rows: readonly { row: Row; depth: number }[]): string {
  const clean = (text: string) => text.replace(/[\t\r\n]+/g, ' ').replace(/[\\`*_|<>[\]~#&]/g, '\\$&');
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const least = Math.min(...rows.map(({ depth }) => depth));
  return [
    line(columns.map((column) => clean(column.label))),
    line(columns.map((column) => (column.align === 'end' ? '--:' : ':--'))),
    ...rows.map(({ row, depth }) =>
      line(columns.map((column, index) => (index === 0 ? '\u2003'.repeat(depth - least) : '') + clean(cellText(column.cell(row)).replace(/\u2007+/g, ' ')))),
    ),
  ].join('\n');
}
