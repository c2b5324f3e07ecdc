/** Rows of three snapshots: classes of what was born between the first two and is still there in the third. */
import { visibleText } from '#shared/format/visible-text.ts';
import type { TrioColumn, TrioRow } from '#shared/model/heap-explore.ts';
import type { NodeRef } from '#shared/model/heap.ts';
import type { Column } from '../../components/tree-table/columns.ts';
import type { TreeProvider } from '../../components/tree-table/tree-model.ts';
import { fullPage } from '../../composables/full-page.ts';
import type { ExploreClient } from '../../host/workbench.ts';
import { bytesColumn, countColumn } from '../heap/columns-of.ts';
import { classParts, nodeSort } from '../heap/heap-rows.ts';
import { nodeParts, nodeTitle } from '../heap/node-text.ts';

export interface Trio {
  firstId: string;
  secondId: string;
  thirdId: string;
}

export type TrioTableRow = { type: 'class'; row: TrioRow } | { type: 'object'; node: NodeRef };

const COLUMNS: readonly TrioColumn[] = ['name', 'kind', 'objects', 'shallowBytes', 'retainedBytes', 'goneObjects'];

export function createTrioProvider(explore: ExploreClient, trio: Trio, filter: string): TreeProvider<TrioTableRow> {
  return {
    expandable: (row) => row.type === 'class' && row.row.objects > 0,
    async page(parent, window, sort, signal) {
      if (parent?.type === 'object') return { rows: [], total: 0 };
      if (parent) {
        const order = nodeSort(sort);
        const set = { by: 'trio', ...trio, classIndex: parent.row.classIndex } as const;
        const page = await fullPage(window, (part) => explore.objects({ snapshotId: trio.thirdId, set, query: { ...part, ...(order ? { sort: order } : {}) } }, { signal }));
        return { rows: page.rows.map((node) => ({ type: 'object', node })), total: page.total };
      }
      const by = COLUMNS.find((column) => column === sort?.by);
      const query = { ...(by && sort ? { sort: { by, order: sort.order } } : {}), ...(filter ? { filter } : {}) };
      const page = await fullPage(window, (part) => explore.trioClasses({ ...trio, query: { ...part, ...query } }, { signal }));
      return { rows: page.rows.map((row) => ({ type: 'class', row })), total: page.total, unfiltered: page.unfiltered };
    },
  };
}

export function trioColumns(heapBytes: number): Column<TrioTableRow>[] {
  const sizes = (row: TrioTableRow) => (row.type === 'class' ? row.row : row.node);
  return [
    {
      id: 'name',
      label: 'Class',
      widthPx: 420,
      sortable: true,
      firstOrder: 'ascending',
      cell: (row) =>
        row.type === 'class'
          ? { parts: classParts(row.row), title: `${visibleText(row.row.name, 500)} (${row.row.kind})` }
          : { parts: [{ text: 'stayed ', tone: 'grow' }, ...nodeParts(row.node)], title: nodeTitle(row.node) },
    },
    countColumn({ id: 'objects', label: 'Stayed', hint: 'Born between the first two, still there in the third' }, (row) => (row.type === 'class' ? row.row.objects : null)),
    countColumn({ id: 'goneObjects', label: 'Gone', hint: 'Born between the first two, gone in the third' }, (row) => (row.type === 'class' ? row.row.goneObjects : null)),
    bytesColumn({ id: 'shallowBytes', label: 'Size', hint: 'Shallow size of what stayed' }, (row) => sizes(row).shallowBytes),
    bytesColumn({ id: 'retainedBytes', label: 'Retained', hint: 'What goes when these objects go', whole: heapBytes }, (row) => sizes(row).retainedBytes),
  ];
}
