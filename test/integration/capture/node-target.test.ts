import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectCdp } from '#main/cdp/connection.ts';
import { openTarget } from '#main/cdp/open-target.ts';
import { streamSnapshot } from '#main/capture/snapshot-stream.ts';
import type { CaptureState, CaptureTarget } from '#main/hosts/capture-contract.ts';
import type { GcEvent } from '#shared/model/target.ts';
import type { Progress } from '#shared/rpc/define-service.ts';
import type { WireError } from '#shared/rpc/errors.ts';
import { canMount, mountSmallDisk, nodeTargets, startInspected, startSessionHost, until, type RunningTarget, type SessionClient } from './session-client.ts';

/** Allocates and forgets, keeps 1,000 known objects and a buffer of 32 MiB. */
const CHURN = `
class Kept { constructor(i) { this.i = { i }; } }
globalThis.kept = Array.from({ length: 1000 }, (_, i) => new Kept(i));
globalThis.buffer = Buffer.alloc(32 * 1024 * 1024, 1);
let rubbish = [];
setInterval(() => { for (let i = 0; i < 5000; i++) rubbish.push({ i, text: 'x' + i }); if (rubbish.length > 100000) rubbish = []; }, 10);
`;
/** Some 500,000 objects: a snapshot takes a second or more. */
const LARGE = `${CHURN} globalThis.large = Array.from({ length: 120000 }, (_, i) => ({ a: { i }, b: [i] }));`;

interface SnapshotFile {
  snapshot: { meta: { node_fields: string[]; node_types: [string[]] }; node_count: number; edge_count: number };
  nodes: number[];
  strings: string[];
}

function readSnapshot(path: string): SnapshotFile {
  return JSON.parse(readFileSync(path, 'utf8')) as SnapshotFile;
}

function idsOf({ snapshot, nodes, strings }: SnapshotFile, className: string): Set<number> {
  const width = snapshot.meta.node_fields.length;
  const object = snapshot.meta.node_types[0].indexOf('object');
  const ids = new Set<number>();
  for (let at = 0; at < nodes.length; at += width) {
    if (nodes[at] === object && strings[nodes[at + 1]] === className) ids.add(nodes[at + 2]);
  }
  return ids;
}

let root: string;
let dir: string;
let host: SessionClient;
let target: RunningTarget;
const targets: RunningTarget[] = [];

beforeEach(async () => {
  root = dir = mkdtempSync(join(tmpdir(), 'heaphouse-capture-'));
  host = await startSessionHost();
});
afterEach(async () => {
  await host.stop();
  for (const started of targets.splice(0)) await started.kill();
  rmSync(root, { recursive: true, force: true });
});

async function launch(node: string, code: string, flag = '--inspect=0'): Promise<RunningTarget> {
  target = await startInspected(node, [flag, '-e', code]);
  targets.push(target);
  return target;
}

function start(more: Partial<CaptureTarget> = {}, sampleEveryMs = 50) {
  const asked: CaptureTarget = { kind: 'node', pid: target.pid, webSocketUrl: target.url, waitsForDebugger: false, closeInspectorOnDetach: false, ...more };
  return host.capture.start({ dir, target: asked, sampleEveryMs });
}

function states(): CaptureState[] {
  const heard: CaptureState[] = [];
  host.capture.on('state', {}, (state) => heard.push(state));
  return heard;
}

async function lostState(heard: CaptureState[]) {
  return until('the lost state', () => heard.find((state) => state.state === 'lost') ?? null, 6_000) as Promise<Extract<CaptureState, { state: 'lost' }>>;
}

async function evaluate(url: string, expression: string): Promise<unknown> {
  const connection = await connectCdp(url);
  try {
    return (await connection.send('Runtime.evaluate', { expression, includeCommandLineAPI: true, returnByValue: true })).result.value;
  } finally {
    connection.close();
  }
}

const timeline = (maxPoints = 2_000) => host.timeline.window({ maxPoints });

describe.each(nodeTargets())('$name', ({ path: node }) => {
  it('is watched: memory at the pace asked for, heap figures, collections with their pauses', async () => {
    await launch(node, CHURN);
    const events: GcEvent[] = [];
    host.capture.on('gc', {}, (event) => events.push(event));
    const startedAt = Date.now();
    const started = await start();
    expect(started).toMatchObject({ runtime: expect.stringMatching(/^Node\.js v\d+\.\d+\.\d+$/) as string, gcEvents: true, notes: [] });
    await until('collections', () => events.length >= 5);
    await until('samples', async () => (await timeline()).totals.samples >= 30);
    const window = await timeline();
    const elapsed = window.lastAt - window.firstAt;
    expect(window.totals.samples).toBeGreaterThan((elapsed / 50) * 0.7);
    const last = (name: keyof typeof window.series) => window.series[name].at(-1) ?? 0;
    expect(last('rssBytes')).toBeGreaterThan(32 * 1024 * 1024);
    expect(last('heapUsedBytes')).toBeGreaterThan(1024 * 1024);
    expect(last('heapTotalBytes')).toBeGreaterThanOrEqual(last('heapUsedBytes'));
    expect(last('externalBytes')).toBeGreaterThan(32 * 1024 * 1024);
    expect(last('externalBytes')).toBeLessThan(64 * 1024 * 1024);
    expect(window.gc.kind).toContain('scavenge');
    for (const event of events) {
      expect(event.pauseMs).toBeGreaterThanOrEqual(0);
      expect(event.pauseMs).toBeLessThan(5_000);
      expect(event.at).toBeGreaterThan(startedAt - 2_000);
      expect(event.at).toBeLessThan(Date.now() + 100);
    }
    expect(window.marks).toMatchObject([{ kind: 'attach', label: started.runtime }]);
  });

  it('sees a forced collection, told apart from small ones, and what it freed', async () => {
    // Otherwise quiet, so that no collection of its own comes before ours.
    await launch(node, 'setInterval(() => undefined, 1000)');
    await start();
    await evaluate(target.url, 'globalThis.rubbish = Array.from({ length: 300000 }, (_, i) => ({ i })); globalThis.rubbish = null; 0');
    const result = await host.capture.collectGarbage({});
    expect(result.heapUsedBeforeBytes! - result.heapUsedAfterBytes!).toBeGreaterThan(5 * 1024 * 1024);
    expect(result.pauseMs).toBeGreaterThan(0);
    await until('a major collection', async () => (await timeline()).gc.kind.includes('mark-sweep-compact'));
  });

  it('gives whole snapshots whose ids go on, and leaves only those', async () => {
    await launch(node, CHURN);
    await start();
    const seen: Progress[] = [];
    const first = await host.capture.takeSnapshot({ path: join(dir, 'a.heapsnapshot'), label: 'one' }, { onProgress: (value) => seen.push(value) });
    const second = await host.capture.takeSnapshot({ path: join(dir, 'b.heapsnapshot'), label: 'two' });
    expect(statSync(first.path)).toMatchObject({ size: first.bytes });
    expect(statSync(first.path).mode & 0o777).toBe(0o600);
    const file = readSnapshot(first.path);
    expect(file.nodes.length).toBe(file.snapshot.node_count * file.snapshot.meta.node_fields.length);
    expect(first.nodes).toBe(file.snapshot.node_count);
    expect(first.receipt.pauseMs).toBeGreaterThan(0);
    expect(seen.some(({ unit, done }) => unit === 'objects' && done > 1_000)).toBe(true);
    expect(seen.at(-1)).toMatchObject({ unit: 'bytes', done: first.bytes });
    const ids = idsOf(file, 'Kept');
    expect(ids.size).toBe(1_000);
    expect(idsOf(readSnapshot(second.path), 'Kept')).toEqual(ids);
    expect(second.idEpoch).toBe(first.idEpoch);
    expect((await timeline()).marks.map(({ kind, label }) => [kind, label]).slice(1)).toEqual([
      ['snapshot', 'one'],
      ['snapshot', 'two'],
    ]);
    expect(readdirSync(dir).filter((name) => name.includes('heapsnapshot'))).toEqual(['a.heapsnapshot', 'b.heapsnapshot']);
  });

  it('says when another debugger has ended the ids', async () => {
    await launch(node, CHURN);
    await start();
    const first = await host.capture.takeSnapshot({ path: join(dir, 'a.heapsnapshot'), label: '' });
    await evaluate(target.url, '1');
    await new Promise((resolve) => setTimeout(resolve, 300));
    const second = await host.capture.takeSnapshot({ path: join(dir, 'b.heapsnapshot'), label: '' });
    expect(second.idEpoch).not.toBe(first.idEpoch);
    expect(second.receipt.notes.join()).toMatch(/another debugger/);
    const third = await host.capture.takeSnapshot({ path: join(dir, 'c.heapsnapshot'), label: '' });
    expect(third.idEpoch).toBe(second.idEpoch);
  });

  it('goes on after a cancelled snapshot, which leaves nothing', async () => {
    await launch(node, LARGE);
    await start();
    for (const phase of ['Building the snapshot', 'Saving the snapshot']) {
      const controller = new AbortController();
      const path = join(dir, 'cancelled.heapsnapshot');
      let abortedAt = 0;
      const taking = host.capture.takeSnapshot(
        { path, label: '' },
        {
          signal: controller.signal,
          onProgress(value) {
            if (value.phase !== phase || value.done === 0 || abortedAt > 0) return;
            abortedAt = performance.now();
            controller.abort();
          },
        },
      );
      await expect(taking).rejects.toMatchObject({ code: 'cancelled' });
      expect(performance.now() - abortedAt).toBeLessThan(500);
      expect(readdirSync(dir).filter((name) => name.includes('heapsnapshot'))).toEqual([]);
    }
    const whole = await host.capture.takeSnapshot({ path: join(dir, 'a.heapsnapshot'), label: '' });
    expect(idsOf(readSnapshot(whole.path), 'Kept').size).toBe(1_000);
    const before = (await timeline()).totals.samples;
    await until('samples again', async () => (await timeline()).totals.samples > before + 10);
    expect((await host.capture.lastSample({}))?.heapUsedBytes).toBeGreaterThan(0);
  });

  it('refuses a second snapshot at the same time and a second start', async () => {
    await launch(node, LARGE);
    await start();
    const controller = new AbortController();
    const first = host.capture.takeSnapshot({ path: join(dir, 'a.heapsnapshot'), label: '' }, { signal: controller.signal });
    const cancelled = expect(first).rejects.toMatchObject({ code: 'cancelled' });
    await expect(host.capture.takeSnapshot({ path: join(dir, 'b.heapsnapshot'), label: '' })).rejects.toMatchObject({ code: 'busy' });
    await expect(start()).rejects.toMatchObject({ code: 'busy' });
    controller.abort();
    await cancelled;
  });

  it('that is killed during a snapshot is told as gone, with its last figures, and no file', async () => {
    await launch(node, LARGE);
    const heard = states();
    await start();
    await until('a sample', () => host.capture.lastSample({}));
    const taking = host.capture.takeSnapshot(
      { path: join(dir, 'a.heapsnapshot'), label: '' },
      { onProgress: (value) => value.done > 0 && target.child.kill('SIGKILL') },
    );
    await expect(taking).rejects.toMatchObject({ code: 'target-gone' });
    const lost = await lostState(heard);
    expect(lost.error).toMatchObject({ code: 'target-gone', message: 'The process has ended.' });
    expect(lost.lastSample?.rssBytes).toBeGreaterThan(0);
    expect(readdirSync(dir).filter((name) => name.includes('heapsnapshot'))).toEqual([]);
    await host.capture.mark({ kind: 'exit', label: 'killed' });
    expect((await timeline()).marks.at(-1)).toMatchObject({ kind: 'exit', label: 'killed' });
    await expect(host.capture.takeSnapshot({ path: join(dir, 'b.heapsnapshot'), label: '' })).rejects.toMatchObject({ code: 'target-gone' });
    expect((await host.capture.detach({})).notes).toEqual(['The target had ended already.']);
  });

  it.each([
    ['runs out of work', `${CHURN} setTimeout(() => { for (const h of process.getActiveResourcesInfo()); process.exitCode = 5; clearInterval(timer); }, 700);`.replace('setInterval', 'const timer = setInterval')],
    ['calls process.exit', `${CHURN} setTimeout(() => process.exit(5), 700);`],
  ])('ends by itself as if nobody watched: %s', async (_how, code) => {
    await launch(node, code);
    const heard = states();
    await start();
    const lost = await lostState(heard);
    expect(lost.error.code).toBe('target-gone');
    expect(await target.exited).toBe(5);
  });

  it('never waits for us at its end, whenever that comes', async () => {
    for (const endAfterMs of [0, 40, 80, 160, 320]) {
      const [flag, code] = endAfterMs === 0 ? ['--inspect-brk=0', 'process.exitCode = 5'] : ['--inspect=0', `setTimeout(() => process.exit(5), ${endAfterMs})`];
      await launch(node, code, flag);
      const outcome = await start({ waitsForDebugger: endAfterMs === 0 }).then(
        () => 'started',
        (error: { code: string }) => error.code,
      );
      expect(['started', 'target-gone', 'not-found', 'unsupported']).toContain(outcome);
      await expect(Promise.race([target.exited, new Promise((resolve) => setTimeout(() => resolve('still waits'), 5_000))])).resolves.toBe(5);
      await host.stop();
      host = await startSessionHost();
    }
  });

  it('that closes its inspector but lives is told so', async () => {
    await launch(node, `${CHURN} setTimeout(() => require('inspector').close(), 500);`);
    const heard = states();
    await start();
    const lost = await lostState(heard);
    expect(lost.error.message).toBe('The target closed the debugging connection.');
    expect(target.child.exitCode).toBeNull();
  });

  it.each(['--inspect-brk=0', '--inspect-wait=0'])('that waits with %s starts with the recording and does not stop on its first line', async (flag) => {
    const options = execFileSync(node, ['-p', 'Array.from(process.allowedNodeEnvironmentFlags).join()'], { encoding: 'utf8' });
    if (!options.includes(flag.slice(0, -2))) return;
    await launch(node, `console.log('running'); ${CHURN}`, flag);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(target.stdout()).toBe('');
    await start({ waitsForDebugger: true });
    await until('its first line', () => target.stdout().includes('running'));
    await until('collections', async () => (await timeline()).totals.collections > 0);
  });

  it('is clean after detach, and its inspector closed when we opened it', async () => {
    await launch(node, CHURN);
    await start();
    await host.capture.takeSnapshot({ path: join(dir, 'a.heapsnapshot'), label: '' });
    await until('collections', async () => (await timeline()).totals.collections > 0);
    const receipt = await host.capture.detach({});
    expect(receipt).toMatchObject({ action: 'detach', notes: [] });
    const cleaned = await openTarget(target.url);
    const left = join(dir, 'left.heapsnapshot');
    await streamSnapshot(cleaned, left, { signal: new AbortController().signal, progress: () => undefined, busyUntil: () => undefined });
    const names = await cleaned.session.send('Runtime.evaluate', { expression: 'Object.getOwnPropertyNames(globalThis).join()', returnByValue: true });
    cleaned.close();
    expect(String(names.result.value)).not.toMatch(/heaphouse/i);
    expect(readSnapshot(left).strings.filter((text) => /__heaphouse_|leaseEndsAt/.test(text))).toEqual([]);
    expect((await timeline()).marks.at(-1)?.kind).toBe('detach');

    await host.stop();
    host = await startSessionHost();
    dir = mkdtempSync(join(dir, 'second-'));
    await start({ closeInspectorOnDetach: true });
    expect((await host.capture.detach({})).notes).toEqual([]);
    await until('the inspector to close', async () => {
      const error = await connectCdp(target.url).catch((e: unknown) => e as { code: string });
      return 'code' in error && error.code === 'not-found';
    });
    expect(target.child.exitCode).toBeNull();
  });

  it('is left clean when the workbench goes away', async () => {
    await launch(node, CHURN);
    await start({ closeInspectorOnDetach: true });
    host.child.disconnect();
    expect(await host.exited).toBe(0);
    await until('the inspector to close', async () => {
      const error = await connectCdp(target.url).catch((e: unknown) => e as { code: string });
      return 'code' in error && error.code === 'not-found';
    });
    expect(target.child.exitCode).toBeNull();
  });

  it('cannot be seen by, nor confused by, a program that fakes its clock and its JSON', async () => {
    await launch(node, `${CHURN}
      Date.now = () => 0; performance.now = () => 0; JSON.stringify = () => { throw new Error('seen'); };
      Object.prototype.toJSON = () => 'seen'; Array.prototype.push = new Proxy(Array.prototype.push, {});`);
    const startedAt = Date.now();
    await start();
    await until('collections', async () => (await timeline()).totals.collections > 3);
    const { gc } = await timeline();
    expect(gc.at[0]).toBeGreaterThan(startedAt - 3_000);
    expect(gc.at.at(-1)).toBeLessThan(Date.now() + 100);
  });

  it('stopped by a signal, it is neither queued up nor lost', async () => {
    await launch(node, CHURN);
    const heard = states();
    await start();
    await until('heap figures', async () => (await host.capture.lastSample({}))?.heapUsedBytes);
    target.child.kill('SIGSTOP');
    await until('a gap', async () => (await host.capture.lastSample({}))?.heapUsedBytes === null, 5_000);
    expect((await host.capture.lastSample({}))?.rssBytes).toBeGreaterThan(0);
    target.child.kill('SIGCONT');
    await until('figures again', async () => (await host.capture.lastSample({}))?.heapUsedBytes);
    expect(heard.filter((state) => state.state === 'lost')).toEqual([]);
  });

  it('stopped by a signal, it does not hold up detach', async () => {
    await launch(node, CHURN);
    await start();
    target.child.kill('SIGSTOP');
    const startedAt = performance.now();
    const { notes } = await host.capture.detach({});
    expect(performance.now() - startedAt).toBeLessThan(2_500);
    expect(notes.join()).toMatch(/too busy/);
    target.child.kill('SIGCONT');
  });
});

describe('the session host', () => {
  const [{ path: node }] = nodeTargets();

  it('keeps everything but the last second when it is killed, and goes on from there', async () => {
    await launch(node, CHURN);
    await start();
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    await host.capture.mark({ kind: 'mark', label: 'before the end' });
    const before = await timeline();
    host.child.kill('SIGKILL');
    await host.exited;

    host = await startSessionHost();
    await host.capture.replay({ dir });
    const after = await timeline();
    expect(after.firstAt).toBe(before.firstAt);
    expect(before.lastAt - after.lastAt).toBeLessThan(1_000);
    expect(after.totals.collections).toBeGreaterThan(0);
    expect(after.marks.map(({ kind }) => kind)).toEqual(['attach', 'mark']);
    await host.stop();

    host = await startSessionHost();
    await start();
    await until('new samples', async () => (await timeline()).totals.samples > before.totals.samples + 20);
    expect((await timeline()).firstAt).toBe(before.firstAt);
    expect((await timeline()).marks.map(({ kind }) => kind)).toEqual(['attach', 'mark', 'attach']);
  });

  it('says that there is nothing to replay', async () => {
    await expect(host.capture.replay({ dir })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('says that nothing listens, and stays usable for reading', async () => {
    await launch(node, '0');
    await target.kill();
    await expect(start()).rejects.toMatchObject({ code: 'not-found' });
    expect((await timeline()).totals.samples).toBe(0);
    expect(await host.capture.lastSample({})).toBeNull();
    await expect(host.capture.collectGarbage({})).rejects.toMatchObject({ code: 'target-gone' });
  });

  it('ends on SIGTERM and leaves the target clean', async () => {
    await launch(node, CHURN);
    await start({ closeInspectorOnDetach: true });
    host.child.kill('SIGTERM');
    expect(await host.exited).toBe(0);
    await until('the inspector to close', async () => {
      const error = await connectCdp(target.url).catch((e: unknown) => e as { code: string });
      return 'code' in error && error.code === 'not-found';
    });
  });

  const mayMount = canMount();
  it.skipIf(!mayMount)(`on a full disk: the snapshot fails clearly, the session goes on${mayMount ? '' : ' (skipped: no tmpfs can be mounted here)'}`, async () => {
    const disk = mountSmallDisk();
    try {
      await launch(node, CHURN);
      const problems: WireError[] = [];
      host.capture.on('problem', {}, (problem) => problem && problems.push(problem));
      await start();
      await expect(host.capture.takeSnapshot({ path: join(disk.dir, 'a.heapsnapshot'), label: '' })).rejects.toMatchObject({
        code: 'io',
        message: expect.stringContaining('disk is full') as string,
      });
      expect(readdirSync(disk.dir)).toEqual([]);
      expect(target.child.exitCode).toBeNull();
      const whole = await host.capture.takeSnapshot({ path: join(dir, 'b.heapsnapshot'), label: '' });
      expect(idsOf(readSnapshot(whole.path), 'Kept').size).toBe(1_000);
      expect(problems).toEqual([]);
    } finally {
      disk.unmount();
    }
  });

  it.skipIf(!mayMount)(`on a full disk: the recording goes on in memory${mayMount ? '' : ' (skipped: no tmpfs can be mounted here)'}`, async () => {
    const disk = mountSmallDisk();
    try {
      execFileSync('sh', ['-c', `head -c 2000000 /dev/zero > ${disk.dir}/filler || true`], { stdio: 'ignore' });
      mkdirSync(join(disk.dir, 's'), { recursive: true });
      dir = join(disk.dir, 's');
      await launch(node, CHURN);
      const problems: WireError[] = [];
      host.capture.on('problem', {}, (problem) => problem && problems.push(problem));
      await start();
      await until('samples', async () => (await timeline()).totals.samples > 30);
      await until('the problem', () => problems.length > 0);
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      expect(problems).toHaveLength(1);
      expect(problems[0].code).toBe('io');
    } finally {
      await host.stop();
      disk.unmount();
    }
  });
});
