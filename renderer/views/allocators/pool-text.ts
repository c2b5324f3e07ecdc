/** One pool in words, for the tip, the details and the screen reader. */
import { formatCount } from '#shared/format/counts.ts';
import { formatShare } from '#shared/format/percent.ts';
import { POOL_STATE } from '#shared/model/memory.ts';
import { NO_POOL, NOT_READ, poolAddress, type PoolStore } from './pool-store.ts';

export interface PoolText {
  /** `Pool 17 of arena 3` */
  name: string;
  address: string;
  /** `48-byte blocks (33 to 48 bytes)`, `Free`, `Never used` */
  kind: string;
  /** `251 of 340 blocks used (73.8 %)`; null for a pool without blocks. */
  filling: string | null;
}

export function poolText(store: PoolStore, arena: number, pool: number, alignmentBytes: number): PoolText {
  const index = arena * store.poolsPerArena + pool;
  const state = store.state[index];
  const address = poolAddress(store, arena, pool);
  const name = `Pool ${pool} of arena ${formatCount(arena)}`;
  if (state !== POOL_STATE.used && state !== POOL_STATE.full) return { name, address, kind: stateText(state), filling: null };
  const used = store.usedBlocks[index];
  const capacity = store.capacity[index];
  return {
    name,
    address,
    kind: classText(store.sizeClass[index], alignmentBytes),
    filling: `${formatCount(used)} of ${formatCount(capacity)} blocks used (${formatShare(used, capacity)})`,
  };
}

export function classText(sizeClass: number, alignmentBytes: number): string {
  const largest = (sizeClass + 1) * alignmentBytes;
  return `${largest}-byte blocks (${largest - alignmentBytes + 1} to ${largest} bytes)`;
}

function stateText(state: number): string {
  switch (state) {
    case POOL_STATE.virgin:
      return 'Never used';
    case POOL_STATE.free:
      return 'Free: was used, holds no block now';
    case NO_POOL:
      return 'No pool: the end of the arena';
    case NOT_READ:
      return 'Still being read';
    default:
      return 'Not known';
  }
}
