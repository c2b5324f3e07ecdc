/** Answers of the `memory` contract: what is asked of the living target, and what the recording knows. */
import type { DatabaseSync } from 'node:sqlite';
import type { ServiceHandlers } from '#shared/rpc/define-service.ts';
import type { memoryContract } from '#shared/contracts/memory.ts';
import type { AllocatorReport, CollectNowResult, GcSettings, GcSettingsChange, GcSummary, RssBreakdown, SegmentHistory, SegmentKind, TrimResult } from '#shared/model/memory.ts';
import { pythonMallocValues } from '#shared/model/launch-allocators.ts';
import type { TargetKind } from '#shared/model/target.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import type { CdpSession } from '../../cdp/connection.ts';
import { asRecord, booleanField, numberField, stringField } from '../../cdp/read-field.ts';
import { gcFigures, pageOfCollections, readReadings } from '../../storage/collection-query.ts';
import { openRssReader } from '../process-memory.ts';
import type { TargetAdapter } from '../target-adapter.ts';
import { allocatorHistory } from './allocator-totals.ts';
import { emptiestArenas, pageOfArenas } from './arena-map.ts';
import { describeCollector, readGcSettings } from './collector.ts';
import { readLimits } from './limits.ts';
import { glibcFigures, otherAllocators, parseMallocInfo, parsePythonMimalloc, readMallinfo } from './malloc-figures.ts';
import { createPools, type Pools } from './pools.ts';
import { parsePymallocText } from './pymalloc-totals.ts';
import { allocatorBytes, nativeFigures } from './native-figures.ts';
import { dumpedAllocators, dumpedV8, type ProcessDump } from './browser-dump.ts';
import { readReservations } from './reservations.ts';
import { explainRss } from './rss.ts';
import { THREAD_ARENA_LABEL, v8PageBytes } from './segment-names.ts';
import { pageOfMappings, readSegments, type SegmentReading } from './segments.ts';
import { readV8Report } from './v8-report.ts';
import { recogniseAllocators } from './which-allocator.ts';

export interface MemoryTarget {
  kind: TargetKind;
  /** Null for a process elsewhere. */
  pid: number | null;
  session: CdpSession;
  adapter: TargetAdapter;
}

export interface MemoryServiceOptions {
  /** Errors: `target-gone`. */
  target(): MemoryTarget;
  hasTarget(): boolean;
  /** Asks the recording; errors of the answer pass through. */
  query<T>(ask: (database: DatabaseSync) => T): T;
  /** Runs the collector and marks what it does as ours. */
  collect(generation?: number): ReturnType<TargetAdapter['collectGarbage']>;
}

type Methods = ServiceHandlers<typeof memoryContract>['methods'];

export interface MemoryService {
  methods: Methods;
  close(): void;
}

export function createMemoryService({ target, hasTarget, query, collect }: MemoryServiceOptions): MemoryService {
  let lastSegments: SegmentReading | null = null;
  let pools: { of: MemoryTarget['session']; pools: Pools } | null = null;

  function localPid(): number {
    const { pid } = target();
    if (pid === null) throw new HeaphouseError('unsupported', 'This target runs on another machine, or where we cannot see its process.', { advice: 'Start Heaphouse on the machine of the target.' });
    return pid;
  }

  function poolsOf(): Pools {
    const { session, kind } = target();
    if (kind !== 'python') throw new HeaphouseError('unsupported', 'Only Python has arenas and pools.');
    if (pools?.of !== session) {
      pools?.pools.close();
      pools = { of: session, pools: createPools(session, localPid()) };
    }
    return pools.pools;
  }

  function segments(): SegmentReading {
    lastSegments = readSegments(localPid());
    return lastSegments;
  }

  async function allocators(): Promise<AllocatorReport> {
    const { kind, session, adapter } = target();
    const notes: string[] = [];
    const libraries = readLibraries(notes);
    if (kind !== 'python') {
      const v8 = await readV8Report(session).catch(() => null);
      const dump = v8 ? null : await dumpOf(adapter, notes);
      if (!v8 && !dump) notes.push('Without it a page tells no more of its heap than its size.');
      const inUse = recogniseAllocators({ targetKind: kind, libraries, environment: {}, cLibrary: null, python: null, answering: [] });
      for (const { kind: each, name } of inUse) {
        if (each !== 'v8' && !(dump && each === 'partition-alloc')) notes.push(`The figures of ${name} cannot be read: they are told by functions inside of the process, which only our agent in a Python calls. What is mapped and resident is in the segments.`);
      }
      return { at: Date.now(), inUse, pythonMallocValues: [], pymalloc: null, pymallocReason: null, glibc: null, other: dump ? dumpedAllocators(dump) : [], v8: v8 ?? (dump ? dumpedV8(dump) : null), notes, canTrim: false };
    }
    const statistics = await session.send('Python.getAllocatorStatistics');
    const text = stringField(statistics, 'pymalloc', 100_000) ?? '';
    const pymalloc = parsePymallocText(text);
    const isInUse = pymalloc !== null && (pymalloc.blocksUsed > 0 || pymalloc.arenas > 0);
    const other = [...otherAllocators(statistics), ...(isInUse ? [] : parsePythonMimalloc(text))];
    const mallinfo = readMallinfo(asRecord(statistics)['mallinfo2']);
    const isReplaced = other.some(({ name, kind: each }) => name === each);
    const environment = Object.fromEntries(Object.entries(asRecord(asRecord(statistics)['environment'])).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])));
    if (text === '') notes.push('The interpreter was built without _ctypes: its own statistics cannot be read.');
    return {
      at: Date.now(),
      inUse: recogniseAllocators({
        targetKind: kind,
        libraries,
        environment,
        cLibrary: stringField(statistics, 'cLibrary', 40),
        python: {
          hasPools: isInUse,
          hasMimalloc: /Bytes Reserved/.test(text),
          devMode: booleanField(statistics, 'devMode') ?? false,
          gilEnabled: booleanField(statistics, 'gilEnabled') ?? true,
        },
        answering: other.filter(({ name, kind: each }) => name === each).map(({ kind: each }) => each),
      }),
      pythonMallocValues: pythonMallocValues(Number(/^CPython 3\.(\d+)/.exec(adapter.runtime)?.[1] ?? 0), booleanField(statistics, 'gilEnabled') ?? true),
      pymalloc: isInUse ? pymalloc : null,
      pymallocReason: isInUse ? null : 'This interpreter does not use pymalloc.',
      glibc: mallinfo && !isReplaced ? { figures: glibcFigures(mallinfo), arenas: parseMallocInfo(stringField(statistics, 'mallocInfo', 300_000) ?? '') } : null,
      other,
      v8: null,
      notes,
      canTrim: mallinfo !== null || other.length > 0,
    };
  }

  function readLibraries(notes: string[]): string[] {
    try {
      const found = segments().mappings.filter(({ permissions, inode }) => permissions[2] === 'x' && inode !== '0');
      return found.map(({ name }) => name);
    } catch (error) {
      notes.push(error instanceof HeaphouseError ? error.message : String(error));
      return [];
    }
  }

  async function rssBreakdown(): Promise<RssBreakdown> {
    const { kind, session, adapter } = target();
    const notes: string[] = [];
    const isPython = kind === 'python';
    // What is asked of the target comes first: the mappings then are of one moment, after all of it.
    const statistics: unknown = isPython ? await session.send('Python.getAllocatorStatistics') : null;
    const arenas = isPython ? await poolsOf().residency().catch((error: unknown) => noteAndNull(error, notes)) : null;
    const v8 = isPython ? null : await readV8Report(session).catch(() => null);
    const heap = isPython || v8 ? null : await adapter.readHeap();
    const dump = isPython || v8 ? null : await dumpOf(adapter, notes);
    const at = Date.now();
    const { list, mappings } = segments();
    const input = {
      segments: new Map<SegmentKind, number>(list.segments.map((row) => [row.kind, row.residentBytes])),
      arenas,
      native: isPython ? nativeFigures(statistics) : null,
      v8,
      jsHeap: heap && heap.heapUsedBytes !== null && heap.heapTotalBytes !== null ? { usedBytes: heap.heapUsedBytes, totalBytes: heap.heapTotalBytes, externalBytes: heap.externalBytes } : null,
      dump,
      reservations: isPython ? null : readReservations(mappings),
      v8PageBytes: v8 ? v8PageBytes(mappings) : 0,
      threadArenaBytes: mappings.reduce((sum, { label, residentBytes }) => sum + (label === THREAD_ARENA_LABEL ? residentBytes : 0), 0),
      objectsInMalloc: isPython && !arenas,
    };
    if (isPython && !input.native) notes.push('The C library tells nothing of its heap here: it is part of what is unexplained.');
    return { at, ...explainRss(input), notes };
  }

  async function collectNow({ generation }: { generation?: 0 | 1 | 2 | undefined }): Promise<CollectNowResult> {
    const { pid } = target();
    const rss = pid === null ? null : openRssReader(pid);
    try {
      const rssBeforeBytes = rss?.read() ?? null;
      const at = Date.now();
      const found = await collect(generation);
      return {
        at,
        pauseMs: found.pauseMs,
        collected: found.collected,
        uncollectable: found.uncollectable,
        trackedBefore: found.trackedBefore ?? null,
        trackedAfter: found.trackedAfter ?? null,
        heapBeforeBytes: found.before?.heapUsedBytes ?? null,
        heapAfterBytes: found.after?.heapUsedBytes ?? null,
        rssBeforeBytes,
        rssAfterBytes: rss?.read() ?? null,
      };
    } finally {
      rss?.close();
    }
  }

  async function trimMalloc(): Promise<TrimResult> {
    const { session, kind, pid } = target();
    if (kind !== 'python') throw new HeaphouseError('unsupported', 'Only the agent of a Python target can ask the C allocator.');
    const rss = pid === null ? null : openRssReader(pid);
    try {
      const rssBeforeBytes = rss?.read() ?? null;
      const at = Date.now();
      const before = allocatorBytes(await session.send('Python.getAllocatorStatistics'));
      const answer = await session.send('Python.trimMalloc');
      const actions = asRecord(answer)['actions'];
      if (!Array.isArray(actions) || actions.length === 0) throw new HeaphouseError('unsupported', 'No allocator in this process can give memory back on request.');
      const after = allocatorBytes(await session.send('Python.getAllocatorStatistics'));
      return {
        at,
        action: actions.map(String).join(', '),
        elapsedMs: numberField(answer, 'elapsedMs') ?? 0,
        rssBeforeBytes,
        rssAfterBytes: rss?.read() ?? null,
        releasedBytes: before !== null && after !== null ? Math.max(0, before - after) : null,
        note: actions.includes('mi_collect') ? 'mimalloc returns only what threads that have ended left behind; a running thread keeps its own free pages until it allocates again.' : null,
      };
    } finally {
      rss?.close();
    }
  }

  async function gcSummary({ fromAt, toAt }: { fromAt?: number | undefined; toAt?: number | undefined }): Promise<GcSummary> {
    const recorded = query((database) => {
      const span = database.prepare('SELECT min(at) AS first, max(at) AS last FROM (SELECT at FROM samples UNION ALL SELECT at FROM collections)').get();
      const from = fromAt ?? Number(span?.['first'] ?? 0);
      const to = toAt ?? Number(span?.['last'] ?? 0);
      const changes = readReadings(database, 'gc-settings', from, to, 1_000);
      return { ...gcFigures(database, from, to), changes: changes.map(({ at, body }): GcSettingsChange => ({ at, text: stringField(body, 'text') ?? '' })) };
    });
    let settings: GcSettings | null = null;
    let collector: string | null = null;
    if (hasTarget() && target().kind === 'python') {
      const { session, adapter } = target();
      settings = readGcSettings(await session.send('Python.getGcState').catch(() => null));
      collector = describeCollector(adapter.runtime);
    }
    return { ...recorded, settings, collector };
  }

  const methods: Methods = {
    segments: () => segments().list,
    mappings: ({ segment, query: asked }) => pageOfMappings((lastSegments ?? segments()).mappings, segment, asked),
    segmentHistory: ({ fromAt, toAt, maxPoints }) => query((database) => segmentHistory(readReadings(database, 'segments', fromAt ?? 0, toAt ?? Number.MAX_SAFE_INTEGER, maxPoints))),
    allocatorHistory: ({ fromAt, toAt, maxPoints }) => query((database) => allocatorHistory(readReadings(database, 'allocators', fromAt ?? 0, toAt ?? Number.MAX_SAFE_INTEGER, maxPoints))),
    limits: () => readLimits(localPid()),
    allocators,
    async readArenas(_params, { signal, progress }) {
      const onProgress = (done: number, total: number) => progress({ phase: 'Reading arenas', done, total, unit: 'steps' });
      return (await poolsOf().read({ signal, onProgress })).summary;
    },
    arenas: ({ readingId, start, end }) => pageOfArenas(poolsOf().map(readingId), start, end),
    emptiestArenas: ({ readingId, limit }) => emptiestArenas(poolsOf().map(readingId), limit),
    arenaPins: ({ readingId, arenaIndex }) => poolsOf().pins(readingId, arenaIndex),
    rssBreakdown,
    collections: ({ query: asked }) => query((database) => pageOfCollections(database, asked)),
    gcSummary,
    collectNow,
    trimMalloc,
  };
  return {
    methods,
    close() {
      pools?.pools.close();
      pools = null;
    },
  };
}

/** Null, with a note why, where the browser gives none. */
async function dumpOf(adapter: TargetAdapter, notes: string[]): Promise<ProcessDump | null> {
  try {
    const dump = (await adapter.readProcessDump?.()) ?? null;
    notes.push(dump ? 'The browser was asked for a memory dump of its processes: figures of their allocators, about 0.2 s of its time.' : 'The browser gave no memory dump of this process.');
    return dump;
  } catch (error) {
    notes.push(`The browser gave no memory dump: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

function noteAndNull(error: unknown, notes: string[]): null {
  notes.push(error instanceof HeaphouseError ? error.message : String(error));
  return null;
}

function segmentHistory(readings: readonly { at: number; body: unknown }[]): SegmentHistory {
  const history: SegmentHistory = { at: readings.map(({ at }) => at), residentBytes: {} };
  const kinds = new Set(readings.flatMap(({ body }) => Object.keys(asRecord(body)))) as Set<SegmentKind>;
  for (const kind of kinds) history.residentBytes[kind] = readings.map(({ body }) => numberField(body, kind));
  return history;
}
