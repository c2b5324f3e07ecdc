/**
 * Garbage collections of a page, from traces of the browser: a page has no observer of its own. A browser has one trace
 * at a time and hands it out at its end, so traces follow each other and what happens in the moment between two of them
 * is not seen. Only V8's coarse category is traced: a handful of events a collection.
 */
import type { GcTrigger } from '#shared/model/memory.ts';
import type { GcEvent } from '#shared/model/target.ts';
import { toWireError } from '#shared/rpc/errors.ts';
import type { CdpSession } from '../cdp/connection.ts';
import { asRecord, countField, numberField, stringField } from '../cdp/read-field.ts';
import { createClockOffset } from './clock-offset.ts';
import { delay } from './settle.ts';

/** How long one trace runs: collections show up so late, and a hundredth of them is lost between two. */
const TRACE_MS = 5_000;
/** Somebody else traces this browser: when to try again. */
const RETRY_MS = 15_000;
/** A browser under load takes its time for the first one. */
const END_LIMIT_MS = 10_000;
/** Events of one trace; a page that collects without end makes some thousands. */
const MAX_EVENTS = 200_000;
/** One piece of marking shorter than this is not worth a row. */
const MIN_STEP_MS = 0.1;
const SAME_CLOCK_MS = 60_000;
/** Who detaches does not wait for a browser that does not answer; closing the connection ends the trace as well. */
const STOP_LIMIT_MS = 700;

/** Names the process of a page: the browser tells at the start of a trace with this category. */
const WHO = 'disabled-by-default-devtools.timeline';
const COLLECTIONS = 'v8';
/** Figures of allocators, when they are asked for. */
const MEMORY = 'disabled-by-default-memory-infra';

export interface PageGcRecorder {
  /** Process id of the page's renderer as the browser has it; null when it did not tell. */
  readonly rendererPid: number | null;
  /** Why collections are not recorded now; null when they are. */
  readonly problem: string | null;
  /**
   * The events of a trace with a memory dump of all processes of the browser: cheap figures only, about 0.2 s.
   * Errors: of the browser (somebody else traces it).
   */
  dumpMemory(): Promise<unknown[]>;
  stop(): Promise<void>;
}

/** Resolves when the renderer is known and the first trace runs (or cannot); never rejects. */
export async function startPageGcRecorder(session: CdpSession, targetId: string | null, onGc: (event: GcEvent) => void): Promise<PageGcRecorder> {
  const clock = createClockOffset();
  let rendererPid: number | null = null;
  let problem: string | null = null;
  let stopped = false;
  let tracing = false;
  let events: unknown[] = [];
  let onComplete: () => void = () => undefined;
  let timer: NodeJS.Timeout | undefined;
  // Turns and dumps take turns: there is one trace.
  let queue: Promise<unknown> = Promise.resolve();
  const disposers = [
    session.on('Tracing.dataCollected', (params: unknown) => {
      const value = asRecord(params)['value'];
      if (Array.isArray(value) && events.length < MAX_EVENTS) events = events.concat(value as unknown[]);
    }),
    session.on('Tracing.tracingComplete', () => onComplete()),
  ];

  async function begin(categories: string[]): Promise<void> {
    events = [];
    await session.send('Tracing.start', {
      transferMode: 'ReportEvents',
      // No dumps of memory but those that are asked for.
      traceConfig: { recordMode: 'recordContinuously', includedCategories: categories, excludedCategories: ['*'], memoryDumpConfig: {} },
    });
    tracing = true;
  }

  async function end(): Promise<unknown[]> {
    if (!tracing) return [];
    tracing = false;
    let limit: NodeJS.Timeout | undefined;
    const complete = new Promise<void>((resolve) => {
      onComplete = resolve;
      limit = setTimeout(resolve, END_LIMIT_MS);
    });
    try {
      await session.send('Tracing.end');
      await complete;
    } finally {
      clearTimeout(limit);
    }
    return events;
  }

  /** A trace of a moment, for the process of the page. */
  async function identify(): Promise<void> {
    await begin([WHO]);
    rendererPid = rendererOf(await end(), targetId) ?? rendererPid;
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = queue.then(work);
    queue = result.catch(() => undefined);
    return result;
  }

  async function dumpMemory(): Promise<unknown[]> {
    report(await end());
    await begin([COLLECTIONS, MEMORY]);
    let found: unknown[] = [];
    try {
      await session.send('Tracing.requestMemoryDump', { levelOfDetail: 'background' });
    } finally {
      found = await end();
      report(found);
      if (!stopped) {
        await begin([COLLECTIONS]).then(
          () => (problem = null),
          (error: unknown) => (problem = toWireError(error).message),
        );
      }
    }
    return found;
  }

  async function turn(): Promise<void> {
    let nextMs = TRACE_MS;
    try {
      const found = await end();
      if (stopped) return;
      report(found);
      // The page moved to another process: V8 worked, but not there.
      if (found.length > 0 && rendererPid !== null && !found.some((event) => countField(event, 'pid') === rendererPid)) await identify();
      await begin([COLLECTIONS]);
      problem = null;
    } catch (error) {
      problem = toWireError(error).message;
      nextMs = RETRY_MS;
    }
    if (!stopped) timer = setTimeout(() => void inTurn(turn), nextMs);
  }

  function report(found: readonly unknown[]): void {
    const lastMs = found.reduce((last: number, event) => Math.max(last, numberField(event, 'ts') ?? 0), 0) / 1_000;
    // A browser elsewhere has another clock: then its last event is about now.
    const nowMs = Math.abs(monotonicMs() - lastMs) < SAME_CLOCK_MS ? monotonicMs() : lastMs;
    for (const event of readPageCollections(found, rendererPid)) onGc({ ...event, at: clock.toEpochMs(nowMs, event.at) });
  }

  try {
    await identify();
    await begin([COLLECTIONS]);
  } catch (error) {
    problem = toWireError(error).message;
  }
  timer = setTimeout(() => void inTurn(turn), problem === null ? TRACE_MS : RETRY_MS);

  return {
    get rendererPid() {
      return rendererPid;
    },
    get problem() {
      return problem;
    },
    dumpMemory: () => inTurn(dumpMemory),
    async stop() {
      stopped = true;
      clearTimeout(timer);
      const last = await Promise.race([end().catch(() => []), delay(STOP_LIMIT_MS).then(() => [])]);
      report(last);
      for (const dispose of disposers) dispose();
    },
  };
}

/** Chromium's traces are in microseconds of CLOCK_MONOTONIC on Linux, which is our own clock as well on this machine. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** From `TracingStartedInBrowser`: the process of the frame, or of the main frame. */
export function rendererOf(events: readonly unknown[], targetId: string | null): number | null {
  for (const event of events) {
    if (stringField(event, 'name', 100) !== 'TracingStartedInBrowser') continue;
    const frames = asRecord(asRecord(asRecord(event)['args'])['data'])['frames'];
    if (!Array.isArray(frames)) continue;
    const frame = (frames as unknown[]).find((each) => stringField(each, 'frame', 100) === targetId) ?? (frames as unknown[])[0];
    const pid = countField(frame, 'processId');
    if (pid !== null && pid > 0) return pid;
  }
  return null;
}

interface Begun {
  beforeBytes: number | null;
  reason: string | null;
  startUs: number;
}

/** Collections of one process in a trace; `at` is in milliseconds of the trace's clock. Pure. */
export function readPageCollections(events: readonly unknown[], pid: number | null): GcEvent[] {
  const found: GcEvent[] = [];
  // Older browsers send a beginning and an end instead of one event.
  const open = new Map<string, Begun>();
  for (const event of events) {
    if (pid !== null && countField(event, 'pid') !== pid) continue;
    const name = stringField(event, 'name', 100);
    const startUs = numberField(event, 'ts');
    if (name === null || startUs === null || startUs < 0) continue;
    const durationMs = (numberField(event, 'dur') ?? 0) / 1_000;
    if (name === 'V8.GCIncrementalMarking' || name === 'V8.GCIncrementalMarkingStart') {
      if (durationMs < MIN_STEP_MS) continue;
      const value = asRecord(asRecord(event)['args'])['value'];
      const reason = stringField(value, 'gc_reason', 200) ?? stringField(asRecord(event)['args'], 'reason', 200);
      found.push(collection(name.endsWith('Start') ? 'incremental marking' : 'incremental step', 2, startUs, durationMs, null, null, reason));
      continue;
    }
    if (name !== 'MinorGC' && name !== 'MajorGC') continue;
    const phase = stringField(event, 'ph', 4);
    const args = asRecord(event)['args'];
    const key = `${name} ${countField(event, 'tid') ?? 0}`;
    if (phase === 'B') {
      open.set(key, { beforeBytes: countField(args, 'usedHeapSizeBefore'), reason: stringField(args, 'type', 200), startUs });
      continue;
    }
    const begun = phase === 'E' ? open.get(key) : { beforeBytes: countField(args, 'usedHeapSizeBefore'), reason: stringField(args, 'type', 200), startUs };
    if (!begun || (phase !== 'E' && phase !== 'X')) continue;
    open.delete(key);
    const pauseMs = phase === 'E' ? (startUs - begun.startUs) / 1_000 : durationMs;
    const [kind, generation] = name === 'MinorGC' ? ['scavenge', 0] as const : ['mark-sweep-compact', 2] as const;
    found.push(collection(kind, generation, begun.startUs, pauseMs, begun.beforeBytes, countField(args, 'usedHeapSizeAfter'), begun.reason));
  }
  return found.filter(({ pauseMs }) => pauseMs >= 0).sort((a, b) => a.at - b.at);
}

function collection(kind: string, generation: number, startUs: number, pauseMs: number, heapBeforeBytes: number | null, heapAfterBytes: number | null, reason: string | null): GcEvent {
  return { at: startUs / 1_000, pauseMs, kind, generation, collected: null, uncollectable: null, details: { trigger: triggerOf(reason), reason, heapBeforeBytes, heapAfterBytes } };
}

/** V8's GarbageCollectionReason (src/heap/gc-tracer.cc), as it writes them. */
function triggerOf(reason: string | null): GcTrigger {
  if (reason === null) return 'unknown';
  if (/memory pressure|low memory|last resort|near heap limit|external memory pressure/.test(reason)) return 'memory-pressure';
  // `testing` is `gc()`; the debugger's request and snapshots are ours as long as nobody else debugs the page.
  if (/^testing/.test(reason)) return 'explicit';
  if (/heap profiler|debugger|snapshot/.test(reason)) return 'heaphouse';
  return 'allocation';
}
