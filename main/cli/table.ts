/** Text tables for a terminal: numbers to the right, names cut to the width that is there. */
import { visibleText } from '#shared/format/visible-text.ts';

export interface TableColumn<Row> {
  title: string;
  align: 'left' | 'right';
  text: (row: Row) => string;
  /** The column that gives way when the terminal is narrow. */
  flexible?: boolean;
}

const GAP = '  ';
const MIN_FLEXIBLE = 16;
const DEFAULT_FLEXIBLE = 60;

/** East Asian wide characters and emoji take two cells, combining marks none. */
const WIDE = /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const NO_WIDTH = /\p{M}/u;

export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += NO_WIDTH.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return width;
}

/** At most `cells` wide; what is cut ends in `…`. */
export function fitCells(text: string, cells: number): string {
  if (displayWidth(text) <= cells) return text;
  let width = 0;
  let fitted = '';
  for (const character of text) {
    width += displayWidth(character);
    if (width > cells - 1) break;
    fitted += character;
  }
  return `${fitted}…`;
}

/** `columns` is the width of the terminal; null for a file or pipe, where names may be up to 60 wide. */
export function renderTable<Row>(rows: readonly Row[], table: readonly TableColumn<Row>[], columns: number | null): string {
  const cells = rows.map((row) => table.map((column) => visibleText(column.text(row))));
  const widths = table.map((column, index) =>
    cells.reduce((widest, line) => Math.max(widest, displayWidth(line[index]!)), displayWidth(column.title)),
  );
  const flexible = table.findIndex((column) => column.flexible);
  if (flexible >= 0) {
    const others = widths.reduce((sum, width, index) => (index === flexible ? sum : sum + width + GAP.length), 0);
    const room = columns === null ? DEFAULT_FLEXIBLE : Math.max(MIN_FLEXIBLE, columns - others);
    widths[flexible] = Math.min(widths[flexible]!, room);
  }
  const line = (texts: readonly string[]) =>
    texts
      .map((text, index) => {
        const fitted = fitCells(text, widths[index]!);
        const padding = ' '.repeat(Math.max(0, widths[index]! - displayWidth(fitted)));
        return table[index]!.align === 'left' ? fitted + padding : padding + fitted;
      })
      .join(GAP)
      .trimEnd();
  return [line(table.map((column) => column.title)), line(widths.map((width) => '─'.repeat(width))), ...cells.map(line), ''].join('\n');
}
