/**
 * Keys of a tree table after the ARIA treegrid pattern: arrows, Page Up and Down, Home, End, Enter (with Mod beside), Space, Mod+A, Mod+C
 * (with Shift as Markdown), Escape. Moves are by row, never by pixels.
 */
import type { TreeModel } from './tree-types.ts';

export interface TreeKeyTarget<Row> {
  model(): TreeModel<Row>;
  /** Keys count only while the table itself has the focus. */
  scroller(): HTMLElement | undefined;
  activeFlat(): number;
  rows(): number;
  pageRows(): number;
  moveTo(flat: number, extend?: boolean): void;
  toggle(flat: number): void;
  activate(row: Row): void;
  /** Beside what is shown. */
  openAside(row: Row): void;
  copy(as: 'tsv' | 'markdown'): void;
  selectAll(): void;
  /** False when no range was marked: Escape then goes on to others. */
  dropRange(): boolean;
}

export function createTreeKeys<Row>(target: TreeKeyTarget<Row>): (event: KeyboardEvent) => void {
  function sideways(event: KeyboardEvent): boolean {
    if (event.altKey || event.ctrlKey || event.metaKey) return false;
    const model = target.model();
    const flat = target.activeFlat();
    const view = flat >= 0 ? model.view(flat) : null;
    if (event.key === 'ArrowRight') {
      if (view?.kind !== 'row') return false;
      if (view.expandable && !view.expanded) model.expand(flat);
      else if (view.expanded) target.moveTo(flat + 1);
      return true;
    }
    if (!view) return false;
    if (view.kind === 'row' && view.expanded) model.collapse(flat);
    else if (model.parentOf(flat) >= 0) target.moveTo(model.parentOf(flat));
    return true;
  }

  function enter(aside: boolean): boolean {
    const model = target.model();
    const flat = target.activeFlat();
    const view = flat >= 0 ? model.view(flat) : null;
    if (view?.kind === 'status' && view.state === 'failed') model.retry(flat);
    const row = flat >= 0 ? model.rowAt(flat) : undefined;
    if (row === undefined) return false;
    if (aside) target.openAside(row);
    else target.activate(row);
    return true;
  }

  function handle(event: KeyboardEvent): boolean {
    const flat = target.activeFlat();
    const mod = event.ctrlKey || event.metaKey;
    const move = (to: number) => target.moveTo(to, event.shiftKey);
    switch (event.key) {
      case 'ArrowDown':
        move(flat + 1);
        return true;
      case 'ArrowUp':
        move(flat < 0 ? 0 : flat - 1);
        return true;
      case 'PageDown':
        move(flat + target.pageRows());
        return true;
      case 'PageUp':
        move(flat - target.pageRows());
        return true;
      case 'Home':
        move(0);
        return true;
      case 'End':
        move(target.rows() - 1);
        return true;
      case 'ArrowRight':
      case 'ArrowLeft':
        return sideways(event);
      case 'Enter':
        return enter(mod);
      case ' ':
        if (flat >= 0) target.toggle(flat);
        return true;
      case 'a':
        if (mod) target.selectAll();
        return mod;
      case 'c':
      case 'C':
        if (mod) target.copy(event.shiftKey ? 'markdown' : 'tsv');
        return mod;
      case 'Escape':
        return target.dropRange();
      default:
        return false;
    }
  }

  return (event) => {
    if (event.target !== target.scroller() || !handle(event)) return;
    event.preventDefault();
    event.stopPropagation();
  };
}
