/**
 * Garbage collections of a Node.js process as they happen, through the observer of `main/agents/v8/gc-observer.ts`, and
 * the heap figures that the same object reads. Collections of the main isolate only: workers have their own.
 */
import { randomBytes } from 'node:crypto';
import type { GcTrigger } from '#shared/model/memory.ts';
import type { GcEvent } from '#shared/model/target.ts';
import { gcObserverSource, PROFILE_AT_MOST_MS } from '../agents/v8/gc-observer.ts';
import type { CdpSession } from '../cdp/connection.ts';
import { asRecord, stringField } from '../cdp/read-field.ts';
import { createClockOffset } from './clock-offset.ts';
import { createGcProfile, type GcProfile } from './gc-profile.ts';

/** Node numbers its contexts from 1 and the program's own is the first. */
const MAIN_CONTEXT_ID = 1;
/** One report: the observer holds 64; anything far above is not ours. */
const MAX_REPORT_CHARS = 1_000_000;
const FLUSH = 'function () { this.flush(); }';
const ROTATE = 'function () { this.rotate(); }';
const FETCH_REST_MS = 150;
const MAX_PAUSE_MS = 24 * 3600 * 1000;

/** V8's GCType (include/v8-callbacks.h); Node reports the same numbers. */
const KINDS: Record<number, { kind: string; generation: number }> = {
  1: { kind: 'scavenge', generation: 0 },
  2: { kind: 'minor mark-sweep', generation: 0 },
  4: { kind: 'mark-sweep-compact', generation: 2 },
  8: { kind: 'incremental marking', generation: 2 },
  16: { kind: 'weak callbacks', generation: 2 },
};

/** The observer sends type + 256 × flags. */
const FLAGS_UNIT = 256;
/** V8's GCCallbackFlags: `global.gc()` and the inspector; collecting everything because memory is short. */
const FLAG_FORCED = 1 << 2;
const FLAG_ALL_AVAILABLE = 1 << 4;

export interface NodeHeapFigures {
  heapUsedBytes: number;
  heapTotalBytes: number;
  externalBytes: number;
  rssBytes: number | null;
}

export interface NodeObserver {
  /** `20.20.2` */
  nodeVersion: string;
  /** The process's own idea of its pid (another in a container). */
  pid: number | null;
  electronVersion: string | null;
  /** Null when the target answers with something else than figures. */
  read(withRss: boolean): Promise<NodeHeapFigures | null>;
  /** Says that we are still here; puts the observer back if it had given us up. */
  renew(): Promise<void>;
  /** Removes everything. */
  stop(): Promise<void>;
}

/** Null when the target has no such observer: a page, or a Node.js too old. */
export async function installNodeObserver(session: CdpSession, onGc: (event: GcEvent) => void): Promise<NodeObserver | null> {
  const clock = createClockOffset();
  // A page cannot guess it, and it exists only until the script has taken it.
  const bindingName = `__heaphouse_${randomBytes(12).toString('hex')}`;
  const profile = createGcProfile();
  let objectId: string | null = null;
  let rotating = false;
  let restTimer: NodeJS.Timeout | undefined;
  const stopListening = session.on('Runtime.bindingCalled', (params) => {
    if (params.name !== bindingName || typeof params.payload !== 'string' || params.payload.length > MAX_REPORT_CHARS) return;
    for (const event of readReport(params.payload, clock.toEpochMs, profile)) onGc(event);
    fetchRestLater();
  });

  /** Collections right after a report are held for the next; when none comes, they are fetched. */
  function fetchRestLater(): void {
    clearTimeout(restTimer);
    restTimer = setTimeout(() => {
      if (objectId !== null) callMethod(objectId, FLUSH).catch(() => undefined);
    }, FETCH_REST_MS);
  }

  // A target that stands still has at most one such question waiting.
  const rotation = setInterval(() => {
    if (objectId === null || rotating) return;
    rotating = true;
    callMethod(objectId, ROTATE)
      .catch(() => undefined)
      .finally(() => (rotating = false));
  }, PROFILE_AT_MOST_MS);

  async function install(): Promise<string | null> {
    await session.send('Runtime.addBinding', { name: bindingName, executionContextId: MAIN_CONTEXT_ID });
    const answer = await session.send(
      'Runtime.evaluate',
      { expression: gcObserverSource(bindingName), includeCommandLineAPI: true, silent: true, objectGroup: bindingName },
    );
    return stringField(asRecord(answer)['result'], 'objectId');
  }

  async function callMethod(on: string | null, functionDeclaration: string): Promise<unknown> {
    if (on === null) return null;
    const answer = await session.send('Runtime.callFunctionOn', { objectId: on, functionDeclaration, returnByValue: true, silent: true });
    return asRecord(asRecord(answer)['result'])['value'];
  }

  async function remove(): Promise<void> {
    stopListening();
    clearTimeout(restTimer);
    clearInterval(rotation);
    objectId = null;
    await Promise.allSettled([
      session.send('Runtime.removeBinding', { name: bindingName }),
      session.send('Runtime.releaseObjectGroup', { objectGroup: bindingName }),
    ]);
  }

  let info: string[];
  try {
    const installed = await install();
    if (installed === null) {
      await remove();
      return null;
    }
    objectId = installed;
    info = String(await callMethod(installed, 'function () { return this.info; }')).slice(0, 200).split('|');
  } catch (error) {
    await remove();
    throw error;
  }

  return {
    nodeVersion: (info[0] ?? '').replace(/^v/, ''),
    pid: Number(info[1]) || null,
    electronVersion: info[2] || null,
    async read(withRss) {
      return readFigures(await callMethod(objectId, `function () { return this.read(${withRss}); }`));
    },
    async renew() {
      if ((await callMethod(objectId, 'function () { return this.renew(); }')) === true) return;
      const again = await install();
      if (again !== null) objectId = again;
    },
    async stop() {
      await Promise.allSettled([callMethod(objectId, 'function () { this.flush(); this.stop(); }')]);
      await remove();
    },
  };
}

/** A report of the observer as events; entries that make no sense are left out. */
export function readReport(payload: string, toEpochMs: (targetNowMs: number, startMs: number) => number, profile: GcProfile = createGcProfile()): GcEvent[] {
  let fields: unknown;
  try {
    fields = JSON.parse(payload);
  } catch {
    return [];
  }
  if (!Array.isArray(fields) || !isTime(fields[0])) return [];
  const targetNowMs = fields[0];
  const readings: unknown = fields.at(-1);
  if (Array.isArray(readings)) profile.add(readings);
  const events: GcEvent[] = [];
  const end = Array.isArray(readings) ? fields.length - 1 : fields.length;
  for (let i = 1; i + 2 < end; i += 3) {
    const [type, startMs, pauseMs] = fields.slice(i, i + 3) as unknown[];
    if (typeof type !== 'number' || !isTime(startMs) || !isTime(pauseMs) || pauseMs > MAX_PAUSE_MS) continue;
    const gcType = type % FLAGS_UNIT;
    const known = KINDS[gcType] ?? { kind: `V8 type ${gcType}`, generation: 2 };
    const details = { trigger: triggerOf(Math.floor(type / FLAGS_UNIT)), ...profile.take(gcType, startMs, pauseMs) };
    events.push({ at: toEpochMs(targetNowMs, startMs), pauseMs, ...known, collected: null, uncollectable: null, details });
  }
  return events;
}

function triggerOf(flags: number): GcTrigger {
  if (flags & FLAG_FORCED) return 'explicit';
  return flags & FLAG_ALL_AVAILABLE ? 'memory-pressure' : 'allocation';
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function readFigures(value: unknown): NodeHeapFigures | null {
  if (typeof value !== 'string' || value.length > 200) return null;
  const [used, total, external, rss] = value.split(',').map((part) => (part === '' ? null : Number(part)));
  if (!isTime(used) || !isTime(total) || !isTime(external)) return null;
  return { heapUsedBytes: used, heapTotalBytes: total, externalBytes: external, rssBytes: isTime(rss) ? rss : null };
}
