/** Rows of the heap tables: classes, their objects, and references of objects, as one union for the tree table. */
import { formatBytes, formatBytesExact } from '#shared/format/bytes.ts';
import { formatCount, formatCountOf } from '#shared/format/counts.ts';
import { formatPercent, formatShare } from '#shared/format/percent.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import {
  SYSTEM_DISTANCE,
  type ClassRow,
  type EdgeColumn,
  type EdgeRow,
  type NodeColumn,
  type NodeRef,
  type SortSpec,
} from '#shared/model/heap.ts';
import type { Grouping, GroupRow, ObjectFilter } from '#shared/model/heap-explore.ts';
import { textCell, type Cell, type CellPart, type Column } from '../../components/tree-table/columns.ts';
import type { TreeProvider } from '../../components/tree-table/tree-model.ts';
import type { HeapClient } from '../../host/workbench.ts';
import { fieldParts, nodeParts, nodeTitle, retainerParts } from './node-text.ts';

export type HeapRow =
  /** `within` narrows which of its objects are meant. */
  | { type: 'class'; row: ClassRow; within?: ObjectFilter }
  /** A module, package or node type; its classes are below. */
  | { type: 'group'; row: GroupRow; grouping: Grouping }
  | { type: 'object'; node: NodeRef }
  | { type: 'field'; edge: EdgeRow }
  | { type: 'retainer'; edge: EdgeRow };

/** The object a row stands for; null for a class or group. */
export function nodeOf(row: HeapRow): NodeRef | null {
  if (row.type === 'class' || row.type === 'group') return null;
  return row.type === 'object' ? row.node : row.edge.node;
}

export interface HeapSource {
  heap: HeapClient;
  snapshotId: string;
}

const NODE_COLUMNS: readonly NodeColumn[] = ['name', 'id', 'shallowBytes', 'retainedBytes', 'distance', 'refcount'];
export function pick<C extends string>(sort: SortSpec | null, columns: readonly C[]): { by: C; order: SortSpec['order'] } | undefined {
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
  /** What the first column is called. */
  nameLabel?: string;
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

/** A figure that samples stand for. */
function estimateCell(text: string, { objects }: GroupRow): Cell {
  return textCell(`≈ ${text}`, { title: `Estimated from ${formatCountOf(objects, 'sampled object')}` });
}

export function distanceText(distance: number | null): string {
  if (distance === null) return '–';
  return distance >= SYSTEM_DISTANCE ? 'system' : formatCount(distance);
}

export function heapColumns(context: HeapColumnsContext): Column<HeapRow>[] {
  const sizes = (row: HeapRow) => (row.type === 'class' || row.type === 'group' ? row.row : (nodeOf(row) as NodeRef));
  const columns: Column<HeapRow>[] = [
    {
      id: 'name',
      label: context.nameLabel ?? (context.withObjects ? 'Class' : 'Object'),
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
      cell: (row) => (row.type === 'group' && row.row.estimate ? estimateCell(formatCount(row.row.estimate.objects), row.row) : row.type === 'class' || row.type === 'group' ? textCell(formatCount(row.row.objects)) : null),
      copy: (row) => (row.type === 'class' || row.type === 'group' ? String(row.row.objects) : ''),
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
      cell: (row) => (row.type === 'group' && row.row.estimate ? estimateCell(formatBytes(row.row.estimate.shallowBytes), row.row) : sizeCell(sizes(row).shallowBytes, context.totalShallowBytes, 'ready')),
      copy: (row) => String(sizes(row).shallowBytes),
    },
    {
      id: 'retainedBytes',
      label: 'Retained size',
      hint: 'Memory that would be freed if the objects were gone',
      widthPx: 160,
      align: 'end',
      sortable: true,
      cell: (row) =>
        row.type === 'group' && row.row.estimate
          ? textCell('–', { tone: 'muted', title: 'Not known: only a share of the objects was sampled' })
          : sizeCell(sizes(row).retainedBytes, context.totalShallowBytes, context.retained),
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
      // Immortal objects have ten digits.
      widthPx: 120,
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
    case 'group':
      return { parts: [{ text: visibleText(row.row.name, 160) || '(none)', tone: 'strong' }, { text: ` ${formatCountOf(row.row.classes, 'class', 'classes')}`, tone: 'muted' }], title: visibleText(row.row.name, 500) };
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
