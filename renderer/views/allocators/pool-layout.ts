/**
 * Where each pool is drawn: an arena is a square tile of its pools in address order, tiles flow like words in a text.
 * Pure arithmetic, the same for drawing, for the pointer and for the keyboard. All lengths in device pixels.
 */
export interface PoolLayout {
  readonly arenas: number;
  readonly poolsPerArena: number;
  readonly cellPx: number;
  /** Pools beside and below each other in a tile. */
  readonly across: number;
  readonly down: number;
  /** From one tile to the next. */
  readonly stepX: number;
  readonly stepY: number;
  readonly columns: number;
  readonly rows: number;
  readonly heightPx: number;
}

/** A pool by the place of its arena in the drawn order. */
export interface PoolPlace {
  slot: number;
  pool: number;
}

export const CELL_SIZES = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32] as const;
export const MARGIN_PX = 6;

export function layoutPools(arenas: number, poolsPerArena: number, cellPx: number, widthPx: number): PoolLayout {
  const across = Math.max(1, Math.ceil(Math.sqrt(poolsPerArena)));
  const down = Math.max(1, Math.ceil(poolsPerArena / across));
  const gap = cellPx <= 2 ? 2 : cellPx <= 6 ? 4 : 8;
  const stepX = across * cellPx + gap;
  const stepY = down * cellPx + gap;
  const columns = Math.max(1, Math.floor((widthPx - 2 * MARGIN_PX + gap) / stepX));
  const rows = Math.ceil(arenas / columns);
  return { arenas, poolsPerArena, cellPx, across, down, stepX, stepY, columns, rows, heightPx: Math.max(0, rows * stepY - gap) + 2 * MARGIN_PX };
}

/** The largest cells with which everything is in sight; the smallest there are when nothing helps. */
export function fittingCellPx(arenas: number, poolsPerArena: number, widthPx: number, heightPx: number): number {
  return CELL_SIZES.findLast((cellPx) => fits(layoutPools(arenas, poolsPerArena, cellPx, widthPx), widthPx, heightPx)) ?? CELL_SIZES[0];
}

function fits({ heightPx, stepX }: PoolLayout, width: number, height: number): boolean {
  return heightPx <= height && stepX + 2 * MARGIN_PX <= width;
}

export function originOf({ columns, stepX, stepY }: PoolLayout, slot: number): { x: number; y: number } {
  return { x: MARGIN_PX + (slot % columns) * stepX, y: MARGIN_PX + Math.floor(slot / columns) * stepY };
}

export function cellOf(layout: PoolLayout, { slot, pool }: PoolPlace): { x: number; y: number } {
  const { x, y } = originOf(layout, slot);
  return { x: x + (pool % layout.across) * layout.cellPx, y: y + Math.floor(pool / layout.across) * layout.cellPx };
}

/** `y` from the top of the whole picture; null beside and between tiles. */
export function hitPool(layout: PoolLayout, x: number, y: number): PoolPlace | null {
  const { columns, stepX, stepY, cellPx, across, down, arenas, poolsPerArena } = layout;
  const column = Math.floor((x - MARGIN_PX) / stepX);
  const row = Math.floor((y - MARGIN_PX) / stepY);
  if (column < 0 || column >= columns || row < 0) return null;
  const inX = Math.floor((x - MARGIN_PX - column * stepX) / cellPx);
  const inY = Math.floor((y - MARGIN_PX - row * stepY) / cellPx);
  const slot = row * columns + column;
  const pool = inY * across + inX;
  return inX < across && inY < down && slot < arenas && pool < poolsPerArena ? { slot, pool } : null;
}

/** Rows of tiles that a window of the picture touches; `end` is exclusive. */
export function rowsInSight({ stepY, rows }: PoolLayout, topPx: number, heightPx: number): { first: number; end: number } {
  return { first: Math.max(0, Math.floor((topPx - MARGIN_PX) / stepY)), end: Math.min(rows, Math.ceil((topPx + heightPx - MARGIN_PX) / stepY)) };
}

/** The pool that a key leads to, from cell to cell across the borders of tiles; null for other keys. */
export function movePlace(layout: PoolLayout, from: PoolPlace, key: string): PoolPlace | null {
  const { across, down, columns, rows, arenas, poolsPerArena } = layout;
  const last: PoolPlace = { slot: arenas - 1, pool: poolsPerArena - 1 };
  if (key === 'Home') return { slot: 0, pool: 0 };
  if (key === 'End') return last;
  let x = (from.slot % columns) * across + (from.pool % across);
  let y = Math.floor(from.slot / columns) * down + Math.floor(from.pool / across);
  if (key === 'ArrowLeft') x--;
  else if (key === 'ArrowRight') x++;
  else if (key === 'ArrowUp') y--;
  else if (key === 'ArrowDown') y++;
  else if (key === 'PageUp') y -= down;
  else if (key === 'PageDown') y += down;
  else return null;
  const column = Math.floor(x / across);
  const row = Math.floor(y / down);
  if (x < 0 || column >= columns || y < 0 || row >= rows) return from;
  const slot = row * columns + column;
  const pool = (y % down) * across + (x % across);
  if (slot >= arenas) return from;
  return { slot, pool: Math.min(pool, poolsPerArena - 1) };
}
