/** What a target starts: found under its parent, attached on request or as it appears, in one session folder. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { familyContract } from '#shared/contracts/family.ts';
import { timelineContract } from '#shared/contracts/timeline.ts';
import { createHarness, isAlive, type Harness } from './harness.ts';

let h: Harness;
beforeEach(() => {
  h = createHarness();
});
afterEach(() => h.dispose());

const family = () => h.workbench.client.service(familyContract);

async function launchWorkers(command: string, script: string, mode: string): Promise<string> {
  const { sessionId } = await h.targets.launch({ command, args: [script, mode], env: {} });
  await h.waitForOutput(sessionId, 'workers');
  return sessionId;
}

const workersOf = async (sessionId: string) => (await family().list({ sessionId })).members.filter(({ helper }) => !helper);

const SITUATIONS = [
  { command: 'python3', script: 'test/samples/workers.py', mode: 'fork', depth: 1 },
  { command: 'python3', script: 'test/samples/workers.py', mode: 'spawn', depth: 1 },
  { command: 'python3', script: 'test/samples/workers.py', mode: 'forkserver', depth: 2 },
  { command: 'python3', script: 'test/samples/workers.py', mode: 'prefork', depth: 1 },
  { command: 'python3', script: 'test/samples/workers.py', mode: 'shell', depth: 1 },
  { command: 'node', script: 'test/samples/workers.js', mode: 'cluster', depth: 1 },
  { command: 'node', script: 'test/samples/workers.js', mode: 'fork', depth: 1 },
];

describe.each(SITUATIONS)('$script $mode', ({ command, script, mode, depth }) => {
  it('lists the workers under their parent, attaches to one on request, and lets it go', { timeout: 60_000 }, async () => {
    const sessionId = await launchWorkers(command, script, mode);
    const workers = await vi.waitFor(
      async () => {
        const found = (await workersOf(sessionId)).filter((member) => member.depth === depth);
        expect(found).toHaveLength(2);
        expect(found.every(({ preflight }) => preflight.problems.every(({ severity }) => severity !== 'stops'))).toBe(true);
        return found;
      },
      { timeout: 15_000, interval: 200 },
    );
    const worker = workers[1];
    const attached = await family().attach({ sessionId, pid: worker.pid });
    const child = (await h.session(attached.sessionId))!;
    const parent = (await h.session(sessionId))!;
    expect(child).toMatchObject({ state: 'attached', parentId: sessionId, target: { pid: worker.pid } });
    expect(child.dir!.startsWith(join(parent.dir!, 'targets'))).toBe(true);
    expect((await workersOf(sessionId)).find(({ pid }) => pid === worker.pid)?.sessionId).toBe(attached.sessionId);
    await h.sessions.detach({ sessionId: attached.sessionId });
    expect(isAlive(worker.pid)).toBe(true);
  });
});

it.each([
  { command: 'python3', script: 'test/samples/workers.py', mode: 'spawn' },
  { command: 'node', script: 'test/samples/workers.js', mode: 'cluster' },
])('following attaches to all workers of $mode by itself; the folder opens again with all targets', { timeout: 90_000 }, async ({ command, script, mode }) => {
  const sessionId = await launchWorkers(command, script, mode);
  await family().follow({ sessionId, on: true });
  const children = () => h.sessions.list({}).then((sessions) => sessions.filter((one) => one.parentId === sessionId));
  await vi.waitFor(async () => expect((await children()).filter(({ state }) => state === 'attached')).toHaveLength(2), { timeout: 40_000, interval: 250 });
  expect((await family().list({ sessionId })).following).toBe(true);
  const [one] = await children();
  const timeline = h.workbench.client.service(timelineContract, one.id);
  await vi.waitFor(async () => expect((await timeline.window({ maxPoints: 100 })).totals.samples).toBeGreaterThan(3), { timeout: 15_000, interval: 250 });

  const { dir } = (await h.session(sessionId))!;
  const pids = (await children()).map(({ target }) => target!.pid!);
  await h.sessions.terminate({ sessionId });
  await vi.waitFor(() => expect(pids.some(isAlive)).toBe(false), { timeout: 15_000 });
  await h.sessions.close({ sessionId });
  expect(await h.sessions.list({})).toEqual([]);
  expect(readdirSync(join(dir!, 'targets'))).toHaveLength(2);

  const reopened = await h.sessions.open({ paths: [dir!] });
  const sessions = await h.sessions.list({});
  expect(sessions.filter(({ parentId }) => parentId === reopened.sessionId).map(({ kind, target }) => [kind, target!.pid]).sort()).toEqual(pids.map((pid) => ['recording', pid]).sort());
});

it('says why a process cannot be a target of the session', async () => {
  const { sessionId } = await h.targets.launch({ command: 'python3', args: ['-c', 'import time; print("workers", flush=True); time.sleep(60)'], env: {} });
  await expect(family().attach({ sessionId, pid: process.pid })).rejects.toMatchObject({ code: 'not-found', message: expect.stringContaining('was not started by this target') });
  await expect(family().list({ sessionId: 'nobody' })).rejects.toMatchObject({ code: 'not-found' });
  await h.sessions.terminate({ sessionId });
  await h.waitForState(sessionId, 'exited');
  expect((await family().list({ sessionId })).members).toEqual([]);
});

it('worker threads: listed under their target, captured by name, and known again when the session is reopened', { timeout: 60_000 }, async () => {
  const { sessionId } = await h.targets.launch({ command: 'node', args: ['test/samples/threads.js'], env: {} });
  await h.waitForOutput(sessionId, 'threads');
  const threads = await vi.waitFor(
    async () => {
      const found = (await family().list({ sessionId })).threads;
      expect(found.map(({ threadId, heapUsedBytes }) => [threadId, heapUsedBytes !== null])).toEqual([[1, true], [2, true]]);
      return found;
    },
    { timeout: 15_000, interval: 200 },
  );
  expect(threads[0]).toMatchObject({ sessionId, url: expect.stringContaining('threads.js') });
  await h.sessions.takeSnapshot({ sessionId });
  const one = await h.sessions.takeSnapshot({ sessionId, threadId: threads[0].id });
  const two = await h.sessions.takeSnapshot({ sessionId, threadId: threads[0].id, name: 'later' });
  expect(one).toMatchObject({ number: 2, name: 'Snapshot 2 of worker 1 (threads.js)', state: 'ready', thread: { id: threads[0].id, label: 'worker 1 (threads.js)' } });
  expect(two).toMatchObject({ number: 3, name: 'later', idEpoch: one.idEpoch, thread: one.thread });
  await expect(h.sessions.takeSnapshot({ sessionId, threadId: 'nobody' })).rejects.toMatchObject({ code: 'not-found' });

  const { dir } = (await h.session(sessionId))!;
  await h.sessions.detach({ sessionId });
  expect((await family().list({ sessionId })).threads).toEqual([]);
  await h.sessions.terminate({ sessionId });
  await h.sessions.close({ sessionId });
  const reopened = await h.session((await h.sessions.open({ paths: [dir!] })).sessionId);
  expect(reopened!.snapshots.map(({ name, thread }) => [name, thread?.label])).toEqual([
    ['Snapshot 1', undefined],
    ['Snapshot 2 of worker 1 (threads.js)', 'worker 1 (threads.js)'],
    ['later', 'worker 1 (threads.js)'],
  ]);
});

const chromium = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find((path) => existsSync(path));

it.skipIf(chromium === undefined)(`pages of a browser: listed, attached on request and as they appear${chromium ? '' : ' (skipped: no Chromium)'}`, { timeout: 90_000 }, async () => {
  const pages = ['one', 'two'].map((name) => {
    const file = join(h.dir, `${name}.html`);
    writeFileSync(file, `<!doctype html><title>page ${name}</title><script>class Held${name} {}; window.held = Array.from({ length: 500 }, () => new Held${name}());</script>`);
    return `file://${file}`;
  });
  const { sessionId } = await h.targets.launch({ command: chromium!, args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', pages[0]!], env: {} });
  const endpoint = new URL((await h.session(sessionId))!.target!.endpoint!);
  await fetch(`http://${endpoint.host}/json/new?${pages[1]}`, { method: 'PUT' });
  const listed = () => family().list({ sessionId }).then(({ pages: all }) => all.filter(({ url }) => url.startsWith('file:')));
  await vi.waitFor(async () => expect((await listed()).map(({ title, type }) => [title, type]).sort()).toEqual([['page one', 'page'], ['page two', 'page']]), { timeout: 20_000, interval: 250 });
  expect(JSON.stringify(await listed())).not.toMatch(/devtools|ws:/);
  const own = (await listed()).find((page) => page.sessionId === sessionId)!;
  const other = (await listed()).find((page) => page.sessionId === null)!;
  expect(own).toBeDefined();

  const attached = await family().attachPage({ sessionId, pageId: other.pageId });
  expect(await h.session(attached.sessionId)).toMatchObject({ state: 'attached', parentId: sessionId, title: other.title });
  expect((await listed()).find(({ pageId }) => pageId === other.pageId)?.sessionId).toBe(attached.sessionId);
  const snapshot = await h.sessions.takeSnapshot({ sessionId: attached.sessionId });
  expect(readFileSync(snapshot.path, 'utf8')).toContain(`Held${other.title.replace('page ', '')}`);
  await expect(family().attachPage({ sessionId, pageId: '0123456789abcdef' })).rejects.toMatchObject({ code: 'not-found' });

  await family().follow({ sessionId, on: true });
  await fetch(`http://${endpoint.host}/json/new?${pages[1]}#again`, { method: 'PUT' });
  const further = () => h.sessions.list({}).then((all) => all.filter(({ parentId, state }) => parentId === sessionId && state === 'attached'));
  await vi.waitFor(async () => expect(await further()).toHaveLength(2), { timeout: 20_000, interval: 250 });
  await h.sessions.terminate({ sessionId });
});
