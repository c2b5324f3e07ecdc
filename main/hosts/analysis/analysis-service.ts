/** Answers the `heap`, `explore` and `analysis` contracts. No process, no channel: analysis-host.ts adds those. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { analysisContract } from '#main/hosts/analysis-contract.ts';
import { classRows, nodesOfClass } from '#main/heap/classes.ts';
import { comparisonNodes, comparisonRows, type Comparison } from '#main/heap/compare.ts';
import { holdersOf } from '#main/heap/holders.ts';
import { instanceRows, nodeRef, nodeSetRows, ordinalOfId, searchNodes } from '#main/heap/nodes.ts';
import { dominatedRows, fieldRows, objectDetails, retainerRows } from '#main/heap/object.ts';
import { pathsToRoot } from '#main/heap/paths.ts';
import { heapSummary } from '#main/heap/summary.ts';
import { allComparisonRows, buildComparisonReport } from '#main/export/comparison-report.ts';
import { comparisonTotals } from '#main/export/comparison-totals.ts';
import { GENERATOR } from '#main/export/generator.ts';
import { identityNote, pairWarning } from '#main/export/identity-note.ts';
import type { Amounts } from '#main/export/report-model.ts';
import { suggestedExportName, writeComparison } from '#main/export/write-comparison.ts';
import type { exploreContract } from '#shared/contracts/explore.ts';
import type { ComparisonSummary, heapContract } from '#shared/contracts/heap.ts';
import type { HeapProgress, Page } from '#shared/model/heap.ts';
import type { CallContext, ServiceHandlers } from '#shared/rpc/define-service.ts';
import { createComparisonStore, type SnapshotPair } from './comparison-store.ts';
import { createExploreService } from './explore-service.ts';
import { fitPage, shorten } from './fit-page.ts';
import { defaultHeapBudgetBytes } from './heap-memory.ts';
import { createHeapStore } from './heap-store.ts';
import { createQueryService } from './query-service.ts';

export interface AnalysisService {
  analysis: ServiceHandlers<typeof analysisContract>;
  heap: ServiceHandlers<typeof heapContract>;
  explore: ServiceHandlers<typeof exploreContract>;
}

export interface AnalysisServiceOptions {
  /** Bytes of open heaps before the oldest is given back. */
  heapBudgetBytes?: number;
}

/** Longer values than a message should carry are cut; the view asks for a string's text, not for all of it. */
const MAX_DETAIL_TEXT = 100_000;

interface Context {
  signal: AbortSignal;
}

export function createAnalysisService({ heapBudgetBytes = defaultHeapBudgetBytes() }: AnalysisServiceOptions = {}): AnalysisService {
  const heaps = createHeapStore({ budgetBytes: heapBudgetBytes, onDropped: forget, indexDir: () => indexDir });
  const comparisons = createComparisonStore(heaps);
  const queries = createQueryService(heaps, comparisons);
  const totalsOf = new WeakMap<Comparison, Promise<{ totals: Amounts; classes: number }>>();
  let exportsDir: string | null = null;
  let indexDir: string | null = null;
  let sessionTitle = '';

  const quiet = ({ signal }: Context) => ({ signal });
  const loud = ({ signal, progress }: CallContext<HeapProgress>) => ({ signal, onProgress: progress });
  const fit = async <Row>(page: Promise<Page<Row>>) => fitPage(await page);

  function totals(comparison: Comparison): Promise<{ totals: Amounts; classes: number }> {
    const known = totalsOf.get(comparison);
    if (known) return known;
    const made = allComparisonRows(comparison).then(async (rows) => ({
      totals: await comparisonTotals(comparison, rows),
      classes: rows.length,
    }));
    totalsOf.set(comparison, made);
    made.catch(() => totalsOf.delete(comparison));
    return made;
  }

  async function comparisonSummary(pair: SnapshotPair, comparison: Comparison): Promise<ComparisonSummary> {
    const side = (id: string, heap: Comparison['base']) => {
      const { name, takenAt } = heaps.file(id);
      return { id, name, takenAt, summary: heapSummary(heap) };
    };
    const base = side(pair.baseId, comparison.base);
    const compared = side(pair.comparedId, comparison.compared);
    const { totals: amounts, classes } = await totals(comparison);
    const note = identityNote(base.summary.producer, compared.summary.producer, comparison.idsComparable);
    const warning = comparison.idsComparable
      ? pairWarning(amounts.survived.objects, amounts.base.objects, amounts.compared.objects)
      : null;
    return { base, compared, classes, totals: amounts, identityNote: warning ? `${warning} ${note}` : note };
  }

  function forget(snapshotId: string): void {
    comparisons.forget(snapshotId);
    queries.forget(snapshotId);
  }

  async function exportFolder(): Promise<string> {
    exportsDir ??= await mkdtemp(join(tmpdir(), 'heaphouse-export-'));
    return exportsDir;
  }

  return {
    explore: createExploreService(heaps, comparisons, queries, exportFolder),
    analysis: {
      methods: {
        configure(params) {
          exportsDir = params.exportsDir;
          indexDir = params.indexDir;
          sessionTitle = params.sessionTitle;
          return null;
        },
        register(file) {
          heaps.register(file);
          return null;
        },
        unregister({ snapshotId }) {
          heaps.unregister(snapshotId);
          return null;
        },
      },
      events: {},
    },
    heap: {
      methods: {
        open: ({ snapshotId }, context) => heaps.use(snapshotId, 'open', loud(context), heapSummary),
        analyse: ({ snapshotId }, context) => heaps.use(snapshotId, 'analysed', loud(context), heapSummary),
        classes: ({ snapshotId, query }, context) =>
          heaps.use(snapshotId, 'open', quiet(context), (heap) => fit(classRows(heap, query, quiet(context)))),
        instances: ({ snapshotId, classIndex, query }, context) =>
          heaps.use(snapshotId, 'open', quiet(context), (heap) => fit(instanceRows(heap, classIndex, query, quiet(context)))),
        object: ({ snapshotId, ordinal }, context) =>
          heaps.use(snapshotId, 'open', quiet(context), (heap) => shorten(objectDetails(heap, ordinal), MAX_DETAIL_TEXT)),
        byId: ({ snapshotId, id }, context) =>
          heaps.use(snapshotId, 'open', quiet(context), (heap) => {
            const ordinal = ordinalOfId(heap, id);
            return ordinal < 0 ? null : nodeRef(heap, ordinal);
          }),
        fields: ({ snapshotId, ordinal, query }, context) =>
          heaps.use(snapshotId, 'open', quiet(context), (heap) => fit(fieldRows(heap, ordinal, query, quiet(context)))),
        retainers: ({ snapshotId, ordinal, query }, context) =>
          heaps.use(snapshotId, 'analysed', quiet(context), (heap) => fit(retainerRows(heap, ordinal, query, quiet(context)))),
        dominated: ({ snapshotId, ordinal, query }, context) =>
          heaps.use(snapshotId, 'analysed', quiet(context), (heap) => fit(dominatedRows(heap, ordinal, query, quiet(context)))),
        paths: ({ snapshotId, ordinal, limit }, context) =>
          heaps.use(snapshotId, 'analysed', quiet(context), (heap) => pathsToRoot(heap, ordinal, { limit, ...quiet(context) })),
        search: ({ snapshotId, text, query }, context) =>
          heaps.use(snapshotId, 'open', quiet(context), (heap) => fit(searchNodes(heap, text, query, quiet(context)))),
        holders: ({ snapshotId, classIndex, limit }, context) =>
          heaps.use(snapshotId, 'analysed', quiet(context), (heap) =>
            holdersOf(heap, nodesOfClass(heap, classIndex), { limit, ...quiet(context) }),
          ),
        close({ snapshotId }) {
          heaps.close(snapshotId);
          return null;
        },
        compare: (pair, context) => comparisons.use(pair, loud(context), (comparison) => comparisonSummary(pair, comparison)),
        comparisonClasses: ({ query, ...pair }, context) =>
          comparisons.use(pair, quiet(context), (comparison) => fit(comparisonRows(comparison, query, quiet(context)))),
        comparisonObjects: ({ classIndex, side, query, ...pair }, context) =>
          comparisons.use(pair, quiet(context), (comparison) => {
            const { heap, ordinals } = comparisonNodes(comparison, classIndex, side);
            return fit(nodeSetRows(heap, ordinals, query, quiet(context)));
          }),
        comparisonHolders: ({ classIndex, side, limit, ...pair }, context) =>
          comparisons.use(pair, quiet(context), (comparison) => {
            const { heap, ordinals } = comparisonNodes(comparison, classIndex, side);
            return holdersOf(heap, ordinals, { limit, ...quiet(context) });
          }),
        exportComparison: ({ format, includeValues, ...pair }, context) =>
          comparisons.use(pair, loud(context), async (comparison) => {
            const base = heaps.file(pair.baseId);
            const compared = heaps.file(pair.comparedId);
            const report = await buildComparisonReport(comparison, {
              title: sessionTitle ? `Heap comparison: ${sessionTitle}` : 'Heap comparison',
              base,
              compared,
              generator: GENERATOR,
              includeValues,
              ...loud(context),
            });
            const suggestedName = suggestedExportName(base.name, compared.name, format);
            const written = await writeComparison(report, format, join(await exportFolder(), suggestedName), context.signal);
            return { ...written, suggestedName };
          }),
      },
      events: {},
    },
  };
}
