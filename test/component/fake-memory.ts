/** The memory service of the fake workbench: figures that are easy to recognise, for a made-up Python process. */
import type { memoryContract } from '#shared/contracts/memory.ts';
import type { AllocatorReport, ArenaMapSummary, ArenaPage, CollectionRow, GcSummary, MemoryAmounts, MemoryLimits, PymallocReport, RssBreakdown, SegmentList, SegmentRow } from '#shared/model/memory.ts';
import { POOL_STATE } from '#shared/model/memory.ts';
import type { ServiceHandlers } from '#shared/rpc/define-service.ts';
import { HOSTILE_NAME, T0 } from './fake-workbench.ts';

const MIB = 1_048_576;

const amounts = (residentBytes: number): MemoryAmounts => ({ virtualBytes: 2 * residentBytes, residentBytes, proportionalBytes: residentBytes, privateDirtyBytes: residentBytes / 2, privateCleanBytes: 0, sharedBytes: 0, swappedBytes: 0 });
const segment = (kind: SegmentRow['kind'], name: string, residentBytes: number, mappings: number): SegmentRow => ({ ...amounts(residentBytes), kind, name, explanation: `A test's ${name}.`, mappings });

export function fakeSegments(): SegmentList {
  const segments = [segment('text', 'Text', 2 * MIB, 1), segment('uninitialised-data', 'Uninitialised data (.bss)', MIB, 1), segment('heap', 'Heap', 40 * MIB, 3), segment('reserved', 'Reserved', 0, 2)];
  const total = amounts(43 * MIB);
  return { at: T0, pid: 4242, total, kernelTotal: { residentBytes: 43 * MIB, proportionalBytes: 43 * MIB, swappedBytes: 0 }, segments, threads: 3, elapsedMs: 4.2 };
}

export function fakeLimits(): MemoryLimits {
  return {
    at: T0,
    cgroup: {
      path: '/test/group',
      currentBytes: 95 * MIB,
      limitBytes: 100 * MIB,
      highBytes: null,
      peakBytes: 99 * MIB,
      swapCurrentBytes: 0,
      swapLimitBytes: null,
      events: [{ name: 'oom_kill', count: 2, explanation: 'Processes of the group ended for memory.' }],
    },
    oomScore: 700,
    oomScoreAdjustment: -17,
    addressSpaceLimitBytes: null,
    stackLimitBytes: 8 * MIB,
    machine: { totalBytes: 8_000 * MIB, availableBytes: 2_000 * MIB, swapTotalBytes: 0, swapFreeBytes: 0 },
  };
}

export function fakeRss(): RssBreakdown {
  const part = (id: string, label: string, bytes: number, group: RssBreakdown['parts'][number]['group'], estimated = false) => ({ id, label, bytes, group, source: `source of ${id}`, explanation: `What ${label} is.`, estimated });
  return {
    at: T0,
    rssBytes: 43 * MIB,
    parts: [part('live-blocks', 'Live objects', 30 * MIB, 'objects'), part('free-blocks', 'Free blocks', 2 * MIB, 'allocator-free'), part('malloc-used', HOSTILE_NAME, 8 * MIB, 'native', true), part('text', 'Code', 2 * MIB, 'code-and-files'), part('unexplained', 'Unexplained', MIB, 'unexplained')],
    notes: ['A note of the test.'],
  };
}

/** Two used classes in `arenas` arenas of 64 pools. */
export function fakePymalloc(arenas: number): PymallocReport {
  const row = (index: number, pools: number, used: number, free: number) => ({ index, blockBytes: (index + 1) * 16, pools, blocksUsed: used, blocksFree: free, usedBytes: used * (index + 1) * 16, freeBytes: free * (index + 1) * 16, overheadBytes: pools * 64, occupancyPercent: (100 * used) / Math.max(1, used + free) });
  return {
    arenaBytes: MIB,
    poolBytes: 16_384,
    alignmentBytes: 16,
    arenas,
    arenasAllocated: arenas + 3,
    arenasReclaimed: 3,
    arenasHighWater: arenas + 1,
    poolsUsed: 62 * arenas,
    poolsFree: 2 * arenas,
    blocksUsed: 1_000,
    blocksFree: 500,
    usedBytes: 48_000,
    freeBlockBytes: 24_000,
    freePoolBytes: 32_768 * arenas,
    poolHeaderBytes: 48 * 62 * arenas,
    quantizationBytes: 100,
    arenaAlignmentBytes: 0,
    totalBytes: MIB * arenas,
    fragmentationPercent: 55,
    classes: [row(0, 0, 0, 0), row(2, 40 * arenas, 800, 400), row(5, 22 * arenas, 200, 100)],
  };
}

export function fakeAllocators(arenas: number): AllocatorReport {
  return {
    at: T0,
    inUse: [
      { kind: 'pymalloc', name: 'pymalloc', serves: 'Python objects up to 512 bytes', evidence: ['A live object lies in one of its arenas.'] },
      { kind: 'glibc', name: 'glibc malloc 2.36', serves: 'everything else', evidence: ['libc.so.6 is mapped.'] },
    ],
    pythonMallocValues: ['default', 'malloc'],
    pymalloc: fakePymalloc(arenas),
    pymallocReason: null,
    glibc: { figures: [{ id: 'inUseBytes', label: 'In use', value: 5 * MIB, unit: 'bytes', explanation: 'Blocks of the program.' }], arenas: [{ index: 0, systemBytes: 6 * MIB, freeBytes: MIB, fastBytes: 0 }] },
    other: [],
    v8: null,
    notes: ['A note on allocators.'],
    canTrim: true,
  };
}

/** What a Node.js target answers. */
export function fakeV8Allocators(): AllocatorReport {
  const space = (name: string, usedBytes: number) => ({ name, explanation: `A test's ${name}.`, usedBytes, committedBytes: 2 * usedBytes, availableBytes: usedBytes, physicalBytes: usedBytes });
  const v8 = { spaces: [space('new_space', MIB), space('old_space', 6 * MIB)], heapLimitBytes: 4_000 * MIB, mallocedBytes: 1_000, peakMallocedBytes: 2_000, externalBytes: 3_000, arrayBuffersBytes: 0, codeBytes: null, bytecodeBytes: null, globalHandlesBytes: null, nativeContexts: 1, detachedContexts: 2 };
  return { ...fakeAllocators(0), inUse: [{ kind: 'v8', name: 'V8 heap', serves: 'JavaScript objects', evidence: ['The target runs V8.'] }], pythonMallocValues: [], pymalloc: null, glibc: null, v8, canTrim: false, notes: [] };
}

export function fakeArenaSummary(arenas: number, readingId = 7): ArenaMapSummary {
  return { readingId, at: T0, elapsedMs: 3, source: 'outside', consistent: false, arenaBytes: MIB, poolBytes: 16_384, poolsPerArena: 64, arenas, totals: fakePymalloc(arenas), almostEmpty: { arenas: 1, liveBytes: 480, heldBytes: MIB }, notes: [] };
}

/** Of each arena: pool 0 full of class 2, pools 1 … 61 partly used, pool 62 free, pool 63 never used. Arena 1 is almost empty. */
export function fakeArenaPage(start: number, end: number): ArenaPage {
  const count = end - start;
  const state = new Uint8Array(count * 64);
  const sizeClass = new Uint8Array(count * 64).fill(255);
  const used = new Uint8Array(count * 128);
  const capacity = new Uint8Array(count * 128);
  for (let index = 0; index < count * 64; index++) {
    const pool = index % 64;
    state[index] = pool === 0 ? POOL_STATE.full : pool < 62 ? POOL_STATE.used : pool === 62 ? POOL_STATE.free : POOL_STATE.virgin;
    if (pool >= 62) continue;
    sizeClass[index] = pool < 40 ? 2 : 5;
    const blocks = pool < 40 ? 340 : 170;
    const inUse = pool === 0 ? blocks : (pool * 7) % blocks;
    used.set([inUse & 255, inUse >> 8], 2 * index);
    capacity.set([blocks & 255, blocks >> 8], 2 * index);
  }
  const arenas = Array.from({ length: count }, (_, index) => start + index);
  return {
    start,
    address: arenas.map((arena) => (0x7f00_0000_1000 + arena * MIB).toString(16)),
    liveBytes: arenas.map((arena) => (arena === 1 ? 480 : 900_000 + arena)),
    residentBytes: arenas.map(() => null),
    usedPools: arenas.map(() => 62),
    state: base64(state),
    sizeClass: base64(sizeClass),
    usedBlocks: base64(used),
    capacity: base64(capacity),
  };
}

function base64(bytes: Uint8Array): string {
  let text = '';
  for (let from = 0; from < bytes.length; from += 4_096) text += String.fromCharCode(...bytes.subarray(from, from + 4_096));
  return btoa(text);
}

export function fakeCollection(id: number, more: Partial<CollectionRow> = {}): CollectionRow {
  const generation = id % 10 === 0 ? 2 : 0;
  return {
    id,
    at: T0 + id * 100,
    pauseMs: generation === 2 ? 4 : 0.05,
    kind: id === 39 ? HOSTILE_NAME : `generation ${generation}`,
    generation,
    collected: id,
    uncollectable: id === 20 ? 3 : 0,
    trigger: generation === 2 ? 'explicit' : 'allocation',
    triggerAt: generation === 2 ? 'handlers.py:88' : null,
    counts: [701, 1, 0],
    thresholds: [700, 10, 10],
    trackedBefore: null,
    trackedAfter: null,
    heapBeforeBytes: null,
    heapAfterBytes: null,
    freedBytes: null,
    merged: 1,
    ...more,
  };
}

export function fakeGcSummary(collections: number): GcSummary {
  const kind = (generation: number, count: number, pauseMs: number) => ({ kind: `generation ${generation}`, generation, collections: count, totalPauseMs: count * pauseMs, longestPauseMs: pauseMs, medianPauseMs: pauseMs, p99PauseMs: pauseMs, collected: 10, uncollectable: generation === 2 ? 3 : 0, freedBytes: null, reclaimedPercent: null });
  return {
    fromAt: T0,
    toAt: T0 + 60_000,
    collections,
    totalPauseMs: 16.5,
    longestPauseMs: 4,
    shareOfTimePercent: 12.5,
    byKind: collections === 0 ? [] : [kind(0, 36, 0.05), kind(2, 4, 4)],
    distribution: collections === 0 ? [] : [{ fromMs: 1 / 32, toMs: 1 / 16, count: 36, byGeneration: [36, 0, 0] }, { fromMs: 1 / 16, toMs: 1 / 8, count: 0, byGeneration: [0, 0, 0] }, { fromMs: 4, toMs: 8, count: 4, byGeneration: [0, 0, 4] }, { fromMs: 8, toMs: 16, count: 0, byGeneration: [0, 0, 0] }],
    byTrigger: collections === 0 ? [] : [{ trigger: 'allocation', collections: 36, totalPauseMs: 1.8 }, { trigger: 'explicit', collections: 4, totalPauseMs: 16 }],
    settings: { enabled: false, thresholds: [700, 10, 10], counts: [12, 3, 1], frozen: 12_004, debugFlags: 0, uncollectable: 3 },
    changes: [{ at: T0 + 5_000, text: 'Collector disabled' }],
    collector: 'Three generations.',
  };
}

interface AskedCollections {
  start: number;
  end: number;
  filter?: { generations?: number[]; uncollectableOnly?: boolean; text?: string };
}

export interface FakeMemory {
  arenas: number;
  collections: number;
  allocators: (() => AllocatorReport) | null;
}

/** `enter` notes the call and waits or fails as the test has asked. */
export function fakeMemoryHandlers(memory: FakeMemory, enter: (name: string, params: unknown) => Promise<void>): ServiceHandlers<typeof memoryContract> {
  const answer = <P, R>(name: string, make: (params: P) => R) => async (params: P) => {
    await enter(`memory.${name}`, params);
    return make(params);
  };
  return {
    methods: {
      segments: answer('segments', fakeSegments),
      mappings: answer('mappings', ({ segment: kind, query }) => {
        const rows = Array.from({ length: kind === 'heap' ? 3 : 1 }, (_, index) => ({ ...amounts(MIB), address: (0x5500_0000 + index * MIB).toString(16), segment: kind ?? ('heap' as const), name: index === 0 ? HOSTILE_NAME : '', permissions: 'rw-p' }));
        return { rows: rows.slice(query.start, query.end), start: query.start, total: rows.length, unfiltered: rows.length };
      }),
      allocatorHistory: answer('allocatorHistory', () => ({
        at: [T0, T0 + 5_000],
        series: [
          { id: 'pymalloc.used', label: 'pymalloc, in use', group: 'used' as const, bytes: [MIB, 4 * MIB] },
          { id: 'pymalloc.freePools', label: 'pymalloc, free pools', group: 'free' as const, bytes: [MIB, null] },
          { id: 'malloc.used', label: 'malloc, in use', group: 'used' as const, bytes: [9 * MIB, 9 * MIB] },
        ],
      })),
      segmentHistory: answer('segmentHistory', () => ({ at: [T0, T0 + 5_000], residentBytes: { heap: [MIB, 40 * MIB], text: [2 * MIB, 2 * MIB], stack: [0, 0] } })),
      limits: answer('limits', fakeLimits),
      allocators: answer('allocators', () => memory.allocators?.() ?? fakeAllocators(memory.arenas)),
      async readArenas(params, { progress }) {
        progress({ phase: 'Reading arenas', done: 1, total: memory.arenas, unit: 'steps' });
        await enter('memory.readArenas', params);
        return fakeArenaSummary(memory.arenas);
      },
      arenas: answer('arenas', ({ start, end }) => fakeArenaPage(start, end)),
      emptiestArenas: answer('emptiestArenas', () => [{ arenaIndex: 1, address: (0x7f00_0000_1000 + MIB).toString(16), liveBytes: 480, heldBytes: MIB, usedPools: 1 }]),
      arenaPins: answer('arenaPins', ({ arenaIndex }) => ({
        arenaIndex,
        address: '7f0000101000',
        liveBlocks: 10,
        liveBytes: 480,
        heldBytes: MIB,
        source: 'outside' as const,
        byType: [{ type: HOSTILE_NAME, isObject: true, blocks: 9, bytes: 432 }, { type: 'memory of objects', isObject: false, blocks: 1, bytes: 48 }],
        blocks: [{ address: '7f0000101030', bytes: 48, type: 'app.Session', refcount: 2, immortal: false, heapId: 2_001 }, { address: '7f0000101060', bytes: 48, type: 'memory of objects', refcount: null, immortal: false, heapId: null }],
        truncated: false,
      })),
      rssBreakdown: answer('rssBreakdown', fakeRss),
      collections: answer('collections', ({ query }) => {
        // The bound on rows hides the other fields from the type of the contract.
        const { filter = {}, start, end }: AskedCollections = query;
        const all = Array.from({ length: memory.collections }, (_, index) => fakeCollection(memory.collections - index));
        const rows = all.filter((row) => (!filter.generations || filter.generations.includes(row.generation)) && (!filter.uncollectableOnly || (row.uncollectable ?? 0) > 0) && (!filter.text || `${row.kind} ${row.triggerAt ?? ''}`.includes(filter.text)));
        return { rows: rows.slice(start, end), start, total: rows.length, unfiltered: all.length };
      }),
      gcSummary: answer('gcSummary', () => fakeGcSummary(memory.collections)),
      collectNow: answer('collectNow', () => ({ at: T0, pauseMs: 1.5, collected: 402, uncollectable: 1, trackedBefore: 9_000, trackedAfter: 8_600, heapBeforeBytes: 2 * MIB, heapAfterBytes: MIB, rssBeforeBytes: null, rssAfterBytes: null })),
      trimMalloc: answer('trimMalloc', () => ({ at: T0, action: 'malloc_trim', elapsedMs: 0.2, rssBeforeBytes: 43 * MIB, rssAfterBytes: 40 * MIB, releasedBytes: null , note: null})),
    },
    events: { recorded: () => () => undefined },
  };
}
