import { describe, expect, test } from 'vitest';
import { POOL_STATE } from '#shared/model/memory.ts';
import { classColour, createPalette, LEVELS, pack, parseHex } from '#renderer/views/allocators/pool-colours.ts';
import { CELL_SIZES, cellOf, fittingCellPx, hitPool, layoutPools, movePlace, rowsInSight } from '#renderer/views/allocators/pool-layout.ts';
import { paintPools } from '#renderer/views/allocators/pool-paint.ts';
import { arenaOrder, createPoolStore, NOT_READ, poolAddress, writePage } from '#renderer/views/allocators/pool-store.ts';
import { poolText } from '#renderer/views/allocators/pool-text.ts';
import { fakeArenaPage, fakeArenaSummary } from '../fake-memory.ts';

function storeOf(arenas: number) {
  const store = createPoolStore(fakeArenaSummary(arenas));
  for (let start = 0; start < arenas; start += 512) writePage(store, fakeArenaPage(start, Math.min(arenas, start + 512)));
  return store;
}
const BASE = { background: parseHex('#fff'), notRead: parseHex('#eee'), virgin: parseHex('#dde2ea'), free: parseHex('#aab3bf') };
const ENDS = { low: parseHex('#b86a00'), high: parseHex('#1d55b8') };
const palette = createPalette(BASE, 32, false, 'class', ENDS);

describe('layout', () => {
  test.each([[1, 64, 1_000], [7, 64, 300], [4_096, 64, 1_400], [16_384, 63, 900], [5, 128, 600], [3, 1, 200]])('%i arenas of %i pools in %i px: every pool is hit where it is drawn', (arenas, pools, width) => {
    for (const cellPx of CELL_SIZES) {
      const layout = layoutPools(arenas, pools, cellPx, width);
      for (const slot of new Set([0, 1, arenas >> 1, arenas - 1].filter((value) => value < arenas))) {
        for (const pool of new Set([0, Math.min(8, pools - 1), pools - 1])) {
          const { x, y } = cellOf(layout, { slot, pool });
          expect(hitPool(layout, x, y)).toEqual({ slot, pool });
          expect(hitPool(layout, x + cellPx - 0.01, y + cellPx - 0.01)).toEqual({ slot, pool });
          expect(y + cellPx).toBeLessThanOrEqual(layout.heightPx);
        }
      }
      expect(hitPool(layout, 0, 0)).toBeNull();
      expect(hitPool(layout, width * 2, 10)).toBeNull();
      expect(hitPool(layout, 10, layout.heightPx + 1)).toBeNull();
    }
  });

  test('between tiles there is nothing', () => {
    const layout = layoutPools(10, 64, 10, 1_000);
    const { x, y } = cellOf(layout, { slot: 0, pool: 7 });
    expect(hitPool(layout, x + 11, y)).toBeNull();
  });

  test('what fits is as large as possible; what cannot fit scrolls', () => {
    expect(layoutPools(16, 64, fittingCellPx(16, 64, 840, 450), 840).heightPx).toBeLessThanOrEqual(450);
    expect(fittingCellPx(1, 64, 840, 450)).toBe(32);
    expect(fittingCellPx(100_000, 64, 840, 450)).toBe(1);
  });

  test('keys walk from cell to cell over the borders of tiles', () => {
    const layout = layoutPools(5, 64, 10, 2 * 88 + 12);
    expect(layout.columns).toBe(2);
    expect(movePlace(layout, { slot: 0, pool: 7 }, 'ArrowRight')).toEqual({ slot: 1, pool: 0 });
    expect(movePlace(layout, { slot: 1, pool: 0 }, 'ArrowLeft')).toEqual({ slot: 0, pool: 7 });
    expect(movePlace(layout, { slot: 0, pool: 56 }, 'ArrowDown')).toEqual({ slot: 2, pool: 0 });
    expect(movePlace(layout, { slot: 2, pool: 3 }, 'PageUp')).toEqual({ slot: 0, pool: 3 });
    expect(movePlace(layout, { slot: 4, pool: 7 }, 'ArrowRight')).toEqual({ slot: 4, pool: 7 });
    expect(movePlace(layout, { slot: 0, pool: 0 }, 'ArrowUp')).toEqual({ slot: 0, pool: 0 });
    expect(movePlace(layout, { slot: 0, pool: 5 }, 'End')).toEqual({ slot: 4, pool: 63 });
    expect(movePlace(layout, { slot: 0, pool: 5 }, 'x')).toBeNull();
  });
});

describe('store', () => {
  test('pages are put where they belong; what is not there yet says so', () => {
    const store = createPoolStore(fakeArenaSummary(600));
    writePage(store, fakeArenaPage(512, 600));
    expect(store.state[0]).toBe(NOT_READ);
    expect(store.state[512 * 64]).toBe(POOL_STATE.full);
    expect(store.capacity[512 * 64]).toBe(340);
    expect(store.usedBlocks[512 * 64 + 50]).toBe((50 * 7) % 170);
    expect(store.residentBytes[512]).toBeNaN();
  });

  test('a page that does not fit is refused', () => {
    const store = createPoolStore(fakeArenaSummary(4));
    expect(() => writePage(store, fakeArenaPage(2, 6))).toThrow('does not fit');
    expect(() => writePage(store, { ...fakeArenaPage(0, 2), state: btoa('ab') })).toThrow('does not fit');
    expect(() => createPoolStore({ ...fakeArenaSummary(4), arenas: 1e9 })).toThrow('too large');
  });

  test('emptiest first, and addresses of pools', () => {
    const store = storeOf(3);
    expect([...arenaOrder(store, 'emptiest')]).toEqual([1, 0, 2]);
    expect([...arenaOrder(store, 'address')]).toEqual([0, 1, 2]);
    // The arena begins at 0x7f0000001000; the first whole pool of 16 KiB is at the next multiple.
    expect(poolAddress(store, 0, 0)).toBe('7f0000004000');
    expect(poolAddress(store, 0, 2)).toBe('7f000000c000');
    expect(poolAddress(createPoolStore(fakeArenaSummary(1)), 0, 0)).toBe('');
  });

  test('a pool in words', () => {
    const store = storeOf(2);
    expect(poolText(store, 0, 0, 16)).toMatchObject({ name: 'Pool 0 of arena 0', kind: '48-byte blocks (33 to 48 bytes)', filling: '340 of 340 blocks used (100 %)' });
    expect(poolText(store, 0, 62, 16)).toMatchObject({ kind: 'Free: was used, holds no block now', filling: null });
    expect(poolText(store, 0, 63, 16).kind).toBe('Never used');
  });
});

describe('image', () => {
  const width = 400;
  const height = 200;
  function paint(cellPx: number, onlyClass: number | null = null, topPx = 0) {
    const store = storeOf(3);
    const layout = layoutPools(3, 64, cellPx, width);
    const pixels = new Uint32Array(width * height);
    paintPools(pixels, { widthPx: width, heightPx: height, topPx }, layout, store, arenaOrder(store, 'address'), palette, onlyClass);
    const at = (slot: number, pool: number, dx = 0, dy = 0) => {
      const { x, y } = cellOf(layout, { slot, pool });
      return pixels[(y + dy - topPx) * width + x + dx];
    };
    return { pixels, at };
  }

  test('full, partly used, free and virgin pools differ, as levels in large cells', () => {
    const { at } = paint(10);
    expect(at(0, 0, 4, 0)).toBe(palette.filled[2]);
    // Pool 20: 140 of 340 blocks, four of nine lines from below.
    expect(at(0, 20, 4, 8)).toBe(palette.filled[2]);
    expect(at(0, 20, 4, 1)).toBe(palette.empty[2]);
    expect(at(0, 62, 4, 4)).toBe(palette.free);
    expect(at(0, 63, 4, 4)).toBe(palette.background);
    expect(at(0, 63, 0, 4)).toBe(palette.virgin);
    expect(new Set([palette.filled[2], palette.empty[2], palette.free, palette.virgin, palette.background]).size).toBe(5);
  });

  test('as shades in small cells', () => {
    const { at } = paint(2);
    expect(at(0, 0)).toBe(palette.blended[2 * (LEVELS + 1) + LEVELS]);
    expect(at(0, 20)).toBe(palette.blended[2 * (LEVELS + 1) + Math.round((140 / 340) * LEVELS)]);
    expect(at(0, 63)).toBe(palette.virgin);
  });

  test('one class at a time; scrolled', () => {
    const { at } = paint(10, 5);
    expect(at(0, 0, 4, 4)).toBe(palette.faded);
    expect(at(0, 50, 4, 8)).toBe(palette.filled[5]);
    const scrolled = paint(10, null, 13);
    expect(scrolled.at(0, 20, 4, 8)).toBe(palette.filled[2]);
    const away = paint(10, null, 5_000);
    expect(new Set(away.pixels)).toEqual(new Set([palette.background]));
  });

  test('colours are opaque and told apart', () => {
    expect(pack([1, 2, 3])).toBe(new Uint32Array(new Uint8Array([1, 2, 3, 255]).buffer)[0]);
    expect(parseHex('#fff')).toEqual([255, 255, 255]);
    expect(parseHex('red')).toEqual([136, 136, 136]);
    for (const dark of [false, true]) expect(new Set(Array.from({ length: 32 }, (_, index) => classColour(index, 32, dark).join())).size).toBe(32);
  });

  test('of 4 GiB in arenas only what is in sight is painted, wherever that is', () => {
    const store = storeOf(4_096);
    const layout = layoutPools(4_096, 64, 4, 1_200);
    const pixels = new Uint32Array(1_200 * 700);
    const order = arenaOrder(store, 'emptiest');
    for (const topPx of [0, 1_000, layout.heightPx - 700]) {
      let read = 0;
      const counted = new Proxy(order, {
        get(target, slot) {
          read++;
          return Reflect.get(target, slot) as number;
        },
      });
      paintPools(pixels, { widthPx: 1_200, heightPx: 700, topPx }, layout, store, counted, palette, null);
      const { first, end } = rowsInSight(layout, topPx, 700);
      expect(read).toBe(Math.min(4_096, end * layout.columns) - first * layout.columns);
      expect(read).toBeLessThan(1_000);
      expect(pixels.some((pixel) => pixel !== palette.background)).toBe(true);
    }
  });
});
