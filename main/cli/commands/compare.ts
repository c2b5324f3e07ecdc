/** `heaphouse compare`: what grew between two snapshots, as text, JSON, CSV or HTML, with gates. */
import { resolve } from 'node:path';
import { buildComparisonReport } from '#main/export/comparison-report.ts';
import { GENERATOR } from '#main/export/generator.ts';
import { writeFileAtomic } from '#main/export/write-atomic.ts';
import { renderComparison } from '#main/export/write-comparison.ts';
import { toHeaphouseError } from '#main/hosts/analysis/heap-errors.ts';
import { formatBytes } from '#shared/format/bytes.ts';
import type { CommandContext, ExitCode } from '../command-context.ts';
import { checkGates, comparisonText } from '../comparison-output.ts';
import type { CompareInvocation } from '../invocation.ts';
import { loadComparison } from '../load-heap.ts';

export async function runCompare(invocation: CompareInvocation, context: CommandContext): Promise<ExitCode> {
  const { comparison, base, compared } = await loadComparison(invocation.base, invocation.compared, context);
  const report = await buildComparisonReport(comparison, {
    title: 'Heap comparison',
    base,
    compared,
    generator: GENERATOR,
    includeValues: invocation.includeValues,
    signal: context.signal,
    onProgress: (value) => context.progress.update('holders', value),
  }).catch((error: unknown) => {
    throw toHeaphouseError(error);
  });
  context.progress.clear();
  const { out, format } = invocation;
  const rendered =
    format === 'table'
      ? { parts: [comparisonText(report, invocation.top, out === null ? context.io.stdoutColumns : null)], cuts: [] }
      : renderComparison(report, format);
  if (out === null) {
    await context.out.writeAll(rendered.parts);
  } else {
    const bytes = await writeFileAtomic(resolve(context.io.cwd, out), rendered.parts, context.signal);
    context.progress.note(`${out}: ${formatBytes(bytes)}`);
  }
  if (format === 'html') for (const cut of rendered.cuts) context.progress.note(`left out: ${cut}`);
  return checkGates(report, invocation.failOn, context);
}
