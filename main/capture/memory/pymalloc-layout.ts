/**
 * How pymalloc lays out memory (CPython Objects/obmalloc.c, Include/internal/pycore_obmalloc.h), 64-bit builds. An arena
 * is cut into pools of one size, a pool into blocks of one size class. The same structures in 3.8 to 3.15; only the
 * sizes differ: arenas of 256 KiB with pools of 4 KiB up to 3.9, 1 MiB and 16 KiB from 3.10 on.
 */

/** struct pool_header: count, freeblock, nextpool, prevpool, arenaindex, szidx, nextoffset, maxnextoffset. */
export const POOL_HEADER_BYTES = 48;
/** struct arena_object: address, pool_address, nfreepools, ntotalpools, freepools, nextarena, prevarena. */
export const ARENA_OBJECT_BYTES = 48;
export const ALIGNMENT_BYTES = 16;
export const SIZE_CLASSES = 32;

export interface PymallocSizes {
  arenaBytes: number;
  poolBytes: number;
}

export interface PoolHeader {
  /** Blocks in use. */
  count: number;
  /** First block of the free list; 0 for none. */
  freeBlock: number;
  arenaIndex: number;
  sizeClass: number;
  /** Offset of the first block that was never handed out. */
  nextOffset: number;
  /** The largest offset a block may have. */
  maxNextOffset: number;
}

/** Bytes of the blocks of a size class. */
export function blockBytes(sizeClass: number): number {
  return (sizeClass + 1) * ALIGNMENT_BYTES;
}

/** Blocks of a pool. */
export function capacityOf(sizeClass: number, poolBytes: number): number {
  return Math.floor((poolBytes - POOL_HEADER_BYTES) / blockBytes(sizeClass));
}

/** The pool an address lies in, if it lies in one: pools start at multiples of their size. */
export function poolOf(address: number, poolBytes: number): number {
  return address - (address % poolBytes);
}

/** The two figures of a header that the map is made of: blocks in use and size class. Cheaper than the whole, a million times. */
export function readPoolUse(bytes: Buffer, offset: number): { count: number; sizeClass: number } {
  return { count: bytes.readUInt32LE(offset), sizeClass: bytes.readUInt32LE(offset + 36) };
}

export function readPoolHeader(bytes: Buffer, offset: number): PoolHeader {
  return {
    count: bytes.readUInt32LE(offset),
    freeBlock: Number(bytes.readBigUInt64LE(offset + 8)),
    arenaIndex: bytes.readUInt32LE(offset + 32),
    sizeClass: bytes.readUInt32LE(offset + 36),
    nextOffset: bytes.readUInt32LE(offset + 40),
    maxNextOffset: bytes.readUInt32LE(offset + 44),
  };
}

/** Whether this can be the header of a pool at `address` that has or had blocks; nothing else in memory looks like it. */
export function isPoolHeader(header: PoolHeader, address: number, poolBytes: number): boolean {
  const { count, sizeClass, nextOffset, maxNextOffset, freeBlock } = header;
  if (sizeClass >= SIZE_CLASSES || count > capacityOf(sizeClass, poolBytes)) return false;
  if (maxNextOffset !== poolBytes - blockBytes(sizeClass)) return false;
  if (nextOffset < POOL_HEADER_BYTES || nextOffset > poolBytes || (nextOffset - POOL_HEADER_BYTES) % blockBytes(sizeClass) !== 0) return false;
  return freeBlock === 0 || (freeBlock > address && freeBlock < address + poolBytes);
}

export interface ArenaObject {
  /** 0: not in use. */
  address: number;
  /** The first pool that was never used. */
  poolAddress: number;
  freePools: number;
  totalPools: number;
}

export function readArenaObject(bytes: Buffer, offset: number): ArenaObject {
  return {
    address: Number(bytes.readBigUInt64LE(offset)),
    poolAddress: Number(bytes.readBigUInt64LE(offset + 8)),
    freePools: bytes.readUInt32LE(offset + 16),
    totalPools: bytes.readUInt32LE(offset + 20),
  };
}

/** The first pool of an arena: arenas are aligned to pages only. */
export function firstPoolOf(arenaAddress: number, poolBytes: number): number {
  return Math.ceil(arenaAddress / poolBytes) * poolBytes;
}

/** Whether the entry can be an arena in use: its figures follow from its address. */
export function isArenaObject(arena: ArenaObject, { arenaBytes, poolBytes }: PymallocSizes, pageBytes: number): boolean {
  const { address, poolAddress, freePools, totalPools } = arena;
  if (address === 0 || address % pageBytes !== 0 || !Number.isSafeInteger(address + arenaBytes)) return false;
  const first = firstPoolOf(address, poolBytes);
  const expected = Math.floor((address + arenaBytes - first) / poolBytes);
  if (totalPools !== expected || freePools > totalPools) return false;
  return poolAddress >= first && poolAddress <= first + totalPools * poolBytes && (poolAddress - first) % poolBytes === 0 && freePools >= totalPools - (poolAddress - first) / poolBytes;
}
