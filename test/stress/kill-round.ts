/**
 * One round: a workbench records a living target, one of the processes is killed with SIGKILL at a random moment, and
 * the session is opened again by another workbench. Fails by throwing. Used by the normal suite (a few rounds) and by
 * `npm run stress kill` (a hundred).
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { heapContract } from '#shared/contracts/heap.ts';
import { sessionsContract } from '#shared/contracts/sessions.ts';
import { timelineContract } from '#shared/contracts/timeline.ts';
import { createWorkbench } from '#main/workbench/workbench.ts';

export const VICTIMS = ['workbench', 'host', 'target'] as const;
export type Victim = (typeof VICTIMS)[number];
export type Kind = 'node' | 'python';

export interface Round {
  victim: Victim;
  kind: Kind;
  /** `start`: the time counts from the beginning of the launch; `attached`: from when recording has begun. */
  from: 'start' | 'attached';
  killAfterMs: number;
}

export interface Outcome extends Round {
  /** Where the session stood when the process was killed. */
  phase: 'launching' | 'recording' | 'snapshot';
  /** Between the last sample somebody was told of and the last on disk. */
  lostMs: number;
  samples: number;
  ready: number;
  incomplete: number;
}

/** The most that may be missing. */
export const MAX_LOST_MS = 1_000;
const ENTRY = join(import.meta.dirname, 'workbench-process.ts');
const END_LIMIT_MS = 20_000;

interface Told {
  event: string;
  pid?: number | null;
  dir?: string;
  state?: string;
  lastAt?: number;
  number?: number;
  n?: number;
  snapshots?: { number: number; state: string }[];
  message?: string;
}

export async function killRound({ victim, kind, from, killAfterMs }: Round): Promise<Outcome> {
  const root = mkdtempSync(join(tmpdir(), 'heaphouse-kill-'));
  const sessionsDir = join(root, 'sessions');
  // In the command line of the target, by which it is found and ended whatever happened.
  const marker = `--hold-after=${(90 + Math.random()).toFixed(9)}`;
  const told: Told[] = [];
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ENTRY, sessionsDir, kind, marker], { stdio: ['ignore', 'pipe', 'pipe'], cwd: join(import.meta.dirname, '..', '..') });
  let stderr = '';
  let rest = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) told.push(JSON.parse(line) as Told);
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const last = (event: string) => told.findLast((one) => one.event === event);
  try {
    const began = from === 'start' ? () => told.length > 0 : () => last('attached') !== undefined;
    await until(() => began() || last('failed') !== undefined || child.exitCode !== null, 60_000);
    await sleep(killAfterMs);
    // A host or a target can be killed only when there is one.
    await until(() => pidOf() !== null || child.exitCode !== null, 30_000);
    const failure = last('failed');
    assert.equal(failure, undefined, `the launch failed by itself: ${JSON.stringify(failure)}`);
    const pid = pidOf();
    assert.ok(pid !== null, `nothing to kill; it said ${stderr} ${JSON.stringify(told.slice(-3))}`);
    const phase = phaseNow();
    const knownAt = last('recorded')?.lastAt ?? 0;
    const takenBefore = told.filter((one) => one.event === 'taken').length;
    const marksBefore = told.filter((one) => one.event === 'marked').length;
    process.kill(pid, 'SIGKILL');
    if (victim !== 'workbench') {
      await sleep(1_500);
      assert.equal(child.exitCode, null, `the workbench ended with its ${victim}: ${stderr}`);
      child.kill('SIGTERM');
    }
    await Promise.race([ended, sleep(END_LIMIT_MS).then(() => assert.fail('the workbench did not end'))]);
    endTargets(marker);
    const seen = await reopen(sessionsDir, { phase, knownAt, takenBefore, marksBefore });
    return { victim, kind, from, killAfterMs, phase, ...seen };
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
    endTargets(marker);
    await waitForHosts(told.flatMap((one) => (one.event === 'host' && typeof one.pid === 'number' ? [one.pid] : [])));
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  }

  function pidOf(): number | null {
    if (victim === 'workbench') return child.pid ?? null;
    return (victim === 'host' ? last('host')?.pid : last('session')?.pid) ?? null;
  }
  function phaseNow(): Outcome['phase'] {
    if (!last('attached')) return 'launching';
    return last('session')?.snapshots?.some(({ state }) => state === 'writing') ? 'snapshot' : 'recording';
  }
}

interface Known {
  phase: Outcome['phase'];
  knownAt: number;
  takenBefore: number;
  marksBefore: number;
}

/** Everything that was known before is there and can be read. */
async function reopen(sessionsDir: string, { phase, knownAt, takenBefore, marksBefore }: Known): Promise<Pick<Outcome, 'lostMs' | 'samples' | 'ready' | 'incomplete'>> {
  const workbench = createWorkbench({ sessionsDir, cwd: process.cwd() });
  try {
    const sessions = workbench.client.service(sessionsContract);
    const folders = exists(sessionsDir) ? readdirSync(sessionsDir) : [];
    if (folders.length === 0) {
      // Killed before the target had been reached: there was nothing to keep.
      assert.equal(phase, 'launching');
      return { lostMs: 0, samples: 0, ready: 0, incomplete: 0 };
    }
    const [recent] = await sessions.recent({});
    assert.ok(recent, `not listed: ${readdirSync(join(sessionsDir, folders[0])).join(', ')}`);
    const { sessionId } = await sessions.open({ paths: [recent.dir] });
    const session = (await sessions.list({})).find(({ id }) => id === sessionId)!;
    const files = readdirSync(recent.dir);
    const ready = session.snapshots.filter(({ state }) => state === 'ready');
    const incomplete = session.snapshots.filter(({ state }) => state === 'failed');
    assert.ok(ready.length >= takenBefore, `${takenBefore} snapshots were there, ${ready.length} are left: ${files.join(', ')}`);
    for (const snapshot of ready) assert.equal(statSync(snapshot.path).size, snapshot.bytes, `${snapshot.name} has its size`);
    for (const name of files.filter((file) => file.endsWith('.part'))) {
      const whose = incomplete.find(({ path }) => `${path}.part` === join(recent.dir, name));
      assert.match(whose?.error?.message ?? 'nothing', /incomplete/, `${name} is said to be incomplete`);
    }
    const heap = workbench.client.service(heapContract, sessionId);
    const newest = ready.at(-1);
    if (newest) assert.ok((await heap.open({ snapshotId: newest.id })).nodes > 1_000);
    const hasRecording = files.includes('recording.db');
    if (!hasRecording) {
      assert.equal(knownAt, 0, 'samples were told of, and there is no recording');
      return { lostMs: 0, samples: 0, ready: ready.length, incomplete: incomplete.length };
    }
    const window = await workbench.client.service(timelineContract, sessionId).window({ maxPoints: 1_000 });
    const marks = window.marks.filter((mark) => mark.kind === 'mark').length;
    assert.ok(marks >= marksBefore, `${marksBefore} marks were told of, ${marks} are left`);
    const lostMs = knownAt === 0 ? 0 : Math.max(0, knownAt - window.lastAt);
    assert.ok(lostMs <= MAX_LOST_MS, `the last ${lostMs} ms are lost`);
    return { lostMs, samples: window.totals.samples, ready: ready.length, incomplete: incomplete.length };
  } finally {
    await workbench.dispose();
  }
}

/** Ends what carries the marker in its command line: the target of this round and nothing else. */
function endTargets(marker: string): void {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    try {
      const arguments_ = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
      if (arguments_.includes(marker) && !arguments_.includes(ENTRY)) process.kill(Number(name), 'SIGKILL');
    } catch {
      // Gone meanwhile.
    }
  }
}

/** A host whose parent is gone leaves by itself; it may still write until then. */
async function waitForHosts(pids: number[]): Promise<void> {
  await until(() => pids.every((pid) => !exists(`/proc/${pid}`) || /^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))), 10_000).catch(() => assert.fail(`a session host stayed: ${pids.join(', ')}`));
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
async function until(condition: () => boolean, limitMs: number): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('waited too long');
    await sleep(20);
  }
}
