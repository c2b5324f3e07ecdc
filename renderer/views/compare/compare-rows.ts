/** Rows of the comparison table: classes with their changes, the objects behind a cell, and fields of an object. */
import { formatBytes, formatBytesDelta, formatBytesExact } from '#shared/format/bytes.ts';
import { formatCount, formatCountDelta } from '#shared/format/counts.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import type { Amount, ComparisonColumn, ComparisonRow, ComparisonSide, EdgeRow, NodeRef } from '#shared/model/heap.ts';
import { textCell, type Cell, type Column } from '../../components/tree-table/columns.ts';
import type { TreeProvider } from '../../components/tree-table/tree-model.ts';
import type { HeapClient } from '../../host/workbench.ts';
import { classParts, fieldPage, nodeSort, type HeapRow } from '../heap/heap-rows.ts';
import { fieldParts, nodeParts, nodeTitle } from '../heap/node-text.ts';

export type CompareRow =
  | { type: 'class'; row: ComparisonRow }
  | { type: 'object'; node: NodeRef; side: ComparisonSide }
  | { type: 'field'; edge: EdgeRow; side: ComparisonSide };

export const SIDE_LABELS: Record<ComparisonSide, string> = { new: 'New', dead: 'Dead', survived: 'Survived' };

export interface ComparePair {
  baseId: string;
  comparedId: string;
}

/** The snapshot in which the objects of a side are looked at. */
export function snapshotOfSide(pair: ComparePair, side: ComparisonSide): string {
  return side === 'dead' ? pair.baseId : pair.comparedId;
}

export function nodeOfCompareRow(row: CompareRow): NodeRef | null {
  return row.type === 'class' ? null : row.type === 'object' ? row.node : row.edge.node;
}

const AMOUNTS = ['objects', 'shallowBytes', 'retainedBytes'] as const;
const SIDES = ['base', 'compared', 'new', 'dead', 'survived', 'delta'] as const;
const SORTABLE: readonly ComparisonColumn[] = [
  'name',
  'kind',
  ...SIDES.flatMap((side) => AMOUNTS.map((amount): ComparisonColumn => `${side}.${amount}`)),
];

export function createCompareProvider(
  heap: HeapClient,
  pair: ComparePair,
  filter: string,
  sideOf: (classIndex: number) => ComparisonSide,
): TreeProvider<CompareRow> {
  return {
    expandable: (row) => (row.type === 'class' ? row.row[sideOf(row.row.classIndex)].objects > 0 : nodeOfCompareRow(row)?.kind !== 'number'),
    async page(parent, window, sort, signal) {
      if (parent === null) {
        const by = SORTABLE.find((column) => column === sort?.by);
        const query = { ...window, ...(by && sort ? { sort: { by, order: sort.order } } : {}), ...(filter ? { filter } : {}) };
        const page = await heap.comparisonClasses({ ...pair, query }, { signal });
        return { rows: page.rows.map((row) => ({ type: 'class', row })), total: page.total, unfiltered: page.unfiltered };
      }
      const nodeOrder = nodeSort(sort && { by: nodeColumn(sort.by), order: sort.order });
      if (parent.type === 'class') {
        const { classIndex } = parent.row;
        const side = sideOf(classIndex);
        const query = { ...window, ...(nodeOrder ? { sort: nodeOrder } : {}) };
        const page = await heap.comparisonObjects({ ...pair, classIndex, side, query }, { signal });
        return { rows: page.rows.map((node) => ({ type: 'object', node, side })), total: page.total, unfiltered: page.unfiltered };
      }
      const node = nodeOfCompareRow(parent);
      if (!node) return { rows: [], total: 0 };
      const source = { heap, snapshotId: snapshotOfSide(pair, parent.side) };
      const order = sort && { by: nodeColumn(sort.by), order: sort.order };
      const page = await fieldPage(source, node.ordinal, window, order, signal);
      return { ...page, rows: page.rows.flatMap((row: HeapRow): CompareRow[] => (row.type === 'field' ? [{ type: 'field', edge: row.edge, side: parent.side }] : [])) };
    },
  };
}

/** Objects below a class are sorted by the measure of the column; counts mean retained size. */
function nodeColumn(by: string): string {
  if (by === 'name') return 'name';
  return by.endsWith('.shallowBytes') ? 'shallowBytes' : 'retainedBytes';
}

export interface CompareColumnsContext {
  sideOf(classIndex: number): ComparisonSide;
  /** The largest growth in the comparison, for the bars. */
  largestDeltaBytes: number;
  /** The whole heap of the compared snapshot, for the bars of what is retained. */
  comparedBytes: number;
}

export function compareColumns(context: CompareColumnsContext): Column<CompareRow>[] {
  const amount = (side: keyof Pick<ComparisonRow, 'base' | 'compared' | 'new' | 'dead' | 'survived' | 'delta'>) => (row: CompareRow): Amount | null =>
    row.type === 'class' ? row.row[side] : null;

  function objects(side: 'base' | 'compared' | 'delta', label: string, hint: string, widthPx: number): Column<CompareRow> {
    return {
      id: `${side}.objects`,
      label,
      hint,
      widthPx,
      align: 'end',
      sortable: true,
      cell: (row) => {
        const of = amount(side)(row);
        if (!of) return null;
        if (side !== 'delta') return textCell(formatCount(of.objects), of.objects === 0 ? { tone: 'muted' } : {});
        return deltaCell(of.objects, formatCountDelta(of.objects), '');
      },
      copy: (row) => String(amount(side)(row)?.objects ?? ''),
    };
  }

  function clickable(side: ComparisonSide, hint: string): Column<CompareRow> {
    return {
      id: `${side}.objects`,
      label: SIDE_LABELS[side],
      hint,
      widthPx: { new: 76, dead: 68, survived: 78 }[side],
      align: 'end',
      sortable: true,
      divider: side === 'new',
      cell: (row) => {
        const of = amount(side)(row);
        if (!of || row.type !== 'class') return null;
        if (of.objects === 0) return textCell('0', { tone: 'muted' });
        return {
          parts: [{ text: formatCount(of.objects) }],
          action: `Show the ${formatCount(of.objects)} ${side} objects (${formatBytes(of.shallowBytes)})`,
          pressed: context.sideOf(row.row.classIndex) === side && side !== 'new',
        };
      },
      copy: (row) => String(amount(side)(row)?.objects ?? ''),
    };
  }

  function bytes(side: 'new' | 'dead', label: string, hint: string): Column<CompareRow> {
    return {
      id: `${side}.shallowBytes`,
      label,
      hint,
      widthPx: 92,
      align: 'end',
      sortable: true,
      divider: side === 'new',
      cell: (row) => {
        const node = row.type === 'object' && row.side === side ? row.node : null;
        const value = node ? node.shallowBytes : amount(side)(row)?.shallowBytes;
        if (value === undefined) return null;
        return textCell(formatBytes(value), value === 0 ? { tone: 'muted' } : { title: formatBytesExact(value) });
      },
      copy: (row) => String(amount(side)(row)?.shallowBytes ?? nodeOfCompareRow(row)?.shallowBytes ?? ''),
    };
  }

  function deltaBytes(measure: 'shallowBytes' | 'retainedBytes', label: string, hint: string): Column<CompareRow> {
    return {
      id: `delta.${measure}`,
      label,
      hint,
      widthPx: measure === 'retainedBytes' ? 96 : 82,
      align: 'end',
      sortable: true,
      divider: measure === 'shallowBytes',
      cell: (row) => {
        const of = amount('delta')(row);
        if (of) return deltaCell(of[measure], formatBytesDelta(of[measure]), formatBytesExact(of[measure]), context.largestDeltaBytes);
        const value = nodeOfCompareRow(row)?.[measure] ?? null;
        return value === null ? null : textCell(formatBytes(value), { tone: 'muted', title: formatBytesExact(value) });
      },
      copy: (row) => String(amount('delta')(row)?.[measure] ?? nodeOfCompareRow(row)?.[measure] ?? ''),
    };
  }

  const newRetained: Column<CompareRow> = {
    id: 'new.retainedBytes',
    label: 'New retained',
    hint: 'New memory that goes when the new objects of the class go; what an old object holds counts at that, not at a new one that leads to it',
    widthPx: 120,
    align: 'end',
    sortable: true,
    cell: (row) => {
      const value = row.type === 'class' ? row.row.new.retainedBytes : row.side === 'new' ? nodeOfCompareRow(row)?.retainedBytes : null;
      if (value === null || value === undefined) return null;
      if (value === 0) return textCell('0 B', { tone: 'muted' });
      const isClass = row.type === 'class';
      return { parts: [{ text: isClass ? formatBytesDelta(value) : formatBytes(value), tone: isClass ? 'grow' : 'muted' }], title: formatBytesExact(value), fraction: isClass ? value / context.comparedBytes : null };
    },
    copy: (row) => String((row.type === 'class' ? row.row.new.retainedBytes : nodeOfCompareRow(row)?.retainedBytes) ?? ''),
  };

  return [
    { id: 'name', label: 'Class', widthPx: 214, sortable: true, firstOrder: 'ascending', cell: nameCell },
    clickable('new', 'Objects that only the compared snapshot has; click a number to see them'),
    newRetained,
    clickable('dead', 'Objects that only the base snapshot has; click a number to see them'),
    clickable('survived', 'Objects in both; click a number to see them'),
    objects('delta', 'Δ objects', 'Compared minus base', 82),
    deltaBytes('shallowBytes', 'Δ size', 'Shallow size, compared minus base'),
    deltaBytes('retainedBytes', 'Δ retained', 'Retained size of the class, compared minus base'),
    bytes('new', 'New size', 'Shallow size of the new objects'),
    bytes('dead', 'Dead size', 'Shallow size of the dead objects'),
    objects('base', 'Base', 'Objects in the base snapshot', 80),
    objects('compared', 'Compared', 'Objects in the compared snapshot', 86),
  ];
}

function deltaCell(value: number, text: string, title: string, largest = 0): Cell {
  const tone = value > 0 ? 'grow' : value < 0 ? 'shrink' : 'muted';
  return { parts: [{ text, tone }], ...(title ? { title } : {}), fraction: value > 0 && largest > 0 ? value / largest : null };
}

function nameCell(row: CompareRow): Cell {
  if (row.type === 'class') return { parts: classParts(row.row), title: visibleText(row.row.name, 500) };
  if (row.type === 'field') return { parts: fieldParts(row.edge), title: nodeTitle(row.edge.node) };
  return { parts: [{ text: `${row.side} `, tone: row.side === 'new' ? 'grow' : 'muted' }, ...nodeParts(row.node)], title: nodeTitle(row.node) };
}
