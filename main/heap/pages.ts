import { MAX_PAGE_ROWS } from '#shared/model/heap.ts';
import type { Page, RowQuery, SortSpec } from '#shared/model/heap.ts';

import { abortable } from './run.ts';

/** The part of 0 … total that a query asks for, within bounds. */
export function windowOf(query: RowQuery, total: number): { start: number; end: number } {
  const start = Math.max(0, Math.min(total, Math.floor(query.start) || 0));
  const end = Math.max(start, Math.min(total, Math.floor(query.end) || 0, start + MAX_PAGE_ROWS));
  return { start, end };
}

/**
 * Makes a page out of an order of rows. `rowAt` makes the row for one entry of the order. `total` when the order is only
 * the beginning of a longer one, which must hold what the query asks for.
 */
export function pageOf<Row>(
  query: RowQuery,
  order: ArrayLike<number> & { length: number },
  unfiltered: number,
  rowAt: (entry: number) => Row,
  total: number = order.length,
): Page<Row> {
  const { start, end } = windowOf(query, total);
  const rows: Row[] = [];
  for (let i = start; i < end; i++) rows.push(rowAt(order[i]!));
  return { rows, start, total, unfiltered };
}

export function isDescending(sort: SortSpec): boolean {
  return sort.order === 'descending';
}

/** Orders that were asked for lately: paging through a sorted list must not sort it again. */
export interface OrderCache {
  get(key: string): Uint32Array | undefined;
  set(key: string, order: Uint32Array): void;
}

const making = new WeakMap<object, Map<string, Promise<Uint32Array>>>();

/**
 * An order that several pages wait for. It is made to its end also when whoever asked has gone on: while a list is
 * scrolled, each page is given up for the next, and a long order that began anew each time would never be there.
 */
export async function sharedOrder(
  owner: object,
  key: string,
  make: () => Promise<Uint32Array>,
  signal: AbortSignal | undefined,
): Promise<Uint32Array> {
  let orders = making.get(owner);
  if (!orders) making.set(owner, (orders = new Map<string, Promise<Uint32Array>>()));
  let order = orders.get(key);
  if (!order) {
    const cache = orderCache(owner);
    order = make()
      .then((made) => {
        cache.set(key, made);
        return made;
      })
      .finally(() => orders.delete(key));
    // Whoever waits hears of it; nobody may be left.
    order.catch(() => undefined);
    orders.set(key, order);
  }
  return abortable(order, signal);
}

const caches = new WeakMap<object, OrderCache>();

/** Entries kept per heap, and the longest order worth keeping more than one of. */
const MAX_ENTRIES = 8;

export function orderCache(owner: object): OrderCache {
  let cache = caches.get(owner);
  if (!cache) caches.set(owner, (cache = createOrderCache()));
  return cache;
}

function createOrderCache(): OrderCache {
  const entries = new Map<string, Uint32Array>();
  return {
    get(key) {
      const order = entries.get(key);
      if (order) {
        entries.delete(key);
        entries.set(key, order);
      }
      return order;
    },
    set(key, order) {
      entries.set(key, order);
      for (const oldest of entries.keys()) {
        if (entries.size <= MAX_ENTRIES) break;
        entries.delete(oldest);
      }
    },
  };
}
