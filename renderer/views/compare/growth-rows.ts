/** Rows of the growth tree: lines of what is new by the path that holds it, and the objects at its ends. */
import { formatBytes, formatBytesExact } from '#shared/format/bytes.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import type { GrowthColumn, GrowthLine, ObjectSet } from '#shared/model/heap-explore.ts';
import type { HolderStep, NodeRef } from '#shared/model/heap.ts';
import { textCell, type Cell, type CellPart, type Column } from '../../components/tree-table/columns.ts';
import type { TreeProvider } from '../../components/tree-table/tree-model.ts';
import { fullPage } from '../../composables/full-page.ts';
import type { ExploreClient } from '../../host/workbench.ts';
import { bytesColumn, countColumn } from '../heap/columns-of.ts';
import { nodeParts, nodeTitle } from '../heap/node-text.ts';
import { sentSet } from '../heap/sent-set.ts';
import type { ComparePair } from './compare-rows.ts';

export type GrowthRow = { type: 'line'; line: GrowthLine } | { type: 'object'; node: NodeRef };

const LINE_COLUMNS: readonly GrowthColumn[] = ['text', 'objects', 'shallowBytes', 'retainedBytes', 'grownBytes', 'children'];

export function growthSet(pair: ComparePair, lineId: number): ObjectSet {
  return { by: 'growth', ...pair, lineId };
}

export function createGrowthProvider(explore: ExploreClient, pair: ComparePair, filter: string): TreeProvider<GrowthRow> {
  return {
    expandable: (row) => row.type === 'line' && (row.line.children > 0 || row.line.ownObjects > 0),
    async page(parent, window, sort, signal) {
      if (parent?.type === 'object') return { rows: [], total: 0 };
      if (parent && parent.line.children === 0) {
        const { lineId } = parent.line;
        const page = await fullPage(window, (part) => explore.objects({ snapshotId: pair.comparedId, set: sentSet(growthSet(pair, lineId)), query: part }, { signal }));
        return { rows: page.rows.map((node) => ({ type: 'object', node })), total: page.total };
      }
      const by = LINE_COLUMNS.find((column) => column === sort?.by);
      const page = await fullPage(window, (part) =>
        explore.growthLines(
          {
            ...pair,
            lineId: parent ? parent.line.lineId : null,
            query: { ...part, ...(by && sort ? { sort: { by, order: sort.order } } : {}), ...(filter && !parent ? { filter } : {}) },
          },
          { signal },
        ),
      );
      return { rows: page.rows.map((line) => ({ type: 'line', line })), total: page.total, unfiltered: page.unfiltered };
    },
  };
}

const MAX_SHOWN_STEPS = 4;

/** The first level shows its path, its middle folded so that the holder stays in sight; what is below only its own step. */
function lineParts({ steps }: GrowthLine): CellPart[] {
  const parts = (from: number, end: number) => steps.slice(from, end).flatMap((step, index) => stepParts(step, from + index > 0, from + index === steps.length - 1));
  if (steps.length <= MAX_SHOWN_STEPS) return parts(0, steps.length);
  return [...parts(0, 1), { text: ' → …', tone: 'muted' }, ...parts(steps.length - 2, steps.length)];
}

function stepParts({ edge, node }: HolderStep, arrow: boolean, last: boolean): CellPart[] {
  const parts: CellPart[] = arrow ? [{ text: ' → ', tone: 'muted' }] : [];
  const name = visibleText(node, 120);
  if (edge === '') return [...parts, last ? { text: name, tone: 'strong' } : { text: name }];
  return [...parts, { text: visibleText(edge, 120), tone: 'keyword' }, { text: ` (${name})`, tone: last ? 'strong' : 'muted' }];
}

function nameCell(row: GrowthRow): Cell {
  if (row.type === 'object') return { parts: [{ text: 'new ', tone: 'grow' }, ...nodeParts(row.node)], title: nodeTitle(row.node) };
  return { parts: lineParts(row.line), title: visibleText(row.line.text, 800) };
}

export function growthColumns(newBytes: number, comparedBytes: number): Column<GrowthRow>[] {
  const of = (measure: 'objects' | 'shallowBytes' | 'retainedBytes' | 'grownBytes' | 'children') => (row: GrowthRow) =>
    row.type === 'line' ? row.line[measure] : measure === 'shallowBytes' ? row.node.shallowBytes : measure === 'retainedBytes' ? row.node.retainedBytes : null;
  return [
    { id: 'text', label: 'Held by', hint: 'Path from the roots; list indices, dict keys and hash nodes read as one edge', widthPx: 460, sortable: true, firstOrder: 'ascending', cell: nameCell },
    countColumn({ id: 'objects', label: 'New objects', hint: 'New objects at or below this line', widthPx: 104 }, of('objects')),
    bytesColumn({ id: 'shallowBytes', label: 'New size', hint: 'Bytes of the new objects, with their share of all that is new', whole: newBytes, widthPx: 140 }, of('shallowBytes')),
    bytesColumn({ id: 'retainedBytes', label: 'Retained', hint: 'What goes when these new objects go', widthPx: 92 }, of('retainedBytes')),
    {
      id: 'grownBytes',
      label: 'Grown',
      hint: 'Objects that were there before and grew themselves, such as a dict that got a larger table',
      widthPx: 86,
      align: 'end',
      sortable: true,
      cell: (row) => {
        if (row.type !== 'line') return null;
        const { grownBytes, grownObjects } = row.line;
        if (grownObjects === 0) return textCell('–', { tone: 'muted' });
        return { parts: [{ text: `+${formatBytes(grownBytes)}` }], title: `${grownObjects} grown, ${formatBytesExact(grownBytes)}`, fraction: comparedBytes > 0 ? grownBytes / comparedBytes : null };
      },
      copy: (row) => (row.type === 'line' ? String(row.line.grownBytes) : ''),
    },
    countColumn({ id: 'children', label: 'Lines', hint: 'Lines below', widthPx: 58 }, of('children')),
  ];
}
