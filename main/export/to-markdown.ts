/** A summary in Markdown, to paste into an issue or a chat: what grew, what holds it, the classes that grew most. */
import { formatBytes, formatBytesDelta } from '#shared/format/bytes.ts';
import { formatCount, formatCountDelta } from '#shared/format/counts.ts';
import { formatShare } from '#shared/format/percent.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import type { ComparisonReport, ReportGrowthLine } from './report-model.ts';
import { allocationNote } from './site-text.ts';

const MAX_CLASSES = 20;
const MAX_LINES = 15;
const MAX_LEVELS = 3;
const MAX_NAME_CHARS = 200;
const MAX_SITE_CLASSES = 10;
const MAX_SITES = 3;

/** Names are code spans, which nothing in them can end; cells of tables also escape the bar. */
function code(text: string): string {
  const shown = visibleText(text, MAX_NAME_CHARS).replace(/\s+/g, ' ').replaceAll('`', "'").replaceAll('|', '\\|');
  return shown.trim() === '' ? '(no name)' : `\`${shown}\``;
}

/** Plain text in which nothing is markup. Code spans between backquotes stay. */
function prose(text: string): string {
  return visibleText(text, 1_000)
    .split('`')
    .map((part, index) => (index % 2 === 1 ? code(part) : part.replace(/[\\*_[\]<>|#&]/g, (sign) => `\\${sign}`)))
    .join('');
}

export function comparisonToMarkdown(report: ComparisonReport): { text: string; cuts: string[] } {
  const cuts: string[] = [];
  const shown = report.classes.slice(0, MAX_CLASSES);
  if (shown.length < report.classes.length) {
    cuts.push(`The table has the ${shown.length} classes that grew most, of ${formatCount(report.classes.length)}; JSON, CSV and HTML have more.`);
  }
  if (report.growth.length > MAX_LINES) cuts.push(`The growth tree has its ${MAX_LINES} largest lines, ${MAX_LEVELS} levels deep.`);
  const { base, compared, totals } = report;
  const lines = [
    `# ${prose(report.title)}`,
    '',
    `**${prose(report.headline.text)}**`,
    '',
    ...(report.warning ? [`> ${prose(report.warning)}`, ''] : []),
    '| | objects | shallow size | taken |',
    '| --- | ---: | ---: | --- |',
    ...[base, compared].map(
      (side) => `| ${code(side.name)} | ${formatCount(side.objects)} | ${formatBytes(side.shallowBytes)} | ${side.takenAt} |`,
    ),
    `| change | ${formatCountDelta(totals.delta.objects)} | ${formatBytesDelta(totals.delta.shallowBytes)} | |`,
    '',
    '## Where new objects hang',
    '',
    ...(report.growth.length === 0 ? ['Nothing is new.'] : report.growth.slice(0, MAX_LINES).flatMap((line) => growthItem(line, 0))),
    '',
    ...allocationLines(report),
    '## Classes that grew most',
    '',
    '| class | new | dead | change | change of retained size |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...shown.map(
      (row) =>
        `| ${code(row.name)} | ${formatCount(row.new.objects)} | ${formatCount(row.dead.objects)} | ${formatCountDelta(row.delta.objects)} | ${formatBytesDelta(row.delta.retainedBytes)} |`,
    ),
    '',
    prose(report.identityNote),
    ...[...report.cuts, ...cuts].map((cut) => `\n${prose(cut)}`),
    '',
    `Made by ${prose(report.generator)}, ${report.createdAt}.`,
    '',
  ];
  return { text: lines.join('\n'), cuts: [...report.cuts, ...cuts] };
}

function allocationLines({ allocations }: ComparisonReport): string[] {
  if (allocations.length === 0) return [];
  const rows = allocations.slice(0, MAX_SITE_CLASSES).flatMap((entry) => {
    const note = allocationNote(entry);
    return entry.sites
      .slice(0, MAX_SITES)
      .map((site) => `| ${code(entry.className)} | ${code(site.site)} | ${entry.sampled ? '≈ ' : ''}${formatCount(site.objects)} | ${formatShare(site.share, 1)} | ${prose(note)} |`);
  });
  return ['## Where new objects were allocated', '', '| class | allocated at | objects | share | |', '| --- | --- | ---: | ---: | --- |', ...rows, ''];
}

function growthItem(line: ReportGrowthLine, level: number): string[] {
  const grown = line.grownBytes > 0 ? `, ${formatBytesDelta(line.grownBytes)} in ${formatCount(line.grownObjects)} that were there` : '';
  const item = `${'  '.repeat(level)}- ${code(line.text)}: ${formatCount(line.objects)} new, ${formatBytes(line.shallowBytes)}${grown}`;
  if (level + 1 >= MAX_LEVELS) return [item];
  return [item, ...line.lines.slice(0, 4).flatMap((below) => growthItem(below, level + 1))];
}
