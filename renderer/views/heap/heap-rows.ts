/** Rows of the heap tables: classes, their objects, and references of objects, as one union for the tree table. */
import { formatBytes, formatBytesExact } from '#shared/format/bytes.ts';
import { formatCount } from '#shared/format/counts.ts';
import { formatPercent, formatShare } from '#shared/format/percent.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import {
  SYSTEM_DISTANCE,
  type ClassRow,
  type ClassColumn,
  type EdgeColumn,
  type EdgeRow,
  type NodeColumn,
  type NodeRef,
  type SortSpec,
} from '#shared/model/heap.ts';
import { textCell, type Cell, type CellPart, type Column } from '../../components/tree-table/columns.ts';
import type { TreeProvider } from '../../components/tree-table/tree-model.ts';
import type { HeapClient } from '../../host/workbench.ts';
import type { SnapshotFocus } from '../../navigation/nav-state.ts';
import { fieldParts, nodeParts, nodeTitle, retainerParts } from './node-text.ts';

export type HeapRow =
  | { type: 'class'; row: ClassRow }
  | { type: 'object'; node: NodeRef }
  | { type: 'field'; edge: EdgeRow }
  | { type: 'retainer'; edge: EdgeRow };

/** The object a row stands for; null for a class. */
export function nodeOf(row: HeapRow): NodeRef | null {
  if (row.type === 'class') return null;
  return row.type === 'object' ? row.node : row.edge.node;
}

export interface HeapSource {
  heap: HeapClient;
  snapshotId: string;
}

const NODE_COLUMNS: readonly NodeColumn[] = ['name', 'id', 'shallowBytes', 'retainedBytes', 'distance', 'refcount'];
const CLASS_COLUMNS: readonly ClassColumn[] = ['name', 'kind', 'objects', 'shallowBytes', 'retainedBytes', 'distance'];

function pick<C extends string>(sort: SortSpec | null, columns: readonly C[]): { by: C; order: SortSpec['order'] } | undefined {
  const by = columns.find((column) => column === sort?.by);
  return by && sort ? { by, order: sort.order } : undefined;
}

export function nodeSort(sort: SortSpec | null) {
  return pick(sort, NODE_COLUMNS);
}

function edgeSort(sort: SortSpec | null): { by: EdgeColumn; order: SortSpec['order'] } | undefined {
  return sort?.by === 'name' ? { by: 'edgeName', order: sort.order } : pick<EdgeColumn>(sort, NODE_COLUMNS);
}

export async function fieldPage(
  { heap, snapshotId }: HeapSource,
  ordinal: number,
  window: { start: number; end: number },
  sort: SortSpec | null,
  signal: AbortSignal,
) {
  const page = await heap.fields({ snapshotId, ordinal, query: { ...window, sort: edgeSort(sort) } }, { signal });
  return { rows: page.rows.map((edge): HeapRow => ({ type: 'field', edge })), total: page.total, unfiltered: page.unfiltered };
}

/** The main table of a snapshot: classes, search results, or one object. */
export function createHeapProvider(source: HeapSource, focus: SnapshotFocus, filter: string): TreeProvider<HeapRow> {
  const { heap, snapshotId } = source;
  return {
    expandable: (row) => row.type === 'class' || nodeOf(row)?.kind !== 'number',
    async page(parent, window, sort, signal) {
      if (parent === null) {
        if (focus.kind === 'object') {
          const node = await heap.byId({ snapshotId, id: focus.id }, { signal });
          return { rows: node ? [{ type: 'object', node }] : [], total: node ? 1 : 0 };
        }
        if (focus.kind === 'search') {
          const page = await heap.search({ snapshotId, text: focus.text, query: { ...window, sort: nodeSort(sort) } }, { signal });
          return { rows: page.rows.map((node) => ({ type: 'object', node })), total: page.total, unfiltered: page.unfiltered };
        }
        const query = { ...window, sort: pick(sort, CLASS_COLUMNS), ...(filter ? { filter } : {}) };
        const page = await heap.classes({ snapshotId, query }, { signal });
        return { rows: page.rows.map((row) => ({ type: 'class', row })), total: page.total, unfiltered: page.unfiltered };
      }
      if (parent.type === 'class') {
        const query = { ...window, sort: nodeSort(sort) };
        const page = await heap.instances({ snapshotId, classIndex: parent.row.classIndex, query }, { signal });
        return { rows: page.rows.map((node) => ({ type: 'object', node })), total: page.total, unfiltered: page.unfiltered };
      }
      const node = nodeOf(parent);
      return node ? fieldPage(source, node.ordinal, window, sort, signal) : { rows: [], total: 0 };
    },
  };
}

/** The retainer tree of one object: what points to it, and what points to that. */
export function createRetainerProvider({ heap, snapshotId }: HeapSource, ordinal: number): TreeProvider<HeapRow> {
  return {
    expandable: () => true,
    async page(parent, window, sort, signal) {
      const of = parent ? nodeOf(parent)?.ordinal : ordinal;
      if (of === undefined) return { rows: [], total: 0 };
      const page = await heap.retainers({ snapshotId, ordinal: of, query: { ...window, sort: edgeSort(sort) } }, { signal });
      return { rows: page.rows.map((edge): HeapRow => ({ type: 'retainer', edge })), total: page.total, unfiltered: page.unfiltered };
    },
  };
}

export interface HeapColumnsContext {
  /** Of the whole snapshot; 0 while not known. */
  totalShallowBytes: number;
  /** What a missing retained size means at the moment. */
  retained: 'ready' | 'computing' | 'missing';
  withObjects: boolean;
  withRefcount: boolean;
}

/** Size with its share of the heap, padded with figure spaces so that columns line up. */
function sizeCell(bytes: number | null, total: number, missing: 'computing' | 'missing' | 'ready'): Cell {
  if (bytes === null) {
    if (missing === 'computing') return textCell('computing…', { busy: true, title: 'Retained sizes are being computed' });
    return textCell('–', { tone: 'muted', title: 'Not known' });
  }
  const share = total > 0 ? bytes / total : null;
  const parts: CellPart[] = [{ text: formatBytes(bytes) }];
  if (share !== null) parts.push({ text: formatPercent(share).padStart(8, '\u2007'), tone: 'muted' });
  const title = share === null ? formatBytesExact(bytes) : `${formatBytesExact(bytes)}, ${formatShare(bytes, total)} of the heap`;
  return { parts, title, fraction: share };
}

export function distanceText(distance: number | null): string {
  if (distance === null) return '–';
  return distance >= SYSTEM_DISTANCE ? 'system' : formatCount(distance);
}

export function heapColumns(context: HeapColumnsContext): Column<HeapRow>[] {
  const sizes = (row: HeapRow) => (row.type === 'class' ? row.row : (nodeOf(row) as NodeRef));
  const columns: Column<HeapRow>[] = [
    {
      id: 'name',
      label: context.withObjects ? 'Class' : 'Object',
      widthPx: 420,
      sortable: true,
      firstOrder: 'ascending',
      cell: nameCell,
    },
  ];
  if (context.withObjects) {
    columns.push({
      id: 'objects',
      label: 'Objects',
      widthPx: 96,
      align: 'end',
      sortable: true,
      cell: (row) => (row.type === 'class' ? textCell(formatCount(row.row.objects)) : null),
      copy: (row) => (row.type === 'class' ? String(row.row.objects) : ''),
    });
  }
  columns.push(
    {
      id: 'shallowBytes',
      label: 'Shallow size',
      hint: 'Memory of the objects themselves',
      widthPx: 160,
      align: 'end',
      sortable: true,
      cell: (row) => sizeCell(sizes(row).shallowBytes, context.totalShallowBytes, 'ready'),
      copy: (row) => String(sizes(row).shallowBytes),
    },
    {
      id: 'retainedBytes',
      label: 'Retained size',
      hint: 'Memory that would be freed if the objects were gone',
      widthPx: 160,
      align: 'end',
      sortable: true,
      cell: (row) => sizeCell(sizes(row).retainedBytes, context.totalShallowBytes, context.retained),
      copy: (row) => String(sizes(row).retainedBytes ?? ''),
    },
    {
      id: 'distance',
      label: 'Distance',
      hint: 'Fewest references from a root',
      widthPx: 80,
      align: 'end',
      sortable: true,
      firstOrder: 'ascending',
      cell: (row) => textCell(distanceText(sizes(row).distance), { tone: 'muted' }),
    },
  );
  if (context.withRefcount) {
    columns.push({
      id: 'refcount',
      label: 'Refcount',
      hint: 'Reference count that CPython kept for the object',
      widthPx: 80,
      align: 'end',
      sortable: true,
      cell: (row) => {
        const count = nodeOf(row)?.refcount;
        return count === undefined ? null : textCell(formatCount(count), { tone: 'muted' });
      },
    });
  }
  return columns;
}

function nameCell(row: HeapRow): Cell {
  switch (row.type) {
    case 'class':
      return { parts: classParts(row.row), title: `${visibleText(row.row.name, 500)} (${row.row.kind})` };
    case 'object':
      return { parts: nodeParts(row.node), title: nodeTitle(row.node) };
    case 'field':
      return { parts: fieldParts(row.edge), title: nodeTitle(row.edge.node) };
    case 'retainer':
      return { parts: retainerParts(row.edge), title: nodeTitle(row.edge.node) };
  }
}

/** `app.handlers.` muted, `Request` strong: the eye reads the class, the module is there. */
export function classParts({ name }: { name: string }): CellPart[] {
  const text = visibleText(name, 160);
  const match = /^((?:[\p{L}_$][\p{L}\p{N}_$<>]*\.)+)([\p{L}_$][\p{L}\p{N}_$]*)$/u.exec(text);
  if (!match) return [{ text, tone: /^\(/.test(text) ? 'muted' : 'strong' }];
  return [
    { text: match[1] as string, tone: 'muted' },
    { text: match[2] as string, tone: 'strong' },
  ];
}
