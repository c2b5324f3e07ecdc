/** Results of a query as files: CSV for spreadsheets, JSON with the names of the columns. */
import { csvLine } from '#shared/format/csv.ts';
import type { QueryColumn, QueryExport, QueryValue } from '#shared/model/heap-query.ts';
import { jsonText } from './to-json.ts';

export interface ExportedAnswer {
  columns: readonly QueryColumn[];
  rows: readonly (readonly QueryValue[])[];
}

const csvValue = (value: QueryValue) => (typeof value === 'boolean' ? String(value) : value);

export function* answerToCsv({ columns, rows }: ExportedAnswer): Generator<string> {
  yield csvLine(columns.map(({ name }) => name));
  for (const row of rows) yield csvLine(row.map(csvValue));
}

/** One object a row; a column name that is there twice gets a number. */
export function* answerToJson({ columns, rows }: ExportedAnswer): Generator<string> {
  const seen = new Map<string, number>();
  const names = columns.map(({ name }) => {
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? name : `${name}:${count - 1}`;
  });
  if (rows.length === 0) {
    yield '[]\n';
    return;
  }
  for (const [at, row] of rows.entries()) {
    const item = names.map((name, index) => `${jsonText(name)}: ${jsonText(row[index])}`).join(', ');
    yield `${at === 0 ? '[\n' : ',\n'}  {${item}}`;
  }
  yield '\n]\n';
}

export const writeAnswer: Record<QueryExport, (answer: ExportedAnswer) => Generator<string>> = { csv: answerToCsv, json: answerToJson };
