/**
 * A tree table with nothing else on the page. Of ten million rows made on the spot, or with `?port=N` of the objects of
 * a snapshot, as an analysis host behind that port gives them.
 */
import { createApp, h, nextTick, ref } from 'vue';
import '#renderer/styles/base.css';
import '#renderer/styles/light.css';
import { textCell, type Column } from '#renderer/components/tree-table/columns.ts';
import TreeTable from '#renderer/components/tree-table/TreeTable.vue';
import { createTreeModel, type TreeModel } from '#renderer/components/tree-table/tree-model.ts';
import { channelFromWebSocket } from '#renderer/host/channels.ts';
import { heapColumns, type HeapRow } from '#renderer/views/heap/heap-rows.ts';
import { createSummaryProvider } from '#renderer/views/snapshot/summary-provider.ts';
import { formatCount } from '#shared/format/counts.ts';
import { exploreContract } from '#shared/contracts/explore.ts';
import { heapContract } from '#shared/contracts/heap.ts';
import { createRpcClient } from '#shared/rpc/client.ts';

interface Row {
  name: string;
  bytes: number;
}
const TOTAL = 10_000_000;
/** As far as the analysis host is away: a process and a socket. */
const ANSWER_MS = 4;

function madeUp() {
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
      cell: (row) => ({ parts: [{ text: formatCount(row.bytes) }, { text: ' 12.3 %', tone: 'muted' }], title: String(row.bytes), fraction: (row.bytes % 100) / 100 }),
    })),
  ];
  return () => h(TreeTable<Row>, { model, columns, label: 'Ten million rows' });
}

async function ofHost(port: string) {
  const client = createRpcClient(await channelFromWebSocket(new WebSocket(`ws://127.0.0.1:${port}/`)));
  await client.ready;
  const heap = client.service(heapContract);
  const source = { heap, explore: client.service(exploreContract), snapshotId: 's1' };
  const summary = await heap.analyse({ snapshotId: 's1' });
  const columns = heapColumns({ totalShallowBytes: summary.shallowBytes, retained: 'ready', withObjects: false, withRefcount: false });
  const shown = ref<{ model: TreeModel<HeapRow> }>();
  const list = (filter: string, sort = 'retainedBytes') => {
    shown.value?.model.dispose();
    const provider = createSummaryProvider(source, { focus: { kind: 'set', set: { by: 'all' } }, filter, group: 'class', narrow: {} });
    shown.value = { model: createTreeModel(provider, { sort: { by: sort, order: 'descending' } }) as TreeModel<HeapRow> };
    return shown.value.model;
  };
  /** From the wish to the frame after the one in which the first rows of the new list were drawn; ms. */
  const until = async (change: () => TreeModel<HeapRow>) => {
    const began = performance.now();
    const model = change();
    while (model.state !== 'ready' || model.stale || (model.rowCount > 0 && model.rowAt(0) === undefined)) await new Promise((resolve) => setTimeout(resolve, 1));
    await nextTick();
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    return { ms: performance.now() - began, rows: model.rowCount };
  };
  Object.assign(window, {
    list_: (filter: string) => until(() => list(filter)),
    sort_: (by: string, order: 'ascending' | 'descending') =>
      until(() => {
        const { model } = shown.value as { model: TreeModel<HeapRow> };
        model.setSort({ by, order });
        return model;
      }),
  });
  list('');
  return () => h(TreeTable<HeapRow>, { model: shown.value?.model as TreeModel<HeapRow>, columns, label: 'Objects of a snapshot' });
}

const port = new URLSearchParams(location.search).get('port');
const table = port === null ? madeUp() : await ofHost(port);
createApp({ render: () => h('div', { style: { display: 'flex', height: '100vh' } }, [table()]) }).mount('#app');
await nextTick();
requestAnimationFrame(() => setTimeout(() => (document.title = 'drawn'), 500));
