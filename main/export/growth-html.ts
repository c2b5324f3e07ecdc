/** The growth tree as nested lists that open without a script. */
import { formatBytes, formatBytesDelta } from '#shared/format/bytes.ts';
import { formatCount } from '#shared/format/counts.ts';
import { escapeHtml } from '#shared/format/html.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import type { ReportGrowthLine } from './report-model.ts';

const MAX_NAME_CHARS = 300;
/** Lines of the first level that are open from the start. */
const OPEN_LINES = 1;

/** One piece of HTML per line of the first level. */
export function growthSections(lines: readonly ReportGrowthLine[]): string[] {
  return lines.map((line, index) => `<ul class="growth">\n${growthItem(line, index < OPEN_LINES)}</ul>\n`);
}

function growthItem(line: ReportGrowthLine, open: boolean): string {
  const name = escapeHtml(visibleText(line.text, MAX_NAME_CHARS));
  const grown = line.grownBytes > 0 ? `, ${formatBytesDelta(line.grownBytes)} in ${formatCount(line.grownObjects)} that were there before` : '';
  const figures = `${formatCount(line.objects)} new, ${formatBytes(line.shallowBytes)}, ${formatBytes(line.retainedBytes)} retained${grown}`;
  const label = `<code>${name}</code> <span class="note">${figures}</span>`;
  if (line.lines.length === 0) return `<li>${label}</li>\n`;
  return `<li><details${open ? ' open' : ''}><summary>${label}</summary>\n<ul class="growth">\n${line.lines.map((below) => growthItem(below, open)).join('')}</ul></details></li>\n`;
}
