/** A V8 target: Node.js, an Electron main process, a page. */
import type { CaptureTarget } from '#main/hosts/capture-contract.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { LEASE_MS } from '../agents/v8/gc-observer.ts';
import { CLOSE_INSPECTOR_SOURCE } from '../agents/v8/inspector-port.ts';
import type { CdpSession } from '../cdp/connection.ts';
import type { OpenTarget } from '../cdp/open-target.ts';
import { asRecord, countField, stringField } from '../cdp/read-field.ts';
import { installNodeObserver, type NodeObserver } from './gc-recorder.ts';
import type { HeapFigures } from './memory-sampler.ts';
import { v8Totals } from './memory/allocator-totals.ts';
import { readV8Report } from './memory/v8-report.ts';
import { readProcessDump, type ProcessDump } from './memory/browser-dump.ts';
import { startPageGcRecorder, type PageGcRecorder } from './page-gc-recorder.ts';
import { rendererOnThisMachine } from './process-memory.ts';
import { createV8Snapshots } from './snapshot-v8.ts';
import type { TargetAdapter, TargetListener } from './target-adapter.ts';
import { createWorkerThreads } from './worker-threads.ts';

/** A program that does not come back to its event loop closes its inspector later; nobody waits for that. */
const CLOSING_MS = 1_000;
/** V8's words when the program's global has gone: it had finished before we could ask to be told. */
const NO_CONTEXT = /Cannot find (default )?(execution )?context/i;

export async function openV8Target(target: OpenTarget, asked: CaptureTarget, listener: TargetListener): Promise<TargetAdapter> {
  const { session } = target;
  const notes: string[] = [];
  session.on('NodeRuntime.waitingForDisconnect', () => listener.ending());
  // Before anything else: without it a program that finishes from now on would wait for us for ever. A page refuses it.
  const isNode = session.send('NodeRuntime.notifyWhenWaitingForDisconnect', { enabled: true }).then(
    () => true,
    () => false,
  );
  // A page has no observer of collections; nothing is evaluated in it.
  const observer = asked.kind === 'chromium' ? null : await installObserver(target, listener, isNode, notes);
  // Traces of the browser: nothing is put into the page.
  const pages = observer || asked.kind === 'node' ? null : await startPageGcRecorder(session, target.targetId ?? pageIdOf(asked.webSocketUrl), (event) => listener.gc(event));
  if (pages) notes.push(pages.problem === null ? 'Collections come from traces of the browser, five seconds at a time; what happens between two traces is not seen.' : `Collections are not recorded: ${pages.problem}`);
  const snapshots = createV8Snapshots(target);
  // A page's workers are targets of its browser, not of the page.
  const workers = target.targetId === null && asked.kind !== 'chromium' ? createWorkerThreads(target) : null;
  const runtime = await describeRuntime(session, observer);
  const renewTimer = setInterval(() => void observer?.renew().catch(() => undefined), LEASE_MS / 20);

  async function readHeap(): Promise<HeapFigures | null> {
    const usage = await session.send('Runtime.getHeapUsage');
    const figures = {
      heapUsedBytes: countField(usage, 'usedSize'),
      heapTotalBytes: countField(usage, 'totalSize'),
      // Newer V8; in Node.js exactly `process.memoryUsage().external`, in a page also what Blink keeps for the DOM.
      externalBytes: sum(countField(usage, 'backingStorageSize'), observer ? 0 : countField(usage, 'embedderHeapUsedSize')),
      rssBytes: null,
    };
    const needsRss = asked.pid === null;
    if (!observer || (figures.externalBytes !== null && !needsRss)) return figures;
    const read = await observer.read(needsRss);
    return { ...figures, externalBytes: read?.externalBytes ?? figures.externalBytes, rssBytes: read?.rssBytes ?? null };
  }

  return {
    runtime,
    canSnapshot: true,
    snapshotWay: 'v8',
    gcEvents: observer !== null || pages?.problem === null,
    processPid: () => (pages && asked.pid !== null ? rendererOnThisMachine(pages.rendererPid) : null),
    notes,
    workers,
    readHeap,
    ...(pages ? { readProcessDump: () => readDumpOf(pages) } : {}),
    readAllocators: observer ? async () => mapNull(await readV8Report(session), v8Totals) : null,
    takeSnapshot: (path, options) => snapshots.take(path, options),
    sameIds: (idEpoch) => snapshots.sameIds(idEpoch),
    async collectGarbage() {
      const before = await readHeap();
      const startedAt = performance.now();
      await session.send('HeapProfiler.collectGarbage');
      const pauseMs = performance.now() - startedAt;
      // Not asked together with it: V8 collects in a task of its own and answers later questions first.
      const after = await readHeap();
      return { collected: null, uncollectable: null, pauseMs, before, after };
    },
    async run() {
      await session.send('Runtime.runIfWaitingForDebugger');
    },
    async release() {
      clearInterval(renewTimer);
      await Promise.all([observer?.stop(), pages?.stop()]);
      await Promise.allSettled([
        session.send('Runtime.releaseObjectGroup', { objectGroup: 'heaphouse-marker' }),
        // Also lets V8 forget the ids of all objects, a table as large as the heap has objects.
        session.send('HeapProfiler.disable'),
        session.send('Debugger.disable'),
        workers?.release(),
        session.send('NodeRuntime.notifyWhenWaitingForDisconnect', { enabled: false }),
      ]);
      if (!asked.closeInspectorOnDetach) return [];
      const answer = await session.send('Runtime.evaluate', {
        expression: CLOSE_INSPECTOR_SOURCE,
        includeCommandLineAPI: true,
        silent: true,
        returnByValue: true,
      });
      const closing = asRecord(asRecord(answer)['result'])['value'] === true;
      // Whoever attaches next must not find the inspector that is on its way out.
      if (closing) await whenClosed(target, CLOSING_MS);
      return closing ? [] : ['The inspector of the process could not be closed and stays open.'];
    },
  };
}

async function readDumpOf(pages: PageGcRecorder): Promise<ProcessDump | null> {
  const events = await pages.dumpMemory();
  return pages.rendererPid === null ? null : readProcessDump(events, pages.rendererPid);
}

/** Resolves when the target has ended the connection, at the latest after `ms`. */
function whenClosed(target: OpenTarget, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    target.connection.onClose(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function installObserver(target: OpenTarget, listener: TargetListener, isNode: Promise<boolean>, notes: string[]): Promise<NodeObserver | null> {
  try {
    return await installNodeObserver(target.session, (event) => listener.gc(event));
  } catch (error) {
    if (target.connection.closed) throw error;
    const detail = error instanceof HeaphouseError ? (error.detail ?? '') : '';
    if (NO_CONTEXT.test(detail) && (await isNode)) throw new HeaphouseError('target-gone', 'The program has ended.', { detail });
    notes.push(`Collections are not recorded: the target refused the observer (${error instanceof Error ? error.message : String(error)}).`);
    return null;
  }
}

/** `ws://127.0.0.1:9222/devtools/page/ID`: the id of a page is that of its main frame. */
function pageIdOf(webSocketUrl: string): string | null {
  return /\/devtools\/page\/([\w-]+)/.exec(webSocketUrl)?.[1] ?? null;
}

async function describeRuntime(session: CdpSession, observer: NodeObserver | null): Promise<string> {
  if (observer?.electronVersion) return `Electron ${observer.electronVersion}`;
  if (observer) return `Node.js v${observer.nodeVersion}`;
  const version = await session.send('Browser.getVersion').catch(() => null);
  const product = stringField(version, 'product', 100);
  return product ? product.replace(/^(Headless)?Chrome\//, 'Chromium ') : 'V8';
}

function mapNull<T, R>(value: T | null, map: (value: T) => R): R | null {
  return value === null ? null : map(value);
}

function sum(a: number | null, b: number | null): number | null {
  return a === null ? null : a + (b ?? 0);
}
