/** Cells and lines of CSV as RFC 4180 has them, with text that a spreadsheet would run as a formula disarmed. */
import { visibleText } from './visible-text.ts';

/** Starts a formula in Excel, LibreOffice or Google Sheets, also in full width and after white space. */
const FORMULA = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/u;
const NEEDS_QUOTES = /[",;\r\n\t']|^\s|\s$/u;

/** Longer cells are cut: Excel refuses more than 32,767 characters. */
export const MAX_CSV_CELL_CHARS = 32_000;

/**
 * Numbers are written plainly (also negative ones), null as an empty cell. Text has controls and direction characters
 * made visible, and gets a leading apostrophe where it would be a formula.
 */
export function csvCell(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : '';
  const guarded = FORMULA.test(value) ? `'${value}` : value;
  const text = visibleText(guarded, MAX_CSV_CELL_CHARS);
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One record with its line end (CRLF). */
export function csvLine(cells: readonly (string | number | null)[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}
