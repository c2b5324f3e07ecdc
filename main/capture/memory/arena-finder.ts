/**
 * Finds pymalloc's list of arenas in memory. It is a static variable without a name outside of the interpreter, and its
 * place changes with every build; so it is found by what it must hold: from a live object to its pool, from the pools
 * before it to the start of their arena, and from that address to the list, which is the only place that holds it with
 * the right figures beside it.
 */
import type { AddressRange } from './pagemap.ts';
import type { MemoryReader } from './memory-reader.ts';
import {
  ARENA_OBJECT_BYTES,
  firstPoolOf,
  isArenaObject,
  isPoolHeader,
  poolOf,
  POOL_HEADER_BYTES,
  readArenaObject,
  readPoolHeader,
  type ArenaObject,
  type PymallocSizes,
} from './pymalloc-layout.ts';

export interface ArenaList {
  /** Where the list begins. */
  base: number;
  /** Arenas in use, with their index in the list. */
  arenas: { index: number; arena: ArenaObject }[];
}

export interface FindOptions {
  reader: MemoryReader;
  sizes: PymallocSizes;
  pageBytes: number;
  /** Address of any small live object. */
  sampleAddress: number;
  /** Writable private memory without a file: where the C library keeps the list. The likeliest first. */
  ranges: readonly AddressRange[];
  /** How many arenas there are as the interpreter says: the search ends with a list that knows as many. */
  expectedArenas: number | null;
}

/** INITIAL_ARENA_OBJECTS; the list doubles when it is full. */
const INITIAL_ENTRIES = 16;
/** 2^17 arenas of 1 MiB are 128 GiB. */
const MAX_ENTRIES = 131_072;

/** Null when the object lies in no pool: PYTHONMALLOC=malloc, mimalloc, or another allocator. */
export async function findArenaList(options: FindOptions): Promise<ArenaList | null> {
  const { reader, sizes, pageBytes, sampleAddress, ranges, expectedArenas } = options;
  const seed = await readHeaderAt(reader, poolOf(sampleAddress, sizes.poolBytes), sizes);
  if (!seed) return null;
  const first = await firstPoolBefore(reader, poolOf(sampleAddress, sizes.poolBytes), seed.arenaIndex, sizes);
  // An arena starts at a page, less than a pool before its first pool.
  const candidates: number[] = [];
  for (let address = first; address > first - sizes.poolBytes; address -= pageBytes) candidates.push(address);
  let best: ArenaList | null = null;
  for (const range of ranges) {
    for (const place of await reader.find(candidates, range)) {
      const list = await readArenaList(reader, place - seed.arenaIndex * ARENA_OBJECT_BYTES, sizes, pageBytes);
      if (!list?.arenas.some(({ index, arena }) => index === seed.arenaIndex && firstPoolOf(arena.address, sizes.poolBytes) === first)) continue;
      // When the list grows, its old copy stays behind in free memory: that one knows fewer arenas.
      if (!best || (await isBetter(reader, list, best, sizes))) best = list;
    }
    if (best && expectedArenas !== null && best.arenas.length >= expectedArenas) break;
  }
  return best;
}

async function readHeaderAt(reader: MemoryReader, address: number, sizes: PymallocSizes) {
  const { data, lost } = await reader.pieces([{ address, count: 1 }], POOL_HEADER_BYTES, POOL_HEADER_BYTES);
  if (lost.length > 0) return null;
  const header = readPoolHeader(data, 0);
  return isPoolHeader(header, address, sizes.poolBytes) ? header : null;
}

/** Pools are used from the start of an arena on: all before one that is in use have a header. */
async function firstPoolBefore(reader: MemoryReader, pool: number, arenaIndex: number, sizes: PymallocSizes): Promise<number> {
  let first = pool;
  for (let steps = sizes.arenaBytes / sizes.poolBytes; steps > 0; steps--) {
    const header = await readHeaderAt(reader, first - sizes.poolBytes, sizes);
    if (header?.arenaIndex !== arenaIndex) break;
    first -= sizes.poolBytes;
  }
  return first;
}

/** Reads the list at `base`; null when it is not one. */
export async function readArenaList(reader: MemoryReader, base: number, sizes: PymallocSizes, pageBytes: number): Promise<ArenaList | null> {
  const arenas: ArenaList['arenas'] = [];
  for (let from = 0, entries = INITIAL_ENTRIES; from < MAX_ENTRIES; from = entries, entries *= 2) {
    const { data, lost } = await reader.pieces([{ address: base + from * ARENA_OBJECT_BYTES, count: 1 }], (entries - from) * ARENA_OBJECT_BYTES, (entries - from) * ARENA_OBJECT_BYTES);
    if (lost.length > 0) break;
    const part: ArenaList['arenas'] = [];
    let broken = false;
    for (let index = from; index < entries && !broken; index++) {
      const arena = readArenaObject(data, (index - from) * ARENA_OBJECT_BYTES);
      if (arena.address === 0) continue;
      if (isArenaObject(arena, sizes, pageBytes)) part.push({ index, arena });
      else broken = true;
    }
    if (broken) break;
    // Past the end there may be zeros, which look like unused entries: only pools that name these entries make them real.
    const confirmed = await countConfirmed(reader, part, sizes);
    if (confirmed < part.length) break;
    if (from > 0 && part.length === 0) break;
    arenas.push(...part);
  }
  return arenas.length > 0 ? { base, arenas } : null;
}

/** How many of the arenas begin with a pool that names them (or have no used pool yet). */
async function countConfirmed(reader: MemoryReader, arenas: ArenaList['arenas'], sizes: PymallocSizes): Promise<number> {
  const begun = arenas.filter(({ arena }) => arena.poolAddress > firstPoolOf(arena.address, sizes.poolBytes));
  const { data } = await reader.pieces(
    begun.map(({ arena }) => ({ address: firstPoolOf(arena.address, sizes.poolBytes), count: 1 })),
    POOL_HEADER_BYTES,
    POOL_HEADER_BYTES,
  );
  const confirmed = begun.filter(({ index, arena }, i) => {
    const header = readPoolHeader(data, i * POOL_HEADER_BYTES);
    return header.arenaIndex === index && isPoolHeader(header, firstPoolOf(arena.address, sizes.poolBytes), sizes.poolBytes);
  });
  return arenas.length - begun.length + confirmed.length;
}

/** The living one of two copies: it knows more arenas, or its counts of free pools are the true ones. */
async function isBetter(reader: MemoryReader, list: ArenaList, than: ArenaList, sizes: PymallocSizes): Promise<boolean> {
  if (list.arenas.length !== than.arenas.length) return list.arenas.length > than.arenas.length;
  return (await wrongCounts(reader, list, sizes)) < (await wrongCounts(reader, than, sizes));
}

async function wrongCounts(reader: MemoryReader, list: ArenaList, sizes: PymallocSizes): Promise<number> {
  let wrong = 0;
  for (const { arena } of list.arenas.slice(0, 64)) {
    const first = firstPoolOf(arena.address, sizes.poolBytes);
    const count = (arena.poolAddress - first) / sizes.poolBytes;
    if (count === 0) continue;
    const { data } = await reader.pieces([{ address: first, count }], POOL_HEADER_BYTES, sizes.poolBytes);
    let free = arena.totalPools - count;
    for (let i = 0; i < count; i++) if (data.readUInt32LE(i * POOL_HEADER_BYTES) === 0) free++;
    if (free !== arena.freePools) wrong++;
  }
  return wrong;
}

/** The ranges to search, the likeliest first: the heap, then the smallest (a long list is a mapping of its own). */
export function rangesToSearch(mappings: readonly { start: number; end: number; segment: string; permissions: string; residentBytes: number }[]): AddressRange[] {
  return mappings
    .filter(({ segment, permissions, residentBytes }) => (segment === 'heap' || segment === 'anonymous') && permissions.startsWith('rw') && residentBytes > 0)
    .sort((a, b) => Number(b.segment === 'heap') - Number(a.segment === 'heap') || a.residentBytes - b.residentBytes)
    .map(({ start, end }) => ({ start, end }));
}
