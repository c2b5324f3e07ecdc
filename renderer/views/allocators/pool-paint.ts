/** Draws the pools in sight into the pixels of one image. */
import { POOL_STATE } from '#shared/model/memory.ts';
import { LEVELS, type PoolPalette } from './pool-colours.ts';
import { originOf, rowsInSight, type PoolLayout } from './pool-layout.ts';
import { NO_POOL, NOT_READ, type PoolStore } from './pool-store.ts';

export interface PaintWindow {
  widthPx: number;
  heightPx: number;
  /** First pixel of the picture that is in sight. */
  topPx: number;
}

/** From this size on a cell shows how full it is as a level, not as a shade. */
const LEVEL_FROM_PX = 6;
/** From this size on cells are apart, and a pool that was never used is an empty frame. */
const APART_FROM_PX = 4;

/** `pixels`: `widthPx × heightPx`. `onlyClass`: the others are faded; null for none. */
export function paintPools(pixels: Uint32Array, window: PaintWindow, layout: PoolLayout, store: PoolStore, order: Uint32Array, palette: PoolPalette, onlyClass: number | null): void {
  pixels.fill(palette.background);
  const { first, end } = rowsInSight(layout, window.topPx, window.heightPx);
  const lastSlot = Math.min(layout.arenas, end * layout.columns);
  for (let slot = first * layout.columns; slot < lastSlot; slot++) paintArena(pixels, window, layout, store, order[slot], slot, palette, onlyClass);
}

function paintArena(pixels: Uint32Array, window: PaintWindow, layout: PoolLayout, store: PoolStore, arena: number, slot: number, palette: PoolPalette, onlyClass: number | null): void {
  const { x: left, y } = originOf(layout, slot);
  const top = y - window.topPx;
  const { across, cellPx, poolsPerArena } = layout;
  const gap = cellPx >= APART_FROM_PX ? 1 : 0;
  const inner = cellPx - gap;
  for (let pool = 0; pool < poolsPerArena; pool++) {
    const index = arena * poolsPerArena + pool;
    const state = store.state[index];
    if (state === NO_POOL) continue;
    const cellX = left + (pool % across) * cellPx;
    const cellY = top + Math.floor(pool / across) * cellPx;
    if (cellY + inner <= 0 || cellY >= window.heightPx) continue;
    if (state === POOL_STATE.used || state === POOL_STATE.full) {
      const sizeClass = Math.min(store.sizeClass[index], palette.filled.length - 1);
      if (onlyClass !== null && sizeClass !== onlyClass) {
        rect(pixels, window, cellX, cellY, inner, inner, palette.faded);
        continue;
      }
      const capacity = store.capacity[index];
      const share = state === POOL_STATE.full ? 1 : capacity > 0 ? Math.min(1, store.usedBlocks[index] / capacity) : 0;
      const shade = palette.blended[sizeClass * (LEVELS + 1) + Math.round(share * LEVELS)];
      if (cellPx < LEVEL_FROM_PX) {
        rect(pixels, window, cellX, cellY, inner, inner, shade);
        continue;
      }
      const level = Math.max(share > 0 ? 1 : 0, Math.round(share * inner));
      rect(pixels, window, cellX, cellY, inner, inner - level, palette.empty[sizeClass]);
      rect(pixels, window, cellX, cellY + inner - level, inner, level, palette.byOccupancy ? shade : palette.filled[sizeClass]);
    } else if (state === POOL_STATE.free) {
      rect(pixels, window, cellX, cellY, inner, inner, onlyClass === null ? palette.free : palette.faded);
    } else {
      rect(pixels, window, cellX, cellY, inner, inner, state === NOT_READ ? palette.notRead : palette.virgin);
      if (state !== NOT_READ && cellPx >= APART_FROM_PX) rect(pixels, window, cellX + 1, cellY + 1, inner - 2, inner - 2, palette.background);
    }
  }
}

function rect(pixels: Uint32Array, { widthPx, heightPx }: PaintWindow, x: number, y: number, width: number, height: number, colour: number): void {
  const right = Math.min(widthPx, x + width);
  const bottom = Math.min(heightPx, y + height);
  if (x >= right) return;
  for (let line = Math.max(0, y); line < bottom; line++) {
    const from = line * widthPx;
    // One or two pixels are most of the cells of a large map; fill() costs more than they do.
    if (width < 4) for (let column = x; column < right; column++) pixels[from + column] = colour;
    else pixels.fill(colour, from + x, from + right);
  }
}
