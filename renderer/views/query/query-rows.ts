/** Rows and columns of an answer for the tree table. Columns are named c0, c1, …: names may repeat, or be empty. */
import { formatBytesExact } from '#shared/format/bytes.ts';
import { formatCount } from '#shared/format/counts.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import type { QueryAnswer, QueryColumn, QueryRow, QueryValue } from '#shared/model/heap-query.ts';
import type { NodeRef } from '#shared/model/heap.ts';
import type { Cell, Column } from '../../components/tree-table/columns.ts';
import type { TreeProvider } from '../../components/tree-table/tree-model.ts';
import { fullPage } from '../../composables/full-page.ts';
import type { ExploreClient } from '../../host/workbench.ts';
import { isStringKind, nodeName } from '../heap/node-text.ts';

const NUMBER_PX = 120;
const TEXT_PX = 260;
const CELL_CHARS = 300;

export function createQueryProvider(explore: ExploreClient, snapshotId: string, answerId: number, filter: string): TreeProvider<QueryRow> {
  return {
    expandable: () => false,
    async page(_parent, window, sort, signal) {
      const query = { ...(sort ? { sort } : {}), ...(filter ? { filter } : {}) };
      const page = await fullPage(window, (part) => explore.queryRows({ snapshotId, answerId, query: { ...part, ...query } }, { signal }));
      return { rows: page.rows, total: page.total, unfiltered: page.unfiltered };
    },
  };
}

export function queryColumns(answer: QueryAnswer): Column<QueryRow>[] {
  return answer.columns.map((column, index) => ({
    id: `c${index}`,
    label: visibleText(column.name, 60) || '(no name)',
    hint: `${visibleText(column.name, 200)}: ${column.type}${column.objects === null ? '' : ', objects'}`,
    widthPx: column.objects !== null ? TEXT_PX : column.numeric ? NUMBER_PX : TEXT_PX,
    align: column.numeric && column.objects === null ? 'end' : 'start',
    sortable: true,
    firstOrder: column.numeric && column.objects === null ? 'descending' : 'ascending',
    cell: (row) => cellOf(column, row.values[index] ?? null, row.links[index] ?? null),
    copy: (row) => textOf(row.values[index] ?? null),
  }));
}

/** The first object of a row: what a double click opens. */
export function firstLink(answer: QueryAnswer, row: QueryRow): { node: NodeRef; column: number; of: 'this' | 'base' } | null {
  const column = row.links.findIndex((link) => link !== null);
  const node = row.links[column];
  return node ? { node, column, of: answer.columns[column]!.objects ?? 'this' } : null;
}

function cellOf(column: QueryColumn, value: QueryValue, link: NodeRef | null): Cell {
  if (value === null) return { parts: [{ text: 'null', tone: 'muted' }] };
  if (link) {
    const name = isStringKind(link.kind) ? `"${visibleText(link.name, 60)}"` : nodeName(link);
    return {
      parts: [{ text: name, tone: isStringKind(link.kind) ? 'string' : 'strong' }, { text: ` @${link.id}`, tone: 'muted' }],
      title: `${visibleText(link.className, 200)} @${link.id}, node ${formatCount(link.ordinal)}`,
      action: 'Open the object',
    };
  }
  if (typeof value === 'number') {
    const text = Number.isInteger(value) ? formatCount(value) : String(Number(value.toPrecision(12)));
    return { parts: [{ text }], ...(/bytes$/i.test(column.name) && value >= 0 ? { title: formatBytesExact(value) } : {}) };
  }
  if (typeof value === 'boolean') return { parts: [{ text: String(value), tone: 'keyword' }] };
  return { parts: [{ text: visibleText(value, CELL_CHARS) }], title: visibleText(value, 500) };
}

const textOf = (value: QueryValue) => (value === null ? '' : String(value));
