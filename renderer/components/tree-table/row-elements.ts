/**
 * The elements of one line of a tree table, made once and patched from then on: while rows scroll by only texts and
 * attributes that differ are touched. What is shown is always set as text, never as markup.
 */
import { ICON_PATHS } from '../base/Icon.vue';
import type { Cell, CellPart, Column } from './columns.ts';

export interface Line {
  flat: number;
  id: string;
  /** Place of the line within its layer. */
  offsetPx: number;
  depth: number;
  index: number;
  siblings: number;
  expandable: boolean;
  expanded: boolean;
  /** Null while the row is on its way, or when the line stands for a level without rows. */
  cells: readonly (Cell | null)[] | null;
  status: 'loading' | 'empty' | 'failed' | null;
  /** Of a failed level. */
  statusText: string;
  active: boolean;
  selected: boolean;
  focused: boolean;
  testId: string | undefined;
}

interface CellElements {
  readonly element: HTMLElement;
  readonly twisty: HTMLElement | null;
  /** What holds the parts: the cell, or the button in it. */
  body: HTMLElement;
  readonly parts: PartElements[];
  cell: Cell | null;
}

interface PartElements {
  readonly text: Text;
  /** Null: a text without a tone stands in the body itself. */
  readonly span: HTMLElement | null;
}

export interface RowElements {
  readonly element: HTMLElement;
  /** Patches the elements so that they show the line. The same `columns` and `cells` objects mean the same cells. */
  paint(line: Line, columns: readonly Pick<Column<never>, 'id' | 'align' | 'divider'>[]): void;
}

type ColumnLook = Pick<Column<never>, 'id' | 'align' | 'divider'>;

export function createRowElements(): RowElements {
  const element = make('div', 'row');
  element.setAttribute('role', 'row');
  const cells: CellElements[] = [];
  const drawn = { offsetPx: Number.NaN, depth: -1, className: '', mode: '' };
  const attributes = new Map<string, string | undefined>();
  let drawnColumns: readonly ColumnLook[] | null = null;
  let drawnCells: Line['cells'] = null;

  /** Writing an attribute costs even when it stays as it is. */
  function attribute(name: string, value: string | undefined): void {
    if (attributes.get(name) === value && attributes.has(name)) return;
    attributes.set(name, value);
    setAttribute(element, name, value);
  }

  function paint(line: Line, columns: readonly ColumnLook[]): void {
    const isRow = line.status === null;
    const className = `row${line.status ? ` ${line.status}` : ''}${line.flat % 2 === 1 ? ' odd' : ''}${line.active ? ' active' : ''}${line.selected ? ' selected' : ''}${line.focused ? ' focused' : ''}`;
    if (className !== drawn.className) element.className = drawn.className = className;
    if (line.offsetPx !== drawn.offsetPx) {
      element.style.transform = `translateY(${line.offsetPx}px)`;
      drawn.offsetPx = line.offsetPx;
    }
    if (line.depth !== drawn.depth) {
      element.style.setProperty('--depth', String(line.depth));
      drawn.depth = line.depth;
    }
    attribute('id', line.id);
    attribute('aria-rowindex', String(line.flat + 2));
    attribute('aria-level', String(line.depth + 1));
    attribute('aria-posinset', isRow ? String(line.index + 1) : undefined);
    attribute('aria-setsize', isRow ? String(line.siblings) : undefined);
    attribute('aria-expanded', line.expandable ? String(line.expanded) : undefined);
    attribute('aria-selected', String(line.selected));
    attribute('aria-busy', isRow ? String(line.cells === null) : undefined);
    attribute('data-testid', line.testId);
    if (line.cells) paintCells(line, line.cells, columns);
    else paintNote(line);
  }

  function paintCells(line: Line, next: readonly (Cell | null)[], columns: readonly ColumnLook[]): void {
    if (columns !== drawnColumns) {
      cells.length = 0;
      columns.forEach((column, position) => cells.push(createCell(column, position === 0)));
      drawnColumns = columns;
      drawn.mode = '';
    }
    if (drawn.mode !== 'cells') {
      element.replaceChildren(...cells.map((cell) => cell.element));
      drawn.mode = 'cells';
      drawnCells = null;
    }
    if (next !== drawnCells) {
      for (let at = 0; at < cells.length; at++) paintCell(cells[at] as CellElements, next[at] ?? null, columns[at] as ColumnLook);
      drawnCells = next;
    }
    const twisty = cells[0]?.twisty;
    const look = line.expandable ? (line.expanded ? 'twisty open' : 'twisty') : 'twisty none';
    if (twisty && twisty.className !== look) twisty.className = look;
  }

  function paintNote(line: Line): void {
    const mode = `${line.status ?? 'waiting'} ${line.statusText}`;
    if (mode === drawn.mode) return;
    drawn.mode = mode;
    const note = make('div', line.status === null ? 'skeleton' : 'status-cell');
    note.setAttribute('role', 'gridcell');
    if (line.status === null) note.append(make('span'));
    else if (line.status === 'failed') note.append(`${line.statusText} `, make('span', 'retry', 'Try again'));
    else note.textContent = line.status === 'loading' ? 'Loading…' : 'Nothing here.';
    element.replaceChildren(note);
  }

  return { element, paint };
}

function createCell(column: ColumnLook, first: boolean): CellElements {
  const element = make('div', cellClass(column, first, null));
  element.setAttribute('role', 'gridcell');
  element.dataset['testid'] = `cell-${column.id}`;
  const twisty = first ? make('span', 'twisty none') : null;
  if (twisty) {
    twisty.append(chevron());
    element.append(twisty);
  }
  return { element, twisty, body: element, parts: [], cell: null };
}

/** Lengths a bar can have (tree-rows.css): finer ones could not be seen, and most of a large heap have none. */
const BAR_STEPS = 50;

function cellClass({ align, divider }: ColumnLook, first: boolean, cell: Cell | null): string {
  const bar = Math.round(Math.max(0, Math.min(1, cell?.fraction ?? 0)) * BAR_STEPS);
  return `cell${align === 'end' ? ' end' : ''}${divider ? ' divider' : ''}${first ? ' tree' : ''}${cell?.busy ? ' busy' : ''}${bar > 0 ? ` bar bar-${bar}` : ''}`;
}

function paintCell(view: CellElements, cell: Cell | null, column: ColumnLook): void {
  const before = view.cell;
  view.cell = cell;
  if (Boolean(before?.action) !== Boolean(cell?.action)) setBody(view, column, Boolean(cell?.action));
  if (before?.title !== cell?.title) setAttribute(view.element, 'title', cell?.title);
  const className = cellClass(column, view.twisty !== null, cell);
  if (view.element.className !== className) view.element.className = className;
  if (cell?.action) {
    setAttribute(view.body, 'title', cell.action);
    view.body.classList.toggle('pressed', cell.pressed ?? false);
  }
  paintParts(view, cell?.parts ?? []);
}

/** Text stands in the cell itself; an action makes it a button. */
function setBody(view: CellElements, column: ColumnLook, action: boolean): void {
  while (view.parts.length > 0) dropPart(view);
  if (!action) {
    view.body.remove();
    view.body = view.element;
    view.element.dataset['testid'] = `cell-${column.id}`;
    return;
  }
  const button = make('button', 'cell-action');
  button.setAttribute('type', 'button');
  button.tabIndex = -1;
  button.dataset['column'] = column.id;
  button.dataset['testid'] = `cell-${column.id}`;
  delete view.element.dataset['testid'];
  view.element.append(button);
  view.body = button;
}

function paintParts(view: CellElements, parts: readonly CellPart[]): void {
  const { parts: drawn, body } = view;
  for (let at = 0; at < parts.length; at++) {
    const { text, tone = 'normal' } = parts[at] as CellPart;
    const old = drawn[at];
    if (old && (tone === 'normal') === (old.span === null)) {
      if (old.text.data !== text) old.text.data = text;
      if (old.span && old.span.className !== tone) old.span.className = tone;
      continue;
    }
    // From here on nothing fits what is drawn.
    while (drawn.length > at) dropPart(view);
    const node = document.createTextNode(text);
    const span = tone === 'normal' ? null : make('span', tone);
    span?.append(node);
    body.append(span ?? node);
    drawn.push({ text: node, span });
  }
  while (drawn.length > parts.length) dropPart(view);
}

function dropPart({ parts }: CellElements): void {
  const last = parts.pop();
  (last?.span ?? last?.text)?.remove();
}

function setAttribute(element: HTMLElement, name: string, value: string | undefined): void {
  if (value === undefined) element.removeAttribute(name);
  else element.setAttribute(name, value);
}

function make(tag: string, className = '', text = ''): HTMLElement {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.append(text);
  return element;
}

function chevron(): SVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  for (const [name, value] of Object.entries({ class: 'icon', width: '12', height: '12', viewBox: '0 0 16 16', 'aria-hidden': 'true', focusable: 'false' })) svg.setAttribute(name, value);
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', ICON_PATHS.chevronRight);
  svg.append(path);
  return svg;
}
