/**
 * One target under watch: connection, sampling, recording, snapshots. Everything that lasts longer than the target
 * (the recording, the timeline) lives here as well, so a session can still be looked at after the target has ended.
 */
import type { CaptureStarted, CaptureState, CaptureTarget, CollectResult, SnapshotResult } from '#main/hosts/capture-contract.ts';
import type { TimelineWindow } from '#shared/contracts/timeline.ts';
import type { GcEvent, MemorySample, Receipt, TargetKind, WorkerThread } from '#shared/model/target.ts';
import type { SnapshotEstimate } from '#shared/model/snapshot-estimate.ts';
import type { Dispose } from '#shared/rpc/channel.ts';
import type { CallContext, Progress } from '#shared/rpc/define-service.ts';
import { cancelledError, HeaphouseError, toWireError, type WireError } from '#shared/rpc/errors.ts';
import { openTarget, type OpenTarget } from '../cdp/open-target.ts';
import { createAllocationsService, type AllocationsService } from './allocations/allocations-service.ts';
import { createEmitter } from './emitter.ts';
import { createStackRecording } from './allocation-stacks.ts';
import { createLiveObjects, type LiveObjects } from './live-objects.ts';
import { startMemoryRecorder } from './memory/memory-recorder.ts';
import { createMemoryService, type MemoryService } from './memory/memory-service.ts';
import { createReferencesService, type ReferencesMethods } from './references/references-service.ts';
import { startMemorySampler, type MemorySampler } from './memory-sampler.ts';
import { openRendererRssReader, openRssReader, type RssReader } from './process-memory.ts';
import { openPythonTarget } from './python-target.ts';
import { createSessionRecord } from './session-record.ts';
import { createSnapshotEstimates } from './snapshot-estimate.ts';
import { abortable, delay, settled } from './settle.ts';
import type { CollectFigures, TargetAdapter } from './target-adapter.ts';
import { createOwnCollections } from './own-collections.ts';
import type { TimelineMark, TimelineQuery } from './timeline-store.ts';
import { openV8Target } from './v8-target.ts';

/** Undoing what we did may not hold up a workbench that closes; a target that does not answer cannot be undone. */
const RELEASE_LIMIT_MS = 1_200;
/** A snapshot that is cancelled by detaching. */
const CANCEL_LIMIT_MS = 500;
/** A process that dies closes its sockets a little before it disappears from the list. */
const GONE_WAIT_MS = 600;
const GONE_POLL_MS = 30;
/** Resident memory is gone, and still the connection is open: a child has inherited it. */
const HALF_DEAD_MS = 1_000;
/** The last figures of a program that has finished and waits for us. */
const LAST_FIGURES_MS = 200;

export interface StartOptions {
  dir: string;
  target: CaptureTarget;
  sampleEveryMs: number;
  maxRecordingBytes: number;
}

interface SnapshotAsked {
  path: string;
  label: string;
  threadId?: string | undefined;
}

export interface CaptureSession {
  start(options: StartOptions, context: CallContext<Progress>): Promise<CaptureStarted>;
  replay(dir: string): void;
  /** `threadId`: of a worker thread instead of the main one. */
  takeSnapshot(asked: SnapshotAsked, context: CallContext<Progress>): Promise<SnapshotResult>;
  threads(): Promise<WorkerThread[]>;
  collectGarbage(): Promise<CollectResult>;
  mark(mark: Omit<TimelineMark, 'at'>): void;
  detach(): Promise<Receipt>;
  lastSample(): MemorySample | null;
  timeline(query: TimelineQuery): TimelineWindow;
  /** Answers of the `memory` contract. */
  memory: MemoryService['methods'];
  /** Answers of the `allocations` contract. */
  allocations: AllocationsService;
  /** Answers of the `live` contract. */
  liveObjects: LiveObjects['methods'] & ReturnType<typeof createStackRecording> & { snapshotEstimate(): SnapshotEstimate | null };
  /** Answers of the `references` contract. */
  references: ReferencesMethods;
  onState(listener: (state: CaptureState) => void): Dispose;
  onGc(listener: (event: GcEvent) => void): Dispose;
  /** Null: what was wrong is over. */
  onProblem(listener: (error: WireError | null) => void): Dispose;
  /** Something was recorded. */
  onAppended(listener: () => void): Dispose;
  counts(): { lastAt: number; samples: number; collections: number; lastCollectionAt: number | null; segmentReadings: number };
  /** Detaches if need be and closes the recording. */
  close(): Promise<void>;
}

interface Live {
  kind: TargetKind;
  pid: number | null;
  stopRecorder: Dispose;
  target: OpenTarget;
  adapter: TargetAdapter;
  sampler: MemorySampler;
  rss: RssReader | null;
}

export function createCaptureSession(): CaptureSession {
  const record = createSessionRecord();
  const estimates = createSnapshotEstimates();
  const states = createEmitter<CaptureState>();
  const gcEvents = createEmitter<GcEvent>();
  let live: Live | null = null;
  let used = false;
  /** Where this session is kept. */
  let folder: string | null = null;
  let lost: CaptureState | null = null;
  let snapshot: { controller: AbortController; done: Promise<unknown> } | null = null;
  /** The program has finished and waits for us to go. */
  let isEnding = false;
  /** Resolves when the target has answered the last snapshot or collection: it stands still until then. */
  let busy: Promise<void> | null = null;
  let detaching: Promise<Receipt> | null = null;
  const ownWork = createOwnCollections();
  function addCollection(reported: GcEvent): void {
    const event = ownWork.isOurs(reported) ? { ...reported, details: { ...reported.details, trigger: 'heaphouse' as const } } : reported;
    record.addCollection(event);
    gcEvents.emit(event);
  }

  function markBusy(idle: Promise<void>): void {
    const own = idle.finally(() => {
      if (busy === own) busy = null;
    });
    busy = own;
  }

  async function start({ dir, target: asked, sampleEveryMs, maxRecordingBytes }: StartOptions, { signal, progress }: CallContext<Progress>): Promise<CaptureStarted> {
    if (used) throw new HeaphouseError('busy', 'This session has been started already.');
    used = true;
    folder = dir;
    record.open(dir, maxRecordingBytes);
    progress({ phase: 'Connecting', done: 0, total: 3, unit: 'steps' });
    const target = await openTarget(asked.webSocketUrl, { signal });
    progress({ phase: 'Preparing', done: 1, total: 3, unit: 'steps' });
    const adapter = await prepare(target, asked, signal);
    const processPid = () => adapter.processPid?.() ?? asked.pid;
    const rss = asked.pid === null ? null : adapter.processPid?.() ? openRendererRssReader(() => adapter.processPid?.() ?? null, asked.pid) : openRssReader(asked.pid);
    const sampler = startMemorySampler({
      rss,
      sampleEveryMs,
      readHeap: () => adapter.readHeap(),
      mayAsk: () => busy === null,
      onSample(sample) {
        record.addSample(sample);
        if (!snapshot) estimates.addSample(sample);
      },
      onGone: () => setTimeout(() => void loseTarget(new HeaphouseError('target-gone', 'The process has ended.')), HALF_DEAD_MS).unref(),
    });
    const stopRecorder = startMemoryRecorder({
      pid: processPid,
      readAllocators: adapter.readAllocators,
      readGcState: asked.kind === 'python' ? () => target.session.send('Python.getGcState') : null,
      mayAsk: () => busy === null,
      onReading: record.addReading,
    });
    live = { kind: asked.kind, pid: asked.pid, target, adapter, sampler, rss, stopRecorder };
    record.addMark({ kind: 'attach', label: adapter.runtime });
    target.onGone((error) => void loseTarget(error));
    const unrecorded = asked.allocationStacks ? await stackRecording.recordAllocationStacks().then(() => null, toWireError) : null;
    if (isEnding) await finishEnding();
    else if (asked.waitsForDebugger) {
      progress({ phase: 'Starting the program', done: 2, total: 3, unit: 'steps' });
      await adapter.run();
    }
    if (!lost) states.emit({ state: 'attached' });
    return {
      runtime: adapter.runtime,
      capabilities: { snapshot: adapter.canSnapshot, collect: true, timeline: true },
      gcEvents: adapter.gcEvents,
      notes: unrecorded ? [...adapter.notes, `Allocation stacks are not recorded: ${unrecorded.message}`] : adapter.notes,
    };
  }

  /** Puts our hooks into the target; after a cancel what has been put is taken out again, if the target answers. */
  async function prepare(target: OpenTarget, asked: CaptureTarget, signal: AbortSignal): Promise<TargetAdapter> {
    const listener = { gc: addCollection, ending: () => void finishEnding() };
    const opening = asked.kind === 'python' ? openPythonTarget(target, asked, listener) : openV8Target(target, asked, listener);
    try {
      const adapter = await abortable(opening, signal);
      if (adapter) return adapter;
      const release = async () => (await opening).release();
      await Promise.race([settled(release()), delay(RELEASE_LIMIT_MS)]);
      throw cancelledError();
    } catch (error) {
      target.close();
      throw error;
    }
  }

  /** The program has finished: a snapshot under way may end, then we go, because it waits for us. */
  async function finishEnding(): Promise<void> {
    isEnding = true;
    const ending = live;
    // While we are still preparing: called again when that is done.
    if (!ending) return;
    await snapshot?.done.catch(() => undefined);
    await Promise.race([ending.adapter.readHeap().catch(() => null), delay(LAST_FIGURES_MS)]);
    await loseTarget(new HeaphouseError('target-gone', 'The program has ended.'));
  }

  async function loseTarget(error: HeaphouseError): Promise<void> {
    const was = live;
    if (!was || detaching) return;
    live = null;
    was.sampler.stop();
    was.stopRecorder();
    was.target.close();
    const ended = await hasEnded(was.rss);
    was.rss?.close();
    record.flush();
    const told = ended && error.message !== 'The page was closed.' ? new HeaphouseError('target-gone', 'The process has ended.', { detail: error.detail ?? error.message }) : error;
    lost = { state: 'lost', error: toWireError(told), lastSample: record.lastSample };
    states.emit(lost);
  }

  function requireLive(): Live {
    if (live) return live;
    throw new HeaphouseError('target-gone', lost ? 'The target has ended or closed its connection.' : 'No target is attached.');
  }

  async function takeSnapshot({ path, label, threadId }: SnapshotAsked, { signal, progress }: CallContext<Progress>): Promise<SnapshotResult> {
    const { adapter } = requireLive();
    if (!adapter.canSnapshot) throw new HeaphouseError('unsupported', 'This target offers no snapshots.', { advice: adapter.notes.join(' ') });
    if (snapshot) throw new HeaphouseError('busy', 'A snapshot of this target is being taken already.');
    const controller = new AbortController();
    const onAbort = () => controller.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) controller.abort();
    const at = Date.now();
    const run = async () => {
      if (threadId !== undefined) {
        if (!adapter.workers) throw new HeaphouseError('unsupported', 'This target has no worker threads.');
        return adapter.workers.takeSnapshot(threadId, path, { signal: controller.signal, progress });
      }
      // What a cancelled snapshot still sends comes first.
      if (busy) await abortable(busy, controller.signal);
      return adapter.takeSnapshot(path, { signal: controller.signal, progress, busyUntil: markBusy });
    };
    // A worker's collections are its own, and are not recorded.
    const endOfOwnWork = threadId === undefined ? ownWork.begin() : () => undefined;
    const done = run();
    snapshot = { controller, done };
    try {
      const result = await done;
      record.addMark({ kind: 'snapshot', label }, at);
      // A worker's heap is another one.
      if (threadId === undefined) estimates.addSnapshot({ nodes: result.nodes, bytes: result.bytes, pauseMs: result.receipt.pauseMs });
      return result;
    } finally {
      endOfOwnWork();
      snapshot = null;
      signal.removeEventListener('abort', onAbort);
    }
  }

  async function runCollector(generation?: number): Promise<CollectFigures> {
    const { adapter } = requireLive();
    if (busy) throw new HeaphouseError('busy', 'The target is busy with a snapshot or a collection.');
    const at = Date.now();
    const end = ownWork.begin();
    const collecting = adapter.collectGarbage(generation);
    markBusy(settled(collecting).finally(end));
    const figures = await collecting;
    record.annotateCollection(figures, at);
    return figures;
  }

  async function collectGarbage(): Promise<CollectResult> {
    const at = Date.now();
    const startedAt = performance.now();
    const { before, after, trackedBefore: _before, trackedAfter: _after, ...figures } = await runCollector();
    const heapUsedBeforeBytes = before?.heapUsedBytes ?? null;
    const heapUsedAfterBytes = after?.heapUsedBytes ?? null;
    const bytes = heapUsedBeforeBytes !== null && heapUsedAfterBytes !== null ? heapUsedBeforeBytes - heapUsedAfterBytes : null;
    return {
      ...figures,
      heapUsedBeforeBytes,
      heapUsedAfterBytes,
      receipt: { action: 'collect', at, pauseMs: figures.pauseMs, elapsedMs: performance.now() - startedAt, bytes, notes: [] },
    };
  }

  function detach(): Promise<Receipt> {
    detaching ??= runDetach();
    return detaching;
  }

  async function runDetach(): Promise<Receipt> {
    const at = Date.now();
    const startedAt = performance.now();
    const was = live;
    const receipt = (notes: string[]): Receipt => ({ action: 'detach', at, pauseMs: null, elapsedMs: performance.now() - startedAt, bytes: null, notes });
    if (!was) return receipt([lost ? 'The target had ended already.' : 'Nothing was attached.']);
    was.sampler.stop();
    was.stopRecorder();
    snapshot?.controller.abort();
    if (snapshot) await Promise.race([settled(snapshot.done), delay(CANCEL_LIMIT_MS)]);
    await Promise.race([allocations.finish(), delay(CANCEL_LIMIT_MS)]);
    const release = liveObjects.release().then(() => was.adapter.release()).catch((error: unknown) => [
      was.target.connection.closed ? 'The target ended meanwhile.' : `Not everything could be undone: ${toWireError(error).message}`,
    ]);
    const notes = await Promise.race([
      release,
      delay(RELEASE_LIMIT_MS).then(() => ['The target is too busy to answer: what we put into it stops by itself within ten minutes.']),
    ]);
    live = null;
    was.target.close();
    was.rss?.close();
    record.addMark({ kind: 'detach', label: '' });
    record.flush();
    return receipt(notes);
  }

  const allocations = createAllocationsService({
    target: () => {
      const { kind, target } = requireLive();
      return { kind, session: target.session };
    },
    dir: () => folder,
  });

  const memory = createMemoryService({
    target: () => {
      const { kind, pid, target, adapter } = requireLive();
      return { kind, pid: adapter.processPid?.() ?? pid, session: target.session, adapter };
    },
    hasTarget: () => live !== null,
    query: record.query,
    collect: runCollector,
  });

  /** A collection of ours that something else is done with as well. */
  async function whileCollecting<T>(work: () => Promise<T>): Promise<T> {
    requireLive();
    if (busy) throw new HeaphouseError('busy', 'The target is busy with a snapshot or a collection.');
    const end = ownWork.begin();
    const done = work();
    markBusy(settled(done).finally(end));
    return done;
  }

  const liveObjects = createLiveObjects({
    target: () => {
      const { kind, target } = requireLive();
      return { kind, session: target.session };
    },
    async withIds(idEpoch) {
      const { target, adapter } = requireLive();
      if (idEpoch === null) return null;
      if (await adapter.sameIds(idEpoch)) return target.session;
      return (await adapter.workers?.withIds(idEpoch))?.session ?? null;
    },
  });

  const stackRecording = createStackRecording(() => {
    const { kind, target } = requireLive();
    return { kind, session: target.session };
  });

  const references = createReferencesService({
    target: () => {
      const { kind, target } = requireLive();
      return { kind, session: target.session };
    },
    whileCollecting,
  });

  return {
    start,
    replay(dir) {
      if (used) throw new HeaphouseError('busy', 'This session has been started already.');
      used = true;
      folder = dir;
      record.replay(dir);
    },
    takeSnapshot,
    async threads() {
      return (await live?.adapter.workers?.list()) ?? [];
    },
    collectGarbage,
    mark: (mark) => record.addMark(mark),
    detach,
    lastSample: () => record.lastSample,
    timeline: (query) => record.window(query),
    memory: memory.methods,
    allocations,
    references,
    liveObjects: { ...liveObjects.methods, ...stackRecording, snapshotEstimate: () => (live ? estimates.estimate(live.adapter.snapshotWay) : null) },
    onState(listener) {
      const dispose = states.on(listener);
      // Whoever subscribes late must not miss that it is over.
      if (lost) listener(lost);
      else if (live) listener({ state: 'attached' });
      return dispose;
    },
    onGc: gcEvents.on,
    onProblem: record.onProblem,
    onAppended: record.onAppended,
    counts: record.counts,
    async close() {
      await detach().catch(() => undefined);
      memory.close();
      record.close();
    },
  };
}

async function hasEnded(rss: RssReader | null): Promise<boolean> {
  if (!rss) return false;
  for (let waited = 0; waited < GONE_WAIT_MS; waited += GONE_POLL_MS) {
    if (rss.read() === null && rss.gone) return true;
    await delay(GONE_POLL_MS);
  }
  return false;
}
