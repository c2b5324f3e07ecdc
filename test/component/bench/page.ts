/** A tree table of ten million rows with nothing else on the page; the bench scrolls it and counts frames. */
import { createApp, h } from 'vue';
import '#renderer/styles/base.css';
import '#renderer/styles/light.css';
import { textCell, type Column } from '#renderer/components/tree-table/columns.ts';
import TreeTable from '#renderer/components/tree-table/TreeTable.vue';
import { createTreeModel } from '#renderer/components/tree-table/tree-model.ts';

interface Row {
  name: string;
  bytes: number;
}
const TOTAL = 10_000_000;
/** As far as the analysis host is away: a process and a socket. */
const ANSWER_MS = 4;

const model = createTreeModel<Row>({
  expandable: () => true,
  page: (parent, { start, end }) =>
    new Promise((resolve) => {
      const rows = Array.from({ length: Math.max(0, Math.min(end, TOTAL) - start) }, (_, offset) => ({ name: `${parent?.name ?? 'Object'} @${start + offset}`, bytes: (start + offset) * 7 }));
      setTimeout(() => resolve({ rows, total: TOTAL }), ANSWER_MS);
    }),
});
const columns: Column<Row>[] = [
  { id: 'name', label: 'Name', widthPx: 300, sortable: true, cell: (row) => textCell(row.name, { title: row.name }) },
  ...['objects', 'shallow', 'retained', 'distance', 'share'].map((id): Column<Row> => ({
    id,
    label: id,
    widthPx: 120,
    align: 'end',
    sortable: true,
    cell: (row) => ({ parts: [{ text: row.bytes.toLocaleString('en') }, { text: ' 12.3 %', tone: 'muted' }], title: String(row.bytes), fraction: (row.bytes % 100) / 100 }),
  })),
];

createApp({
  render: () => h('div', { style: { display: 'flex', height: '100vh' } }, [h(TreeTable<Row>, { model, columns, label: 'Ten million rows' })]),
}).mount('#app');
