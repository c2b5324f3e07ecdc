/** The lists of an object page: fields, what it dominates directly, and what it retains by class. */
import type { ObjectSet } from '#shared/model/heap-explore.ts';
import type { TreeProvider } from '../../components/tree-table/tree-model.ts';
import type { ObjectTab } from '../../navigation/nav-state.ts';
import { createRetainerProvider, fieldPage, nodeOf, nodeSort, type HeapRow } from '../heap/heap-rows.ts';
import { createSummaryProvider, type SummarySource } from '../snapshot/summary-provider.ts';

export function createObjectProvider(source: SummarySource, tab: ObjectTab, ordinal: number): TreeProvider<HeapRow> {
  const { heap, snapshotId } = source;
  switch (tab) {
    case 'references':
      return createRetainerProvider(source, ordinal);
    case 'fields':
      return {
        expandable: (row) => nodeOf(row)?.kind !== 'number',
        page: (parent, window, sort, signal) => fieldPage(source, (parent ? nodeOf(parent)?.ordinal : undefined) ?? ordinal, window, sort, signal),
      };
    case 'dominated':
      return {
        expandable: () => true,
        async page(parent, window, sort, signal) {
          const of = (parent ? nodeOf(parent)?.ordinal : undefined) ?? ordinal;
          const page = await heap.dominated({ snapshotId, ordinal: of, query: { ...window, sort: nodeSort(sort) } }, { signal });
          return { rows: page.rows.map((node) => ({ type: 'object', node })), total: page.total, unfiltered: page.unfiltered };
        },
      };
    case 'retained': {
      const set: ObjectSet = { by: 'retainedBy', ordinal };
      return createSummaryProvider(source, { focus: { kind: 'classes' }, filter: '', group: 'class', narrow: {}, within: set });
    }
  }
}
