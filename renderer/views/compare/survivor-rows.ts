/** Rows of the grown survivors: objects in both snapshots that retain more, and below each what was added. */
import { visibleText } from '#shared/format/visible-text.ts';
import type { AddedRow, GrownColumn, GrownRow } from '#shared/model/heap-explore.ts';
import type { NodeRef } from '#shared/model/heap.ts';
import type { Column } from '../../components/tree-table/columns.ts';
import type { TreeProvider } from '../../components/tree-table/tree-model.ts';
import { fullPage } from '../../composables/full-page.ts';
import type { ExploreClient } from '../../host/workbench.ts';
import { bytesColumn, countColumn } from '../heap/columns-of.ts';
import { classParts } from '../heap/heap-rows.ts';
import { nodeParts, nodeTitle } from '../heap/node-text.ts';
import type { ComparePair } from './compare-rows.ts';

export type SurvivorRow = { type: 'grown'; row: GrownRow } | { type: 'added'; row: AddedRow };

const COLUMNS: readonly GrownColumn[] = ['name', 'grownRetainedBytes', 'grownShallowBytes', 'retainedBytes', 'baseRetainedBytes', 'newObjects', 'addedFields'];
/** Classes of additions listed below one object. */
const MAX_ADDED = 100;

export function nodeOfSurvivor(row: SurvivorRow): NodeRef {
  return row.type === 'grown' ? row.row.node : row.row.example;
}

export function createSurvivorProvider(explore: ExploreClient, pair: ComparePair, filter: string, onlyAccumulating: boolean): TreeProvider<SurvivorRow> {
  return {
    expandable: (row) => row.type === 'grown' && row.row.newObjects > 0,
    async page(parent, window, sort, signal) {
      if (parent) {
        if (parent.type === 'added') return { rows: [], total: 0 };
        const rows = await explore.grownAdded({ ...pair, ordinal: parent.row.node.ordinal, limit: MAX_ADDED }, { signal });
        return { rows: rows.slice(window.start, window.end).map((row) => ({ type: 'added', row })), total: rows.length };
      }
      const by = COLUMNS.find((column) => column === sort?.by);
      const order = by && sort ? { sort: { by, order: sort.order } } : {};
      const page = await fullPage(window, (part) =>
        explore.grownSurvivors({ ...pair, onlyAccumulating, query: { ...part, ...order, ...(filter ? { filter } : {}) } }, { signal }),
      );
      return { rows: page.rows.map((row) => ({ type: 'grown', row })), total: page.total, unfiltered: page.unfiltered };
    },
  };
}

export function survivorColumns(comparedBytes: number): Column<SurvivorRow>[] {
  const grown = (value: (row: GrownRow) => number) => (row: SurvivorRow) => (row.type === 'grown' ? value(row.row) : null);
  return [
    {
      id: 'name',
      label: 'Object in both snapshots',
      widthPx: 420,
      sortable: true,
      firstOrder: 'ascending',
      cell(row) {
        if (row.type === 'grown') return { parts: nodeParts(row.row.node), title: nodeTitle(row.row.node) };
        return { parts: [{ text: 'added ', tone: 'grow' }, ...classParts(row.row)], title: visibleText(row.row.name, 500) };
      },
    },
    bytesColumn({ id: 'grownRetainedBytes', label: 'Growth', hint: 'Retained size, compared minus base', whole: comparedBytes, signed: true, widthPx: 150 }, grown((row) => row.grownRetainedBytes)),
    countColumn({ id: 'newObjects', label: 'New objects', hint: 'New objects among what it retains now', widthPx: 104 }, (row) => (row.type === 'grown' ? row.row.newObjects : row.row.objects)),
    countColumn({ id: 'addedFields', label: 'New references', hint: 'References it has more than before', widthPx: 122 }, grown((row) => row.addedFields)),
    bytesColumn({ id: 'grownShallowBytes', label: 'Own growth', hint: 'Shallow size, compared minus base', signed: true, widthPx: 108 }, (row) => (row.type === 'grown' ? row.row.grownShallowBytes : row.row.shallowBytes)),
    bytesColumn({ id: 'baseRetainedBytes', label: 'Before', hint: 'Retained size in the base snapshot', widthPx: 88 }, grown((row) => row.baseRetainedBytes)),
    bytesColumn({ id: 'retainedBytes', label: 'After', hint: 'Retained size in the compared snapshot', widthPx: 88 }, grown((row) => row.node.retainedBytes ?? 0)),
  ];
}
