/**
 * Draws the lines of a tree table that are in sight, outside of Vue's rendering: a fixed set of line elements is patched
 * in place (a line keeps its element while it is on screen), so that a jump over ten million rows costs a few hundred
 * changed texts. Still reactive: what columns read while they make cells is watched as in any component.
 */
import { computed, onScopeDispose, shallowRef, watchEffect, type ComputedRef, type Ref, type ShallowRef } from 'vue';
import { toWireError } from '#shared/rpc/errors.ts';
import type { Cell, Column } from './columns.ts';
import { createRowElements, type RowElements } from './row-elements.ts';
import type { RowView, TreeModel } from './tree-types.ts';
import { ROW_HEIGHT_PX } from './use-tree-scroll.ts';

/**
 * A jump to rows that are not here yet leaves the old ones for this long: they come from a process near by within some
 * milliseconds, and drawing empty lines in between would cost as much as drawing the rows.
 */
const HOLD_MS = 40;

export interface RowPainterInput<Row> {
  layer: Readonly<Ref<HTMLElement | null>>;
  model(): TreeModel<Row>;
  columns(): readonly Column<Row>[];
  firstRow(): number;
  endRow(): number;
  /** Pixels of all rows above the first visible pixel. */
  top(): number;
  bodyHeight(): number;
  /** Lines that are kept at the most. */
  capacity(): number;
  activeFlat(): number;
  selected(): readonly [from: number, to: number];
  focused(): boolean;
  idOf(flat: number): string;
  testId(row: Row): string | undefined;
}

interface Slot<Row> {
  readonly elements: RowElements;
  readonly row: ShallowRef<Row | undefined>;
  readonly cells: ComputedRef<readonly (Cell | null)[] | null>;
  view: RowView<Row> | null;
}

export interface RowPainter<Row> {
  /** The line an element on screen belongs to. */
  viewOf(element: Element): RowView<Row> | null;
}

export function useRowPainter<Row>(input: RowPainterInput<Row>): RowPainter<Row> {
  const slots: (Slot<Row> | undefined)[] = [];
  const byElement = new Map<Element, Slot<Row>>();
  const waited = shallowRef(0);
  let holdUntil = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let drawn: { model: TreeModel<Row>; rows: number; filled: boolean } | null = null;

  function slotAt(index: number): Slot<Row> {
    let slot = slots[index];
    if (!slot) {
      const row: ShallowRef<Row | undefined> = shallowRef();
      const cells = computed(() => {
        const now = row.value;
        return now === undefined ? null : input.columns().map((column) => column.cell(now));
      });
      slot = { elements: createRowElements(), row, cells, view: null };
      slots[index] = slot;
      byElement.set(slot.elements.element, slot);
    }
    return slot;
  }

  /** Whether to wait for the rows of a place that was jumped to. */
  function holds(model: TreeModel<Row>, rows: number, anyLoaded: boolean): boolean {
    if (anyLoaded || !drawn?.filled || drawn.model !== model || drawn.rows !== rows) {
      holdUntil = 0;
      return false;
    }
    const now = performance.now();
    if (holdUntil === 0) {
      holdUntil = now + HOLD_MS;
      clearTimeout(timer);
      timer = setTimeout(() => waited.value++, HOLD_MS + 1);
    }
    if (now < holdUntil) return true;
    holdUntil = 0;
    return false;
  }

  watchEffect(
    () => {
      void waited.value;
      const layer = input.layer.value;
      const model = input.model();
      void model.version.value;
      if (!layer) return;
      const { rowCount } = model;
      const capacity = input.capacity();
      const top = input.top();
      // Lines lie relative to a row near by and the layer moves. By whole capacities, a line has one of two places only.
      const origin = Math.floor(input.firstRow() / capacity) * capacity;
      const views: RowView<Row>[] = [];
      let anyLoaded = false;
      for (let flat = input.firstRow(); flat < input.endRow(); flat++) {
        const view = model.view(flat);
        if (!view) continue;
        views.push(view);
        const inSight = (flat + 1) * ROW_HEIGHT_PX > top && flat * ROW_HEIGHT_PX < top + input.bodyHeight();
        if (inSight && (view.kind === 'status' || view.row !== undefined)) anyLoaded = true;
      }
      if (views.length > 0 && holds(model, rowCount, anyLoaded)) return;
      drawn = { model, rows: rowCount, filled: anyLoaded };
      const activeFlat = input.activeFlat();
      const [from, to] = input.selected();
      const focused = input.focused();
      const columns = input.columns();
      const used = new Set<number>();
      for (const view of views) {
        const { flat } = view;
        used.add(flat % capacity);
        const slot = slotAt(flat % capacity);
        const isRow = view.kind === 'row';
        const row = isRow ? view.row : undefined;
        slot.view = view;
        slot.row.value = row;
        slot.elements.paint(
          {
            flat,
            id: input.idOf(flat),
            offsetPx: (flat - origin) * ROW_HEIGHT_PX,
            depth: view.depth,
            index: isRow ? view.index : 0,
            siblings: isRow ? view.siblings : 1,
            expandable: isRow && view.expandable,
            expanded: isRow && view.expanded,
            cells: slot.cells.value,
            status: isRow ? null : view.state,
            statusText: !isRow && view.state === 'failed' ? toWireError(view.error).message : '',
            active: flat === activeFlat,
            selected: flat >= from && flat <= to,
            focused,
            testId: row === undefined ? undefined : input.testId(row),
          },
          columns,
        );
      }
      layer.style.transform = `translateY(${origin * ROW_HEIGHT_PX - top}px)`;
      place(layer, used);
    },
    { flush: 'post' },
  );

  /** Elements stand in the document in the order of their slots; what is not used is taken out. */
  function place(layer: HTMLElement, used: ReadonlySet<number>): void {
    let next: ChildNode | null = layer.firstChild;
    for (let index = 0; index < slots.length; index++) {
      const slot = slots[index];
      if (!slot) continue;
      const { element } = slot.elements;
      if (!used.has(index)) {
        if (next === element) next = element.nextSibling;
        if (element.parentNode) element.remove();
        slot.view = null;
        slot.row.value = undefined;
      } else if (next === element) next = element.nextSibling;
      else layer.insertBefore(element, next);
    }
  }

  onScopeDispose(() => clearTimeout(timer));

  return { viewOf: (element) => byElement.get(element)?.view ?? null };
}
