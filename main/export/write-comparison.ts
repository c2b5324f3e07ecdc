/** Writes a report to a file in one of the export formats. */
import type { ExportFormat } from '#shared/contracts/heap.ts';
import type { ComparisonReport } from './report-model.ts';
import { comparisonToCsv } from './to-csv.ts';
import { comparisonToHtml } from './to-html.ts';
import { comparisonToJson } from './to-json.ts';
import { comparisonToMarkdown } from './to-markdown.ts';
import { writeFileAtomic } from './write-atomic.ts';

/** The text of the report in pieces, with what this format leaves out. */
export function renderComparison(report: ComparisonReport, format: ExportFormat): { parts: Iterable<string>; cuts: string[] } {
  if (format === 'json') return { parts: comparisonToJson(report), cuts: report.cuts };
  if (format === 'csv') return { parts: comparisonToCsv(report), cuts: ['CSV has the classes and the first holder of each; JSON and HTML have all holders.'] };
  if (format === 'md') {
    const { text, cuts } = comparisonToMarkdown(report);
    return { parts: [text], cuts };
  }
  const { html, cuts } = comparisonToHtml(report);
  return { parts: [html], cuts };
}

export async function writeComparison(
  report: ComparisonReport,
  format: ExportFormat,
  path: string,
  signal?: AbortSignal,
): Promise<{ path: string; bytes: number; cuts: string[] }> {
  const { parts, cuts } = renderComparison(report, format);
  return { path, bytes: await writeFileAtomic(path, parts, signal), cuts };
}

/** The name of a snapshot as a part of a file name that is one on every system. */
export function cleanFileName(name: string): string {
  return (
    name
      .replace(/\.heapsnapshot$/i, '')
      .replace(/[^\p{L}\p{N}._ -]+/gu, '-')
      .replace(/^[.\s-]+|[.\s-]+$/g, '')
      .slice(0, 60) || 'snapshot'
  );
}

/** A file name that is one on every system: `comparison snapshot-1 to snapshot-2.html`. */
export function suggestedExportName(baseName: string, comparedName: string, format: ExportFormat): string {
  return `comparison ${cleanFileName(baseName)} to ${cleanFileName(comparedName)}.${format}`;
}
