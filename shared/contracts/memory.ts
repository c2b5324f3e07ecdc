/**
 * Where the memory of one session's target is (scope: the session id; its session host answers, like `timeline`).
 * `collections`, `gcSummary`, `segmentHistory` and `allocatorHistory` also answer for a recording; everything else needs the living process
 * and fails with `target-gone` without it, with `unsupported` where the target or the system has no such thing, and with
 * `permission` where the system refuses.
 */
import * as v from 'valibot';
import { defineService, event, method, type Progress } from '../rpc/define-service.ts';
import type { Page } from '../model/heap.ts';
import {
  COLLECTION_COLUMNS,
  MAPPING_COLUMNS,
  SEGMENT_KINDS,
  type AllocatorHistory,
  type AllocatorReport,
  type ArenaMapSummary,
  type ArenaPage,
  type ArenaPins,
  type CollectionRow,
  type CollectNowResult,
  type GcSummary,
  type MappingRow,
  type MemoryLimits,
  type RssBreakdown,
  type SegmentHistory,
  type SegmentList,
  type TrimResult,
} from '../model/memory.ts';
import { count, empty, epochMs, MAX_PAGE_ROWS, rowWindow } from './common.ts';

/** Arenas of one page: 512 × 64 pools × 6 bytes is 256 KiB as base64. */
export const MAX_ARENAS_PER_PAGE = 512;

const text = v.pipe(v.string(), v.maxLength(1_000));
const order = v.picklist(['ascending', 'descending']);
/** Generic, so that what is checked keeps its type. */
function atMost<T extends { start: number; end: number }>(rows: number, what: string) {
  return v.check<T, string>(({ start, end }) => end >= start && end - start <= rows, `a page has at most ${rows} ${what}`);
}

const mappingQuery = v.pipe(
  v.object({
    ...rowWindow,
    sort: v.optional(v.object({ by: v.picklist(MAPPING_COLUMNS), order })),
    /** Plain text in any case, of name, address or permissions. */
    filter: v.optional(text),
  }),
  atMost(MAX_PAGE_ROWS, 'rows'),
);

const collectionQuery = v.pipe(
  v.object({
    ...rowWindow,
    /** Default: newest first. */
    sort: v.optional(v.object({ by: v.picklist(COLLECTION_COLUMNS), order })),
    filter: v.optional(
      v.object({
        fromAt: v.optional(epochMs),
        toAt: v.optional(epochMs),
        generations: v.optional(v.pipe(v.array(count), v.maxLength(16))),
        triggers: v.optional(v.pipe(v.array(v.picklist(['allocation', 'explicit', 'heaphouse', 'memory-pressure', 'unknown'])), v.maxLength(8))),
        minPauseMs: v.optional(v.pipe(v.number(), v.finite(), v.minValue(0))),
        /** Only those that found uncollectable objects. */
        uncollectableOnly: v.optional(v.boolean()),
        /** Plain text in any case, of the kind or of where it was asked for. */
        text: v.optional(text),
      }),
    ),
  }),
  atMost(MAX_PAGE_ROWS, 'rows'),
);

const readingId = count;
const historyQuery = v.object({ fromAt: v.optional(epochMs), toAt: v.optional(epochMs), maxPoints: v.pipe(count, v.minValue(10), v.maxValue(5_000)) });

export const memoryContract = defineService('memory', {
  methods: {
    segments: method<SegmentList>()(empty),
    /** The mappings of the last `segments`, of one segment or of all. */
    mappings: method<Page<MappingRow>>()(v.object({ segment: v.optional(v.picklist(SEGMENT_KINDS)), query: mappingQuery })),
    segmentHistory: method<SegmentHistory>()(historyQuery),
    limits: method<MemoryLimits>()(empty),
    /** Totals of the allocators over time, from the recording. */
    allocatorHistory: method<AllocatorHistory>()(historyQuery),
    allocators: method<AllocatorReport>()(empty),

    /** Reads all arenas and pools of pymalloc now. */
    readArenas: method<ArenaMapSummary, Progress>()(empty),
    /** A page of a reading. Errors: `not-found` when a newer reading took its place. */
    arenas: method<ArenaPage>()(
      v.pipe(v.object({ readingId, ...rowWindow }), atMost(MAX_ARENAS_PER_PAGE, 'arenas')),
    ),
    /** The arenas with the fewest live bytes, most freeable first: indices into the reading. */
    emptiestArenas: method<{ arenaIndex: number; address: string; liveBytes: number; heldBytes: number; usedPools: number }[]>()(
      v.object({ readingId, limit: v.pipe(count, v.minValue(1), v.maxValue(500)) }),
    ),
    /** What lives in one arena. Read now: the program may have moved on since the reading. */
    arenaPins: method<ArenaPins>()(v.object({ readingId, arenaIndex: count })),

    rssBreakdown: method<RssBreakdown>()(empty),

    collections: method<Page<CollectionRow>>()(v.object({ query: collectionQuery })),
    gcSummary: method<GcSummary>()(v.object({ fromAt: v.optional(epochMs), toAt: v.optional(epochMs) })),
    /** Runs the collector of the target; CPython may be told which generation (default 2: everything). */
    collectNow: method<CollectNowResult>()(v.object({ generation: v.optional(v.picklist([0, 1, 2])) })),
    /** Asks the C allocator to give free memory back to the system (`malloc_trim`, jemalloc's purge). */
    trimMalloc: method<TrimResult>()(empty),
  },
  events: {
    /** A collection or a reading of segments was recorded; at most 4 times a second. */
    recorded: event<{ collections: number; lastCollectionAt: number | null; segmentReadings: number }>()(empty),
  },
});
