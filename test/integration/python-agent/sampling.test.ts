import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Client, pause, Target, TARGETS } from './agent-client.ts';
import { supportedInterpreters } from './interpreters.ts';

const { found, missing } = supportedInterpreters();
const SOURCE = readFileSync(join(TARGETS, 'allocates.py'), 'utf8').split('\n');
const lineOf = (mark: string): number => SOURCE.findIndex((line) => line.endsWith(`# ${mark}`)) + 1;

interface CallFrame {
  functionName: string;
  scriptId: string;
  url: string;
  lineNumber: number;
  columnNumber: number;
}
interface Node {
  callFrame: CallFrame;
  selfSize: number;
  id: number;
  children: Node[];
}
interface HeapProfile {
  head: Node;
  samples: { size: number; nodeId: number; ordinal: number }[];
  python: { samplingInterval: number; samples: number; lastOrdinal: number; dropped: number; interrupted: boolean; allocatedBytes: number };
}
interface CpuProfile {
  nodes: { id: number; callFrame: CallFrame; hitCount: number; children?: number[]; positionTicks?: { line: number; ticks: number }[] }[];
  startTime: number;
  endTime: number;
  samples: number[];
  timeDeltas: number[];
}

const profileOf = async (client: Client, method: string): Promise<HeapProfile> => (await client.call(method))['profile'] as unknown as HeapProfile;

function flat(node: Node, path: string[] = []): { path: string[]; node: Node }[] {
  const here = [...path, node.callFrame.functionName];
  return [{ path: here, node }, ...node.children.flatMap((child) => flat(child, here))];
}

/** Live bytes on a line of the program. */
const bytesAt = (profile: HeapProfile, line: number): number =>
  flat(profile.head)
    .filter(({ node }) => node.callFrame.lineNumber === line - 1 && node.callFrame.url.endsWith('allocates.py'))
    .reduce((sum, { node }) => sum + node.selfSize, 0);

for (const minor of missing) it.skip(`sampling on CPython ${minor} (no such interpreter on this machine)`, () => undefined);

describe.each(found)('sampling on CPython $version', ({ path, minor }) => {
  const opened: { target: Target; client: Client }[] = [];

  async function start(): Promise<{ target: Target; client: Client; run: (command: string) => Promise<number> }> {
    const target = new Target(path, [join(TARGETS, 'allocates.py')]);
    const client = await Client.open((await target.meet()).webSocketUrl);
    opened.push({ target, client });
    await target.says('ready');
    const run = async (command: string): Promise<number> => {
      const before = target.stdout.length;
      target.tell(command);
      await expect.poll(() => target.stdout.slice(before), { timeout: 20_000 }).toContain(`done ${command}`);
      return Number(/done .* (\d+)\n/.exec(target.stdout.slice(before))?.[1]);
    };
    return { target, client, run };
  }

  afterEach(async () => {
    for (const { target, client } of opened.splice(0)) {
      client.close();
      await target.dispose();
    }
  });

  it('tells which lines hold the memory that is alive', async () => {
    const { target, client, run } = await start();
    expect((await client.call('Python.getInfo'))['capabilities']).toMatchObject({ allocationSampling: { available: true }, cpuProfile: { available: true } });
    await client.call('HeapProfiler.startSampling', { samplingInterval: 8192 });
    await run('keep 4000');
    await run('deep 60 1000');
    await run('drop 20000');
    await run('generate 6500');
    await run('c 20000');
    await run('held 2000');
    const profile = await profileOf(client, 'HeapProfiler.getSamplingProfile');
    // Poisson sampling: 10 MB at 8 KiB is 1,200 samples, 3 % off as a rule; 15 % is five times that. So about 10 MB on each line.
    const near = (bytes: number, wanted: number): void => {
      expect(bytes / wanted).toBeGreaterThan(0.85);
      expect(bytes / wanted).toBeLessThan(1.15);
    };
    near(bytesAt(profile, lineOf('KEEPS')), 5000 * 2060);
    near(bytesAt(profile, lineOf('GENERATES')), 6500 * 1560);
    near(bytesAt(profile, lineOf('HELD')), 2000 * 5060);
    expect(flat(profile.head).filter(({ node }) => node.callFrame.functionName === 'drops').reduce((sum, { node }) => sum + node.selfSize, 0)).toBeLessThan(100_000);
    const recursion = flat(profile.head).find(({ path: names }) => names.filter((name) => name === 'deep').length === 61);
    expect(recursion?.path.slice(0, 2)).toEqual(['(root)', '<module>']);
    expect(flat(profile.head).filter(({ path: names }) => names.some((name) => /heaphouse|_body|on_message/.test(name)))).toEqual([]);
    // Samples and nodes tell the same.
    const sum = (list: number[]): number => list.reduce((a, b) => a + b, 0);
    const nodes = sum(flat(profile.head).map(({ node }) => node.selfSize));
    expect(sum(profile.samples.map((one) => one.size)) / nodes).toBeCloseTo(1, 2);
    expect(profile.python).toMatchObject({ samplingInterval: 8192, dropped: 0, interrupted: false });
    expect(profile.python.allocatedBytes).toBeGreaterThan(20000 * 3000);
    expect(profile.samples.map((one) => one.ordinal)).toEqual(profile.samples.map((one) => one.ordinal).sort((a, b) => a - b));
    // Freed memory leaves the profile.
    const mark = profile.python.lastOrdinal;
    await run('clear');
    await run('generate 500');
    const later = await profileOf(client, 'HeapProfiler.stopSampling');
    expect(bytesAt(later, lineOf('KEEPS'))).toBe(0);
    const since = later.samples.filter((one) => one.ordinal > mark);
    expect(sum(since.map((one) => one.size))).toBeGreaterThan(500 * 1500 * 0.7);
    expect((await client.request('HeapProfiler.getSamplingProfile')).error?.code).toBe(-32000);
    expect(target.stdout).not.toContain('ran user code');
  }, 60_000);

  it('includes what was freed when asked, and figures of the allocator stay right meanwhile', async () => {
    const { client, run } = await start();
    const usedBefore = Number((await client.call('Python.getMemoryUsage'))['heapUsedBytes']);
    await client.call('HeapProfiler.startSampling', { samplingInterval: 4096, includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true });
    const usage = await client.call('Python.getMemoryUsage');
    expect(String(usage['source'])).toContain('pymalloc');
    expect(Number(usage['heapUsedBytes']) / usedBefore).toBeGreaterThan(0.7);
    expect(Number(usage['heapUsedBytes']) / usedBefore).toBeLessThan(1.5);
    await run('drop 5000');
    const profile = await profileOf(client, 'HeapProfiler.stopSampling');
    const dropped = flat(profile.head).filter(({ node }) => node.callFrame.functionName === 'drops').reduce((sum, { node }) => sum + node.selfSize, 0);
    expect(dropped / (5000 * 3060)).toBeGreaterThan(0.85);
    expect(dropped / (5000 * 3060)).toBeLessThan(1.15);
  }, 60_000);

  it('refuses what makes no sense, and a second client', async () => {
    const { client, target } = await start();
    const other = await Client.open((await target.meet()).webSocketUrl);
    for (const samplingInterval of [0, -1, 1.5, 'x', 1e12]) expect((await client.request('HeapProfiler.startSampling', { samplingInterval })).error?.code).toBe(-32602);
    expect((await client.request('HeapProfiler.stopSampling')).error?.code).toBe(-32000);
    await client.call('HeapProfiler.startSampling');
    expect((await other.request('HeapProfiler.startSampling')).error?.message).toContain('already');
    expect((await other.request('HeapProfiler.stopSampling')).error?.code).toBe(-32000);
    client.close();
    await expect.poll(async () => (await other.request('HeapProfiler.startSampling')).error, { timeout: 10_000 }).toBeUndefined();
    other.close();
  }, 60_000);

  it('stays right beside threads, tracemalloc and forks, and leaves nothing when detached', async () => {
    const { client, target, run } = await start();
    await run('trace start');
    await client.call('HeapProfiler.startSampling', { samplingInterval: 8192 });
    await run('threads');
    await run('fork');
    expect(target.stdout).toContain('child ended with 7');
    const profile = await profileOf(client, 'HeapProfiler.getSamplingProfile');
    expect(bytesAt(profile, lineOf('KEEPS')) / (8000 * 2060)).toBeGreaterThan(0.85);
    expect(bytesAt(profile, lineOf('KEEPS')) / (8000 * 2060)).toBeLessThan(1.15);
    // tracemalloc was there before: when it goes it takes us out, and we say so.
    await run('trace stop');
    expect((await profileOf(client, 'HeapProfiler.getSamplingProfile')).python.interrupted).toBe(true);
    await client.call('HeapProfiler.stopSampling');
    await client.call('HeapProfiler.startSampling', { samplingInterval: 8192 });
    // The other way round it only stands in front of us.
    await run('trace start');
    await run('keep 1000');
    await run('trace stop');
    const again = await profileOf(client, 'HeapProfiler.getSamplingProfile');
    expect(again.python.interrupted).toBe(false);
    expect(bytesAt(again, lineOf('KEEPS')) / (1000 * 2060)).toBeGreaterThan(0.7);
    await run('trace start');
    await client.call('HeapProfiler.stopSampling');
    await run('keep 1000');
    await run('trace stop');
    await run('clear');
    await client.call('HeapProfiler.startSampling', { samplingInterval: 512 });
    await run('threads');
    // Away while a thread is in the middle of it.
    target.tell('threads');
    await client.request('Python.detach');
    await expect.poll(() => target.stdout.match(/done threads/g)?.length, { timeout: 20_000 }).toBe(2);
    await run('clear');
    await run('keep 1000');
    target.tell('quit');
    expect(await target.ended()).toEqual({ code: 0, signal: null });
  }, 90_000);

  it('samples the CPU by thread, function and line', async () => {
    const { client, run, target } = await start();
    await client.call('Profiler.enable');
    await client.call('Profiler.setSamplingInterval', { interval: 5000 });
    await client.call('Profiler.start');
    expect((await client.request('Profiler.start')).error?.code).toBe(-32000);
    await run('spin 1.2');
    await pause(400);
    const profile = (await client.call('Profiler.stop'))['profile'] as unknown as CpuProfile;
    const total = profile.timeDeltas.reduce((a, b) => a + b, 0);
    expect(profile.samples).toHaveLength(profile.timeDeltas.length);
    expect(Math.abs(total - (profile.endTime - profile.startTime)) / total).toBeLessThan(0.1);
    const named = new Map(profile.nodes.map((node) => [node.id, node]));
    const time = (name: RegExp): number =>
      profile.samples.reduce((sum, id, at) => sum + (name.test(named.get(id)?.callFrame.functionName ?? '') ? (profile.timeDeltas[at] ?? 0) : 0), 0);
    // Before 3.12 a list comprehension is a function of its own.
    expect(time(/spins|listcomp/)).toBeGreaterThan(800_000);
    expect(time(/idle/)).toBeGreaterThan(200_000);
    expect(profile.nodes.map((node) => node.callFrame.functionName)).toEqual(expect.arrayContaining(['(root)', '(idle)', 'MainThread']));
    expect(profile.nodes.map((node) => node.callFrame.functionName)).not.toContain('waits');
    const ticks = profile.nodes.flatMap((node) => node.positionTicks ?? []).reduce((sum, one) => sum + one.ticks, 0);
    expect(ticks).toBe(profile.samples.filter((id) => named.get(id)?.callFrame.functionName !== '(idle)').length);
    expect((await client.request('Profiler.stop')).error?.message).toContain('No recording');
    await client.call('Profiler.start');
    client.close();
    await pause(200);
    target.tell('quit');
    expect((await target.ended()).code).toBe(0);
  }, 60_000);

  it(`says what it cannot do (${minor})`, async () => {
    const { client } = await start();
    expect((await client.request('HeapProfiler.addInspectedHeapObject')).error?.code).toBe(-32601);
    expect((await client.request('Profiler.startPreciseCoverage')).error?.code).toBe(-32601);
    const { domains } = await client.call('Schema.getDomains');
    expect((domains as { name: string }[]).map((one) => one.name)).toEqual(['Debugger', 'HeapProfiler', 'Profiler', 'Python', 'Runtime', 'Schema']);
  });
});
