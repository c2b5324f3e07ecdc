/**
 * Where the memory of a process is: segments, allocators, arenas, and what its collector does. Bytes and epoch ms;
 * null where the target or the system does not tell. `docs/memory-views.md` says what each figure means.
 */

/** Segments by the names of a textbook, in the order in which they are shown. */
export const SEGMENT_KINDS = [
  'text',
  'read-only-data',
  'initialised-data',
  'uninitialised-data',
  'heap',
  'stack',
  'thread-stacks',
  'anonymous',
  'shared-libraries',
  'file-mappings',
  'shared-memory',
  'kernel',
  'reserved',
] as const;
export type SegmentKind = (typeof SEGMENT_KINDS)[number];

/** What the kernel counts of a mapping or of several (proc(5), smaps). */
export interface MemoryAmounts {
  virtualBytes: number;
  residentBytes: number;
  /** Shared pages divided by how many processes share them. */
  proportionalBytes: number;
  /** Written to by this process alone: what its end would give back. */
  privateDirtyBytes: number;
  privateCleanBytes: number;
  sharedBytes: number;
  swappedBytes: number;
}

export interface SegmentRow extends MemoryAmounts {
  kind: SegmentKind;
  /** `Uninitialised data (.bss)` */
  name: string;
  /** One sentence for somebody who knows the word from a textbook. */
  explanation: string;
  mappings: number;
}

export interface SegmentList {
  at: number;
  pid: number;
  /** Sum of all rows. */
  total: MemoryAmounts;
  /** The kernel's own sums (`smaps_rollup`), read right after; null before Linux 4.14. They differ when the program allocates meanwhile. */
  kernelTotal: { residentBytes: number; proportionalBytes: number; swappedBytes: number } | null;
  segments: SegmentRow[];
  threads: number | null;
  /** How long reading took; the program could not map memory meanwhile. */
  elapsedMs: number;
}

export const MAPPING_COLUMNS = ['address', 'name', 'permissions', 'virtualBytes', 'residentBytes', 'proportionalBytes', 'privateDirtyBytes', 'swappedBytes'] as const;

export interface MappingRow extends MemoryAmounts {
  /** Hexadecimal, without `0x`: addresses do not fit a number. */
  address: string;
  segment: SegmentKind;
  /** A path, `[heap]`, `[stack]`, `thread 1234 (worker)`, or empty for anonymous memory. */
  name: string;
  /** `rw-p` */
  permissions: string;
}

/** Resident bytes of each segment over time, from the recording. */
export interface SegmentHistory {
  at: number[];
  residentBytes: Partial<Record<SegmentKind, (number | null)[]>>;
}

/** What allocators hold over time, from the recording; the series add up. */
export interface AllocatorHistory {
  at: number[];
  series: {
    /** `pymalloc.used`, `malloc.free`, `v8.old_space` */
    id: string;
    label: string;
    /** `free`: held by an allocator and in no use. */
    group: 'used' | 'free';
    bytes: (number | null)[];
  }[];
}

export interface MemoryLimits {
  at: number;
  /** Null outside of a control group, or where it cannot be read. */
  cgroup: {
    path: string;
    currentBytes: number | null;
    /** Of this group or the lowest of its parents; null for none. */
    limitBytes: number | null;
    /** Beyond it the kernel slows the group down and takes pages back (`memory.high`). */
    highBytes: number | null;
    peakBytes: number | null;
    swapCurrentBytes: number | null;
    swapLimitBytes: number | null;
    /** `memory.events`: low, high, max, oom, oom_kill …; empty where the kernel does not tell. */
    events: { name: string; count: number; explanation: string }[];
  } | null;
  /** 0 to 1000 and more: who is killed first when memory runs out. */
  oomScore: number | null;
  /** -1000 (never) to 1000, set from outside. */
  oomScoreAdjustment: number | null;
  /** Limits of the process itself (`ulimit`); null for none. */
  addressSpaceLimitBytes: number | null;
  stackLimitBytes: number | null;
  machine: { totalBytes: number; availableBytes: number | null; swapTotalBytes: number | null; swapFreeBytes: number | null };
}

export const ALLOCATOR_KINDS = ['pymalloc', 'glibc', 'musl', 'jemalloc', 'tcmalloc', 'mimalloc', 'v8', 'partition-alloc', 'other'] as const;
export type AllocatorKind = (typeof ALLOCATOR_KINDS)[number];

/** One allocator that is at work in the process. */
export interface AllocatorInfo {
  kind: AllocatorKind;
  /** `pymalloc with debug hooks`, `glibc malloc 2.36` */
  name: string;
  /** What it serves: `Python objects up to 512 bytes`. */
  serves: string;
  /** How we know, one sentence each: `PYTHONMALLOC=malloc in the environment`, `libjemalloc.so.2 is mapped and listed in LD_PRELOAD`. */
  evidence: string[];
}

/** A figure of an allocator with its own name and its meaning. */
export interface AllocatorFigure {
  /** Stable, camelCase: `arenaBytes`. */
  id: string;
  label: string;
  value: number;
  unit: 'bytes' | 'count' | 'percent';
  explanation: string;
}

export interface SizeClassRow {
  index: number;
  blockBytes: number;
  pools: number;
  blocksUsed: number;
  blocksFree: number;
  usedBytes: number;
  freeBytes: number;
  /** Pool headers and the rest of each pool that is no block. */
  overheadBytes: number;
  /** Used blocks of all blocks in its pools, 0 to 100. */
  occupancyPercent: number;
}

export interface PymallocReport {
  arenaBytes: number;
  poolBytes: number;
  alignmentBytes: number;
  /** Now in use. */
  arenas: number;
  /** Since the start; null when only the memory was read. */
  arenasAllocated: number | null;
  arenasReclaimed: number | null;
  arenasHighWater: number | null;
  poolsUsed: number;
  /** Empty pools inside of arenas, never used ones included. */
  poolsFree: number;
  blocksUsed: number;
  blocksFree: number;
  usedBytes: number;
  freeBlockBytes: number;
  freePoolBytes: number;
  poolHeaderBytes: number;
  /** Ends of pools that are too short for a block. */
  quantizationBytes: number;
  /** Starts and ends of arenas that are no whole pool. */
  arenaAlignmentBytes: number;
  totalBytes: number;
  /** Free bytes of all bytes: what live blocks keep from being returned, 0 to 100. */
  fragmentationPercent: number;
  classes: SizeClassRow[];
}

export interface AllocatorReport {
  at: number;
  /** Those that we recognise, the most important first. */
  inUse: AllocatorInfo[];
  /** Values of PYTHONMALLOC that this interpreter accepts; empty for other targets. */
  pythonMallocValues: string[];
  pymalloc: PymallocReport | null;
  /** Why not, when this target could have one. */
  pymallocReason: string | null;
  /** glibc's main figures; null when it is another library or we may not ask. */
  glibc: {
    figures: AllocatorFigure[];
    /** One row an arena of malloc (threads share them). */
    arenas: { index: number; systemBytes: number; freeBytes: number; fastBytes: number }[];
  } | null;
  /** jemalloc, mimalloc, tcmalloc: their own figures. */
  other: { kind: AllocatorKind; name: string; figures: AllocatorFigure[]; bins: { blockBytes: number; used: number; slabs: number; slabBytes: number }[] }[];
  v8: V8Report | null;
  /** What could not be read and why, one sentence each. */
  notes: string[];
  canTrim: boolean;
}

export interface V8Report {
  spaces: { name: string; explanation: string; usedBytes: number; committedBytes: number; availableBytes: number; physicalBytes: number }[];
  heapLimitBytes: number | null;
  mallocedBytes: number | null;
  peakMallocedBytes: number | null;
  externalBytes: number | null;
  arrayBuffersBytes: number | null;
  codeBytes: number | null;
  bytecodeBytes: number | null;
  globalHandlesBytes: number | null;
  nativeContexts: number | null;
  detachedContexts: number | null;
}

/** How memory was read: `outside` costs the program nothing, `agent` a few ms of its time. */
export type MapSource = 'outside' | 'agent';

/** A reading of all arenas of pymalloc. */
export interface ArenaMapSummary {
  /** For `arenas` and `arenaPins`; the last two readings are kept. */
  readingId: number;
  at: number;
  elapsedMs: number;
  source: MapSource;
  /** False: the program ran while it was read, pools may be a few ms apart. */
  consistent: boolean;
  arenaBytes: number;
  poolBytes: number;
  /** Pools of the largest arena (63 or 64). */
  poolsPerArena: number;
  /** Arenas in `arenas`, ascending address. */
  arenas: number;
  totals: PymallocReport;
  /** Arenas whose live blocks fill at most a tenth: what they hold, and what would be given back without them. */
  almostEmpty: { arenas: number; liveBytes: number; heldBytes: number };
  notes: string[];
}

/** Pool states in `ArenaPage.state`. */
export const POOL_STATE = { virgin: 0, free: 1, used: 2, full: 3 } as const;

/** One page of the arena map as columns; typed arrays travel as base64 (little endian). */
export interface ArenaPage {
  start: number;
  /** Hexadecimal address of each arena. */
  address: string[];
  /** Live bytes of each arena. */
  liveBytes: number[];
  /** Resident bytes of each arena; null where the system does not tell. */
  residentBytes: (number | null)[];
  usedPools: number[];
  /** Uint8, `poolsPerArena` an arena, in address order; 255 where an arena has no pool there. */
  state: string;
  /** Uint8, size class of used and full pools (block size = (class + 1) × alignment), 255 for others. */
  sizeClass: string;
  /** Uint16, blocks in use. */
  usedBlocks: string;
  /** Uint16, blocks the pool has. */
  capacity: string;
}

/** What keeps an arena from being returned. */
export interface ArenaPins {
  arenaIndex: number;
  address: string;
  liveBlocks: number;
  liveBytes: number;
  heldBytes: number;
  source: MapSource;
  /** Most bytes first. */
  byType: { type: string; /** False: tables of dicts and lists and buffers: no object starts in the block. */ isObject: boolean; blocks: number; bytes: number }[];
  /** The first blocks themselves; `heapId` finds an object in a snapshot (`heap.byId`), null for no object. */
  blocks: { address: string; bytes: number; type: string; refcount: number | null; immortal: boolean; heapId: number | null }[];
  truncated: boolean;
}

/** One summand of resident memory. */
export interface RssPart {
  /** Stable: `live-blocks`, `malloc-free`, `shared-libraries`, `unexplained` … */
  id: string;
  label: string;
  bytes: number;
  group: 'objects' | 'allocator-free' | 'native' | 'code-and-files' | 'stacks' | 'unexplained';
  /** Where the figure comes from: `pool headers`, `smaps`, `mallinfo2`. */
  source: string;
  explanation: string;
  /** The figure is an upper bound or an allotment, not a count of pages. */
  estimated: boolean;
}

export interface RssBreakdown {
  at: number;
  /** `smaps_rollup`. */
  rssBytes: number;
  /** Add up to `rssBytes`; the last one is `unexplained`. */
  parts: RssPart[];
  notes: string[];
}

export const COLLECTION_COLUMNS = ['at', 'generation', 'kind', 'pauseMs', 'collected', 'uncollectable', 'trigger', 'heapBeforeBytes', 'heapAfterBytes', 'freedBytes', 'trackedBefore', 'trackedAfter'] as const;

export type GcTrigger =
  /** Allocations passed a threshold. */
  | 'allocation'
  /** The program asked: `gc.collect()`, `global.gc()`. */
  | 'explicit'
  /** Heaphouse asked. */
  | 'heaphouse'
  /** V8: little memory is left. */
  | 'memory-pressure'
  | 'unknown';

/** What more is known of a collection when it is recorded; see `CollectionRow`. */
export interface GcDetails {
  trigger: GcTrigger;
  triggerAt?: string | null;
  counts?: number[] | null;
  thresholds?: number[] | null;
  trackedBefore?: number | null;
  trackedAfter?: number | null;
  heapBeforeBytes?: number | null;
  heapAfterBytes?: number | null;
  reason?: string | null;
  /** It stands for so many, with so much pause in all: too many to be noted one by one. */
  merged?: { count: number; totalPauseMs: number };
}

/** One recorded collection. */
export interface CollectionRow {
  /** Stable in one host's life; the order of `at`. */
  id: number;
  at: number;
  pauseMs: number;
  kind: string;
  generation: number;
  collected: number | null;
  uncollectable: number | null;
  trigger: GcTrigger;
  /** V8's own words (`allocation failure`, `finalize incremental marking via task`); null where it does not tell. */
  reason?: string | null;
  /** `handlers.py:88` of an explicit call, when known. */
  triggerAt: string | null;
  /** CPython, at the start: allocations minus deallocations since the last collection of each generation. */
  counts: number[] | null;
  thresholds: number[] | null;
  /** CPython, objects that were looked at and those that lived on; of collections that Heaphouse asked for all that are followed. Null where not known. */
  trackedBefore: number | null;
  trackedAfter: number | null;
  /** Used heap. V8: of every collection (Node.js 18.15 and later, Chromium). CPython: of those that Heaphouse asked for. */
  heapBeforeBytes: number | null;
  heapAfterBytes: number | null;
  freedBytes: number | null;
  /** More than 1: a thinned recording; the pause is the longest. */
  merged: number;
}

export interface GcSettings {
  enabled: boolean;
  thresholds: number[];
  counts: number[];
  /** Objects put aside by `gc.freeze()`. */
  frozen: number;
  /** `gc.get_debug()`, 0 for none. */
  debugFlags: number;
  uncollectable: number | null;
}

/** The program changed its collector. */
export interface GcSettingsChange {
  at: number;
  /** `Collector disabled`, `Thresholds 700, 10, 10 → 5000, 20, 20`, `12,004 objects frozen` */
  text: string;
}

export interface GcSummary {
  fromAt: number;
  toAt: number;
  collections: number;
  totalPauseMs: number;
  longestPauseMs: number;
  /** Of the time between `fromAt` and `toAt`, 0 to 100. */
  shareOfTimePercent: number;
  byKind: {
    kind: string;
    generation: number;
    collections: number;
    totalPauseMs: number;
    longestPauseMs: number;
    medianPauseMs: number;
    p99PauseMs: number;
    collected: number | null;
    uncollectable: number | null;
    freedBytes: number | null;
    /** Of the collections whose objects are known: freed of all looked at, 0 to 100. */
    reclaimedPercent: number | null;
  }[];
  /** Pauses by length, powers of two from 1/64 ms. `fromMs` inclusive, `toMs` exclusive. */
  distribution: { fromMs: number; toMs: number; count: number; byGeneration: number[] }[];
  byTrigger: { trigger: GcTrigger; collections: number; totalPauseMs: number }[];
  settings: GcSettings | null;
  changes: GcSettingsChange[];
  /** Collector of this interpreter in a sentence; null for other targets. */
  collector: string | null;
}

export interface CollectNowResult {
  at: number;
  pauseMs: number | null;
  collected: number | null;
  uncollectable: number | null;
  trackedBefore: number | null;
  trackedAfter: number | null;
  heapBeforeBytes: number | null;
  heapAfterBytes: number | null;
  rssBeforeBytes: number | null;
  rssAfterBytes: number | null;
}

export interface TrimResult {
  at: number;
  /** `malloc_trim`, `jemalloc purge`, `mi_collect`. */
  action: string;
  elapsedMs: number;
  rssBeforeBytes: number | null;
  rssAfterBytes: number | null;
  /** What the allocator itself says it gave back; null where it does not. */
  releasedBytes: number | null;
  /** What the action cannot reach. */
  note: string | null;
}
