/** Builds the model of a report from a comparison of the engine. The writers (to-json, to-csv, to-html) know only the model. */
import { basename } from 'node:path';
import { comparisonNodes, comparisonRows, type Comparison } from '#main/heap/compare.ts';
import { holdersOf } from '#main/heap/holders.ts';
import { setSites } from '#main/heap/set-sites.ts';
import { heapSummary } from '#main/heap/summary.ts';
import type { Heap } from '#main/heap/heap.ts';
import { formatCount, formatCountOf } from '#shared/format/counts.ts';
import { formatIso } from '#shared/format/dates.ts';
import type { ComparisonRow, HeapProgress, HolderGroup, HolderStep, NodeRef } from '#shared/model/heap.ts';
import { MAX_PAGE_ROWS } from '#shared/model/heap.ts';
import { identityNote, pairWarning } from './identity-note.ts';
import { comparisonTotals } from './comparison-totals.ts';
import { reportGrowth } from './growth-lines.ts';
import { compareByGrowth, growthScore } from './growth-rank.ts';
import { writeHeadline } from './headline.ts';
import { reportAllocations } from './site-text.ts';
import {
  COMPARE_SCHEMA,
  COMPARE_VERSION,
  type ComparisonReport,
  type ReportAllocations,
  type ReportClass,
  type ReportHolderGroup,
  type ReportHolders,
  type ReportObject,
  type ReportSnapshot,
} from './report-model.ts';

/** Classes for which the holders are looked up. */
const DEFAULT_HOLDER_CLASSES = 20;
const DEFAULT_GROUPS = 10;
/** Steps of a path that are written: its beginning and its end tell where it is. */
const MAX_STEPS = 24;

export interface SnapshotLabel {
  name: string;
  /** Epoch ms. */
  takenAt: number;
}

export interface ReportOptions {
  title: string;
  base: SnapshotLabel;
  compared: SnapshotLabel;
  generator: string;
  /** False: names that are values of the program (text of strings, previews) are replaced by the class. */
  includeValues: boolean;
  holderClasses?: number;
  groupsPerClass?: number;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: HeapProgress) => void) | undefined;
}

/** All rows of a comparison, in the order of the engine. */
export async function allComparisonRows(comparison: Comparison, signal?: AbortSignal): Promise<ComparisonRow[]> {
  const rows: ComparisonRow[] = [];
  for (;;) {
    const page = await comparisonRows(
      comparison,
      { start: rows.length, end: rows.length + MAX_PAGE_ROWS },
      signal ? { signal } : {},
    );
    rows.push(...page.rows);
    if (page.rows.length === 0 || rows.length >= page.total) return rows;
  }
}

/** Node kinds whose name is a value of the program rather than a name somebody gave in the source. */
const VALUE_KINDS = new Set(['string', 'concatenated string', 'sliced string', 'number', 'heap number', 'bigint', 'symbol', 'regexp']);

export function reportObject(node: NodeRef, includeValues: boolean): ReportObject {
  const isValue = VALUE_KINDS.has(node.kind);
  return { id: node.id, name: isValue && !includeValues ? node.className : node.name };
}

function reportSteps(steps: readonly HolderStep[]): HolderStep[] {
  const copies = steps.map(({ edge, node }) => ({ edge, node }));
  if (copies.length <= MAX_STEPS) return copies;
  const half = MAX_STEPS / 2;
  return [...copies.slice(0, half), { edge: '…', node: `${copies.length - MAX_STEPS} more` }, ...copies.slice(-half)];
}

function reportGroup(group: HolderGroup, includeValues: boolean): ReportHolderGroup {
  return {
    holder: group.holder,
    steps: reportSteps(group.steps),
    owner: group.owner ? reportObject(group.owner, includeValues) : null,
    objects: group.objects,
    shallowBytes: group.shallowBytes,
    retainedBytes: group.retainedBytes,
    example: reportObject(group.example, includeValues),
  };
}

function reportSnapshot(heap: Heap, label: SnapshotLabel, objects: number): ReportSnapshot {
  const summary = heapSummary(heap);
  return {
    name: label.name,
    file: basename(heap.path),
    takenAt: formatIso(label.takenAt),
    producer: summary.producer,
    fileBytes: summary.fileBytes,
    objects,
    nodes: summary.nodes,
    edges: summary.edges,
    shallowBytes: summary.shallowBytes,
  };
}

function reportClass({ name, kind, base, compared, new: born, dead, survived, delta }: ComparisonRow): ReportClass {
  return { name, kind, base, compared, new: born, dead, survived, delta };
}

export async function buildComparisonReport(comparison: Comparison, options: ReportOptions): Promise<ComparisonReport> {
  const { includeValues, signal, onProgress } = options;
  const holderClasses = options.holderClasses ?? DEFAULT_HOLDER_CLASSES;
  const limit = options.groupsPerClass ?? DEFAULT_GROUPS;
  const rows = (await allComparisonRows(comparison, signal)).sort(compareByGrowth);
  const totals = await comparisonTotals(comparison, rows, signal ? { signal } : {});

  const cuts: string[] = [];
  const growing = rows.filter((row) => growthScore(row) > 0 && row.new.objects > 0);
  const looked = growing.slice(0, holderClasses);
  if (looked.length < growing.length) {
    cuts.push(`Holders are listed for the ${looked.length} classes that grew most, of ${formatCount(growing.length)} that grew.`);
  }
  const holders: ReportHolders[] = [];
  const allocations: ReportAllocations[] = [];
  for (const [done, row] of looked.entries()) {
    signal?.throwIfAborted();
    onProgress?.({ phase: 'aggregates', done, total: looked.length });
    const { heap, ordinals } = comparisonNodes(comparison, row.classIndex, 'new');
    const groups = await holdersOf(heap, ordinals, { limit, ...(signal ? { signal } : {}) });
    holders.push({
      className: row.name,
      side: 'new',
      objects: row.new.objects,
      groups: groups.slice(0, limit).map((group) => reportGroup(group, includeValues)),
    });
    const sites = await setSites(heap, ordinals, { limit, ...(signal ? { signal } : {}) });
    if (sites.known > 0) allocations.push(reportAllocations(row.name, row.new.objects, sites));
  }
  const cutHolders = holders.filter((entry) => entry.groups.reduce((sum, group) => sum + group.objects, 0) < entry.objects);
  if (cutHolders.length > 0) {
    cuts.push(
      `At most ${limit} holders are listed for a class; the smaller ones of ${formatCountOf(cutHolders.length, 'class', 'classes')} are left out.`,
    );
  }
  const growth = await reportGrowth(comparison, (node) => reportObject(node, includeValues), signal ? { signal } : {});
  if (growth.cut) cuts.push(growth.cut);
  const { allocations: source } = comparison.compared.header;
  if (source?.missing) cuts.push(`Where objects were allocated is not in the compared snapshot: ${source.missing}.`);
  if (!includeValues) cuts.push('Values (text of strings and previews) are left out.');

  const classes = rows.map(reportClass);
  const base = reportSnapshot(comparison.base, options.base, totals.base.objects);
  const compared = reportSnapshot(comparison.compared, options.compared, totals.compared.objects);
  return {
    schema: COMPARE_SCHEMA,
    version: COMPARE_VERSION,
    title: options.title,
    createdAt: new Date().toISOString(),
    generator: options.generator,
    base,
    compared,
    headline: writeHeadline(classes, holders, totals, allocations),
    identityNote: identityNote(base.producer, compared.producer, comparison.idsComparable),
    warning: comparison.idsComparable === false ? null : pairWarning(totals.survived.objects, totals.base.objects, totals.compared.objects),
    valuesIncluded: includeValues,
    totals,
    classes,
    holders,
    allocations,
    growth: growth.lines,
    cuts,
  };
}
