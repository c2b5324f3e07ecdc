/** Where the summary's rows come from: classes or other groups, a search, one object, or a set of objects. */
import type { GroupColumn, Grouping, GroupRow, ObjectFilter, ObjectSet } from '#shared/model/heap-explore.ts';
import type { ClassColumn, ClassRow, NodeRef, Page, SortSpec } from '#shared/model/heap.ts';
import type { RowPage, TreeProvider } from '../../components/tree-table/tree-model.ts';
import { fullPage } from '../../composables/full-page.ts';
import type { ExploreClient, HeapClient } from '../../host/workbench.ts';
import type { SnapshotFocus } from '../../navigation/nav-state.ts';
import { isNarrow, type Narrow } from '../../navigation/selection-address.ts';
import { fieldPage, nodeOf, nodeSort, pick, type HeapRow } from '../heap/heap-rows.ts';
import { sentFilter, sentSet } from '../heap/sent-set.ts';

export interface SummarySource {
  heap: HeapClient;
  explore: ExploreClient;
  snapshotId: string;
}

export interface SummaryAsked {
  focus: SnapshotFocus;
  filter: string;
  group: Grouping;
  narrow: Narrow;
  /** Groups of these objects only. */
  within?: ObjectSet;
}

const CLASS_COLUMNS: readonly ClassColumn[] = ['name', 'kind', 'objects', 'shallowBytes', 'retainedBytes', 'distance'];
const GROUP_COLUMNS: readonly GroupColumn[] = [...CLASS_COLUMNS, 'classes'];

type Window = { start: number; end: number };

export function createSummaryProvider({ heap, explore, snapshotId }: SummarySource, { focus, filter, group, narrow, within: whole }: SummaryAsked): TreeProvider<HeapRow> {
  const objectRows = (page: Page<NodeRef>): RowPage<HeapRow> => ({ rows: page.rows.map((node) => ({ type: 'object', node })), total: page.total, unfiltered: page.unfiltered });

  async function objects(set: ObjectSet, narrowed: ObjectFilter, window: Window, sort: SortSpec | null, signal: AbortSignal): Promise<RowPage<HeapRow>> {
    const order = nodeSort(sort);
    const page = await fullPage(window, (part) =>
      explore.objects({ snapshotId, set: sentSet(set), filter: sentFilter(narrowed), query: { ...part, ...(order ? { sort: order } : {}) } }, { signal }),
    );
    return objectRows(page);
  }

  async function groups(set: ObjectSet, grouping: Grouping, narrowed: ObjectFilter, window: Window, sort: SortSpec | null, signal: AbortSignal): Promise<RowPage<HeapRow>> {
    const order = pick(sort, GROUP_COLUMNS);
    const page = await fullPage(window, (part) =>
      explore.groups({ snapshotId, set: sentSet(set), filter: sentFilter(narrowed), grouping, query: { ...part, ...(order ? { sort: order } : {}) } }, { signal }),
    );
    const { text: _name, ...bounds } = narrowed;
    const within: ObjectFilter = set.by === 'retainedBy' ? { ...bounds, retainedBy: set.ordinal } : bounds;
    const rows = page.rows.map((row): HeapRow => (grouping === 'class' ? { type: 'class', row: classOf(row), within } : { type: 'group', row, grouping }));
    return { rows, total: page.total, unfiltered: page.unfiltered };
  }

  async function top(window: Window, sort: SortSpec | null, signal: AbortSignal): Promise<RowPage<HeapRow>> {
    switch (focus.kind) {
      case 'object': {
        const node = await heap.byId({ snapshotId, id: focus.id }, { signal });
        return { rows: node ? [{ type: 'object', node }] : [], total: node ? 1 : 0 };
      }
      case 'search':
        return objectRows(await heap.search({ snapshotId, text: focus.text, query: { ...window, sort: nodeSort(sort) } }, { signal }));
      case 'set':
        return objects(focus.set, { ...narrow, ...(filter ? { text: filter } : {}) }, window, sort, signal);
      case 'classes': {
        if (group !== 'class' || isNarrow(narrow) || whole) return groups(whole ?? { by: 'all' }, group, { ...narrow, ...(filter ? { text: filter } : {}) }, window, sort, signal);
        // Classes are there before the analysis, so they are shown at once.
        const query = { ...window, sort: pick(sort, CLASS_COLUMNS), ...(filter ? { filter } : {}) };
        const page = await heap.classes({ snapshotId, query }, { signal });
        return { rows: page.rows.map((row) => ({ type: 'class', row })), total: page.total, unfiltered: page.unfiltered };
      }
    }
  }

  return {
    expandable: (row) => row.type === 'class' || row.type === 'group' || nodeOf(row)?.kind !== 'number',
    async page(parent, window, sort, signal) {
      if (parent === null) return top(window, sort, signal);
      if (parent.type === 'group') {
        const within: ObjectFilter = parent.grouping === 'kind' ? { ...narrow, kinds: [parent.row.name] } : narrow;
        return groups({ by: 'group', grouping: parent.grouping, groupId: parent.row.groupId }, 'class', within, window, sort, signal);
      }
      if (parent.type === 'class') {
        const { classIndex } = parent.row;
        if (parent.within) return objects({ by: 'class', classIndex }, parent.within, window, sort, signal);
        const query = { ...window, sort: nodeSort(sort) };
        return objectRows(await heap.instances({ snapshotId, classIndex, query }, { signal }));
      }
      const node = nodeOf(parent);
      return node ? fieldPage({ heap, snapshotId }, node.ordinal, window, sort, signal) : { rows: [], total: 0 };
    },
  };
}

function classOf({ groupId, name, kind, objects, shallowBytes, retainedBytes, distance }: GroupRow): ClassRow {
  return { classIndex: groupId, name, kind, objects, shallowBytes, retainedBytes, distance };
}
