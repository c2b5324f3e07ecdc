/**
 * A workbench made of plain data for component tests: the real contracts and the real RPC over an in-process channel,
 * with made-up targets behind it. Every name says that it is a test's.
 */
import { familyContract, type Family } from '#shared/contracts/family.ts';
import { heapContract } from '#shared/contracts/heap.ts';
import { memoryContract } from '#shared/contracts/memory.ts';
import { referencesContract } from '#shared/contracts/references.ts';
import { launchesContract, type LaunchesState } from '#shared/contracts/launches.ts';
import { sessionsContract } from '#shared/contracts/sessions.ts';
import { settingsContract, type SettingsState } from '#shared/contracts/settings.ts';
import { shellContract, type ShellInfo } from '#shared/contracts/shell.ts';
import { targetsContract } from '#shared/contracts/targets.ts';
import { timelineContract, type TimelineWindow } from '#shared/contracts/timeline.ts';
import type { Amount, ClassRow, ComparisonRow, EdgeRow, HeapSummary, NodeRef, Page } from '#shared/model/heap.ts';
import { threadLabel } from '#shared/format/worker-thread.ts';
import type { OutputChunk, RecentSession, SessionInfo, SnapshotArtefact } from '#shared/model/session.ts';
import type { LaunchAllocators } from '#shared/model/launch-allocators.ts';
import type { Interpreter, ProcessInfo } from '#shared/model/target.ts';
import { DEFAULT_SETTINGS } from '#shared/model/settings.ts';
import { createChannelPair, type Channel } from '#shared/rpc/channel.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { createRpcServer } from '#shared/rpc/server.ts';
import { fakeMemoryHandlers, type FakeMemory } from './fake-memory.ts';
import { provideFakeExplore } from './fake-explore.ts';
import { fakeReferencesHandlers } from './fake-references.ts';

export const T0 = Date.UTC(2026, 0, 5, 12, 0, 0);
/** A name that would do harm if it were ever read as markup, or turn the line around. */
export const HOSTILE_NAME = '<img src=x onerror="window.pwned=1">\u202egnp.exe\u0007';

export function fakeProcess(more: Partial<ProcessInfo> = {}): ProcessInfo {
  return {
    pid: 4242,
    ppid: 1,
    kind: 'python',
    runtime: 'CPython 3.11.7',
    title: 'test_service.py',
    commandLine: 'python test_service.py --port 8000',
    executable: '/usr/bin/python3.11',
    user: 'tester',
    rssBytes: 52_428_800,
    startedAt: T0,
    openPort: null,
    sessionId: null,
    preflight: { route: 'gdb', how: 'Through gdb, which stops it for a moment.', problems: [] },
    ...more,
  };
}

export function fakeSnapshot(number: number, more: Partial<SnapshotArtefact> = {}): SnapshotArtefact {
  return {
    id: `s${number}`,
    kind: 'snapshot',
    number,
    name: `Snapshot ${number}`,
    path: `/tmp/test-session/snapshot-${number}.heapsnapshot`,
    state: 'ready',
    bytes: 5_000_000 * number,
    takenAt: T0 + number * 10_000,
    nodes: 80_000,
    idEpoch: null,
    receipt: { action: 'snapshot', at: T0, pauseMs: 3.7, elapsedMs: 812, bytes: 5_000_000, notes: ['mode: fork (test)'] },
    error: null,
    ...more,
  };
}

export function fakeSession(more: Partial<SessionInfo> = {}): SessionInfo {
  return {
    id: 'test-session',
    kind: 'live',
    title: 'test_service.py',
    dir: '/tmp/test-session',
    createdAt: T0,
    state: 'attached',
    target: {
      kind: 'python',
      pid: 4242,
      title: 'test_service.py',
      commandLine: 'python test_service.py --port 8000',
      cwd: '/srv',
      runtime: 'CPython 3.11.7',
      endpoint: null,
      launched: true,
      startedAt: T0,
    },
    error: null,
    exit: null,
    snapshots: [],
    receipts: [],
    comparisons: [],
    notes: '',
    problem: null,
    capabilities: { snapshot: true, collect: true, timeline: true, output: true },
    ...more,
  };
}

export function fakeNode(ordinal: number, more: Partial<NodeRef> = {}): NodeRef {
  return {
    ordinal,
    id: ordinal * 2 + 1,
    name: 'app.Session',
    className: 'app.Session',
    kind: 'object',
    shallowBytes: 56,
    retainedBytes: 1_144,
    distance: 5,
    ...more,
  };
}

export const CLASS_NAMES = ['dict', 'app.Session', 'bytes', 'str', HOSTILE_NAME, 'function', 'tuple', 'list', 'app.cache.Entry'];

export interface FakeWorkbench {
  /** What the memory service answers from; change it before the view is opened. */
  memory: FakeMemory;
  /** For `createWorkbench`. */
  open: () => Promise<Channel>;
  /** Methods called, as `service.method`, with their parameters. */
  calls: { name: string; params: unknown }[];
  setSessions(sessions: SessionInfo[]): void;
  setProcesses(processes: ProcessInfo[]): void;
  setFamily(family: Family): void;
  /** The next call of this method fails with this error. */
  failNext(name: string, error: HeaphouseError): void;
  /** Holds the calls of this method back until the returned function is called. */
  hold(name: string): () => void;
  writeOutput(chunk: OutputChunk): void;
  /** Cuts every open connection. */
  disconnect(): void;
}

export function createFakeWorkbench(initial: { sessions?: SessionInfo[]; processes?: ProcessInfo[]; output?: OutputChunk[]; settingsNotice?: string; launches?: Partial<LaunchesState> } = {}): FakeWorkbench {
  let sessions = initial.sessions ?? [];
  let processes = initial.processes ?? [fakeProcess()];
  const output = initial.output ?? [];
  let recent: RecentSession[] = [
    { dir: '/tmp/old-session', title: 'yesterday.py', createdAt: T0 - 86_400_000, snapshots: 2, bytes: 10_000_000, runtime: 'CPython 3.11.7', notes: '', sessionId: null },
  ];
  let family: Family = { following: false, target: null, members: [], threads: [], pages: [] };
  const familyListeners = new Set<(now: Family) => void>();
  let settings: SettingsState = { settings: { ...DEFAULT_SETTINGS }, notice: initial.settingsNotice ?? null, path: '/tmp/settings.json', defaultSessionsDir: '/tmp/sessions' };
  const settingsListeners = new Set<(state: SettingsState) => void>();
  let launches: LaunchesState = { recent: [], presets: [], notice: null, path: '/tmp/launches.json', ...initial.launches };
  const launchListeners = new Set<(state: LaunchesState) => void>();
  function setSettings(next: SettingsState): SettingsState {
    settings = next;
    for (const listener of settingsListeners) listener(settings);
    return settings;
  }
  function setLaunches(next: Partial<LaunchesState>): void {
    launches = { ...launches, ...next };
    for (const listener of launchListeners) listener(launches);
  }
  const sessionListeners = new Set<(sessions: SessionInfo[]) => void>();
  const processListeners = new Set<(processes: ProcessInfo[]) => void>();
  const outputListeners = new Set<(chunk: OutputChunk) => void>();
  const failures = new Map<string, HeaphouseError>();
  const holds = new Map<string, Promise<void>>();
  const calls: { name: string; params: unknown }[] = [];
  const channels = new Set<Channel>();
  const server = createRpcServer();
  const analysed = new Set<string>();
  const memory: FakeMemory = { arenas: 3, collections: 40, allocators: null };

  /** Notes the call, then waits or fails as the test has asked. */
  async function enter(name: string, params: unknown): Promise<void> {
    calls.push({ name, params });
    await holds.get(name);
    const failure = failures.get(name);
    failures.delete(name);
    if (failure) throw failure;
  }

  function setSessions(next: SessionInfo[]): void {
    sessions = next;
    for (const listener of sessionListeners) listener(sessions);
  }
  function change(id: string, more: Partial<SessionInfo>): void {
    setSessions(sessions.map((session) => (session.id === id ? { ...session, ...more } : session)));
  }
  const sessionOf = (id: string) => {
    const found = sessions.find((session) => session.id === id);
    if (!found) throw new HeaphouseError('not-found', 'There is no such session.');
    return found;
  };

  server.provide(targetsContract, {
    methods: {
      list: () => processes,
      launchAllocators: ({ command }): LaunchAllocators => ({
        python: command.includes('python') ? { version: '3.11.7', values: ['default', 'malloc', 'pymalloc_debug'] } : null,
        libraries: [{ kind: 'jemalloc', name: 'jemalloc', path: '/usr/lib/libjemalloc.so.2' }],
        preloadReason: null,
      }),
      interpreters: (): Interpreter[] => [{ kind: 'python', path: '/usr/bin/python3.11', version: '3.11.7', origin: 'system', supported: true, reason: null }],
      preflight: () => ({ route: null, how: '', problems: [] }),
      async launch(params) {
        await enter('targets.launch', params);
        setSessions([...sessions, fakeSession({ id: 'launched', title: params.command })]);
        return { sessionId: 'launched' };
      },
      async attach(params) {
        await enter('targets.attach', params);
        setSessions([...sessions, fakeSession({ id: `attached-${params.pid}` })]);
        return { sessionId: `attached-${params.pid}` };
      },
      async connect(params) {
        await enter('targets.connect', params);
        setSessions([...sessions, fakeSession({ id: 'connected' })]);
        return { sessionId: 'connected' };
      },
    },
    events: {
      processes(_params, emit) {
        processListeners.add(emit);
        emit(processes);
        return () => processListeners.delete(emit);
      },
    },
  });

  server.provide(sessionsContract, {
    methods: {
      list: () => sessions,
      recent: () => recent,
      async open(params) {
        await enter('sessions.open', params);
        setSessions([...sessions, fakeSession({ id: 'files', kind: 'files', title: 'files', target: null, state: 'closed', snapshots: params.paths.map((_, index) => fakeSnapshot(index + 1)), capabilities: { snapshot: false, collect: false, timeline: false, output: false } })]);
        return { sessionId: 'files' };
      },
      async addFiles(params) {
        await enter('sessions.addFiles', params);
        return [];
      },
      async takeSnapshot(params, { progress, signal }) {
        progress({ phase: 'Writing the heap', done: 30_000, total: 80_000, unit: 'objects' });
        await enter('sessions.takeSnapshot', params);
        if (signal.aborted) throw new HeaphouseError('cancelled', 'Cancelled.');
        const session = sessionOf(params.sessionId);
        const number = session.snapshots.length + 1;
        const thread = family.threads.find(({ id }) => id === params.threadId);
        const label = thread && threadLabel(thread);
        const artefact = fakeSnapshot(number, label === undefined ? {} : { name: `Snapshot ${number} of ${label}`, idEpoch: `epoch of ${label}`, thread: { id: thread!.id, label } });
        change(params.sessionId, { snapshots: [...session.snapshots, artefact] });
        return artefact;
      },
      async collectGarbage(params) {
        await enter('sessions.collectGarbage', params);
        return { collected: 120, uncollectable: 0, pauseMs: 8.2, heapUsedBeforeBytes: 2_000_000, heapUsedAfterBytes: 1_500_000 };
      },
      async mark(params) {
        await enter('sessions.mark', params);
        return null;
      },
      async detach(params) {
        await enter('sessions.detach', params);
        change(params.sessionId, { state: 'detached' });
        return null;
      },
      async terminate(params) {
        await enter('sessions.terminate', params);
        return null;
      },
      async close(params) {
        await enter('sessions.close', params);
        setSessions(sessions.filter((session) => session.id !== params.sessionId));
        return null;
      },
      async rename(params) {
        await enter('sessions.rename', params);
        change(params.sessionId, { title: params.title });
        return null;
      },
      async setNotes(params) {
        await enter('sessions.setNotes', params);
        change(params.sessionId, { notes: params.notes });
        return null;
      },
      async setIgnoredRetainers({ sessionId, snapshotId, objects }) {
        await enter('sessions.setIgnoredRetainers', { sessionId, snapshotId, objects });
        change(sessionId, { ignoredRetainers: [{ snapshotId, objects }] });
        return null;
      },
      async saveComparison({ sessionId, comparisonId, ...content }) {
        await enter('sessions.saveComparison', { sessionId, ...content });
        const comparison = { id: comparisonId ?? 'c1', createdAt: T0, ...content };
        change(sessionId, { comparisons: [...sessionOf(sessionId).comparisons, comparison] });
        return comparison;
      },
      async deleteComparison(params) {
        await enter('sessions.deleteComparison', params);
        change(params.sessionId, { comparisons: sessionOf(params.sessionId).comparisons.filter(({ id }) => id !== params.comparisonId) });
        return null;
      },
      async renameSaved(params) {
        await enter('sessions.renameSaved', params);
        recent = recent.map((one) => (one.dir === params.dir ? { ...one, title: params.title } : one));
        return null;
      },
      async deleteSaved(params) {
        await enter('sessions.deleteSaved', params);
        recent = recent.filter(({ dir }) => dir !== params.dir);
        return { kept: [] };
      },
      async exportSaved(params) {
        await enter('sessions.exportSaved', params);
        return { path: '/tmp/test.heaphouse', bytes: 1_000, suggestedName: 'test.heaphouse' };
      },
      deleteSnapshot: () => null,
      output: () => output,
    },
    events: {
      changed(_params, emit) {
        sessionListeners.add(emit);
        emit(sessions);
        return () => sessionListeners.delete(emit);
      },
      output(_params, emit) {
        outputListeners.add(emit);
        return () => outputListeners.delete(emit);
      },
      activity: () => () => undefined,
    },
  });

  server.provide(shellContract, {
    methods: {
      info: (): ShellInfo => ({ host: 'web', appVersion: '0.0.0-test', versions: [], platform: 'linux', cwd: '/srv', sessionsDir: '/tmp', nativeDialogs: false, docsUrl: null, crashDir: null, zooms: false }),
      openDialog: () => [],
      listFolder: ({ path }) => ({ path, parent: path === '/' ? null : '/', folders: ['srv', 'tmp'], cut: false }),
      openCrashFolder: () => null,
      zoom: () => null,
      async saveFile(params) {
        await enter('shell.saveFile', params);
        return { savedPath: `/home/tester/${params.suggestedName}`, downloadUrl: null };
      },
      ownMemory: () => ({ rssBytes: 100_000_000, processes: [] }),
    },
    events: { openRequest: () => () => undefined, command: () => () => undefined },
  });

  server.provide(settingsContract, {
    methods: {
      get: () => settings,
      async set(params) {
        await enter('settings.set', params.change);
        return setSettings({ ...settings, settings: { ...settings.settings, ...(params.change as Partial<SettingsState['settings']>) } });
      },
      reset: () => setSettings({ ...settings, settings: { ...DEFAULT_SETTINGS } }),
      dismissNotice() {
        setSettings({ ...settings, notice: null });
        return null;
      },
    },
    events: {
      changed(_params, emit) {
        settingsListeners.add(emit);
        emit(settings);
        return () => settingsListeners.delete(emit);
      },
    },
  });

  server.provide(launchesContract, {
    methods: {
      async savePreset({ id, name, launch }) {
        await enter('launches.savePreset', { name, launch });
        const preset = { id: id ?? `p${launches.presets.length + 1}`, name, launch };
        setLaunches({ presets: [...launches.presets.filter((one) => one.id !== id), preset] });
        return preset;
      },
      async deletePreset(params) {
        await enter('launches.deletePreset', params);
        setLaunches({ presets: launches.presets.filter(({ id }) => id !== params.id) });
        return null;
      },
      forget({ id }) {
        setLaunches({ recent: launches.recent.filter((one) => one.id !== id) });
        return null;
      },
      forgetAll() {
        setLaunches({ recent: [] });
        return null;
      },
    },
    events: {
      changed(_params, emit) {
        launchListeners.add(emit);
        emit(launches);
        return () => launchListeners.delete(emit);
      },
    },
  });

  server.provide(timelineContract, { methods: { window: ({ maxPoints }) => fakeTimeline(Math.min(maxPoints, 200)) }, events: { appended: () => () => undefined } });

  server.provide(familyContract, {
    methods: {
      list: () => family,
      async attach(params) {
        await enter('family.attach', params);
        return { sessionId: 'further' };
      },
      async attachPage(params) {
        await enter('family.attachPage', params);
        return { sessionId: 's1' };
      },
      follow: ({ on }) => (family = { ...family, following: on }),
    },
    events: {
      changed(_params, emit) {
        emit(family);
        familyListeners.add(emit);
        return () => familyListeners.delete(emit);
      },
    },
  });
  server.provide(memoryContract, fakeMemoryHandlers(memory, enter));
  server.provide(referencesContract, fakeReferencesHandlers(T0, enter));

  const retained = (snapshotId: string, bytes: number) => (analysed.has(snapshotId) ? bytes : null);
  const classRow = (index: number, snapshotId: string): ClassRow => ({
    classIndex: index,
    name: CLASS_NAMES[index] ?? '',
    kind: 'object',
    objects: 10_000 - index * 1_000,
    shallowBytes: 1_000_000 - index * 100_000,
    retainedBytes: retained(snapshotId, 12_000_000 - index * 1_000_000),
    distance: 3,
  });
  const summary = (snapshotId: string): HeapSummary => ({
    producer: 'cpython',
    fileBytes: 5_000_000,
    nodes: 80_000,
    edges: 180_000,
    strings: 9_000,
    classes: CLASS_NAMES.length,
    shallowBytes: 17_000_000,
    extraNativeBytes: 0,
    analysed: analysed.has(snapshotId),
    notices: [],
    allocations: { by: 'recording', samplingInterval: null, unsureClasses: ['dict'], missing: null },
  });
  const field = (ordinal: number): EdgeRow => ({ edge: ordinal, edgeName: 'payload', edgeKind: 'property', weak: false, system: false, node: fakeNode(ordinal + 1_000, { name: HOSTILE_NAME, className: 'str', kind: 'string' }) });
  const holders = [
    {
      holder: 'module app.handlers → _cache (dict)',
      owner: fakeNode(7, { name: 'module app.handlers', className: 'module' }),
      steps: [{ edge: '_cache', node: 'dict' }, { edge: '[*]', node: 'app.Session' }],
      objects: 10_000,
      shallowBytes: 560_000,
      retainedBytes: 11_700_000,
      example: fakeNode(100),
    },
  ];

  server.provide(heapContract, {
    methods: {
      async open(params, { progress }) {
        progress({ phase: 'reading', done: 1_000_000, total: 5_000_000 });
        await enter('heap.open', params);
        return summary(params.snapshotId);
      },
      async analyse(params, { progress }) {
        progress({ phase: 'dominators', done: 40_000, total: 80_000 });
        await enter('heap.analyse', params);
        analysed.add(params.snapshotId);
        return summary(params.snapshotId);
      },
      async classes({ snapshotId, query }) {
        await enter('heap.classes', query);
        const rows = CLASS_NAMES.map((_, index) => classRow(index, snapshotId)).filter((row) => row.name.includes(query.filter ?? ''));
        return pageOf(rows, query.start, query.end, CLASS_NAMES.length);
      },
      instances: ({ query, classIndex }) => pageOf(Array.from({ length: 5 }, (_, index) => fakeNode(classIndex * 100 + index)), query.start, query.end),
      object: ({ ordinal }) => ({ ...fakeNode(ordinal), fields: 5, retainers: 1, dominator: fakeNode(7), dominated: 2, value: null, valueCut: false, location: null }),
      byId: ({ id }) => (id % 2 === 1 ? fakeNode((id - 1) / 2) : null),
      fields: ({ ordinal, query }) => pageOf([field(ordinal)], query.start, query.end),
      retainers: ({ ordinal, query }) => pageOf([{ ...field(ordinal), edgeName: '0', edgeKind: 'element', node: fakeNode(7, { name: 'dict', className: 'dict' }) }], query.start, query.end),
      dominated: ({ query }) => pageOf([], query.start, query.end),
      paths: ({ ordinal }) => ({
        complete: true,
        paths: [
          {
            steps: [
              { edgeName: '', edgeKind: '', system: false, node: fakeNode(0, { name: '(root)', className: '(root)', kind: 'synthetic' }) },
              { edgeName: '1', edgeKind: 'internal', system: true, node: fakeNode(1, { name: '(modules)', className: '(modules)', kind: 'synthetic' }) },
              { edgeName: 'app.handlers', edgeKind: 'property', system: false, node: fakeNode(2, { name: 'module app.handlers', className: 'module' }) },
              { edgeName: '_cache', edgeKind: 'property', system: false, node: fakeNode(3, { name: 'dict', className: 'dict' }) },
              { edgeName: '0', edgeKind: 'element', system: false, node: fakeNode(ordinal) },
            ],
          },
        ],
      }),
      search: ({ query }) => pageOf([fakeNode(1)], query.start, query.end),
      holders: () => holders,
      close: () => null,
      async compare(params) {
        await enter('heap.compare', params);
        const amount = (objects: number): Amount => ({ objects, shallowBytes: objects * 56, retainedBytes: objects * 1_144 });
        const side = (id: string) => ({ id, name: id, takenAt: T0, summary: summary(id) });
        return {
          base: side(params.baseId),
          compared: side(params.comparedId),
          classes: CLASS_NAMES.length,
          totals: { base: amount(1_000), compared: amount(11_000), new: amount(10_000), dead: amount(10), survived: amount(990), delta: amount(10_000) },
          identityNote: 'A test tells objects apart by their place.',
        };
      },
      async comparisonClasses({ query }) {
        await enter('heap.comparisonClasses', query);
        const rows = CLASS_NAMES.map((_, index) => comparisonRow(index)).filter((row) => !query.filter || row.name.includes(query.filter.replace(/^\/\^|\$\/$/g, '').replace(/\\/g, '')));
        return pageOf(rows, query.start, query.end, CLASS_NAMES.length);
      },
      async comparisonObjects(params) {
        await enter('heap.comparisonObjects', params);
        return pageOf(Array.from({ length: 3 }, (_, index) => fakeNode(100 + index)), params.query.start, params.query.end);
      },
      async comparisonHolders(params) {
        await enter('heap.comparisonHolders', params);
        return holders;
      },
      async exportComparison(params) {
        await enter('heap.exportComparison', params);
        return { path: '/tmp/test-session/exports/comparison.html', suggestedName: `comparison.${params.format}`, bytes: 1_234_567, cuts: ['Only the first 500 classes'] };
      },
    },
    events: {},
  });

  provideFakeExplore(server, { enter, node: fakeNode, hostileName: HOSTILE_NAME, classNames: CLASS_NAMES });

  return {
    async open() {
      const [page, host] = createChannelPair();
      channels.add(host);
      server.serve(host);
      return page;
    },
    calls,
    memory,
    setSessions,
    setFamily(next) {
      family = next;
      for (const listener of familyListeners) listener(family);
    },
    setProcesses(next) {
      processes = next;
      for (const listener of processListeners) listener(processes);
    },
    failNext: (name, error) => void failures.set(name, error),
    hold(name) {
      let release = () => undefined as void;
      holds.set(
        name,
        new Promise((resolve) => {
          release = () => {
            holds.delete(name);
            resolve();
          };
        }),
      );
      return () => release();
    },
    writeOutput(chunk) {
      for (const listener of outputListeners) listener(chunk);
    },
    disconnect() {
      for (const channel of [...channels]) channel.close('the test cut the line');
      channels.clear();
    },
  };
}

function pageOf<Row>(rows: readonly Row[], start: number, end: number, unfiltered = rows.length): Page<Row> {
  return { rows: rows.slice(start, end), start, total: rows.length, unfiltered };
}

export function comparisonRow(index: number): ComparisonRow {
  const amount = (objects: number): Amount => ({ objects, shallowBytes: objects * 56, retainedBytes: objects * 1_144 });
  const fresh = index === 1 ? 10_000 : 3;
  return {
    classIndex: index,
    name: CLASS_NAMES[index] ?? '',
    kind: 'object',
    base: amount(20),
    compared: amount(20 + fresh - 2),
    new: amount(fresh),
    dead: amount(2),
    survived: amount(18),
    delta: amount(fresh - 2),
  };
}

export function fakeTimeline(points: number): TimelineWindow {
  const at = Array.from({ length: points }, (_, index) => T0 + index * 1_000);
  const wave = (base: number, step: number) => at.map((_, index) => base + step * index);
  return {
    firstAt: T0,
    lastAt: at.at(-1) ?? T0,
    at,
    series: { rssBytes: wave(5e7, 1e5), heapUsedBytes: wave(1e7, 5e4), heapTotalBytes: wave(2e7, 5e4), externalBytes: at.map(() => null) },
    gc: { at: [T0 + 5_000, T0 + 9_000], pauseMs: [0.4, 12], kind: ['generation 0', 'generation 2'], generation: [0, 2], collected: [12, 400], count: [3, 1] },
    marks: [{ at: T0 + 7_000, kind: 'snapshot', label: 'Snapshot 1' }],
    totals: { samples: points, collections: 4, totalPauseMs: 13.2, longestPauseMs: 12 },
    downSampled: false,
  };
}
