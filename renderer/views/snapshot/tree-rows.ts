/** Rows of the trees of a snapshot: what the roots hold, reference by reference; dominators by object and by class. */
import { formatCount } from '#shared/format/counts.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import type { ContainmentRow, DominatorClassColumn, DominatorClassRow, DominatorRow, StringColumn, StringOrder, StringRow } from '#shared/model/heap-explore.ts';
import type { EdgeColumn, NodeRef, SortSpec } from '#shared/model/heap.ts';
import { textCell, type CellPart, type Column } from '../../components/tree-table/columns.ts';
import type { TreeProvider } from '../../components/tree-table/tree-model.ts';
import { fullPage } from '../../composables/full-page.ts';
import type { ExploreClient } from '../../host/workbench.ts';
import { bytesColumn, countColumn } from '../heap/columns-of.ts';
import { classParts, distanceText, nodeSort, pick } from '../heap/heap-rows.ts';
import { fieldParts, nodeParts, nodeTitle } from '../heap/node-text.ts';

const sorted = <C extends string>(sort: { by: C; order: SortSpec['order'] } | undefined) => (sort ? { sort } : {});

export function createContainmentProvider(explore: ExploreClient, snapshotId: string): TreeProvider<ContainmentRow> {
  const columns: readonly EdgeColumn[] = ['edgeName', 'shallowBytes', 'retainedBytes', 'distance', 'refcount'];
  return {
    expandable: (row) => row.fields > 0,
    async page(parent, window, sort, signal) {
      const page = await fullPage(window, (part) =>
        explore.containment({ snapshotId, ordinal: parent ? parent.node.ordinal : null, query: { ...part, ...sorted(pick(sort, columns)) } }, { signal }),
      );
      return { rows: page.rows, total: page.total, unfiltered: page.unfiltered };
    },
  };
}

export function containmentColumns(totalBytes: number, withRefcount: boolean): Column<ContainmentRow>[] {
  return [
    { id: 'edgeName', label: 'Reference', widthPx: 460, sortable: true, firstOrder: 'ascending', cell: (row) => ({ parts: fieldParts(row), title: nodeTitle(row.node) }) },
    countColumn({ id: 'fields', label: 'References', hint: 'References the object has itself', sortable: false }, (row) => row.fields),
    bytesColumn({ id: 'shallowBytes', label: 'Shallow size' }, (row) => row.node.shallowBytes),
    bytesColumn({ id: 'retainedBytes', label: 'Retained size', whole: totalBytes }, (row) => row.node.retainedBytes),
    { id: 'distance', label: 'Distance', widthPx: 78, align: 'end', sortable: true, firstOrder: 'ascending', cell: (row) => textCell(distanceText(row.node.distance), { tone: 'muted' }) },
    ...(withRefcount ? [countColumn<ContainmentRow>({ id: 'refcount', label: 'Refcount' }, (row) => row.node.refcount)] : []),
  ];
}

export function createDominatorProvider(explore: ExploreClient, snapshotId: string): TreeProvider<DominatorRow> {
  return {
    expandable: (row) => row.children > 0,
    async page(parent, window, sort, signal) {
      const page = await fullPage(window, (part) =>
        explore.dominators({ snapshotId, ordinal: parent ? parent.node.ordinal : null, query: { ...part, ...sorted(nodeSort(sort)) } }, { signal }),
      );
      return { rows: page.rows, total: page.total, unfiltered: page.unfiltered };
    },
  };
}

export function dominatorColumns(totalBytes: number): Column<DominatorRow>[] {
  return [
    { id: 'name', label: 'Object', widthPx: 460, sortable: true, firstOrder: 'ascending', cell: (row) => ({ parts: nodeParts(row.node), title: nodeTitle(row.node) }) },
    countColumn({ id: 'children', label: 'Dominates', hint: 'Objects it dominates directly', sortable: false }, (row) => row.children),
    bytesColumn({ id: 'shallowBytes', label: 'Shallow size' }, (row) => row.node.shallowBytes),
    bytesColumn({ id: 'retainedBytes', label: 'Retained size', hint: 'What goes when this object goes', whole: totalBytes }, (row) => row.node.retainedBytes),
  ];
}

export function createDominatorClassProvider(explore: ExploreClient, snapshotId: string): TreeProvider<DominatorClassRow> {
  const columns: readonly DominatorClassColumn[] = ['name', 'objects', 'shallowBytes', 'retainedBytes', 'children'];
  return {
    expandable: (row) => row.children > 0,
    async page(parent, window, sort, signal) {
      const page = await fullPage(window, (part) =>
        explore.dominatorClasses({ snapshotId, lineId: parent ? parent.lineId : null, query: { ...part, ...sorted(pick(sort, columns)) } }, { signal }),
      );
      return { rows: page.rows, total: page.total, unfiltered: page.unfiltered };
    },
  };
}

export function dominatorClassColumns(totalBytes: number): Column<DominatorClassRow>[] {
  return [
    { id: 'name', label: 'Class', widthPx: 460, sortable: true, firstOrder: 'ascending', cell: (row) => ({ parts: classParts(row), title: visibleText(row.name, 500) }) },
    countColumn({ id: 'objects', label: 'Objects' }, (row) => row.objects),
    bytesColumn({ id: 'shallowBytes', label: 'Shallow size' }, (row) => row.shallowBytes),
    bytesColumn({ id: 'retainedBytes', label: 'Retained size', hint: 'What goes when these objects go', whole: totalBytes }, (row) => row.retainedBytes),
  ];
}

export type StringTableRow = { type: 'string'; row: StringRow } | { type: 'object'; node: NodeRef };

export function nodeOfString(row: StringTableRow): NodeRef {
  return row.type === 'string' ? row.row.example : row.node;
}

export function createStringProvider(explore: ExploreClient, snapshotId: string, order: StringOrder, filter: string): TreeProvider<StringTableRow> {
  const columns: readonly StringColumn[] = ['text', 'objects', 'shallowBytes', 'largestBytes', 'wastedBytes'];
  return {
    expandable: (row) => row.type === 'string',
    async page(parent, window, sort, signal) {
      if (parent?.type === 'object') return { rows: [], total: 0 };
      if (parent) {
        const set = { by: 'string', stringId: parent.row.stringId } as const;
        const page = await fullPage(window, (part) => explore.objects({ snapshotId, set, query: { ...part, ...sorted(nodeSort(sort)) } }, { signal }));
        return { rows: page.rows.map((node) => ({ type: 'object', node })), total: page.total };
      }
      const query = { ...sorted(pick(sort, columns)), ...(filter ? { filter } : {}) };
      const page = await fullPage(window, (part) => explore.strings({ snapshotId, order, query: { ...part, ...query } }, { signal }));
      return { rows: page.rows.map((row) => ({ type: 'string', row })), total: page.total, unfiltered: page.unfiltered };
    },
  };
}

export function stringColumns(order: StringOrder, totalBytes: number): Column<StringTableRow>[] {
  const of = (measure: 'objects' | 'largestBytes' | 'wastedBytes') => (row: StringTableRow) => (row.type === 'string' ? row.row[measure] : null);
  const wasted = bytesColumn<StringTableRow>({ id: 'wastedBytes', label: 'Wasted', hint: 'Bytes saved if there were one of them: all but the largest', whole: totalBytes }, of('wastedBytes'));
  const size = bytesColumn<StringTableRow>({ id: 'shallowBytes', label: 'Size', hint: 'Bytes of all strings with this value' }, (row) => (row.type === 'string' ? row.row.shallowBytes : row.node.shallowBytes));
  const largest = bytesColumn<StringTableRow>({ id: 'largestBytes', label: 'Largest', hint: 'Bytes of the largest of them' }, of('largestBytes'));
  const objects = countColumn<StringTableRow>({ id: 'objects', label: 'Objects' }, of('objects'));
  return [
    {
      id: 'text',
      label: 'Value',
      widthPx: 520,
      sortable: true,
      firstOrder: 'ascending',
      cell(row) {
        if (row.type === 'object') return { parts: nodeParts(row.node), title: nodeTitle(row.node) };
        const parts: CellPart[] = [{ text: `"${visibleText(row.row.text, 300)}"`, tone: 'string' }];
        if (row.row.cutInFile) parts.push({ text: ' cut in the file', tone: 'warn' });
        const title = row.row.cutInFile ? `${visibleText(row.row.text, 500)}\nThe file has only the beginning, so these values may differ behind it.` : visibleText(row.row.text, 500);
        return { parts, title };
      },
      copy: (row) => (row.type === 'string' ? row.row.text : `@${formatCount(row.node.id)}`),
    },
    ...(order === 'longest' ? [largest, size, objects, wasted] : [wasted, objects, size, largest]),
  ];
}
