/** `heaphouse query`: one SELECT over a snapshot, as a table, CSV or JSON. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { answerToCsv, answerToJson } from '#main/export/query-answer.ts';
import { openHeapDatabase, type HeapDatabase } from '#main/query/database.ts';
import { ioError } from '#main/storage/io-error.ts';
import { formatCount } from '#shared/format/counts.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import { MAX_QUERY_CHARS, type QueryValue } from '#shared/model/heap-query.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { EXIT, type CommandContext, type ExitCode } from '../command-context.ts';
import type { QueryInvocation } from '../invocation.ts';
import { loadComparison, loadHeap } from '../load-heap.ts';
import { renderTable } from '../table.ts';

/** Cells of a table on a terminal. */
const CELL_CHARS = 200;

export async function runQuery(invocation: QueryInvocation, context: CommandContext): Promise<ExitCode> {
  const sql = invocation.sql ?? (await readStatement(invocation.sqlFile!, context));
  const database = await openDatabase(invocation, context);
  try {
    const answer = await database.query(sql, {
      signal: context.signal,
      maxRows: invocation.limit,
      onLoading: (done, total) => context.progress.update('tables', { phase: 'filling', done, total, unit: 'rows' }),
    });
    context.progress.clear();
    const { columns, rows, cut } = answer;
    if (invocation.format === 'json') await context.out.writeAll(answerToJson(answer));
    else if (invocation.format === 'csv') await context.out.writeAll(answerToCsv(answer));
    else {
      const table = columns.map(({ name, numeric }, index) => ({
        title: visibleText(name, 60),
        align: numeric ? ('right' as const) : ('left' as const),
        flexible: !numeric && index === columns.findIndex((column) => !column.numeric),
        text: (row: readonly QueryValue[]) => cellText(row[index] ?? null),
      }));
      await context.out.write(renderTable(rows, table, context.io.stdoutColumns));
    }
    if (cut) context.io.stderr.write(`heaphouse: the first ${formatCount(rows.length)} rows; there are more (--limit)\n`);
    return EXIT.fine;
  } finally {
    database.close();
  }
}

async function openDatabase({ file, base }: QueryInvocation, context: CommandContext): Promise<HeapDatabase> {
  if (base === null) {
    const { heap } = await loadHeap(file, context);
    return openHeapDatabase({ heap, analysis: heap.analysis!, survives: null }, null);
  }
  const { comparison } = await loadComparison(base, file, context);
  const { compared, survivesInCompared, survivesFromBase } = comparison;
  return openHeapDatabase(
    { heap: compared, analysis: compared.analysis!, survives: survivesInCompared },
    { heap: comparison.base, analysis: comparison.base.analysis!, survives: survivesFromBase },
  );
}

async function readStatement(path: string, context: CommandContext): Promise<string> {
  const text = await readFile(resolve(context.io.cwd, path), 'utf8').catch((error: unknown) => {
    throw ioError(error, 'read', path);
  });
  if (text.length > MAX_QUERY_CHARS) throw new HeaphouseError('invalid-argument', `${path}: a statement has at most ${formatCount(MAX_QUERY_CHARS)} characters.`);
  return text;
}

function cellText(value: QueryValue): string {
  if (value === null) return '';
  if (typeof value === 'number' && Number.isInteger(value)) return formatCount(value);
  return visibleText(String(value), CELL_CHARS);
}
