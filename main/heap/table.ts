import type { Page, RowQuery, SortSpec } from '#shared/model/heap.ts';

import { filterIndexes, textFilter } from './filter.ts';
import { orderByNumber, orderByText } from './order.ts';
import { isDescending, orderCache, pageOf } from './pages.ts';
import type { RunOptions } from './run.ts';

/** A list that is computed already: what to sort it by, what to filter it on. */
export interface Table<Column extends string, Row> {
  readonly count: number;
  /** What the filter looks at. */
  text(index: number): string;
  /** Key of a column; numbers must not be negative. */
  key(column: Column, index: number): number | string;
  readonly defaultSort: SortSpec<Column>;
  row(index: number): Row;
}

/** A page of a table. Orders are remembered for the table, which must therefore be the same object from page to page. */
export async function tablePage<Column extends string, Row>(
  table: Table<Column, Row>,
  query: RowQuery<Column>,
  run?: RunOptions,
): Promise<Page<Row>> {
  const filter = textFilter(query.filter);
  const sort = query.sort ?? table.defaultSort;
  const cache = orderCache(table);
  const key = `${sort.by} ${sort.order} ${query.filter ?? ''}`;
  let order = cache.get(key);
  if (!order) {
    const kept = filter ? await filterIndexes(table.count, (i) => table.text(i), filter, run) : null;
    const count = kept ? kept.length : table.count;
    const at = (i: number): number => (kept ? kept[i]! : i);
    const isText = count > 0 && typeof table.key(sort.by, at(0)) === 'string';
    const found = isText
      ? await orderByText(count, (i) => table.key(sort.by, at(i)) as string, isDescending(sort), run)
      : await orderByNumber(count, (i) => table.key(sort.by, at(i)) as number, isDescending(sort), run);
    order = kept ? found.map((i) => kept[i]!) : found;
    cache.set(key, order);
  }
  return pageOf(query, order, table.count, (index) => table.row(index));
}
