import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Client, PACKAGE_PARENT, Target, TARGETS, until, type Params } from './agent-client.ts';
import { supportedInterpreters } from './interpreters.ts';
import { nativeWalker } from './native-walker.ts';
import { readSnapshot, type Snapshot } from './snapshot-reader.ts';

const native = nativeWalker();
const { found, missing } = supportedInterpreters();
const NEWEST = 15;
const known = found.filter((one) => Number(one.minor.split('.')[1]) <= NEWEST);
const BENCH_TARGET = resolve(import.meta.dirname, '../../bench/agent-target.py');

if (!native.built) it.skip(`native walker (${native.reason})`, () => undefined);
for (const minor of missing) it.skip(`native walker on CPython ${minor} (no such interpreter on this machine)`, () => undefined);

function follow(snapshot: Snapshot, node: number, ...names: string[]): number {
  for (const name of names) {
    const edge = snapshot.edges(node).find((one) => one.name === name);
    if (!edge) throw new Error(`no edge ${name} from ${snapshot.name(node)}`);
    node = edge.to;
  }
  return node;
}

const inMain = (snapshot: Snapshot, ...names: string[]): number => follow(snapshot, 0, '1', '1', '__main__', ...names);

/** Objects and bytes of each class, without what only the table of interned strings has: Python finds that on 3.14 and newer only. */
function classes(snapshot: Snapshot): Map<string, { objects: number; bytes: number }> {
  const interned = new Set(snapshot.edges(follow(snapshot, 0, '1', '6')).map((one) => one.to));
  const rows = new Map<string, { objects: number; bytes: number }>();
  for (let node = 0; node < snapshot.nodeCount; node++) {
    if (interned.has(node)) continue;
    const row = rows.get(snapshot.className(node)) ?? { objects: 0, bytes: 0 };
    row.objects++;
    row.bytes += snapshot.selfSize(node);
    rows.set(snapshot.className(node), row);
  }
  return rows;
}

const started: Target[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((target) => target.dispose()));
});
async function start(python: string, args: string[], env: Record<string, string> = {}): Promise<{ target: Target; client: Client }> {
  const target = new Target(python, args, { env });
  started.push(target);
  const client = await Client.open((await target.meet()).webSocketUrl);
  await until(`"ready"; stderr: ${target.stderr}`, () => target.stdout.includes('ready'), 60_000);
  return { target, client };
}

async function quit({ target, client }: { target: Target; client: Client }): Promise<void> {
  client.close();
  target.tell('quit');
  await target.dispose();
}

/** Runs statements inside the target. */
async function run(client: Client, code: string): Promise<void> {
  await client.evaluate(`__import__('builtins').exec(${JSON.stringify(code)})`);
}

const children = (pid: number): string[] =>
  readdirSync(`/proc/${pid}/task`).flatMap((task) => {
    try {
      return readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean);
    } catch {
      return [];
    }
  });

describe.skipIf(!native.built).each(known)('native walker on CPython $version', ({ path }) => {
  it('agrees with the walker in Python', async () => {
    const both = await start(path, [join(TARGETS, 'planted.py'), '3000']);
    const taken: Record<string, Snapshot> = {};
    for (const mode of ['clone', 'fork', 'stopTheWorld']) {
      const file = join(both.target.folder, `${mode}.heapsnapshot`);
      await both.client.call('Python.writeHeapSnapshot', { path: file, mode });
      taken[mode] = readSnapshot(file);
    }
    await quit(both);
    const python = classes(taken['fork'] as Snapshot);
    for (const mode of ['clone', 'stopTheWorld']) {
      const ours = classes(taken[mode] as Snapshot);
      // Apart from the agent's own traces: the fork in Python runs the interpreter's at-fork code, which makes objects.
      for (const name of new Set([...python.keys(), ...ours.keys()])) {
        const [a, b] = [python.get(name)?.objects ?? 0, ours.get(name)?.objects ?? 0];
        const allowed = name.startsWith('__main__.') ? 0 : Math.max(25, a * 0.005);
        expect(Math.abs(a - b), `${mode} ${name}: ${a} in Python, ${b} native`).toBeLessThanOrEqual(allowed);
      }
      const sum = (rows: typeof python): number => [...rows.values()].reduce((total, row) => total + row.bytes, 0);
      expect(Math.abs(sum(ours) / sum(python) - 1)).toBeLessThan(0.005);
      const interned = follow(taken[mode] as Snapshot, 0, '1', '6');
      expect((taken[mode] as Snapshot).name(interned)).toBe('(interned strings)');
      const [table, ...strings] = (taken[mode] as Snapshot).edges(interned).map((one) => (taken[mode] as Snapshot).className(one.to));
      expect([table, ...new Set(strings)].slice(0, 2)).toEqual(strings.length > 0 ? ['dict', 'str'] : ['dict']);
    }
  });

  it('gives every kind of object the size the interpreter gives it', async () => {
    const both = await start(path, [join(TARGETS, 'kinds.py')]);
    const list = (name: string): string[] => (new RegExp(`${name}:([^;]*);`).exec(both.target.stdout)?.[1] ?? '').split(',');
    for (const mode of ['clone', 'stopTheWorld']) {
      const file = join(both.target.folder, `${mode}.heapsnapshot`);
      await both.client.call('Python.writeHeapSnapshot', { path: file, mode });
      const snapshot = readSnapshot(file);
      const kinds = snapshot.edges(inMain(snapshot, 'kinds')).filter((one) => one.type === 'element');
      const names = list('names');
      expect(kinds.map((one) => `${names[Number(one.name)]} ${snapshot.selfSize(one.to)}`)).toEqual(list('sizes').map((size, at) => `${names[at]} ${size}`));
      expect(snapshot.selfSize(inMain(snapshot, 'mapped'))).toBeGreaterThanOrEqual(8192);
    }
    await quit(both);
    expect(both.target.stderr).toBe('');
  });

  it('notices every wrong offset', () => {
    const done = spawnSync(path, [join(TARGETS, 'offsets.py'), PACKAGE_PARENT], { encoding: 'utf8', timeout: 60_000 });
    expect(done.stderr).toBe('');
    expect(Number(/tried (\d+)/.exec(done.stdout)?.[1])).toBeGreaterThan(40);
  }, 70_000);

  it('falls back to Python when its offsets do not fit, or its copy crashes', async () => {
    const both = await start(path, [join(TARGETS, 'planted.py'), '300']);
    const { client, target } = both;
    await run(client, `
import sys
P = sys.modules['heaphouse_agent.probes']; N = sys.modules['heaphouse_agent.native']
right = P.calibrate
P.calibrate = lambda read: dict(right(read), functionCode=16 + right(read)['functionCode'])`);
    const take = async (name: string, mode = 'auto'): Promise<Params> => client.call('Python.writeHeapSnapshot', { path: join(target.folder, name), mode });
    expect(await take('wrong.heapsnapshot')).toMatchObject({ mode: 'fork', modeReason: expect.stringContaining('does not fit this interpreter') as string });
    expect((await client.call('Python.getInfo'))['capabilities']).toMatchObject({ nativeHelper: { available: false, reason: expect.stringContaining('does not fit') as string } });
    expect(await client.request('Python.writeHeapSnapshot', { path: join(target.folder, 'refused'), mode: 'clone' })).toMatchObject({ error: { message: expect.stringContaining('does not fit') as string } });
    await run(client, 'P.calibrate = right; N.unload()');
    expect(await take('right.heapsnapshot')).toMatchObject({ mode: 'clone' });
    await run(client, 'N.State.layout = dict(N.State.layout, gcHeads=8)');
    expect(await take('crash.heapsnapshot')).toMatchObject({ mode: 'fork', modeReason: expect.stringContaining('crashed in its copy of the process (signal 11)') as string });
    expect(readSnapshot(join(target.folder, 'crash.heapsnapshot')).ofClass('__main__.Session').length).toBe(302);
    await run(client, 'N.unload(); N.ready(); N.clone = lambda: -12');
    expect(await take('stopped.heapsnapshot')).toMatchObject({ mode: 'stopTheWorld', modeReason: 'the process cannot be copied: Cannot allocate memory', consistent: true });
    expect(readSnapshot(join(target.folder, 'stopped.heapsnapshot')).ofClass('__main__.Session').length).toBe(302);
    await quit(both);
  });

  it('lists what gc.freeze() put away', async () => {
    const both = await start(path, [join(TARGETS, 'planted.py'), '300']);
    await both.client.evaluate('gc.freeze()');
    for (const mode of ['clone', 'stopTheWorld']) {
      const file = join(both.target.folder, `${mode}.heapsnapshot`);
      await both.client.call('Python.writeHeapSnapshot', { path: file, mode });
      expect(readSnapshot(file).ofClass('__main__.Cycle').length).toBe(20);
    }
    await quit(both);
  });

  it('disturbs nothing: threads that allocate, children, fork hooks, SIGCHLD (20 snapshots)', async () => {
    const both = await start(path, [join(TARGETS, 'busy.py')]);
    const { client, target } = both;
    for (let number = 0; number < 20; number++) {
      const file = join(target.folder, `${number}.heapsnapshot`);
      expect(await client.call('Python.writeHeapSnapshot', { path: file, mode: 'auto' })).toMatchObject({ mode: 'clone', consistent: true });
      if (number % 10 === 0) expect(readSnapshot(file).nodeCount).toBeGreaterThan(5000);
      rmSync(file);
      if (number === 10) target.tell('spawn');
    }
    await until('end of the own child', () => {
      target.tell('state');
      return /reaped=\[\(\d+, 7\)\]/.test(target.stdout);
    });
    const state = /hooks=(\d+) signals=(\d+) reaped=\[\((\d+), 7\)\] sums=\[([^\]]*)\] rounds=(\d+)/.exec(target.stdout);
    expect(state?.[1]).toBe('0');
    expect(state?.[2]).toBe('1'); // of its own child
    expect(state?.[3]).toBe(/spawned:(\d+);/.exec(target.stdout)?.[1]);
    expect(state?.[4]).toBe('0, 0, 0, 0');
    expect(Number(state?.[5])).toBeGreaterThan(0);
    expect(children(target.pid)).toEqual([]);
    await quit(both);
    expect(target.stderr).toBe('');
  }, 60_000);

  it('ends at once when cancelled, or when its client goes; leaves no file, child or memory', async () => {
    const both = await start(path, [BENCH_TARGET, '400000']);
    const { client, target } = both;
    const file = (name: string): string => join(target.folder, `${name}.heapsnapshot`);
    await client.call('Python.writeHeapSnapshot', { path: file('first'), mode: 'clone' });
    const blocks = async (): Promise<number> => Number(await client.evaluate('__import__("sys").getallocatedblocks()'));
    const before = await blocks();
    for (const mode of ['clone', 'stopTheWorld']) {
      // On a crowded machine one may be finished before we come: then it was none to be ended, and once more.
      let ended = false;
      for (let attempt = 0; attempt < 10 && !ended; attempt++) {
        client.events.length = 0;
        const path = file(`${mode}-${attempt}`);
        const running = client.request('Python.writeHeapSnapshot', { path, mode });
        if (mode === 'clone') await until('progress', () => client.events.some((one) => one.method.endsWith('Progress')));
        const asked = performance.now();
        const cancelled = client.request('Python.cancelHeapSnapshot');
        const answer = await running;
        await cancelled;
        ended = answer.error !== undefined;
        if (!ended) continue;
        expect(answer).toMatchObject({ error: { message: 'cancelled' } });
        if (mode === 'clone') expect(performance.now() - asked).toBeLessThan(1000);
        expect(existsSync(path)).toBe(false);
        expect(children(target.pid)).toEqual([]);
      }
      expect(ended).toBe(true);
      let removed = false;
      for (let attempt = 0; attempt < 10 && !removed; attempt++) {
        const path = file(`gone-${mode}-${attempt}`);
        const other = await Client.open((await target.meet()).webSocketUrl);
        let refused = false; // the one before is whole, and not put away yet
        void other.request('Python.writeHeapSnapshot', { path, mode }).then(({ error }) => (refused = error !== undefined));
        await until('progress', () => refused || other.events.some((one) => one.method.endsWith('Progress')));
        other.terminate();
        if (refused) continue;
        const isWhole = (): boolean => existsSync(path) && readFileSync(path).subarray(-20).toString().trimEnd().endsWith('}');
        await until('removal of the partial file', () => !existsSync(path) || isWhole());
        removed = !existsSync(path);
      }
      expect(removed).toBe(true);
    }
    await until('end of the copies', () => children(target.pid).length === 0);
    expect(await client.call('Python.writeHeapSnapshot', { path: file('last'), mode: 'clone' })).toMatchObject({ mode: 'clone' });
    expect((await blocks()) - before).toBeLessThan(300);
    await run(client, 'import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100000, resource.RLIM_INFINITY))');
    for (const mode of ['clone', 'stopTheWorld']) {
      expect(await client.request('Python.writeHeapSnapshot', { path: file('full'), mode })).toMatchObject({ error: { message: 'cannot write the snapshot: File too large' } });
      expect(existsSync(file('full'))).toBe(false);
    }
    await quit(both);
    expect(target.stderr).toBe('');
  }, 60_000);

  it('leaves the process on detach', async () => {
    const both = await start(path, [join(TARGETS, 'planted.py'), '100']);
    await both.client.call('Python.writeHeapSnapshot', { path: join(both.target.folder, 'one'), mode: 'clone' });
    const maps = (): string => readFileSync(`/proc/${both.target.pid}/maps`, 'utf8');
    expect(maps()).toContain('heapwalk.so');
    await both.client.call('Python.detach');
    await until('unloading', () => !maps().includes('heapwalk.so'));
    await quit(both);
  });
});

describe.skipIf(!native.built)('native walker and numpy', () => {
  let folder = '';
  let python: string | undefined;
  let reason = '';

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'agent-numpy-'));
    for (const one of [...known].reverse()) {
      const done = spawnSync(one.path, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:', '--target', folder, 'numpy'], { encoding: 'utf8', timeout: 90_000 });
      if (done.status === 0) {
        python = one.path;
        return;
      }
      reason = done.stderr.trim().split('\n').at(-1) ?? 'no pip';
    }
  }, 300_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('copies a process with busy BLAS threads, and sees into object arrays', async (context) => {
    if (!python) {
      context.skip(`numpy cannot be installed here: ${reason}`);
      return;
    }
    const code = `
import sys, threading
sys.path.insert(0, ${JSON.stringify(folder)})
import numpy
objects = numpy.array([['first', [1, 2]], [{'k': b'third'}, None]], dtype=object)
big = numpy.zeros(1000000)
view = big[10:20]
turned = objects.T
def busy():
    a = numpy.random.rand(600, 600)
    while True:
        a = a @ a
        a /= abs(a).max()
threading.Thread(target=busy, daemon=True).start()
print('ready', flush=True)
for line in sys.stdin:
    if line.strip() == 'quit': break
    print('alive', flush=True)
`;
    const both = await start(python, ['-c', code]);
    for (let number = 0; number < 12; number++) {
      const file = join(both.target.folder, `${number}.heapsnapshot`);
      expect(await both.client.call('Python.writeHeapSnapshot', { path: file, mode: 'auto' })).toMatchObject({ mode: 'clone' });
      if (number > 0) continue;
      const snapshot = readSnapshot(file);
      expect(snapshot.selfSize(inMain(snapshot, 'big'))).toBeGreaterThanOrEqual(8_000_000);
      expect(snapshot.selfSize(inMain(snapshot, 'view'))).toBeLessThan(1000);
      expect(follow(snapshot, inMain(snapshot, 'view'), 'base')).toBe(inMain(snapshot, 'big'));
      expect(snapshot.name(inMain(snapshot, 'objects', '0'))).toBe('first');
      expect(snapshot.className(inMain(snapshot, 'objects', '2', 'k'))).toBe('bytes');
      expect(inMain(snapshot, 'turned', '1')).toBe(inMain(snapshot, 'objects', '2'));
    }
    both.target.tell('are you');
    await both.target.says('alive');
    await quit(both);
    expect(both.target.stderr).toBe('');
  }, 120_000);
});
