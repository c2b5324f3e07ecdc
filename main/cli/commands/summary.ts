/** `heaphouse summary`: the classes of a snapshot by retained size. */
import { classRows } from '#main/heap/classes.ts';
import type { Heap } from '#main/heap/heap.ts';
import { heapSummary } from '#main/heap/summary.ts';
import { jsonDocument } from '#main/export/to-json.ts';
import { formatBytes } from '#shared/format/bytes.ts';
import { formatCount, formatCountOf } from '#shared/format/counts.ts';
import { formatShare } from '#shared/format/percent.ts';
import { MAX_PAGE_ROWS, type ClassRow } from '#shared/model/heap.ts';
import { EXIT, type CommandContext, type ExitCode } from '../command-context.ts';
import type { SummaryInvocation } from '../invocation.ts';
import { loadHeap } from '../load-heap.ts';
import { DEFAULT_TOP } from '../parse-argv.ts';
import { renderTable } from '../table.ts';

export async function runSummary(invocation: SummaryInvocation, context: CommandContext): Promise<ExitCode> {
  const { heap } = await loadHeap(invocation.file, context);
  const wanted = invocation.top ?? (invocation.format === 'json' ? Infinity : DEFAULT_TOP);
  const all = await allClasses(heap, context.signal);
  const total = all.length;
  const classes = all.slice(0, wanted);
  const summary = heapSummary(heap);
  const totals = {
    objects: all.reduce((sum, row) => sum + row.objects, 0),
    nodes: summary.nodes,
    edges: summary.edges,
    classes: total,
    shallowBytes: summary.shallowBytes,
    extraNativeBytes: summary.extraNativeBytes,
  };
  if (invocation.format === 'json') {
    const cuts = classes.length < total ? [`The ${classes.length} classes that retain most, of ${total}.`] : [];
    await context.out.writeAll(
      jsonDocument(
        {
          schema: 'heaphouse.summary',
          version: 1,
          producer: summary.producer,
          fileBytes: summary.fileBytes,
          totals,
          classes: classes.map(({ name, kind, objects, shallowBytes, retainedBytes }) => ({ name, kind, objects, shallowBytes, retainedBytes })),
          cuts,
        },
        ['classes'],
      ),
    );
    return EXIT.fine;
  }
  const table = renderTable(
    classes,
    [
      { title: 'Class', align: 'left', flexible: true, text: (row: ClassRow) => row.name },
      { title: 'Objects', align: 'right', text: (row) => formatCount(row.objects) },
      { title: 'Own size', align: 'right', text: (row) => formatBytes(row.shallowBytes) },
      { title: 'Retained', align: 'right', text: (row) => formatBytes(row.retainedBytes) },
      { title: 'of all', align: 'right', text: (row) => formatShare(row.retainedBytes ?? 0, summary.shallowBytes) },
    ],
    context.io.stdoutColumns,
  );
  const rest = total - classes.length;
  await context.out.write(
    `${formatCountOf(totals.objects, 'object')}, ${formatBytes(totals.shallowBytes)}, ${formatCountOf(total, 'class', 'classes')}\n\n${table}` +
      (rest > 0 ? `… and ${formatCountOf(rest, 'more class', 'more classes')}\n` : ''),
  );
  return EXIT.fine;
}

async function allClasses(heap: Heap, signal: AbortSignal): Promise<ClassRow[]> {
  const classes: ClassRow[] = [];
  for (;;) {
    const page = await classRows(
      heap,
      { start: classes.length, end: classes.length + MAX_PAGE_ROWS, sort: { by: 'retainedBytes', order: 'descending' } },
      { signal },
    );
    classes.push(...page.rows);
    if (page.rows.length === 0 || classes.length >= page.total) return classes;
  }
}
