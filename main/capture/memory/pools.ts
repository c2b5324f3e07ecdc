/** The arenas of one Python target: found once, read on demand; the last two readings are kept for their pages. */
import type { ArenaMapSummary, ArenaPins, PymallocReport } from '#shared/model/memory.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import type { CdpSession } from '../../cdp/connection.ts';
import { asRecord, countField, stringField } from '../../cdp/read-field.ts';
import { pageBytes } from '../process-memory.ts';
import { findArenaList, rangesToSearch, readArenaList, type ArenaList } from './arena-finder.ts';
import { almostEmpty, readArenaMap, type ArenaMap } from './arena-map.ts';
import { readArenaPins } from './arena-pins.ts';
import { agentReader, openOutsideReader, type MemoryReader } from './memory-reader.ts';
import { openPagemap } from './pagemap.ts';
import { parsePymallocText, totalsOf } from './pymalloc-totals.ts';
import { readMappings } from './segments.ts';
import type { ArenaResidency } from './rss.ts';

export interface ReadOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface Pools {
  read(options?: ReadOptions): Promise<{ summary: ArenaMapSummary; map: ArenaMap }>;
  /** Errors: `not-found` for an older reading. */
  map(readingId: number): ArenaMap;
  pins(readingId: number, row: number): Promise<ArenaPins>;
  /** For the sum of resident memory; null without pymalloc. */
  residency(): Promise<ArenaResidency | null>;
  close(): void;
}

const KEPT_READINGS = 2;

/** `mayReadOutside` false: as on a system that lets nobody read another process. */
export function createPools(session: CdpSession, pid: number, mayReadOutside = true): Pools {
  const readings = new Map<number, ArenaMap>();
  let lastId = 0;
  let base: number | null = null;
  let outside: MemoryReader | null | undefined;

  function reader(): MemoryReader {
    if (outside === undefined) outside = mayReadOutside ? openOutsideReader(pid) : null;
    return outside ?? agentReader(session);
  }

  async function findArenas(): Promise<{ list: ArenaList; text: PymallocReport }> {
    const statistics = await session.send('Python.getAllocatorStatistics');
    const text = parsePymallocText(stringField(statistics, 'pymalloc', 100_000) ?? '');
    if (!text) throw noPools();
    const sizes = { arenaBytes: text.arenaBytes, poolBytes: text.poolBytes };
    if (!isPlausible(sizes)) throw new HeaphouseError('unsupported', 'This interpreter describes arenas of a size that Heaphouse does not know.', { detail: JSON.stringify(sizes) });
    const targetPageBytes = countField(statistics, 'pageBytes') ?? pageBytes();
    const known = base === null ? null : await readArenaList(reader(), base, sizes, targetPageBytes);
    // The list moves when it grows; the old place then knows fewer arenas than there are.
    if (known && known.arenas.length >= text.arenas - 1) return { list: known, text };
    const list = await findArenaList({
      reader: reader(),
      sizes,
      pageBytes: targetPageBytes,
      sampleAddress: parseInt(stringField(statistics, 'sampleAddress', 20) ?? '0', 16),
      ranges: rangesToSearch(readMappings(pid).placed),
      expectedArenas: text.arenas,
    });
    if (!list) throw noPools();
    base = list.base;
    return { list, text };
  }

  async function read({ signal, onProgress }: ReadOptions = {}): Promise<{ summary: ArenaMapSummary; map: ArenaMap }> {
    const startedAt = performance.now();
    const at = Date.now();
    const { list, text } = await findArenas();
    const sizes = { arenaBytes: text.arenaBytes, poolBytes: text.poolBytes };
    const pagemap = openPagemap(pid);
    try {
      const map = await readArenaMap({ reader: reader(), list, sizes, pagemap, signal, onProgress });
      const ever = text.arenasAllocated === null || text.arenasReclaimed === null || text.arenasHighWater === null ? null : { allocated: text.arenasAllocated, reclaimed: text.arenasReclaimed, highWater: text.arenasHighWater };
      const totals = totalsOf(map.counts, sizes, ever);
      const readingId = ++lastId;
      readings.set(readingId, map);
      for (const id of readings.keys()) if (readings.size > KEPT_READINGS) readings.delete(id);
      const consistent = map.vanished === 0 && totals.arenas === text.arenas && Math.abs(totals.blocksUsed - text.blocksUsed) <= OWN_BLOCKS;
      return {
        map,
        summary: {
          readingId,
          at,
          elapsedMs: performance.now() - startedAt,
          source: reader().source,
          consistent,
          ...sizes,
          poolsPerArena: map.poolsPerArena,
          arenas: map.arenas,
          totals,
          almostEmpty: almostEmpty(map),
          notes: [
            reader().source === 'outside' ? 'Read from outside: it cost the program nothing.' : 'Read by the agent inside the program, because the system does not let us read it from outside.',
            ...(consistent ? [] : ['The program ran while it was read: pools may be a few milliseconds apart.']),
          ],
        },
      };
    } finally {
      pagemap?.close();
    }
  }

  function mapOf(readingId: number): ArenaMap {
    const map = readings.get(readingId);
    if (!map) throw new HeaphouseError('not-found', 'A newer reading took the place of this one.', { advice: 'Read the arenas again.' });
    return map;
  }

  return {
    read,
    map: mapOf,
    async pins(readingId, row) {
      const map = mapOf(readingId);
      if (row >= map.arenas) throw new HeaphouseError('not-found', `There is no arena ${row}.`);
      const pins = await readArenaPins(reader(), map, row);
      const answer = await session.send('Python.getHeapObjectIds', { addresses: pins.blocks.map(({ address }) => address) });
      const ids = asRecord(answer)['ids'];
      if (Array.isArray(ids)) pins.blocks.forEach((block, i) => (block.heapId = typeof ids[i] === 'number' ? ids[i] : null));
      return pins;
    },
    async residency() {
      const { map, summary } = await read();
      const sum = (column: Float64Array) => column.subarray(0, map.arenas).reduce((a, b) => a + b, 0);
      const residentBytes = sum(map.residentBytes);
      const isCounted = !Number.isNaN(residentBytes);
      return {
        totals: summary.totals,
        isCounted,
        residentBytes: isCounted ? residentBytes : summary.totals.totalBytes,
        usedPoolBytes: isCounted ? sum(map.residentUsedPoolBytes) : summary.totals.poolsUsed * map.sizes.poolBytes,
      };
    },
    close() {
      outside?.close();
      outside = null;
    },
  };
}

/** What the agent itself holds while it answers. */
const OWN_BLOCKS = 400;

function noPools(): HeaphouseError {
  return new HeaphouseError('unsupported', 'This interpreter has no arenas and pools: it does not use pymalloc.', {
    advice: 'The allocator view says which allocator it uses; PYTHONMALLOC=default brings pymalloc back.',
  });
}

function isPlausible({ arenaBytes, poolBytes }: { arenaBytes: number; poolBytes: number }): boolean {
  const isPower = (n: number) => n > 0 && Number.isInteger(Math.log2(n));
  return isPower(arenaBytes) && isPower(poolBytes) && poolBytes >= 4_096 && poolBytes <= 65_536 && arenaBytes >= poolBytes && arenaBytes <= 64 * 1024 * 1024;
}
