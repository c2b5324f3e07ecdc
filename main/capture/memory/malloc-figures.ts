/** Figures of the C library's allocator and of those that replace it, with their meaning. Pure. */
import type { AllocatorFigure, AllocatorReport } from '#shared/model/memory.ts';
import { asRecord, countField, stringField } from '../../cdp/read-field.ts';

export interface Mallinfo {
  /** Bytes obtained with brk or as arenas of threads. */
  arenaBytes: number;
  freeChunks: number;
  fastChunks: number;
  mmappedRegions: number;
  mmappedBytes: number;
  fastBytes: number;
  usedBytes: number;
  freeBytes: number;
  /** At the end of the main heap: what malloc_trim can return there. */
  topBytes: number;
}

/** The ten words of struct mallinfo2 (mallinfo(3)): arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost. */
export function readMallinfo(words: unknown): Mallinfo | null {
  if (!Array.isArray(words) || words.length < 10 || !words.every((word) => typeof word === 'number' && word >= 0)) return null;
  const [arenaBytes, freeChunks, fastChunks, mmappedRegions, mmappedBytes, , fastBytes, usedBytes, freeBytes, topBytes] = words as number[];
  return { arenaBytes, freeChunks, fastChunks, mmappedRegions, mmappedBytes, fastBytes, usedBytes, freeBytes, topBytes };
}

export function glibcFigures(info: Mallinfo): AllocatorFigure[] {
  const bytes = (id: string, label: string, value: number, explanation: string): AllocatorFigure => ({ id, label, value, unit: 'bytes', explanation });
  const count = (id: string, label: string, value: number, explanation: string): AllocatorFigure => ({ id, label, value, unit: 'count', explanation });
  return [
    bytes('usedBytes', 'In use', info.usedBytes, 'Blocks the program holds, headers included, without those mapped one by one (uordblks).'),
    bytes('freeBytes', 'Free, kept', info.freeBytes, 'Blocks the program gave back and malloc keeps for later (fordblks).'),
    bytes('topBytes', 'Free at the top', info.topBytes, 'The free end of the main heap, which malloc_trim can return at once (keepcost).'),
    bytes('fastBytes', 'Free in fast bins', info.fastBytes, 'Small free blocks that are not joined with their neighbours yet (fsmblks).'),
    bytes('arenaBytes', 'From the system', info.arenaBytes, 'All that malloc obtained with brk and for its arenas (arena).'),
    bytes('mmappedBytes', 'Mapped one by one', info.mmappedBytes, 'Blocks above the mmap threshold, returned to the system when freed (hblkhd).'),
    count('mmappedRegions', 'Mapped blocks', info.mmappedRegions, 'How many such blocks there are (hblks).'),
    count('freeChunks', 'Free blocks', info.freeChunks, 'Free blocks that are no fast bin (ordblks).'),
  ];
}

type GlibcArena = NonNullable<AllocatorReport['glibc']>['arenas'][number];
const MAX_ARENAS = 4_096;

/** The XML of glibc's malloc_info(0, …): one element `heap` an arena. Its free bytes hold the top of the arena as well. */
export function parseMallocInfo(xml: string): GlibcArena[] {
  const arenas: GlibcArena[] = [];
  for (const match of xml.matchAll(/<heap nr="(\d+)">([\s\S]*?)<\/heap>/g)) {
    if (arenas.length >= MAX_ARENAS) break;
    const [, index = '0', body = ''] = match;
    const size = (pattern: RegExp) => Number(pattern.exec(body)?.[1] ?? 0);
    arenas.push({
      index: Number(index),
      systemBytes: size(/<system type="current" size="(\d+)"/),
      freeBytes: size(/<total type="rest" count="\d+" size="(\d+)"/),
      fastBytes: size(/<total type="fast" count="\d+" size="(\d+)"/),
    });
  }
  return arenas;
}

const JEMALLOC: Record<string, [string, string, 'bytes' | 'count']> = {
  'stats.allocated': ['Allocated', 'What the program holds.', 'bytes'],
  'stats.active': ['Active', 'Pages with at least one block in use; above "allocated" by fragmentation.', 'bytes'],
  'stats.metadata': ['Metadata', "jemalloc's own tables.", 'bytes'],
  'stats.resident': ['Resident', 'Pages in memory, as jemalloc estimates them.', 'bytes'],
  'stats.mapped': ['Mapped', 'Address space in use.', 'bytes'],
  'stats.retained': ['Retained', 'Address space given back but kept reserved; no memory stands behind it.', 'bytes'],
  'arenas.narenas': ['Arenas', 'Arenas that threads are spread over.', 'count'],
};
const MIMALLOC: Record<string, [string, string, 'bytes' | 'count']> = {
  residentBytes: ['Resident', 'Resident memory of the process as mimalloc takes it; on Linux it takes what it has committed.', 'bytes'],
  peakResidentBytes: ['Resident, peak', 'The most it ever was.', 'bytes'],
  committedBytes: ['Committed', 'Memory mimalloc has asked the system to provide.', 'bytes'],
  peakCommittedBytes: ['Committed, peak', 'The most it ever was.', 'bytes'],
  pageFaults: ['Page faults', 'Since the start of the process.', 'count'],
};
const TCMALLOC: Record<string, [string, string, 'bytes' | 'count']> = {
  'generic.current_allocated_bytes': ['Allocated', 'What the program holds.', 'bytes'],
  'generic.heap_size': ['From the system', 'All that tcmalloc obtained.', 'bytes'],
  'tcmalloc.pageheap_free_bytes': ['Free pages', 'Free and still in memory.', 'bytes'],
  'tcmalloc.pageheap_unmapped_bytes': ['Returned', 'Free and given back to the system.', 'bytes'],
  'generic.total_physical_bytes': ['In memory', 'What it obtained and has not given back, its own tables included.', 'bytes'],
  'tcmalloc.central_cache_free_bytes': ['Central cache', 'Free blocks by size class, for all threads.', 'bytes'],
  'tcmalloc.transfer_cache_free_bytes': ['Transfer cache', 'Free blocks on their way between threads.', 'bytes'],
  'tcmalloc.current_total_thread_cache_bytes': ['Thread caches', 'Free blocks that threads keep for themselves.', 'bytes'],
};

/** The allocators that replace the C library's, as the agent found them by their own functions. */
export function otherAllocators(statistics: unknown): AllocatorReport['other'] {
  const found: AllocatorReport['other'] = [];
  const kinds = [['jemalloc', JEMALLOC], ['mimalloc', MIMALLOC], ['tcmalloc', TCMALLOC]] as const;
  for (const [kind, words] of kinds) {
    const answer = asRecord(statistics)[kind];
    const figures = asRecord(answer)['figures'];
    if (typeof figures !== 'object' || figures === null) continue;
    const bins = asRecord(answer)['bins'];
    found.push({
      kind,
      name: kind,
      figures: [
        ...Object.entries(words).flatMap(([id, [label, explanation, unit]]) => {
          const value = countField(figures, id);
          return value === null ? [] : { id, label, value, unit, explanation };
        }),
        ...parseMimallocStatistics(stringField(answer, 'statistics', 20_000) ?? ''),
      ],
      bins: (Array.isArray(bins) ? (bins as unknown[]) : []).slice(0, 256).flatMap((bin) => {
        if (!Array.isArray(bin) || bin.length !== 4 || !bin.every((n) => typeof n === 'number')) return [];
        const [blockBytes, used, slabs, slabBytes] = bin as number[];
        return { blockBytes, used, slabs, slabBytes };
      }),
    });
  }
  return found;
}

const MIMALLOC_LINES: Record<string, [id: string, label: string, explanation: string, unit: 'bytes' | 'count']> = {
  reserved: ['reserved', 'Reserved', 'Address space obtained; not all of it has memory behind it.', 'bytes'],
  reset: ['reset', 'Reset', 'Given back and kept reserved, to be used again.', 'bytes'],
  purged: ['purged', 'Purged', 'Given back to the system.', 'bytes'],
  segments: ['segments', 'Segments', 'Large pieces that its pages are cut from.', 'count'],
  threads: ['threads', 'Threads', 'With a heap of their own.', 'count'],
};
const UNITS: Record<string, number> = { '': 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };

/**
 * The text of mi_stats_print_out: lines `name: peak total freed current`. Of those only what mimalloc keeps count of when
 * it is built for use; the rest is zero or below.
 */
export function parseMimallocStatistics(text: string): AllocatorFigure[] {
  const figures: AllocatorFigure[] = [];
  for (const line of text.split('\n').slice(0, 200)) {
    const match = /^\s*(\w+):\s+(.*)$/.exec(line);
    const words = match?.[1] === undefined || !Object.hasOwn(MIMALLOC_LINES, match[1]) ? null : MIMALLOC_LINES[match[1]];
    if (!match || !words) continue;
    const [peak, , , current] = [...match[2].matchAll(/(-?[\d.]+)(?: ([KMGT]iB))?(?=\s|$)/g)].map(([, number = '', unit = '']) => Number(number) * (UNITS[unit] ?? 1));
    const [id, label, explanation, unit] = words;
    if (current === undefined || peak === undefined || peak <= 0 || current < 0) continue;
    figures.push({ id, label, value: Math.round(current), unit, explanation });
    figures.push({ id: `${id}Peak`, label: `${label}, peak`, value: Math.round(peak), unit, explanation: 'The most it ever was.' });
  }
  return figures;
}

/** The text of `sys._debugmallocstats()` when the interpreter uses mimalloc (3.13+): lines `Name: figure`. */
export function parsePythonMimalloc(text: string): AllocatorReport['other'] {
  const figures: AllocatorFigure[] = [];
  for (const [label, id, unit, explanation] of [
    ['Allocated Blocks', 'allocatedBlocks', 'count', 'Blocks in use.'],
    ['Allocated Bytes', 'allocatedBytes', 'bytes', 'Bytes in blocks in use.'],
    ['Allocated Bytes w/ Overhead', 'allocatedWithOverheadBytes', 'bytes', 'With what each block is rounded up to.'],
    ['Bytes Reserved', 'reservedBytes', 'bytes', 'Address space of its pages.'],
    ['Bytes Committed', 'committedBytes', 'bytes', 'Memory behind it.'],
  ] as const) {
    const match = new RegExp(`^\\s*${label.replace('/', '\\/')}\\s*[:=]\\s*([\\d,]+)`, 'm').exec(text);
    if (match) figures.push({ id, label, value: Number(match[1].replaceAll(',', '')), unit, explanation });
  }
  return figures.length > 0 ? [{ kind: 'mimalloc', name: 'mimalloc of CPython', figures, bins: [] }] : [];
}
