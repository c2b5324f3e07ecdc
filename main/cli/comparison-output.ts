/** A comparison as text for a terminal, and its gates: shared by `compare` and `record`. */
import { groupLabel } from '#main/export/holder-text.ts';
import { allocationNote, siteLine } from '#main/export/site-text.ts';
import type { ComparisonReport, ReportClass } from '#main/export/report-model.ts';
import { formatBytes, formatBytesDelta } from '#shared/format/bytes.ts';
import { formatCount, formatCountDelta, formatCountOf } from '#shared/format/counts.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import { EXIT, type CommandContext, type ExitCode } from './command-context.ts';
import { checkGate, parseGate } from './gates.ts';
import { renderTable } from './table.ts';

/** Classes whose holders are printed under the table. */
const HELD_CLASSES = 5;
const GROUPS = 3;

export function comparisonText(report: ComparisonReport, top: number, columns: number | null): string {
  const { delta } = report.totals;
  const changed = report.classes.filter((row) => row.new.objects > 0 || row.dead.objects > 0 || row.delta.retainedBytes !== 0);
  const shown = changed.slice(0, top);
  const lines = [
    report.headline.text,
    ...(report.warning ? ['', `Note: ${report.warning}`] : []),
    '',
    `${visibleText(report.base.name)} → ${visibleText(report.compared.name)}: ${formatCountDelta(delta.objects)} objects, ${formatBytesDelta(delta.shallowBytes)}`,
    '',
    renderTable(
      shown,
      [
        { title: 'Class', align: 'left', flexible: true, text: (row: ReportClass) => row.name },
        { title: 'New', align: 'right', text: (row) => formatCount(row.new.objects) },
        { title: 'Dead', align: 'right', text: (row) => formatCount(row.dead.objects) },
        { title: 'Survived', align: 'right', text: (row) => formatCount(row.survived.objects) },
        { title: 'Δ objects', align: 'right', text: (row) => formatCountDelta(row.delta.objects) },
        { title: 'Δ own size', align: 'right', text: (row) => formatBytesDelta(row.delta.shallowBytes) },
        { title: 'Δ retained', align: 'right', text: (row) => formatBytesDelta(row.delta.retainedBytes) },
      ],
      columns,
    ).trimEnd(),
  ];
  if (shown.length < changed.length) lines.push(`… and ${formatCountOf(changed.length - shown.length, 'more class', 'more classes')} that changed`);
  for (const { className, objects, groups } of report.holders.slice(0, HELD_CLASSES)) {
    lines.push('', `${formatCountOf(objects, 'new object')} of ${visibleText(className)}:`);
    for (const group of groups.slice(0, GROUPS)) {
      const retained = group.retainedBytes === null ? '' : `, ${formatBytes(group.retainedBytes)} retained`;
      lines.push(`${formatCount(group.objects).padStart(12)}  held by ${visibleText(groupLabel(group, groups), 300)}${retained}`);
    }
    const allocated = report.allocations.find((entry) => entry.className === className);
    const note = allocated ? allocationNote(allocated) : '';
    for (const [index, site] of (allocated?.sites ?? []).slice(0, GROUPS).entries()) lines.push(siteLine(allocated!, site, index === 0 ? note : ''));
  }
  return `${lines.join('\n')}\n`;
}

/** Prints a line per gate on stderr (also when quiet: it is the reason of the exit status). */
export function checkGates(report: ComparisonReport, failOn: readonly string[], context: CommandContext): ExitCode {
  let exit: ExitCode = EXIT.fine;
  for (const text of failOn) {
    const gate = parseGate(text);
    if (!gate) continue;
    const result = checkGate(gate, report.classes, report.totals);
    context.progress.clear();
    context.io.stderr.write(`${result.line}\n`);
    if (!result.passed) exit = EXIT.gateFailed;
  }
  return exit;
}
