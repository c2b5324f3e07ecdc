/** Sessions with living targets, through the contracts, on real processes: what a user does, and what goes wrong. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { heapContract } from '#shared/contracts/heap.ts';
import { timelineContract } from '#shared/contracts/timeline.ts';
import { createHarness, isAlive, type Harness } from './harness.ts';

let h: Harness;
const children: ChildProcess[] = [];
beforeEach(() => {
  h = createHarness();
});
afterEach(async () => {
  await h.dispose();
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

const KINDS = [
  { kind: 'python', command: 'python3', script: 'test/samples/leaky.py', className: '__main__.Session', holder: '_cache' },
  { kind: 'node', command: 'node', script: 'test/samples/leaky.js', className: 'Session', holder: 'cache' },
] as const;

describe.each(KINDS)('the main job on $kind', ({ kind, command, script, className, holder }) => {
  it('launches, watches, photographs twice, compares: the class, the exact count, the holder by name', async () => {
    const { sessionId } = await h.targets.launch({ command, args: [script, '--trigger', join(h.dir, 'leak'), '--churn'], env: {} });
    expect((await h.session(sessionId))!).toMatchObject({ state: 'attached', target: { kind, launched: true } });
    await h.waitForOutput(sessionId, 'phase ready begin');
    const first = await h.sessions.takeSnapshot({ sessionId });
    const pid = (await h.session(sessionId))!.target!.pid!;
    writeFileSync(join(h.dir, 'leak'), '');
    await h.waitForOutput(sessionId, 'phase leak end');
    const second = await h.sessions.takeSnapshot({ sessionId });
    expect([first.number, second.number]).toEqual([1, 2]);
    expect(existsSync(second.path)).toBe(true);
    expect(second.receipt?.elapsedMs).toBeGreaterThan(0);

    const heap = h.workbench.client.service(heapContract, sessionId);
    const pair = { baseId: first.id, comparedId: second.id };
    await heap.compare(pair);
    const page = await heap.comparisonClasses({ ...pair, query: { start: 0, end: 5, filter: `/^${className.replace('.', '\\.')}$/` } });
    expect(page.rows[0]).toMatchObject({ name: className, new: { objects: 10_000 }, dead: { objects: 0 }, delta: { objects: 10_000 } });
    const holders = await heap.comparisonHolders({ ...pair, classIndex: page.rows[0].classIndex, side: 'new', limit: 5 });
    expect(holders[0]).toMatchObject({ objects: 10_000 });
    expect(holders[0].holder).toContain(holder);

    const timeline = h.workbench.client.service(timelineContract, sessionId);
    // The whole scenario can be over before the sampler has looked often.
    await vi.waitFor(async () => expect((await timeline.window({ maxPoints: 500 })).totals.samples).toBeGreaterThan(5), 10_000);
    const window = await timeline.window({ maxPoints: 500 });
    expect(window.series.rssBytes.some((value) => value !== null && value > 1_000_000)).toBe(true);
    expect(window.series.heapUsedBytes.some((value) => value !== null && value > 100_000)).toBe(true);
    expect(window.marks.filter((mark) => mark.kind === 'snapshot').length).toBe(2);

    await h.sessions.terminate({ sessionId });
    await h.waitForState(sessionId, 'exited');
    expect(isAlive(pid)).toBe(false);
    expect((await h.session(sessionId))!.exit!.headline).toMatch(/SIGTERM|143|15/);
  });

  it('shows every collection that it asks for', async () => {
    const { sessionId } = await h.targets.launch({ command, args: [script, '--hold-after', '60'], env: {} });
    const before = await h.workbench.client.service(timelineContract, sessionId).window({ maxPoints: 100 });
    const result = await h.sessions.collectGarbage({ sessionId });
    expect(result.pauseMs === null || result.pauseMs >= 0).toBe(true);
    await vi.waitFor(async () => {
      const after = await h.workbench.client.service(timelineContract, sessionId).window({ maxPoints: 100 });
      expect(after.totals.collections).toBeGreaterThan(before.totals.collections);
    }, 10_000);
  });
});

describe('targets that end', () => {
  it.each([
    ['python3', ['-c', 'import sys; print("bye"); sys.exit(3)']],
    ['node', ['-e', 'console.log("bye"); process.exit(3)']],
  ])('%s that exits at once: its output and its code are told', async (command, args) => {
    const outcome = await h.targets.launch({ command, args, env: {} }).catch((error: unknown) => error);
    if (outcome instanceof Error) expect(`${outcome.message} ${(outcome as { detail?: string }).detail}`).toMatch(/3|bye/);
    else {
      const { sessionId } = outcome as { sessionId: string };
      await h.waitForState(sessionId, 'exited');
      expect((await h.session(sessionId))!.exit).toMatchObject({ code: 3 });
      expect(await h.outputOf(sessionId)).toContain('bye');
    }
  });

  it('SIGKILL is told with what it usually means, the last figures and the recording', async () => {
    const { sessionId } = await h.targets.launch({ command: 'python3', args: ['test/samples/sleepy.py'], env: {} });
    await vi.waitFor(async () => {
      const window = await h.workbench.client.service(timelineContract, sessionId).window({ maxPoints: 10 });
      expect(window.totals.samples).toBeGreaterThan(3);
    }, 10_000);
    process.kill((await h.session(sessionId))!.target!.pid!, 'SIGKILL');
    await h.waitForState(sessionId, 'exited');
    const { exit } = (await h.session(sessionId))!;
    expect(exit!.headline).toMatch(/137|SIGKILL/);
    expect(exit!.explanation).toMatch(/memory/i);
    expect(exit!.lastSample?.rssBytes).toBeGreaterThan(1_000_000);
    const window = await h.workbench.client.service(timelineContract, sessionId).window({ maxPoints: 100 });
    expect(window.marks.some((mark) => mark.kind === 'exit')).toBe(true);
  });

  it('says what happened to a snapshot that the target did not live to finish, and keeps the session', async () => {
    const { sessionId } = await h.targets.launch({ command: 'node', args: ['test/samples/leaky.js', '--objects', '200000', '--leak-at', '0', '--hold-after', '60'], env: {} });
    await h.waitForOutput(sessionId, 'phase leak end', 40_000);
    const pid = (await h.session(sessionId))!.target!.pid!;
    const snapshot = h.sessions.takeSnapshot({ sessionId });
    setTimeout(() => process.kill(pid, 'SIGKILL'), 300);
    await expect(snapshot).rejects.toMatchObject({ code: 'target-gone' });
    await h.waitForState(sessionId, 'exited');
    const session = (await h.session(sessionId))!;
    expect(session.snapshots.map(({ state }) => state)).toEqual(['failed']);
    expect(readdirSync(session.dir!).filter((name) => name.includes('heapsnapshot'))).toEqual([]);
  });
});

describe('what a user may try', () => {
  const fails = async (call: Promise<unknown>, code: string, text: RegExp) => {
    await expect(call).rejects.toMatchObject({ code, message: expect.stringMatching(text) });
    expect(await h.sessions.list({})).toEqual([]);
  };

  it('a command that does not exist', () => fails(h.targets.launch({ command: 'no-such-program-here', args: [], env: {} }), 'not-found', /no-such-program-here/));
  it('a folder that does not exist', () => fails(h.targets.launch({ command: 'python3', args: [], env: {}, cwd: '/no/such/folder' }), 'not-found', /\/no\/such\/folder/));
  it('a pid that is gone', () => fails(h.targets.attach({ pid: 4_000_000 }), 'not-found', /4000000|4,000,000/));
  it('a port where nothing listens', () => fails(h.targets.connect({ url: 'ws://127.0.0.1:9/abc' }), 'not-found', /127\.0\.0\.1:9/));
  it('a host that is not this machine, unconfirmed', () => fails(h.targets.connect({ url: 'ws://192.0.2.1:9229/abc' }), 'permission', /./));
  it('a file that does not exist', () => fails(h.sessions.open({ paths: ['/no/such/file.heapsnapshot'] }), 'not-found', /\/no\/such\/file/));
  it('a folder without a session', () => fails(h.sessions.open({ paths: [h.dir] }), 'not-found', /holds no session/));

  it('a file that is no snapshot: it opens as an entry, and the question about it says what is wrong', async () => {
    const path = join(h.dir, 'broken.heapsnapshot');
    writeFileSync(path, '{"snapshot":{"meta":{"node_fields":["ty');
    const { sessionId } = await h.sessions.open({ paths: [path] });
    const [snapshot] = (await h.session(sessionId))!.snapshots;
    const call = h.workbench.client.service(heapContract, sessionId).open({ snapshotId: snapshot.id });
    await expect(call).rejects.toMatchObject({ code: 'bad-file', message: expect.stringMatching(/./) });
  });

  it('attaching twice', async () => {
    const child = spawn('python3', ['test/samples/sleepy.py'], { stdio: 'ignore' });
    children.push(child);
    const { sessionId } = await h.targets.launch({ command: 'python3', args: ['test/samples/sleepy.py'], env: {} });
    const pid = (await h.session(sessionId))!.target!.pid!;
    await expect(h.targets.attach({ pid })).rejects.toMatchObject({ code: 'busy', message: expect.stringContaining('sleepy.py') });
  });

  it('two snapshots at once', async () => {
    const { sessionId } = await h.targets.launch({ command: 'node', args: ['test/samples/leaky.js', '--objects', '50000', '--leak-at', '0', '--hold-after', '60'], env: {} });
    await h.waitForOutput(sessionId, 'phase leak end', 30_000);
    const first = h.sessions.takeSnapshot({ sessionId });
    await expect(h.sessions.takeSnapshot({ sessionId })).rejects.toMatchObject({ code: 'busy' });
    expect((await first).state).toBe('ready');
  });

  it('cancelling a snapshot', async () => {
    const { sessionId } = await h.targets.launch({ command: 'node', args: ['test/samples/leaky.js', '--objects', '200000', '--leak-at', '0', '--hold-after', '60'], env: {} });
    await h.waitForOutput(sessionId, 'phase leak end', 40_000);
    const controller = new AbortController();
    const call = h.sessions.takeSnapshot({ sessionId }, { signal: controller.signal });
    setTimeout(() => controller.abort(), 300);
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    const session = (await h.session(sessionId))!;
    expect(session.snapshots).toEqual([]);
    expect(session.state).toBe('attached');
    expect(readdirSync(session.dir!).filter((name) => name.includes('heapsnapshot'))).toEqual([]);
    const again = await h.sessions.takeSnapshot({ sessionId });
    expect(again.state).toBe('ready');
  });
});

describe('detach', () => {
  it('leaves a launched program running, and close ends it', async () => {
    const { sessionId } = await h.targets.launch({ command: 'python3', args: ['test/samples/sleepy.py'], env: {} });
    const pid = (await h.session(sessionId))!.target!.pid!;
    await h.sessions.detach({ sessionId });
    await h.waitForState(sessionId, 'detached');
    expect(isAlive(pid)).toBe(true);
    await expect(h.sessions.takeSnapshot({ sessionId })).rejects.toMatchObject({ code: 'target-gone' });
    await h.sessions.close({ sessionId });
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), 10_000);
  });

  it('leaves a running Node.js without inspector, and it can be attached again', async () => {
    const child = spawn('node', ['test/samples/leaky.js', '--leak-at', '0', '--hold-after', '60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    children.push(child);
    await new Promise<void>((resolve) => child.stdout!.on('data', (text: Buffer) => String(text).includes('leak end') && resolve()));
    for (let round = 0; round < 2; round++) {
      const { sessionId } = await h.targets.attach({ pid: child.pid! });
      expect((await h.sessions.takeSnapshot({ sessionId })).state).toBe('ready');
      await h.sessions.detach({ sessionId });
      await vi.waitFor(() => expect(readFileSync(`/proc/${child.pid}/net/tcp`, 'utf8')).not.toMatch(/:240D 00000000:0000 0A/), 5_000);
      await h.sessions.close({ sessionId });
      expect(child.exitCode).toBe(null);
    }
  });
});

describe('V8 numbers objects anew when a debugger disconnects', () => {
  it('so snapshots from before and after are compared by class only, and the view says so', async () => {
    const child = spawn('node', ['test/samples/leaky.js', '--leak-at', '0', '--hold-after', '60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    children.push(child);
    await new Promise<void>((resolve) => child.stdout!.on('data', (text: Buffer) => String(text).includes('leak end') && resolve()));
    const paths: string[] = [];
    for (let round = 0; round < 2; round++) {
      const { sessionId } = await h.targets.attach({ pid: child.pid! });
      paths.push((await h.sessions.takeSnapshot({ sessionId })).path);
      await h.sessions.detach({ sessionId });
    }
    const { sessionId } = await h.sessions.open({ paths });
    const [base, compared] = (await h.session(sessionId))!.snapshots;
    const summary = await h.workbench.client.service(heapContract, sessionId).compare({ baseId: base.id, comparedId: compared.id });
    expect(summary.identityNote).toContain('numbered all objects anew');
    expect(summary.totals.survived.objects).toBe(0);
    expect(Math.abs(summary.totals.delta.objects)).toBeLessThan(summary.totals.base.objects / 10);
  });
});

describe('worker processes that die', () => {
  it('a session host: the session says so, what was recorded stays, the target runs on', async () => {
    const { sessionId } = await h.targets.launch({ command: 'python3', args: ['test/samples/sleepy.py'], env: {} });
    const pid = (await h.session(sessionId))!.target!.pid!;
    await vi.waitFor(async () => {
      const window = await h.workbench.client.service(timelineContract, sessionId).window({ maxPoints: 10 });
      expect(window.totals.samples).toBeGreaterThan(10);
    }, 10_000);
    h.hosts.find((host) => host.kind === 'session')!.kill();
    await h.waitForState(sessionId, 'failed');
    expect((await h.session(sessionId))!.error).toMatchObject({ code: 'host-crashed' });
    expect(isAlive(pid)).toBe(true);
    const window = await h.workbench.client.service(timelineContract, sessionId).window({ maxPoints: 10 });
    expect(window.totals.samples).toBeGreaterThan(3);
  });

  it('an analysis host: the open question fails by name, the next one works', async () => {
    const { sessionId } = await h.targets.launch({ command: 'node', args: ['test/samples/leaky.js', '--leak-at', '0', '--hold-after', '60'], env: {} });
    await h.waitForOutput(sessionId, 'phase leak end');
    const snapshot = await h.sessions.takeSnapshot({ sessionId });
    const heap = h.workbench.client.service(heapContract, sessionId);
    const open = heap.open({ snapshotId: snapshot.id });
    await vi.waitFor(() => expect(h.hosts.some((host) => host.kind === 'analysis')).toBe(true));
    h.hosts.find((host) => host.kind === 'analysis')!.kill();
    await expect(open).rejects.toMatchObject({ code: 'host-crashed' });
    expect((await heap.open({ snapshotId: snapshot.id })).nodes).toBeGreaterThan(1_000);
  });
});

describe('a session folder', () => {
  it('opens again after the workbench has gone, with snapshots, timeline, exit and output', async () => {
    const { sessionId } = await h.targets.launch({ command: 'python3', args: ['test/samples/leaky.py', '--leak-at', '0', '--hold-after', '60'], env: {} });
    await h.waitForOutput(sessionId, 'phase leak end');
    const { path } = await h.sessions.takeSnapshot({ sessionId, name: 'after the leak' });
    const samplesOf = async (id: string) => (await h.workbench.client.service(timelineContract, id).window({ maxPoints: 100 })).totals.samples;
    await vi.waitFor(async () => expect(await samplesOf(sessionId)).toBeGreaterThan(5), 10_000);
    const seen = await samplesOf(sessionId);
    await h.sessions.terminate({ sessionId });
    await h.waitForState(sessionId, 'exited');
    const dir = (await h.session(sessionId))!.dir!;
    await h.sessions.close({ sessionId });

    const recent = await h.sessions.recent({});
    expect(recent).toMatchObject([{ dir, snapshots: 1 }]);
    const { sessionId: again } = await h.sessions.open({ paths: [dir] });
    const session = (await h.session(again))!;
    expect(session).toMatchObject({ kind: 'recording', state: 'closed', snapshots: [{ name: 'after the leak', path }] });
    expect(session.exit?.headline).toBeTruthy();
    expect(await h.outputOf(again)).toContain('phase leak end');
    expect(await samplesOf(again)).toBeGreaterThanOrEqual(seen);
    const heap = h.workbench.client.service(heapContract, again);
    expect((await heap.open({ snapshotId: session.snapshots[0].id })).nodes).toBeGreaterThan(10_000);
  });
});

it('dispose leaves no process behind', async () => {
  const { sessionId } = await h.targets.launch({ command: 'python3', args: ['test/samples/sleepy.py'], env: {} });
  const pid = (await h.session(sessionId))!.target!.pid!;
  await h.workbench.dispose();
  expect(isAlive(pid)).toBe(false);
  await vi.waitFor(() => expect(h.hosts.filter(({ pid: host }) => host !== undefined && isAlive(host))).toEqual([]), 5_000);
});
