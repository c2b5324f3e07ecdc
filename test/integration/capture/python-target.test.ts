import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { homedir, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CaptureState, CaptureTarget } from '#main/hosts/capture-contract.ts';
import type { GcEvent } from '#shared/model/target.ts';
import type { Progress } from '#shared/rpc/define-service.ts';
import { unpackedPythons } from '#test/tools/pythons.ts';
import { canMount, mountSmallDisk, startSessionHost, until, type SessionClient } from './session-client.ts';

const AGENT = fileURLToPath(new URL('../../../main/agents/python', import.meta.url));
const agentIsThere = existsSync(join(AGENT, 'bootstrap/sitecustomize.py'));

/** Makes and forgets cycles, keeps 1,000 known objects and 32 MiB outside of the small-object allocator. */
const CHURN = `
import time
class Kept:
    def __init__(self, i): self.i = [i]
kept = [Kept(i) for i in range(1000)]
buffer = bytearray(32 * 1024 * 1024)
print('running', flush=True)
while True:
    for i in range(2000):
        a = []; a.append(a)
    time.sleep(0.01)
`;
const LARGE = CHURN.replace("print('running'", "large = [{'i': [i]} for i in range(100000)]\nprint('running'");

interface SnapshotFile {
  snapshot: { meta: { node_fields: string[] }; node_count: number; edge_count: number };
  nodes: number[];
  strings: string[];
}

interface PythonTarget {
  pid: number;
  url: string;
  stdout(): string;
  exitCode(): number | null;
  signal(signal: NodeJS.Signals): void;
  exited: Promise<number | string | null>;
}

function interpreters(): { name: string; path: string }[] {
  const root = join(homedir(), '.pyenv/versions');
  const versions = existsSync(root) ? readdirSync(root) : [];
  const found = versions
    .filter((name) => /^3\.(8|9|1\d)\./.test(name))
    .map((name) => ({ name: `Python ${name}`, path: join(root, name, 'bin/python') }));
  for (const path of unpackedPythons()) {
    const name = basename(dirname(dirname(path)));
    if (/^3\.\d+$/.test(name)) found.push({ name: `Python ${name}, unpacked`, path });
  }
  const system = '/usr/bin/python3';
  return found.length > 0 ? found : existsSync(system) ? [{ name: 'Python of the system', path: system }] : [];
}

let root: string;
let dir: string;
let host: SessionClient;
let target: PythonTarget;
const cleanups: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  root = dir = mkdtempSync(join(tmpdir(), 'heaphouse-capture-'));
  host = await startSessionHost();
});
afterEach(async () => {
  await host.stop();
  for (const cleanup of cleanups.splice(0)) await cleanup();
  rmSync(root, { recursive: true, force: true });
});

async function launch(python: string, code: string, waits = false): Promise<void> {
  const meeting = mkdtempSync(join(dir, 'meeting-'));
  const env = { ...process.env, PYTHONPATH: join(AGENT, 'bootstrap'), HEAPHOUSE_AGENT: meeting, ...(waits ? { HEAPHOUSE_WAIT: '1' } : {}) };
  const child = spawn(python, ['-c', code], { stdio: ['ignore', 'pipe', 'inherit'], env });
  let stdout = '';
  child.stdout.on('data', (data) => (stdout += String(data)));
  const exited = new Promise<number | string | null>((resolve) => child.on('exit', (exitCode, signal) => resolve(exitCode ?? signal)));
  cleanups.push(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
  });
  const report = await until('the agent', () => readReport(join(meeting, `${child.pid}.json`)));
  target = { pid: child.pid ?? 0, url: report.webSocketUrl, stdout: () => stdout, exitCode: () => child.exitCode, signal: (signal) => void child.kill(signal), exited };
}

function readReport(path: string): { webSocketUrl: string } | null {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { webSocketUrl: string }) : null;
}

function start(more: Partial<CaptureTarget> = {}) {
  const asked: CaptureTarget = { kind: 'python', pid: target.pid, webSocketUrl: target.url, waitsForDebugger: false, closeInspectorOnDetach: false, ...more };
  return host.capture.start({ dir, target: asked, sampleEveryMs: 50 });
}

const timeline = () => host.timeline.window({ maxPoints: 2_000 });
const snapshots = () => readdirSync(dir).filter((name) => name.includes('heapsnapshot'));

function countOf(path: string, text: RegExp): number {
  const { snapshot, nodes, strings } = JSON.parse(readFileSync(path, 'utf8')) as SnapshotFile;
  const width = snapshot.meta.node_fields.length;
  expect(nodes.length).toBe(snapshot.node_count * width);
  let found = 0;
  for (let at = 0; at < nodes.length; at += width) if (text.test(strings[nodes[at + 1]])) found++;
  return found;
}

describe.skipIf(!agentIsThere || interpreters().length === 0)(`CPython${agentIsThere ? '' : ' (skipped: no agent)'}`, () => {
  describe.each(interpreters())('$name', ({ path: python }) => {
    it('is watched and photographed, and clean after detach', async () => {
      await launch(python, CHURN);
      const events: GcEvent[] = [];
      host.capture.on('gc', {}, (event) => events.push(event));
      const startedAt = Date.now();
      const started = await start();
      expect(started).toMatchObject({ runtime: expect.stringMatching(/^CPython 3\.\d+\.\d+/) as string, gcEvents: true, capabilities: { snapshot: true, collect: true } });
      await until('collections', () => events.length >= 5);
      await until('samples', async () => (await timeline()).totals.samples >= 20);
      for (const { at, pauseMs, kind, generation } of events) {
        expect(at).toBeGreaterThan(startedAt - 2_000);
        expect(at).toBeLessThan(Date.now() + 50);
        expect(pauseMs).toBeGreaterThan(0);
        expect(kind).toBe(`generation ${generation}`);
      }
      expect(events.some(({ collected }) => (collected ?? 0) > 100)).toBe(true);
      const last = await host.capture.lastSample({});
      expect(last?.rssBytes).toBeGreaterThan(32 * 1024 * 1024);
      expect(last?.heapUsedBytes).toBeGreaterThan(100_000);
      expect(last?.heapTotalBytes).toBeGreaterThanOrEqual(last?.heapUsedBytes ?? 0);

      const seen: Progress[] = [];
      const result = await host.capture.takeSnapshot({ path: join(dir, 'a.heapsnapshot'), label: 'one' }, { onProgress: (value) => seen.push(value) });
      expect(statSync(result.path)).toMatchObject({ size: result.bytes });
      expect(statSync(result.path).mode & 0o777).toBe(0o600);
      expect(result.receipt.pauseMs).toBeGreaterThan(0);
      expect(result.receipt.notes[0]).toMatch(/^mode: (clone|stopTheWorld|fork|inProcess)/);
      expect(seen.length).toBeGreaterThan(0);
      expect(countOf(result.path, /(^|\.)Kept$/)).toBeGreaterThanOrEqual(1_000);
      expect(snapshots()).toEqual(['a.heapsnapshot']);

      const collect = await host.capture.collectGarbage({});
      expect(collect.collected).toBeGreaterThanOrEqual(0);
      expect(collect.uncollectable).toBe(0);
      expect(collect.heapUsedAfterBytes).toBeGreaterThan(0);

      expect(await host.capture.detach({})).toMatchObject({ action: 'detach', notes: [] });
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(target.exitCode()).toBeNull();
      expect((await timeline()).marks.map(({ kind }) => kind)).toEqual(['attach', 'snapshot', 'detach']);
    });
  });

  const python = interpreters().at(-1)?.path ?? '';

  it('waits for its recording when it is launched so', async () => {
    await launch(python, CHURN, true);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(target.stdout()).toBe('');
    await start({ waitsForDebugger: true });
    await until('its first line', () => target.stdout().includes('running'));
  });

  it('sends chunks when it does not share our files', async () => {
    await launch(python, CHURN);
    await until('its first line', () => target.stdout().includes('running'));
    await start({ pid: null });
    const result = await host.capture.takeSnapshot({ path: join(dir, 'a.heapsnapshot'), label: '' });
    expect(result.receipt.notes.join()).toMatch(/does not share our files/);
    expect(countOf(result.path, /(^|\.)Kept$/)).toBeGreaterThanOrEqual(1_000);
    expect((await timeline()).series.heapUsedBytes.at(-1)).toBeGreaterThan(0);
  });

  it.each([
    ['itself', false],
    ['as chunks', true],
  ])('goes on after a cancelled snapshot that it writes %s', async (_how, chunks) => {
    await launch(python, LARGE);
    await until('its first line', () => target.stdout().includes('running'));
    await start(chunks ? { pid: null } : {});
    const controller = new AbortController();
    let abortedAt = 0;
    const taking = host.capture.takeSnapshot(
      { path: join(dir, 'a.heapsnapshot'), label: '' },
      {
        signal: controller.signal,
        onProgress(value) {
          if (value.done === 0 || abortedAt > 0) return;
          abortedAt = performance.now();
          controller.abort();
        },
      },
    );
    await expect(taking).rejects.toMatchObject({ code: 'cancelled' });
    expect(performance.now() - abortedAt).toBeLessThan(1_000);
    expect(snapshots()).toEqual([]);
    const whole = await host.capture.takeSnapshot({ path: join(dir, 'b.heapsnapshot'), label: '' });
    expect(countOf(whole.path, /(^|\.)Kept$/)).toBeGreaterThanOrEqual(1_000);
  });

  it('that is killed during a snapshot is told as gone, and leaves no file', async () => {
    await launch(python, LARGE);
    const heard: CaptureState[] = [];
    host.capture.on('state', {}, (state) => heard.push(state));
    await until('its first line', () => target.stdout().includes('running'));
    await start();
    const taking = host.capture.takeSnapshot(
      { path: join(dir, 'a.heapsnapshot'), label: '' },
      { onProgress: (value) => value.done > 0 && target.signal('SIGKILL') },
    );
    await expect(taking).rejects.toMatchObject({ code: 'target-gone' });
    await until('the lost state', () => heard.some((state) => state.state === 'lost' && state.error.message === 'The process has ended.'));
    expect(snapshots()).toEqual([]);
  });

  it('says which folder cannot be written', async () => {
    await launch(python, CHURN);
    await start();
    const taking = host.capture.takeSnapshot({ path: join(dir, 'no/such/a.heapsnapshot'), label: '' });
    await expect(taking).rejects.toMatchObject({ code: 'io', message: expect.stringContaining('does not exist') as string });
  });

  const mayMount = canMount();
  it.skipIf(!mayMount)(`on a full disk: the snapshot fails clearly, the session goes on${mayMount ? '' : ' (skipped: no tmpfs can be mounted here)'}`, async () => {
    const disk = mountSmallDisk();
    try {
      await launch(python, CHURN);
      await until('its first line', () => target.stdout().includes('running'));
      await start();
      const taking = host.capture.takeSnapshot({ path: join(disk.dir, 'a.heapsnapshot'), label: '' });
      await expect(taking).rejects.toMatchObject({ code: 'io', message: expect.stringContaining('disk is full') as string });
      expect(readdirSync(disk.dir)).toEqual([]);
      await host.capture.takeSnapshot({ path: join(dir, 'b.heapsnapshot'), label: '' });
      expect(target.exitCode()).toBeNull();
    } finally {
      disk.unmount();
    }
  });

  it('ends by itself as if nobody watched', async () => {
    await launch(python, "import time, sys; print('running', flush=True); time.sleep(0.8); sys.exit(5)");
    const heard: CaptureState[] = [];
    host.capture.on('state', {}, (state) => heard.push(state));
    await start();
    await until('the lost state', () => heard.some((state) => state.state === 'lost'));
    expect(await target.exited).toBe(5);
  });
});
