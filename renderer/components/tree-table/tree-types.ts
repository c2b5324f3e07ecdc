/** What a tree table is made of: where rows come from, what a line on screen is, and the model in between. */
import type { Ref } from 'vue';
import type { SortSpec } from '#shared/model/heap.ts';

export interface RowPage<Row> {
  readonly rows: readonly Row[];
  /** Rows in all, after the filter. */
  readonly total: number;
  readonly unfiltered?: number;
}

export interface TreeProvider<Row> {
  /** Rows `start` … `end` − 1 below `parent` (null: top level), sorted by the provider. */
  page(
    parent: Row | null,
    window: { start: number; end: number },
    sort: SortSpec | null,
    signal: AbortSignal,
  ): Promise<RowPage<Row>>;
  expandable(row: Row): boolean;
}

/** One visible line. `row` is undefined while its page is on the way. */
export type RowView<Row> =
  | {
      kind: 'row';
      flat: number;
      depth: number;
      index: number;
      siblings: number;
      row: Row | undefined;
      expandable: boolean;
      expanded: boolean;
    }
  | { kind: 'status'; flat: number; depth: number; state: 'loading' | 'empty' | 'failed'; error: unknown };

/** A row remembered by its place in the tree; stays right while rows above it come and go. */
export interface Bookmark {
  readonly level: unknown;
  readonly index: number;
}

export interface TreeModel<Row> {
  /** Grows whenever something that is drawn may have changed. */
  readonly version: Readonly<Ref<number>>;
  readonly sort: Readonly<Ref<SortSpec | null>>;
  readonly rowCount: number;
  /** State of the top level; `ready` with `rowCount` 0 means there is nothing. */
  readonly state: 'loading' | 'ready' | 'failed';
  readonly error: unknown;
  /** True while rows on screen are of an older order or data. */
  readonly stale: boolean;
  /** Rows of the top level after and before the filter. */
  readonly total: number;
  readonly unfiltered: number;
  view(flat: number): RowView<Row> | null;
  rowAt(flat: number): Row | undefined;
  /** Says what is on screen; missing pages are fetched, others in flight are aborted. */
  show(first: number, end: number): void;
  expand(flat: number): boolean;
  collapse(flat: number): boolean;
  /** Flat number of the parent row, −1 at the top level. */
  parentOf(flat: number): number;
  bookmark(flat: number): Bookmark | null;
  /** Where a bookmarked row is now; −1 when its parent was collapsed or the list became shorter. */
  resolve(bookmark: Bookmark | null): number;
  setSort(sort: SortSpec | null): void;
  /** Fetches everything again. `keepExpansions`: same rows in the same order with new values. */
  reload(options?: { keepExpansions?: boolean }): void;
  /** Asks again for a level that failed. */
  retry(flat: number): void;
  /** Loaded rows of a range, fetching what is missing; for copying. */
  collect(first: number, end: number, signal?: AbortSignal): Promise<{ row: Row; depth: number }[]>;
  /** Flat number of the first loaded row that matches, −1 when none is in the cache. */
  findLoaded(matches: (row: Row) => boolean): number;
  dispose(): void;
}

export interface TreeModelOptions {
  pageRows?: number;
  /** Pages kept; 400 pages of 100 rows are some 10 MB of rows. */
  cachedPages?: number;
  parallelRequests?: number;
  sort?: SortSpec | null;
}
