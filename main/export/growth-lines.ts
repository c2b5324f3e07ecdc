/** The growth tree as a report shows it: the largest lines, some levels deep. */
import type { Comparison } from '#main/heap/compare.ts';
import { growthLines, growthTree, type GrowthTree } from '#main/heap/growth-tree.ts';
import type { RunOptions } from '#main/heap/run.ts';
import { formatCount } from '#shared/format/counts.ts';
import type { GrowthLine } from '#shared/model/heap-explore.ts';
import type { NodeRef } from '#shared/model/heap.ts';
import type { ReportGrowthLine, ReportObject } from './report-model.ts';

/** Lines of the first level, below each line, and levels in all. */
const FIRST_LINES = 40;
const LINES_BELOW = 8;
const LEVELS = 5;
/** A line below this share of all that grew is not opened further. */
const OPENED_SHARE = 0.001;

export async function reportGrowth(
  comparison: Comparison,
  toObject: (node: NodeRef) => ReportObject,
  run: RunOptions,
): Promise<{ lines: ReportGrowthLine[]; cut: string | null }> {
  const tree = await growthTree(comparison, run);
  const first = await growthLines(tree, null, { start: 0, end: FIRST_LINES }, run);
  const whole = first.rows.reduce((sum, line) => sum + sizeOf(line), 0);
  const lines: ReportGrowthLine[] = [];
  for (const line of first.rows) lines.push(await reportLine(tree, line, 1, whole * OPENED_SHARE, toObject, run));
  const cut =
    first.total > lines.length
      ? `The growth tree shows the ${lines.length} largest of ${formatCount(first.total)} lines, ${LEVELS} levels deep, ${LINES_BELOW} lines below each.`
      : null;
  return { lines, cut };
}

const sizeOf = (line: GrowthLine): number => line.shallowBytes + line.grownBytes;

async function reportLine(
  tree: GrowthTree,
  line: GrowthLine,
  level: number,
  openedBytes: number,
  toObject: (node: NodeRef) => ReportObject,
  run: RunOptions,
): Promise<ReportGrowthLine> {
  const lines: ReportGrowthLine[] = [];
  if (level < LEVELS && line.children > 0 && sizeOf(line) >= openedBytes) {
    const below = await growthLines(tree, line.lineId, { start: 0, end: LINES_BELOW }, run);
    for (const entry of below.rows) lines.push(await reportLine(tree, entry, level + 1, openedBytes, toObject, run));
  }
  const { text, objects, shallowBytes, retainedBytes, grownObjects, grownBytes, first, last } = line;
  return {
    text, objects, shallowBytes, retainedBytes, grownObjects, grownBytes,
    first: first && toObject(first),
    last: last && toObject(last),
    lines,
  };
}
