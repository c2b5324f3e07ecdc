/** All pools of one reading of pymalloc's arenas, as typed columns that pages are written into as they come. */
import type { ArenaMapSummary, ArenaPage } from '#shared/model/memory.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';

/** `PoolStore.state` where an arena has no pool. */
export const NO_POOL = 255;
/** `PoolStore.state` of an arena whose page is still on the way. */
export const NOT_READ = 254;

/** More than any interpreter that could be read in a sensible time: 64 GiB of 256 KiB arenas. */
const MAX_POOLS = 1 << 24;

export interface PoolStore {
  readonly arenas: number;
  readonly poolsPerArena: number;
  readonly poolBytes: number;
  readonly arenaBytes: number;
  /** By arena, ascending address; empty until its page is there. */
  readonly address: string[];
  readonly liveBytes: Float64Array;
  /** NaN where the system does not tell. */
  readonly residentBytes: Float64Array;
  readonly usedPools: Uint16Array;
  /** By pool, `poolsPerArena` an arena: `POOL_STATE`, `NO_POOL` or `NOT_READ`. */
  readonly state: Uint8Array;
  readonly sizeClass: Uint8Array;
  readonly usedBlocks: Uint16Array;
  readonly capacity: Uint16Array;
}

export function createPoolStore({ arenas, poolsPerArena, poolBytes, arenaBytes }: ArenaMapSummary): PoolStore {
  const pools = arenas * poolsPerArena;
  if (!Number.isSafeInteger(pools) || pools > MAX_POOLS) throw new HeaphouseError('unsupported', `A map of ${arenas} arenas with ${poolsPerArena} pools each is too large to draw.`);
  return {
    arenas,
    poolsPerArena,
    poolBytes,
    arenaBytes,
    address: new Array<string>(arenas).fill(''),
    liveBytes: new Float64Array(arenas),
    residentBytes: new Float64Array(arenas).fill(NaN),
    usedPools: new Uint16Array(arenas),
    state: new Uint8Array(pools).fill(NOT_READ),
    sizeClass: new Uint8Array(pools).fill(NO_POOL),
    usedBlocks: new Uint16Array(pools),
    capacity: new Uint16Array(pools),
  };
}

/** Errors: `internal` for a page that does not fit the reading it belongs to. */
export function writePage(store: PoolStore, page: ArenaPage): void {
  const { start } = page;
  const count = page.address.length;
  const from = start * store.poolsPerArena;
  const pools = count * store.poolsPerArena;
  const state = bytesOf(page.state);
  const sizeClass = bytesOf(page.sizeClass);
  const usedBlocks = wordsOf(page.usedBlocks);
  const capacity = wordsOf(page.capacity);
  const fits = start >= 0 && start + count <= store.arenas && [state, sizeClass, usedBlocks, capacity].every(({ length }) => length === pools);
  if (!fits) throw new HeaphouseError('internal', 'A page of the arena map does not fit its reading.', { detail: `start ${start}, arenas ${count} of ${store.arenas}, pools ${state.length} of ${pools}` });
  store.state.set(state, from);
  store.sizeClass.set(sizeClass, from);
  store.usedBlocks.set(usedBlocks, from);
  store.capacity.set(capacity, from);
  for (let index = 0; index < count; index++) {
    store.address[start + index] = page.address[index];
    store.liveBytes[start + index] = page.liveBytes[index] ?? 0;
    store.residentBytes[start + index] = page.residentBytes[index] ?? NaN;
    store.usedPools[start + index] = page.usedPools[index] ?? 0;
  }
}

/** Arenas in the order in which they are drawn. */
export function arenaOrder(store: PoolStore, by: 'address' | 'emptiest'): Uint32Array {
  const order = Uint32Array.from({ length: store.arenas }, (_, index) => index);
  return by === 'address' ? order : order.sort((a, b) => store.liveBytes[a] - store.liveBytes[b] || a - b);
}

/** Address of a pool, hexadecimal without `0x`: pools are aligned to their own size, the first one inside the arena. */
export function poolAddress(store: PoolStore, arena: number, pool: number): string {
  const address = store.address[arena];
  if (!/^[0-9a-fA-F]{1,16}$/.test(address)) return '';
  const size = BigInt(store.poolBytes);
  const first = ((BigInt(`0x${address}`) + size - 1n) / size) * size;
  return (first + BigInt(pool) * size).toString(16);
}

function bytesOf(base64: string): Uint8Array {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
}

/** Little endian on the wire, whatever this machine is. */
function wordsOf(base64: string): Uint16Array {
  const bytes = bytesOf(base64);
  const words = new Uint16Array(bytes.length >> 1);
  for (let index = 0; index < words.length; index++) words[index] = bytes[2 * index] | (bytes[2 * index + 1] << 8);
  return words;
}
