/** Answers the `explore` contract. The heaps and comparisons are those of the analysis service. */
import { join } from 'node:path';
import { writeAnswer } from '#main/export/query-answer.ts';
import { writeFileAtomic } from '#main/export/write-atomic.ts';
import { cleanFileName } from '#main/export/write-comparison.ts';
import { allocationSites } from '#main/heap/allocation-sites.ts';
import { dominatorClasses, dominatorClassRows, dominatorRows } from '#main/heap/dominator-tree.ts';
import { containmentRows } from '#main/heap/containment.ts';
import { objectExpression } from '#main/heap/expression.ts';
import { findProblems, type Findings } from '#main/heap/findings/find.ts';
import { growthLines, growthSummary, growthTree } from '#main/heap/growth-tree.ts';
import { addedTo, grownRows, grownSurvivors } from '#main/heap/grown-survivors.ts';
import { groupRows, groupTable, provideGroups, type GroupTable } from '#main/heap/groups.ts';
import { checkOrdinal, type Heap } from '#main/heap/heap.ts';
import { holdersOf } from '#main/heap/holders.ts';
import { immediateDominators, immediatelyDominated, type DominatedTable } from '#main/heap/immediate.ts';
import { nodeSetRows } from '#main/heap/nodes.ts';
import { setTotals } from '#main/heap/object-sets.ts';
import { setSites, unsureClasses } from '#main/heap/set-sites.ts';
import { pathsIgnoring } from '#main/heap/paths-ignoring.ts';
import type { RunOptions } from '#main/heap/run.ts';
import { heapStatistics } from '#main/heap/statistics.ts';
import { stringTable, stringValues } from '#main/heap/string-table.ts';
import { tablePage } from '#main/heap/table.ts';
import { treemap } from '#main/heap/treemap.ts';
import { trioRows } from '#main/heap/trio.ts';
import type { exploreContract } from '#shared/contracts/explore.ts';
import type { HeapProgress, Page } from '#shared/model/heap.ts';
import type { CallContext, ServiceHandlers } from '#shared/rpc/define-service.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import type { ComparisonStore } from './comparison-store.ts';
import { fitPage, MAX_PAGE_BYTES, shorten } from './fit-page.ts';
import type { HeapStore } from './heap-store.ts';
import { createKeptByOwner } from './kept-by-owner.ts';
import type { QueryService } from './query-service.ts';
import { createSetResolver, type Selection } from './set-resolver.ts';

/** Tables kept per heap for paging. */
const MAX_TABLES = 6;

export function createExploreService(
  heaps: HeapStore,
  comparisons: ComparisonStore,
  queries: QueryService,
  exportFolder: () => Promise<string>,
): ServiceHandlers<typeof exploreContract> {
  const groups = createKeptByOwner<Heap, GroupTable>(MAX_TABLES);
  const dominated = createKeptByOwner<Heap, DominatedTable>(MAX_TABLES);
  const findings = createKeptByOwner<Heap, Findings>(2);
  const sets = createSetResolver(comparisons, async (snapshotId, baseId, findingId, run) => {
    const objects = (await problems(snapshotId, baseId, run)).objects.get(findingId);
    if (!objects) throw new HeaphouseError('not-found', `There is no finding "${findingId}" in this snapshot.`);
    return objects;
  });

  const loud = ({ signal, progress }: CallContext<HeapProgress>): RunOptions => ({ signal, onProgress: progress });
  const fit = async <Row>(page: Promise<Page<Row>>): Promise<Page<Row>> => fitPage(await page);
  const analysed = <R>(snapshotId: string, context: CallContext<HeapProgress>, body: (heap: Heap, run: RunOptions) => Promise<R>): Promise<R> =>
    heaps.use(snapshotId, 'analysed', loud(context), (heap) => body(heap, loud(context)));
  const selected = <R>(
    selection: Selection,
    context: CallContext<HeapProgress>,
    body: (heap: Heap, ordinals: Uint32Array, run: RunOptions) => Promise<R>,
  ): Promise<R> => analysed(selection.snapshotId, context, async (heap, run) => body(heap, await sets.list(heap, selection, run), run));

  function problems(snapshotId: string, baseId: string | null, run: RunOptions): Promise<Findings> {
    return heaps.use(snapshotId, 'analysed', run, (heap) => {
      const make = (): Promise<Findings> =>
        baseId === null
          ? findProblems(heap, null, run)
          : comparisons.use({ baseId, comparedId: snapshotId }, run, (comparison) => findProblems(heap, comparison, run));
      return findings.get(heap, baseId ?? '', make);
    });
  }

  return {
    methods: {
      // The summary is shown at once with shallow sizes; everything else here needs the analysis.
      groups: ({ grouping, query, ...selection }, context) =>
        heaps.use(selection.snapshotId, 'open', loud(context), async (heap) => {
          const run = loud(context);
          if (grouping === 'site') {
            const sites = await allocationSites(heap, run);
            if (sites) provideGroups(heap, 'site', sites.groups);
          }
          const key = JSON.stringify([heap.analysis !== null, grouping, selection]);
          const table = await groups.get(heap, key, async () =>
            groupTable(heap, grouping, await sets.resolve(heap, selection, run), run),
          );
          return fit(groupRows(table, query, run));
        }),
      objects: ({ query, ...selection }, context) =>
        selected(selection, context, (heap, ordinals, run) => fit(nodeSetRows(heap, ordinals, query, run))),
      totals: (selection, context) => selected(selection, context, setTotals),
      holders: ({ limit, ...selection }, context) =>
        selected(selection, context, (heap, ordinals, run) => holdersOf(heap, ordinals, { limit, ...run })),
      sites: ({ limit, ...selection }, context) =>
        selected(selection, context, (heap, ordinals, run) => setSites(heap, ordinals, { limit, ...run })),
      immediate: ({ direction, query, ...selection }, context) =>
        selected(selection, context, async (heap, ordinals, run) => {
          const make = direction === 'dominators' ? immediateDominators : immediatelyDominated;
          const table = await dominated.get(heap, JSON.stringify([direction, selection]), () => make(heap, ordinals, run));
          return fit(tablePage(table, query, run));
        }),

      dominators: ({ snapshotId, ordinal, query }, context) =>
        analysed(snapshotId, context, (heap, run) => fit(dominatorRows(heap, ordinal, query, run))),
      dominatorClasses: ({ snapshotId, lineId, query }, context) =>
        analysed(snapshotId, context, async (heap, run) => fit(dominatorClassRows(await dominatorClasses(heap, run), lineId, query, run))),
      treemap: ({ snapshotId, ordinal, maxCells }, context) =>
        analysed(snapshotId, context, (heap, run) => treemap(heap, ordinal, maxCells, run)),
      containment: ({ snapshotId, ordinal, query }, context) =>
        analysed(snapshotId, context, (heap, run) => fit(containmentRows(heap, ordinal, query, run))),
      strings: ({ snapshotId, order, query }, context) =>
        analysed(snapshotId, context, async (heap, run) => fit(tablePage(stringTable(await stringValues(heap, run), order), query, run))),
      statistics: ({ snapshotId }, context) =>
        heaps.use(snapshotId, 'open', loud(context), (heap) => heapStatistics(heap, loud(context))),
      findings: async ({ snapshotId, baseId }, context) => {
        const { report } = await problems(snapshotId, baseId, loud(context));
        return JSON.stringify(report).length > MAX_PAGE_BYTES / 2 ? shorten(report, 400) : report;
      },

      query: (question, context) => queries.query(question, loud(context)),
      queryRows: (answer, context) => fit(queries.rows(answer, { signal: context.signal })),

      exportQuery: async ({ snapshotId, answerId, format }, { signal }) => {
        const { name } = heaps.file(snapshotId);
        const suggestedName = `query of ${cleanFileName(name)}.${format}`;
        const path = join(await exportFolder(), suggestedName);
        return { path, suggestedName, bytes: await writeFileAtomic(path, writeAnswer[format](queries.whole(snapshotId, answerId)), signal), cuts: [] };
      },

      paths: ({ snapshotId, ordinal, limit, ignore }, context) =>
        analysed(snapshotId, context, (heap, run) => pathsIgnoring(heap, ordinal, ignore, { limit, ...run })),
      allocation: ({ snapshotId, ordinal }, context) =>
        heaps.use(snapshotId, 'open', loud(context), async (heap) => {
          checkOrdinal(heap, ordinal);
          const sites = await allocationSites(heap, loud(context));
          const source = sites?.source ?? heap.header.allocations;
          const frames = sites?.stack(ordinal) ?? [];
          return { source, frames, unsure: frames.length > 0 && unsureClasses(heap, source?.unsureClasses ?? []).has(heap.classOf[ordinal]!) };
        }),
      expression: ({ snapshotId, ordinal }, context) => analysed(snapshotId, context, (heap, run) => objectExpression(heap, ordinal, run)),

      growthSummary: (pair, context) =>
        comparisons.use(pair, loud(context), async (comparison) => growthSummary(await growthTree(comparison, loud(context)))),
      growthLines: ({ lineId, query, ...pair }, context) =>
        comparisons.use(pair, loud(context), async (comparison) =>
          fit(growthLines(await growthTree(comparison, loud(context)), lineId, query, loud(context))),
        ),
      grownSurvivors: ({ onlyAccumulating, query, ...pair }, context) =>
        comparisons.use(pair, loud(context), async (comparison) =>
          fit(grownRows(await grownSurvivors(comparison, loud(context)), onlyAccumulating, query, loud(context))),
        ),
      grownAdded: ({ ordinal, limit, ...pair }, context) =>
        comparisons.use(pair, loud(context), (comparison) => addedTo(comparison, ordinal, limit, loud(context))),

      trio: async (ids, context) => (await sets.trio(ids, loud(context))).summary,
      trioClasses: async ({ query, ...ids }, context) => fit(trioRows(await sets.trio(ids, loud(context)), query, loud(context))),
    },
    events: {},
  };
}
