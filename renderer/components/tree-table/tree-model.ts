/**
 * The data side of TreeTable: which rows exist, which are expanded, and pages of rows fetched lazily from a provider.
 * Rows are plain objects outside Vue's reactivity; whoever draws watches `version`.
 *
 * - Pages are fetched for what is on screen only; requests that scrolled away are aborted.
 * - A new sort keeps the old rows on screen until the first page of the new order is there.
 */
import { shallowRef } from 'vue';
import type { SortSpec } from '#shared/model/heap.ts';
import { isCancelled } from '#shared/rpc/errors.ts';
import { createPageCache } from './page-cache.ts';
import {
  createLevel,
  expansionAt,
  flatOf,
  invalidateSums,
  locate,
  positionOf,
  sizeOf,
  type Level,
} from './tree-levels.ts';
import type { RowPage, RowView, TreeModel, TreeModelOptions, TreeProvider } from './tree-types.ts';

export type { Bookmark, RowPage, RowView, TreeModel, TreeModelOptions, TreeProvider } from './tree-types.ts';

interface Wanted<Row> {
  level: Level<Row>;
  page: number;
}

export function createTreeModel<Row>(provider: TreeProvider<Row>, options: TreeModelOptions = {}): TreeModel<Row> {
  const pageRows = options.pageRows ?? 100;
  const parallel = options.parallelRequests ?? 4;
  const version = shallowRef(0);
  const sort = shallowRef<SortSpec | null>(options.sort ?? null);
  const cache = createPageCache<readonly Row[]>(options.cachedPages ?? 400);
  const staleRows = new Map<string, readonly Row[]>();
  const inFlight = new Map<string, AbortController>();
  const failedPages = new Map<string, unknown>();
  const root = createLevel<Row>(0, null, 0, null);
  let wanted = new Map<string, Wanted<Row>>();
  let shown = { first: 0, end: 0 };
  let nextUid = 1;
  let resetPending = false;
  let disposed = false;

  const keyOf = (level: Level<Row>, page: number) => `${level.uid}:${page}`;
  const touch = () => version.value++;

  function rowOf(level: Level<Row>, index: number): Row | undefined {
    const page = Math.floor(index / pageRows);
    const key = keyOf(level, page);
    return (cache.peek(key) ?? staleRows.get(key))?.[index - page * pageRows];
  }

  function view(flat: number): RowView<Row> | null {
    const place = locate(root, flat);
    if (!place) return null;
    const { level } = place;
    if (place.kind === 'status') {
      const state = level.state === 'ready' ? 'empty' : level.state;
      return { kind: 'status', flat, depth: level.depth, state, error: level.error };
    }
    const row = rowOf(level, place.index);
    if (row === undefined) {
      const key = keyOf(level, Math.floor(place.index / pageRows));
      if (failedPages.has(key)) return { kind: 'status', flat, depth: level.depth, state: 'failed', error: failedPages.get(key) };
    }
    return {
      kind: 'row',
      flat,
      depth: level.depth,
      index: place.index,
      siblings: level.count,
      row,
      expandable: row !== undefined && provider.expandable(row),
      expanded: expansionAt(level, place.index) !== null,
    };
  }

  function show(first: number, end: number): void {
    shown = { first, end };
    const next = new Map<string, Wanted<Row>>();
    const want = (level: Level<Row>, page: number) => {
      const key = keyOf(level, page);
      if (cache.get(key) === undefined && !failedPages.has(key)) next.set(key, { level, page });
    };
    if (root.count === 0 && root.state === 'loading') want(root, 0);
    const last = Math.min(end, sizeOf(root));
    for (let flat = Math.max(0, first); flat < last; flat++) {
      const place = locate(root, flat);
      if (!place) break;
      if (place.kind === 'row') want(place.level, Math.floor(place.index / pageRows));
      else if (place.level.state === 'loading') want(place.level, 0);
    }
    wanted = next;
    for (const [key, controller] of inFlight) {
      if (!wanted.has(key)) {
        inFlight.delete(key);
        controller.abort();
      }
    }
    pump();
  }

  function pump(): void {
    if (disposed) return;
    for (const [key, item] of wanted) {
      if (inFlight.size >= parallel) return;
      if (!inFlight.has(key)) void fetchPage(key, item);
    }
  }

  async function fetchPage(key: string, { level, page }: Wanted<Row>): Promise<void> {
    const controller = new AbortController();
    inFlight.set(key, controller);
    const start = page * pageRows;
    try {
      const result = await provider.page(level.row, { start, end: start + pageRows }, sort.value, controller.signal);
      if (inFlight.get(key) !== controller) return;
      accept(key, level, result);
    } catch (error) {
      if (inFlight.get(key) !== controller || isCancelled(error)) return;
      failedPages.set(key, error);
      if (level.count === 0 || (level === root && resetPending)) {
        level.count = 0;
        level.expanded.length = 0;
        level.state = 'failed';
        level.error = error;
        resetPending = false;
        staleRows.clear();
        invalidateSums(level);
      }
    } finally {
      if (inFlight.get(key) === controller) {
        inFlight.delete(key);
        wanted.delete(key);
        touch();
        show(shown.first, shown.end);
      }
    }
  }

  function accept(key: string, level: Level<Row>, result: RowPage<Row>): void {
    if (level === root && resetPending) {
      resetPending = false;
      staleRows.clear();
    }
    staleRows.delete(key);
    cache.set(key, result.rows);
    level.state = 'ready';
    level.error = null;
    level.unfiltered = result.unfiltered ?? result.total;
    if (level.count !== result.total) {
      level.count = result.total;
      for (const child of level.expanded.splice(0)) {
        if (child.parentIndex < result.total) level.expanded.push(child);
        else forget(child);
      }
      invalidateSums(level);
    }
  }

  function forget(level: Level<Row>): void {
    const prefix = `${level.uid}:`;
    const mine = (key: string) => key.startsWith(prefix);
    cache.deleteWhere(mine);
    for (const key of [...staleRows.keys()]) if (mine(key)) staleRows.delete(key);
    for (const key of [...failedPages.keys()]) if (mine(key)) failedPages.delete(key);
    for (const [key, controller] of inFlight) {
      if (!mine(key)) continue;
      inFlight.delete(key);
      controller.abort();
    }
    for (const child of level.expanded) forget(child);
  }

  function abortAll(): void {
    for (const controller of inFlight.values()) controller.abort();
    inFlight.clear();
    wanted.clear();
    failedPages.clear();
  }

  function expand(flat: number): boolean {
    const place = locate(root, flat);
    if (place?.kind !== 'row' || expansionAt(place.level, place.index)) return false;
    const row = rowOf(place.level, place.index);
    if (row === undefined || !provider.expandable(row)) return false;
    const child = createLevel(nextUid++, place.level, place.index, row);
    place.level.expanded.splice(positionOf(place.level, place.index), 0, child);
    invalidateSums(place.level);
    touch();
    show(shown.first, Math.max(shown.end, flat + 2));
    return true;
  }

  function collapse(flat: number): boolean {
    const place = locate(root, flat);
    if (place?.kind !== 'row') return false;
    const position = positionOf(place.level, place.index);
    const child = place.level.expanded[position];
    if (child?.parentIndex !== place.index) return false;
    place.level.expanded.splice(position, 1);
    forget(child);
    invalidateSums(place.level);
    touch();
    return true;
  }

  function reload({ keepExpansions = false }: { keepExpansions?: boolean } = {}): void {
    abortAll();
    if (keepExpansions) {
      const copy = (level: Level<Row>): void => {
        for (let page = 0; page * pageRows < level.count; page++) {
          const rows = cache.peek(keyOf(level, page));
          if (rows) staleRows.set(keyOf(level, page), rows);
          if (page > 10_000) break;
        }
        for (const child of level.expanded) copy(child);
      };
      copy(root);
      cache.clear();
    } else {
      for (const child of root.expanded.splice(0)) forget(child);
      for (let page = 0; page * pageRows < Math.min(root.count, pageRows * 400); page++) {
        const rows = cache.peek(keyOf(root, page));
        if (rows) staleRows.set(keyOf(root, page), rows);
      }
      cache.clear();
      resetPending = true;
      root.state = 'loading';
      root.error = null;
      invalidateSums(root);
    }
    touch();
    show(shown.first, shown.end);
  }

  function retry(flat: number): void {
    const place = locate(root, flat);
    const level = place?.level ?? root;
    for (const key of [...failedPages.keys()]) if (key.startsWith(`${level.uid}:`)) failedPages.delete(key);
    if (level.state === 'failed') level.state = 'loading';
    level.error = null;
    touch();
    show(shown.first, shown.end);
  }

  async function collect(first: number, end: number, signal?: AbortSignal): Promise<{ row: Row; depth: number }[]> {
    const rows: { row: Row; depth: number }[] = [];
    const fetched = new Map<string, readonly Row[]>();
    const never = new AbortController().signal;
    for (let flat = Math.max(0, first); flat < Math.min(end, sizeOf(root)); flat++) {
      const place = locate(root, flat);
      if (place?.kind !== 'row') continue;
      const { level, index } = place;
      let row = rowOf(level, index);
      if (row === undefined) {
        const page = Math.floor(index / pageRows);
        const key = keyOf(level, page);
        let loaded = fetched.get(key);
        if (!loaded) {
          const start = page * pageRows;
          loaded = (await provider.page(level.row, { start, end: start + pageRows }, sort.value, signal ?? never)).rows;
          fetched.set(key, loaded);
        }
        row = loaded[index - page * pageRows];
      }
      if (row !== undefined) rows.push({ row, depth: level.depth });
    }
    return rows;
  }

  function findLoaded(matches: (row: Row) => boolean): number {
    const search = (level: Level<Row>): number => {
      const pages = Math.min(Math.ceil(level.count / pageRows), 400);
      for (let page = 0; page < pages; page++) {
        const index = cache.peek(keyOf(level, page))?.findIndex(matches) ?? -1;
        if (index >= 0) return flatOf(level, page * pageRows + index);
      }
      for (const child of level.expanded) {
        const found = search(child);
        if (found >= 0) return found;
      }
      return -1;
    };
    return search(root);
  }

  return {
    version,
    sort,
    get rowCount() {
      return sizeOf(root);
    },
    get state() {
      return root.state;
    },
    get error() {
      return root.error;
    },
    get stale() {
      return staleRows.size > 0;
    },
    get total() {
      return root.count;
    },
    get unfiltered() {
      return root.unfiltered;
    },
    view,
    rowAt(flat) {
      const place = locate(root, flat);
      return place?.kind === 'row' ? rowOf(place.level, place.index) : undefined;
    },
    show,
    expand,
    collapse,
    parentOf(flat) {
      const level = locate(root, flat)?.level;
      return level?.parent ? flatOf(level.parent, level.parentIndex) : -1;
    },
    bookmark(flat) {
      const place = locate(root, flat);
      return place ? { level: place.level, index: place.kind === 'row' ? place.index : 0 } : null;
    },
    resolve(bookmark) {
      if (!bookmark) return -1;
      const level = bookmark.level as Level<Row>;
      if (bookmark.index >= Math.max(level.count, level.parent ? 1 : 0)) return -1;
      for (let current = level; current.parent; current = current.parent) {
        if (expansionAt(current.parent, current.parentIndex) !== current) return -1;
      }
      return flatOf(level, bookmark.index);
    },
    setSort(next) {
      sort.value = next;
      reload();
    },
    reload,
    retry,
    collect,
    findLoaded,
    dispose() {
      disposed = true;
      abortAll();
    },
  };
}
