/** Worker threads of a Node.js: found, measured, captured one by one, and left as they were. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectCdp } from '#main/cdp/connection.ts';
import { isMethodNotFound } from '#main/cdp/message-peer.ts';
import { openNodeWorkers } from '#main/cdp/node-worker-session.ts';
import { nodeTargets, startInspected, startSessionHost, until, type RunningTarget, type SessionClient } from './session-client.ts';

const SAMPLE = 'test/samples/threads.js';

let dir: string;
let host: SessionClient;
const targets: RunningTarget[] = [];
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-threads-'));
  host = await startSessionHost();
});
afterEach(async () => {
  await host.stop();
  for (const target of targets.splice(0)) await target.kill();
  rmSync(dir, { recursive: true, force: true });
});

async function launch(node: string, ...args: string[]): Promise<RunningTarget> {
  const target = await startInspected(node, ['--inspect=0', ...args]);
  targets.push(target);
  return target;
}

const start = ({ pid, url }: RunningTarget) =>
  host.capture.start({ dir, target: { kind: 'node', pid, webSocketUrl: url, waitsForDebugger: false, closeInspectorOnDetach: false } });
const threads = (count: number) =>
  until(`${count} threads`, async () => {
    const found = await host.capture.threads({});
    return found.length === count && found.every(({ heapUsedBytes }) => heapUsedBytes !== null) ? found : null;
  });
const snapshot = (threadId: string | undefined, name: string, options = {}) => host.capture.takeSnapshot({ path: join(dir, name), label: name, ...(threadId === undefined ? {} : { threadId }) }, options);

/** Heap ids by the text of the class name, as numbers in the file. */
function idsOf(path: string, className: string): number[] {
  const { snapshot, nodes, strings } = JSON.parse(readFileSync(path, 'utf8')) as { snapshot: { meta: { node_fields: string[]; node_types: [string[]] } }; nodes: number[]; strings: string[] };
  const width = snapshot.meta.node_fields.length;
  const object = snapshot.meta.node_types[0].indexOf('object');
  const ids: number[] = [];
  for (let at = 0; at < nodes.length; at += width) if (nodes[at] === object && strings[nodes[at + 1]!] === className) ids.push(nodes[at + 2]!);
  return ids;
}

describe.each(nodeTargets())('$name', ({ path: node }) => {
  it('lists the threads with number, script and heap; each gives snapshots of its own heap whose ids go on', { timeout: 60_000 }, async () => {
    await start(await launch(node, SAMPLE));
    const [keeping, clean] = await threads(2);
    expect(keeping).toMatchObject({ threadId: 1, name: '', url: expect.stringMatching(/^file:.*\/threads\.js$/) as string });
    expect(clean!.threadId).toBe(2);
    for (const { heapUsedBytes, heapTotalBytes } of [keeping!, clean!]) {
      expect(heapUsedBytes).toBeGreaterThan(1024 * 1024);
      expect(heapTotalBytes).toBeGreaterThanOrEqual(heapUsedBytes!);
    }

    const before = await snapshot(keeping!.id, 'a.heapsnapshot');
    const other = await snapshot(clean!.id, 'b.heapsnapshot');
    const main = await snapshot(undefined, 'c.heapsnapshot');
    const after = await snapshot(keeping!.id, 'd.heapsnapshot');
    expect(before.idEpoch).not.toBeNull();
    expect(after.idEpoch).toBe(before.idEpoch);
    expect(new Set([before.idEpoch, other.idEpoch, main.idEpoch]).size).toBe(3);
    const [first, second] = [idsOf(before.path, 'Crunched'), idsOf(after.path, 'Crunched')];
    expect(first.length).toBeGreaterThan(50);
    expect(second.length).toBeGreaterThan(first.length);
    expect(first.filter((id) => !second.includes(id))).toEqual([]);
    expect(idsOf(other.path, 'Crunched').length).toBeLessThan(51);
    expect(idsOf(main.path, 'Crunched')).toEqual([]);

    // The object lives in that thread and nowhere else.
    const asked = { heapId: first[0]!, className: 'Crunched', idEpoch: after.idEpoch };
    expect((await host.live.inspect(asked)).properties).toContainEqual(expect.objectContaining({ name: 'text', text: expect.stringContaining('thread 1') as string }));
    await expect(host.live.inspect({ ...asked, idEpoch: 'of-nobody' })).rejects.toMatchObject({ code: 'not-found' });
    expect((await host.timeline.window({ maxPoints: 10 })).marks.map(({ label }) => label)).toContain('d.heapsnapshot');
  });

  it('threads go on while they are watched, come and go, and a snapshot of one that has ended says so', { timeout: 60_000 }, async () => {
    const target = await launch(node, '-e', `
      const { Worker } = require('worker_threads');
      const code = "let n = 0; require('worker_threads').parentPort.on('message', () => require('worker_threads').parentPort.postMessage(n)); setInterval(() => n++, 10)";
      const long = new Worker(code, { eval: true, name: 'long <b>' });
      long.on('message', (n) => console.log('ticks', n));
      setInterval(() => long.postMessage(0), 100);
      setInterval(() => new Worker('setTimeout(() => {}, 200)', { eval: true }), 150);
    `);
    await start(target);
    const first = await until('threads', async () => (await host.capture.threads({})).find(({ name }) => name === 'long <b>') ?? null);
    const seen = new Set<string>();
    const ticks = () => Number([...target.stdout().matchAll(/ticks (\d+)/g)].at(-1)?.[1] ?? 0);
    const before = ticks();
    await until('twenty threads that came and went', async () => {
      for (const { id } of await host.capture.threads({})) seen.add(id);
      return seen.size > 20;
    }, 30_000);
    expect(ticks()).toBeGreaterThan(before + 20);
    const now = (await host.capture.threads({})).map(({ id }) => id);
    expect(now).toContain(first.id);
    const gone = [...seen].find((id) => !now.includes(id))!;
    await expect(snapshot(gone, 'gone.heapsnapshot')).rejects.toMatchObject({ code: 'not-found', message: 'This worker thread has ended.' });
    expect((await snapshot(first.id, 'long.heapsnapshot')).nodes).toBeGreaterThan(1_000);
  });

  it('the main thread goes on, with gaps, while another is captured; an object of a thread is pinned there and let go on detach', { timeout: 60_000 }, async () => {
    const target = await launch(node, '-e', `
      const { Worker } = require('worker_threads');
      const code = "class Kept { constructor(i) { this.i = i; } } globalThis.kept = Array.from({ length: 200000 }, (_, i) => new Kept(i));" +
        "setInterval(() => require('worker_threads').parentPort.postMessage(Object.getOwnPropertyNames(globalThis).filter((name) => name.startsWith('$hh')).join()), 50)";
      new Worker(code, { eval: true }).on('message', (pins) => console.log('pins=' + pins));
      let last = performance.now(), longest = 0;
      setInterval(() => { const now = performance.now(); longest = Math.max(longest, now - last); last = now; }, 5);
      setInterval(() => { console.log('gap=' + Math.round(longest)); longest = 0; }, 200);
    `);
    await start(target);
    const [thread] = await threads(1);
    const from = target.stdout().length;
    const taken = await snapshot(thread!.id, 'a.heapsnapshot');
    const gaps = [...target.stdout().slice(from).matchAll(/gap=(\d+)/g)].map((match) => Number(match[1]));
    console.info(`thread stood still for at most ${Math.round(taken.receipt.pauseMs!)} ms; longest gaps of the main thread: ${gaps.join(', ')} ms`);
    expect(taken.receipt.pauseMs!).toBeGreaterThan(Math.max(...gaps));

    const asked = { heapId: idsOf(taken.path, 'Kept')[0]!, className: 'Kept', idEpoch: taken.idEpoch };
    const lastPins = () => [...target.stdout().matchAll(/pins=(.*)/g)].at(-1)?.[1];
    const pin = await host.live.pin(asked);
    await until('the pin in the thread', () => lastPins() === pin.name);
    await host.capture.detach({});
    await until('the pin gone', () => lastPins() === '');
  });

  it('a cancelled snapshot of a thread leaves nothing, and the thread can be captured again', { timeout: 60_000 }, async () => {
    await start(await launch(node, '-e', `
      const { Worker } = require('worker_threads');
      new Worker('globalThis.kept = Array.from({ length: 150000 }, (_, i) => ({ a: { i } })); setInterval(() => {}, 1000)', { eval: true });
    `));
    const [thread] = await threads(1);
    const controller = new AbortController();
    const taking = snapshot(thread!.id, 'a.heapsnapshot', { signal: controller.signal, onProgress: () => controller.abort() });
    await expect(taking).rejects.toMatchObject({ code: 'cancelled' });
    const again = await snapshot(thread!.id, 'a.heapsnapshot');
    expect(again.nodes).toBeGreaterThan(150_000);
  });

  it('detaching closes the sessions in the threads: V8 forgets the numbers it gave, and the threads go on', { timeout: 60_000 }, async () => {
    const target = await launch(node, SAMPLE);
    // Another debugger, there all the time, sees what we leave.
    const other = await connectCdp(target.url);
    try {
      await start(target);
      const [keeping] = await threads(2);
      const taken = await snapshot(keeping!.id, 'a.heapsnapshot');
      const [id] = idsOf(taken.path, 'Crunched');
      const workers = await openNodeWorkers(other);
      const same = await until('the thread', () => workers.list().find(({ threadId }) => threadId === 1) ?? null);
      const lookUp = () => same.session.send('HeapProfiler.getObjectByHeapObjectId', { objectId: String(id) });
      expect(await lookUp()).toMatchObject({ result: { className: 'Crunched' } });
      await host.capture.detach({});
      await until('the numbers to be forgotten', () => lookUp().then(() => null, (error: unknown) => error));
      await expect(lookUp()).rejects.toMatchObject({ code: 'unsupported' });
      const before = await same.session.send('Runtime.getHeapUsage');
      expect(before.usedSize).toBeGreaterThan(0);
      expect(await host.capture.threads({})).toEqual([]);
      await workers.close();
    } finally {
      other.close();
    }
    expect(target.child.exitCode).toBeNull();
  });

  it('neither a thread nor its program waits for us when it is done', { timeout: 60_000 }, async () => {
    const target = await launch(node, '-e', `
      const { Worker } = require('worker_threads');
      for (let i = 0; i < 3; i++) new Worker('setTimeout(() => {}, 1500)', { eval: true });
    `);
    await start(target);
    await threads(3);
    expect(await Promise.race([target.exited, new Promise((resolve) => setTimeout(() => resolve('still there'), 15_000))])).toBe(0);
  });

  it('threads and program end as ever when we have died', { timeout: 60_000 }, async () => {
    const target = await launch(node, '-e', "new (require('worker_threads').Worker)('setTimeout(() => {}, 4000)', { eval: true })");
    await start(target);
    const [thread] = await threads(1);
    await snapshot(thread!.id, 'a.heapsnapshot');
    host.child.kill('SIGKILL');
    await host.exited;
    expect(target.child.exitCode).toBeNull();
    expect(await Promise.race([target.exited, new Promise((resolve) => setTimeout(() => resolve('still there'), 15_000))])).toBe(0);
  });

  it('a program without threads has an empty list', { timeout: 60_000 }, async () => {
    await start(await launch(node, '-e', 'setInterval(() => {}, 1000)'));
    expect(await host.capture.threads({})).toEqual([]);
    await expect(snapshot('1', 'a.heapsnapshot')).rejects.toMatchObject({ code: 'not-found' });
  });
});

it('a target that does not know threads is told apart', async () => {
  const { startFakeTarget } = await import('../../unit/cdp/fake-target.ts');
  const fake = await startFakeTarget(({ id, method }, socket) => socket.send(JSON.stringify({ id, error: { code: -32601, message: `'${method}' wasn't found` } })));
  const connection = await connectCdp(fake.url);
  await expect(openNodeWorkers(connection)).rejects.toSatisfy(isMethodNotFound);
  connection.close();
  await fake.close();
});
