/**
 * What lives in an arena: which blocks of its pools are in use, and what object starts in each. Read as bytes; nothing is
 * called and no reference count changes. Layout of objects: a head of reference count and type (Include/object.h), before
 * it the collector's links (16 bytes) and, from 3.11 on, two more words for objects with a `__dict__`.
 */
import type { ArenaPins } from '#shared/model/memory.ts';
import { heldBytes, type ArenaMap } from './arena-map.ts';
import type { MemoryReader } from './memory-reader.ts';
import { blockBytes, firstPoolOf, isPoolHeader, POOL_HEADER_BYTES, readPoolHeader, type PoolHeader } from './pymalloc-layout.ts';

/** Where an object may start in its block; with debug hooks everything is two words later. */
const OBJECT_OFFSETS = [0, 16, 32] as const;
const DEBUG_SHIFT = 16;
/** Blocks listed one by one. */
const MAX_BLOCKS = 500;
const MAX_TYPE_NAME = 200;
/** 3.12 and later: immortal objects have a count at or above this (2^32 - 1, 3 × 2^30). */
const IMMORTAL = 2 ** 31;
/** ob_type and tp_name of PyTypeObject. */
const OB_TYPE = 8;
const TP_NAME = 24;
const TYPE_HEAD_BYTES = 32;

export const NO_OBJECT = 'memory of objects (tables of dicts and lists, values, buffers)';

export async function readArenaPins(reader: MemoryReader, map: ArenaMap, row: number): Promise<ArenaPins> {
  const { sizes } = map;
  const first = firstPoolOf(map.address[row], sizes.poolBytes);
  const types = typeReader(reader);
  const byType = new Map<string, ArenaPins['byType'][number]>();
  const pins: ArenaPins = { arenaIndex: row, address: map.address[row].toString(16), liveBlocks: 0, liveBytes: 0, heldBytes: heldBytes(map, row), source: reader.source, byType: [], blocks: [], truncated: false };
  for (let pool = 0; pool < map.totalPools[row]; pool++) {
    // States are of the reading; a pool that was empty then is left out.
    if (map.usedBlocks[row * map.poolsPerArena + pool] === 0) continue;
    const address = first + pool * sizes.poolBytes;
    const { data, lost } = await reader.pieces([{ address, count: 1 }], sizes.poolBytes, sizes.poolBytes);
    const header = readPoolHeader(data, 0);
    if (lost.length > 0 || header.count === 0 || !isPoolHeader(header, address, sizes.poolBytes)) continue;
    const bytes = blockBytes(header.sizeClass);
    for (const offset of usedOffsets(data, address, header)) {
      const found = await objectIn(types, data, offset, bytes);
      const type = found?.type ?? NO_OBJECT;
      const sum = byType.get(type) ?? { type, isObject: found !== null, blocks: 0, bytes: 0 };
      sum.blocks++;
      sum.bytes += bytes;
      byType.set(type, sum);
      pins.liveBlocks++;
      pins.liveBytes += bytes;
      if (pins.blocks.length >= MAX_BLOCKS) pins.truncated = true;
      else {
        const isImmortal = found !== null && found.refcount >= IMMORTAL;
        pins.blocks.push({
          address: (address + offset + (found?.offset ?? 0)).toString(16),
          bytes,
          type,
          refcount: found && !isImmortal ? found.refcount : null,
          immortal: isImmortal,
          heapId: null,
        });
      }
    }
  }
  pins.byType = [...byType.values()].sort((a, b) => b.bytes - a.bytes);
  return pins;
}

/** Offsets of the blocks in use: those ever handed out and not on the free list. */
export function usedOffsets(pool: Buffer, address: number, header: PoolHeader): number[] {
  const bytes = blockBytes(header.sizeClass);
  const isBlock = (offset: number) => offset >= POOL_HEADER_BYTES && offset <= header.maxNextOffset && (offset - POOL_HEADER_BYTES) % bytes === 0;
  const free = new Set<number>();
  // A list that changes while it is read may lead anywhere: every step must be a block, and none twice.
  for (let at = header.freeBlock; at !== 0 && isBlock(at - address) && !free.has(at - address); at = Number(pool.readBigUInt64LE(at - address))) free.add(at - address);
  const used: number[] = [];
  for (let offset = POOL_HEADER_BYTES; offset < header.nextOffset && offset <= header.maxNextOffset; offset += bytes) if (!free.has(offset)) used.push(offset);
  return used;
}

interface FoundObject {
  type: string;
  refcount: number;
  /** Where it starts in its block. */
  offset: number;
}

async function objectIn(types: TypeReader, pool: Buffer, block: number, bytes: number): Promise<FoundObject | null> {
  for (const shift of [0, DEBUG_SHIFT]) {
    for (const offset of OBJECT_OFFSETS) {
      const at = block + shift + offset;
      if (offset + shift + 16 > bytes) continue;
      const refcount = pool.readUInt32LE(at);
      const upper = pool.readUInt32LE(at + 4);
      // 3.14 keeps flags in the uppermost bits; a pointer there would have more of them set.
      if (refcount === 0 || (upper & 0xff00ffff) !== 0) continue;
      const typeAddress = Number(pool.readBigUInt64LE(at + OB_TYPE));
      if (typeAddress < 4_096 || typeAddress % 8 !== 0 || !Number.isSafeInteger(typeAddress)) continue;
      const type = await types.nameOf(typeAddress);
      if (type !== null) return { type, refcount, offset: shift + offset };
    }
  }
  return null;
}

interface TypeReader {
  /** Null when there is no type at the address. */
  nameOf(address: number): Promise<string | null>;
}

function typeReader(reader: MemoryReader): TypeReader {
  const names = new Map<number, string | null>();
  const metatypes = new Map<number, boolean>();

  async function words(address: number, bytes: number): Promise<Buffer | null> {
    const { data, lost } = await reader.pieces([{ address, count: 1 }], bytes, bytes);
    return lost.length > 0 ? null : data;
  }

  /** `type` is its own type; a metaclass has it as its type. */
  async function isMetatype(address: number): Promise<boolean> {
    const known = metatypes.get(address);
    if (known !== undefined) return known;
    const itsType = (await words(address, TYPE_HEAD_BYTES))?.readBigUInt64LE(OB_TYPE);
    const top = itsType === undefined || itsType === 0n || itsType % 8n !== 0n ? null : await words(Number(itsType), TYPE_HEAD_BYTES);
    const is = top !== null && top.readBigUInt64LE(OB_TYPE) === itsType;
    metatypes.set(address, is);
    return is;
  }

  async function read(address: number): Promise<string | null> {
    const head = await words(address, TYPE_HEAD_BYTES);
    if (!head) return null;
    const metatype = Number(head.readBigUInt64LE(OB_TYPE));
    if (metatype < 4_096 || metatype % 8 !== 0 || !Number.isSafeInteger(metatype) || !(await isMetatype(metatype))) return null;
    const place = Number(head.readBigUInt64LE(TP_NAME));
    if (!Number.isSafeInteger(place) || place < 4_096) return null;
    // The end of a mapping may follow right behind a short name.
    const text = (await words(place, MAX_TYPE_NAME)) ?? (await words(place, 16));
    const end = text?.indexOf(0) ?? -1;
    const name = text && end > 0 ? text.toString('utf8', 0, end) : '';
    return /^[\p{L}_][\p{L}\p{N}_.<>]*$/u.test(name) ? name : null;
  }

  return {
    async nameOf(address) {
      const known = names.get(address);
      if (known !== undefined) return known;
      const name = await read(address);
      if (names.size < 100_000) names.set(address, name);
      return name;
    },
  };
}
