/** A reading of all arenas of pymalloc as columns, and the pages that a view asks for. */
import type { ArenaPage } from '#shared/model/memory.ts';
import { POOL_STATE } from '#shared/model/memory.ts';
import type { ArenaList } from './arena-finder.ts';
import type { MemoryReader } from './memory-reader.ts';
import type { Pagemap } from './pagemap.ts';
import { blockBytes, capacityOf, firstPoolOf, POOL_HEADER_BYTES, readPoolUse, SIZE_CLASSES, type PymallocSizes } from './pymalloc-layout.ts';
import { noCounts, type PoolCounts } from './pymalloc-totals.ts';

export interface ArenaMap {
  sizes: PymallocSizes;
  poolsPerArena: number;
  arenas: number;
  /** By arena, ascending address. */
  address: Float64Array;
  totalPools: Uint16Array;
  /** Index in the interpreter's own list. */
  listIndex: Uint32Array;
  liveBytes: Float64Array;
  usedPools: Uint16Array;
  /** NaN where the system does not tell. */
  residentBytes: Float64Array;
  /** Of the resident pages, those that belong to pools with blocks in use. */
  residentUsedPoolBytes: Float64Array;
  /** By pool, `poolsPerArena` an arena. */
  state: Uint8Array;
  sizeClass: Uint8Array;
  usedBlocks: Uint16Array;
  capacity: Uint16Array;
  counts: PoolCounts;
  /** Arenas that were given back while we read. */
  vanished: number;
}

export const NO_POOL = 255;
/** Pools asked for at one go: some milliseconds. */
const BATCH_POOLS = 16_384;

export interface ReadMapOptions {
  reader: MemoryReader;
  list: ArenaList;
  sizes: PymallocSizes;
  pagemap: Pagemap | null;
  signal?: AbortSignal | undefined;
  onProgress?: ((done: number, total: number) => void) | undefined;
}

export async function readArenaMap({ reader, list, sizes, pagemap, signal, onProgress }: ReadMapOptions): Promise<ArenaMap> {
  const entries = [...list.arenas].sort((a, b) => a.arena.address - b.arena.address);
  const poolsPerArena = Math.max(1, ...entries.map(({ arena }) => arena.totalPools));
  const map = emptyMap(entries.length, poolsPerArena, sizes);
  const batchArenas = Math.max(1, Math.floor(BATCH_POOLS / poolsPerArena));
  // The next is being read while this one is entered.
  const ask = (from: number) => {
    const batch = entries.slice(from, from + batchArenas);
    const runs = batch.map(({ arena }) => ({ address: firstPoolOf(arena.address, sizes.poolBytes), count: poolsBegun(arena.poolAddress, arena.address, sizes) }));
    const answer = reader.pieces(runs.filter(({ count }) => count > 0), POOL_HEADER_BYTES, sizes.poolBytes);
    answer.catch(() => undefined);
    return { batch, runs, answer };
  };
  let next = ask(0);
  for (let from = 0; from < entries.length; from += batchArenas) {
    signal?.throwIfAborted();
    const { batch, runs, answer } = next;
    if (from + batchArenas < entries.length) next = ask(from + batchArenas);
    const { data, lost } = await answer;
    let offset = 0;
    let run = 0;
    batch.forEach(({ index, arena }, i) => {
      const { count } = runs[i];
      const isLost = count > 0 && lost.includes(run++);
      if (isLost) map.vanished++;
      else addArena(map, index, arena.address, arena.totalPools, data, offset, count, pagemap);
      offset += count * POOL_HEADER_BYTES;
    });
    onProgress?.(Math.min(from + batchArenas, entries.length), entries.length);
  }
  return map;
}

function poolsBegun(poolAddress: number, arenaAddress: number, { poolBytes }: PymallocSizes): number {
  return (poolAddress - firstPoolOf(arenaAddress, poolBytes)) / poolBytes;
}

function emptyMap(arenas: number, poolsPerArena: number, sizes: PymallocSizes): ArenaMap {
  const pools = arenas * poolsPerArena;
  return {
    sizes,
    poolsPerArena,
    arenas: 0,
    address: new Float64Array(arenas),
    totalPools: new Uint16Array(arenas),
    listIndex: new Uint32Array(arenas),
    liveBytes: new Float64Array(arenas),
    usedPools: new Uint16Array(arenas),
    residentBytes: new Float64Array(arenas).fill(NaN),
    residentUsedPoolBytes: new Float64Array(arenas).fill(NaN),
    state: new Uint8Array(pools).fill(NO_POOL),
    sizeClass: new Uint8Array(pools).fill(NO_POOL),
    usedBlocks: new Uint16Array(pools),
    capacity: new Uint16Array(pools),
    counts: noCounts(),
    vanished: 0,
  };
}

function addArena(map: ArenaMap, listIndex: number, address: number, totalPools: number, data: Buffer, offset: number, begun: number, pagemap: Pagemap | null): void {
  const { sizes, counts, poolsPerArena } = map;
  const row = map.arenas++;
  const firstPool = firstPoolOf(address, sizes.poolBytes);
  map.address[row] = address;
  map.totalPools[row] = totalPools;
  map.listIndex[row] = listIndex;
  counts.arenas++;
  counts.arenaAlignmentBytes += sizes.arenaBytes - totalPools * sizes.poolBytes;
  let live = 0;
  let used = 0;
  let residentUsed = 0;
  const pages = pagemap?.pages({ start: address, end: address + sizes.arenaBytes });
  const pageBytes = pages ? sizes.arenaBytes / pages.length : 0;
  for (let pool = 0; pool < totalPools; pool++) {
    const cell = row * poolsPerArena + pool;
    if (pool >= begun) {
      map.state[cell] = POOL_STATE.virgin;
      counts.freePools++;
      continue;
    }
    const header = readPoolUse(data, offset + pool * POOL_HEADER_BYTES);
    if (header.count === 0 || header.sizeClass >= SIZE_CLASSES) {
      map.state[cell] = POOL_STATE.free;
      counts.freePools++;
      continue;
    }
    const { sizeClass } = header;
    const capacity = capacityOf(sizeClass, sizes.poolBytes);
    // The program may be in the middle of a change: never more than there is room for.
    const count = Math.min(header.count, capacity);
    map.state[cell] = count === capacity ? POOL_STATE.full : POOL_STATE.used;
    map.sizeClass[cell] = sizeClass;
    map.usedBlocks[cell] = count;
    map.capacity[cell] = capacity;
    counts.pools[sizeClass]++;
    counts.used[sizeClass] += count;
    live += count * blockBytes(sizeClass);
    used++;
    if (pages) residentUsed += presentBytes(pages, pageBytes, firstPool - address + pool * sizes.poolBytes, sizes.poolBytes);
  }
  map.liveBytes[row] = live;
  map.usedPools[row] = used;
  if (!pages) return;
  map.residentBytes[row] = presentBytes(pages, pageBytes, 0, sizes.arenaBytes);
  map.residentUsedPoolBytes[row] = residentUsed;
}

function presentBytes(pages: Uint8Array, pageBytes: number, offset: number, bytes: number): number {
  let present = 0;
  for (let page = offset / pageBytes; page < (offset + bytes) / pageBytes; page++) present += pages[page];
  return present * pageBytes;
}

/** Columns of the arenas [start, end). */
export function pageOfArenas(map: ArenaMap, start: number, end: number): ArenaPage {
  const from = Math.min(start, map.arenas);
  const to = Math.min(end, map.arenas);
  const cells = [from * map.poolsPerArena, to * map.poolsPerArena] as const;
  return {
    start: from,
    address: Array.from(map.address.subarray(from, to), (address) => address.toString(16)),
    liveBytes: Array.from(map.liveBytes.subarray(from, to)),
    residentBytes: Array.from(map.residentBytes.subarray(from, to), (bytes) => (Number.isNaN(bytes) ? null : bytes)),
    usedPools: Array.from(map.usedPools.subarray(from, to)),
    state: base64(map.state.subarray(...cells)),
    sizeClass: base64(map.sizeClass.subarray(...cells)),
    usedBlocks: base64(map.usedBlocks.subarray(...cells)),
    capacity: base64(map.capacity.subarray(...cells)),
  };
}

function base64(column: Uint8Array | Uint16Array): string {
  return Buffer.from(column.buffer, column.byteOffset, column.byteLength).toString('base64');
}

export interface EmptyArena {
  arenaIndex: number;
  address: string;
  liveBytes: number;
  heldBytes: number;
  usedPools: number;
}

/** Arenas by how little keeps them from being returned. `heldBytes`: what they take, resident if the system tells. */
export function emptiestArenas(map: ArenaMap, limit: number): EmptyArena[] {
  const order = Array.from({ length: map.arenas }, (_, i) => i).sort((a, b) => map.liveBytes[a] - map.liveBytes[b] || a - b);
  return order.slice(0, limit).map((row) => ({
    arenaIndex: row,
    address: map.address[row].toString(16),
    liveBytes: map.liveBytes[row],
    heldBytes: heldBytes(map, row),
    usedPools: map.usedPools[row],
  }));
}

/** What the system would get back if the arena's live blocks went. */
export function heldBytes(map: ArenaMap, row: number): number {
  const resident = map.residentBytes[row];
  return Number.isNaN(resident) ? map.sizes.arenaBytes : resident;
}

const ALMOST_EMPTY = 0.1;

export function almostEmpty(map: ArenaMap): { arenas: number; liveBytes: number; heldBytes: number } {
  const sum = { arenas: 0, liveBytes: 0, heldBytes: 0 };
  for (let row = 0; row < map.arenas; row++) {
    if (map.liveBytes[row] > map.sizes.arenaBytes * ALMOST_EMPTY) continue;
    sum.arenas++;
    sum.liveBytes += map.liveBytes[row];
    sum.heldBytes += heldBytes(map, row);
  }
  return sum;
}
