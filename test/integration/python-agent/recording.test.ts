/** Where objects were allocated: recorded or sampled in a living interpreter, written into its snapshots, read by the engine. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { allocationSites, type AllocationSites } from '#main/heap/allocation-sites.ts';
import { className } from '#main/heap/class-names.ts';
import { groupRows, groupTable, provideGroups } from '#main/heap/groups.ts';
import type { Heap } from '#main/heap/heap.ts';
import { rawNodeName } from '#main/heap/node-names.ts';
import { openHeap } from '#main/heap/open.ts';
import { setSites } from '#main/heap/set-sites.ts';
import { Client, Target, TARGETS } from './agent-client.ts';
import { supportedInterpreters } from './interpreters.ts';

const { found, missing } = supportedInterpreters();
const SOURCE = readFileSync(join(TARGETS, 'records.py'), 'utf8').split('\n');
const lineOf = (mark: string): number => SOURCE.findIndex((line) => line.endsWith(`# ${mark}`)) + 1;

/** Classes by the mark of the line that makes them. */
const LAYOUTS = ['Plain', 'Slotted', 'Bare', 'OfDict', 'OfInt', 'OfTuple', 'Held'];

function nodesOf(heap: Heap, name: string): Uint32Array {
  const nodes: number[] = [];
  for (let node = 0; node < heap.nodeCount; node++) if (className(heap, heap.classOf[node]!) === name) nodes.push(node);
  return Uint32Array.from(nodes);
}

/** `function:line` of the innermost frame → objects. */
function places(heap: Heap, sites: AllocationSites, name: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const node of nodesOf(heap, name)) {
    const frame = sites.stack(node)[0];
    const place = frame ? `${frame.functionName}:${frame.line}` : 'none';
    counts[place] = (counts[place] ?? 0) + 1;
  }
  return counts;
}

for (const minor of missing) it.skip(`recording on CPython ${minor} (no such interpreter on this machine)`, () => undefined);

const opened: { target: Target; client: Client }[] = [];
afterEach(async () => {
  for (const { target, client } of opened.splice(0)) {
    client.close();
    await target.dispose();
  }
});

async function start(python: string) {
  const target = new Target(python, [join(TARGETS, 'records.py')]);
  const client = await Client.open((await target.meet()).webSocketUrl);
  opened.push({ target, client });
  await target.says('ready');
  const run = async (command: string): Promise<void> => {
    const before = target.stdout.length;
    target.tell(command);
    await expect.poll(() => target.stdout.slice(before), { timeout: 20_000 }).toContain(`done ${command}`);
  };
  let taken = 0;
  const snapshot = async (mode = 'auto') => {
    const file = join(target.folder, `${++taken}.heapsnapshot`);
    await client.call('Python.writeHeapSnapshot', { path: file, mode });
    const heap = await openHeap(file);
    return { heap, sites: await allocationSites(heap), text: readFileSync(file, 'utf8') };
  };
  return { target, client, run, snapshot };
}

describe.each(found)('recording allocations on CPython $version', ({ path, minor: name }) => {
  const minor = Number(name.split('.')[1]);

  it('names the line that made each object, whatever its layout', async () => {
    const { target, client, run, snapshot } = await start(path);
    expect((await client.call('Python.getInfo'))['capabilities']).toMatchObject({ allocationRecording: { available: true } });
    const before = await snapshot();
    expect(before.heap.header.allocations).toBeNull();
    expect(before.sites).toBeNull();
    expect(await client.call('Python.startAllocationRecording')).toMatchObject({ recording: true, interrupted: false, dropped: 0, exact: minor >= 13 });
    await run('layouts 300');
    await run('reused 5000');
    await run('churned 2000');
    await run('grown 5000');
    await run('threads 500');
    const { heap, sites, text } = await snapshot();
    expect(heap.header.allocations).toMatchObject({ by: 'recording', missing: null });
    for (const name of LAYOUTS) {
      const wanted = { [`layouts:${lineOf(name)}`]: 300 };
      expect(places(heap, sites!, `__main__.${name}`), name).toMatchObject(wanted);
    }
    expect(places(heap, sites!, '__main__.Bare')).toEqual({ [`layouts:${lineOf('Bare')}`]: 300 });
    expect(places(heap, sites!, '__main__.Early')).toEqual({ none: 100 });
    // Freed addresses do not lead to what was there before.
    const reusedPlaces = places(heap, sites!, '__main__.Plain');
    expect(Object.entries(reusedPlaces).filter(([place]) => place.endsWith(`:${lineOf('reused')}`)).reduce((sum, [, count]) => sum + count, 0)).toBe(5000);
    expect(Object.values(reusedPlaces).reduce((sum, count) => sum + count, 0)).toBe(5300);
    const threads = Object.entries(places(heap, sites!, '__main__.Slotted')).filter(([place]) => place.endsWith(`:${lineOf('threads')}`));
    expect(threads.map(([, count]) => count)).toEqual([2000]);
    for (const [name, mark] of [['bytes', 'bytes'], ['set', 'set'], ['function', 'function']] as const) {
      expect(places(heap, sites!, name)[`layouts:${lineOf(mark)}`], name).toBeGreaterThanOrEqual(300);
    }
    // Dicts pass from one object to the next without the allocator; up to 3.12 nobody tells.
    const dicts = places(heap, sites!, 'dict');
    if (minor >= 13) {
      expect(heap.header.allocations!.unsureClasses).toEqual([]);
      expect(dicts[`churned:${lineOf('dict')}`]).toBe(2000);
    } else expect(heap.header.allocations!.unsureClasses).toEqual(expect.arrayContaining(['dict', 'list', 'tuple', 'float']));
    // The whole stack, and nothing of ours in any.
    const [held] = nodesOf(heap, '__main__.Held');
    expect(sites!.stack(held!).map(({ functionName }) => functionName)).toEqual(['layouts', '<module>']);
    expect(sites!.stack(held!)[0]!.script).toMatch(/targets\/records\.py$/);
    for (const name of LAYOUTS) for (const node of nodesOf(heap, `__main__.${name}`)) expect(sites!.stack(node).some(({ script }) => script.includes('heaphouse_agent'))).toBe(false);

    // Groups, sites of a set and the figures of the tree tell the same.
    provideGroups(heap, 'site', sites!.groups);
    const { rows } = await groupRows(await groupTable(heap, 'site', null), { start: 0, end: 1000 });
    const site = rows.find(({ name }) => name.endsWith(`records.py:${lineOf('OfInt')})`))!;
    expect(site.estimate).toBeNull();
    expect(site.objects).toBeGreaterThanOrEqual(300);
    if (minor >= 13) expect(site.objects).toBe(300);
    const set = await setSites(heap, nodesOf(heap, '__main__.OfInt'));
    expect(set).toMatchObject({ objects: 300, known: 300, unsure: false, source: { by: 'recording' } });
    expect(set.groups).toHaveLength(1);
    expect(set.groups[0]).toMatchObject({ objects: 300, samples: 300, share: 1, frame: { functionName: 'layouts', line: lineOf('OfInt') } });
    const raw = JSON.parse(text) as { snapshot: { trace_function_count: number; meta: { node_fields: string[] } }; nodes: number[]; trace_function_infos: number[]; trace_tree: Tree };
    expect(raw.snapshot.trace_function_count).toBe(raw.trace_function_infos.length / 6);
    const stride = raw.snapshot.meta.node_fields.length;
    const counted = new Map<number, number>();
    for (let at = 5; at < raw.nodes.length; at += stride) if (raw.nodes[at]! > 0) counted.set(raw.nodes[at]!, (counted.get(raw.nodes[at]!) ?? 0) + 1);
    const told = new Map<number, number>();
    eachCall(raw.trace_tree, (id, count) => (count > 0 ? void told.set(id, count) : undefined));
    expect(new Map([...told].sort(([a], [b]) => a - b))).toEqual(new Map([...counted].sort(([a], [b]) => a - b)));
    expect(target.stdout).not.toContain('ran user code');

    // Afterwards nothing is recorded, and nothing is kept.
    expect(await client.call('Python.stopAllocationRecording')).toEqual({ recording: false });
    const after = await snapshot();
    expect(after.heap.header.allocations).toBeNull();
    expect(after.text).toContain('"trace_tree":[]');
    await run('layouts 50');
  }, 60_000);

});

/** Layouts differ between versions; what follows does not. */
const few = [...new Set([found[0], found.find(({ minor }) => minor === '3.11'), found.at(-1)])].filter((one) => one !== undefined);

describe.each(few)('recording allocations, in detail, on CPython $version', ({ path }) => {
  it('holds with deep stacks, the world stopped, a fork, a second start, and keeps counts of references', async () => {
    const { target, client, run, snapshot } = await start(path);
    const refcounts = ({ heap }: { heap: Heap }): number[] =>
      Array.from(nodesOf(heap, 'code')).filter((node) => /^(layouts|reused|deep|grown) \(.*records\.py/.test(rawNodeName(heap, node))).map((node) => heap.extra.get('refcount')![node]!);
    const before = refcounts(await snapshot());
    await client.call('Python.startAllocationRecording', { stackDepth: 20 });
    expect((await client.request('Python.startAllocationRecording')).error?.message).toContain('already');
    expect((await client.request('Python.startAllocationRecording', { stackDepth: 1000 })).error?.code).toBe(-32602);
    await run('deep 100');
    await run('fork');
    const { heap, sites } = await snapshot('stopTheWorld');
    const [made] = nodesOf(heap, '__main__.OfInt');
    const stack = sites!.stack(made!);
    expect(stack).toHaveLength(21);
    expect(stack[0]).toMatchObject({ functionName: 'layouts', line: lineOf('OfInt') });
    expect(stack[19]!.functionName).toBe('deep');
    expect(stack[20]).toMatchObject({ functionName: '(outer frames left out)', script: '' });
    expect(before).toHaveLength(4);
    expect(refcounts({ heap })).toEqual(before);
    await client.call('Python.stopAllocationRecording');
    await client.call('Python.startAllocationRecording');
    await run('layouts 20');
    const again = await snapshot();
    expect(places(again.heap, again.sites!, '__main__.OfInt')).toEqual({ none: 50, [`layouts:${lineOf('OfInt')}`]: 20 });
    expect(target.stdout).toContain('child ended with 7');
    // Python's own walk has no stacks and says so.
    const walked = await snapshot('inProcess');
    expect(walked.sites).toBeNull();
    expect(walked.heap.header.allocations?.missing).toContain('native walker');
    await client.call('Python.stopAllocationRecording');
    // A table of 1 MiB is for 4 MiB of addresses: the rest has no stack, and is counted.
    expect((await client.request('Python.startAllocationRecording', { maxTableBytes: 1 })).error?.code).toBe(-32602);
    await client.call('Python.startAllocationRecording', { maxTableBytes: 1 << 20 });
    await run('layouts 20000');
    const full = await client.call('Python.getAllocationRecording');
    expect(full['tableBytes']).toBe(1 << 20);
    expect(full['dropped']).toBeGreaterThan(10_000);
  }, 60_000);

  it('believes no table that has missed something: tracemalloc stopped in front of us', async () => {
    const { client, run, snapshot } = await start(path);
    await run('trace start');
    await client.call('Python.startAllocationRecording');
    await run('layouts 20');
    const beside = await snapshot();
    expect(places(beside.heap, beside.sites!, '__main__.OfInt')).toEqual({ [`layouts:${lineOf('OfInt')}`]: 20 });
    await run('trace stop');
    await run('layouts 20');
    expect(await client.call('Python.getAllocationRecording')).toMatchObject({ recording: true, interrupted: true });
    const { heap, sites } = await snapshot();
    expect(sites).toBeNull();
    expect(heap.header.allocations?.missing).toContain('tracemalloc');
  }, 60_000);

  it('carries what sampling knows, with weights', async () => {
    const { client, run, snapshot } = await start(path);
    await client.call('HeapProfiler.startSampling', { samplingInterval: 1024 });
    await run('layouts 10000');
    const { heap, sites } = await snapshot();
    expect(heap.header.allocations).toMatchObject({ by: 'sampling', samplingInterval: 1024, missing: null });
    expect(heap.header.allocations!.unsureClasses).toContain('dict');
    const set = await setSites(heap, nodesOf(heap, '__main__.Slotted'));
    // 10,000 objects of 48 bytes at 1 KiB: some 460 samples, 5 % off as a rule.
    expect(set.known).toBeGreaterThan(250);
    expect(set.known).toBeLessThan(900);
    expect(set.groups[0]).toMatchObject({ share: 1, frame: { functionName: 'layouts', line: lineOf('Slotted') } });
    expect(set.groups[0]!.objects / 10_000).toBeGreaterThan(0.7);
    expect(set.groups[0]!.objects / 10_000).toBeLessThan(1.3);
    provideGroups(heap, 'site', sites!.groups);
    const { rows } = await groupRows(await groupTable(heap, 'site', null), { start: 0, end: 1000 });
    const row = rows.find(({ name }) => name.endsWith(`records.py:${lineOf('Slotted')})`));
    expect(row?.estimate?.objects).toBe(set.groups[0]!.objects);
    expect(rows.find(({ name }) => name === '(not sampled)')?.estimate).toBeNull();
    await client.call('HeapProfiler.stopSampling');
    expect((await snapshot()).heap.header.allocations).toBeNull();
  }, 60_000);

  it('answers as V8 does to tracking with allocations, and ends with its client', async () => {
    const { target, client, run, snapshot } = await start(path);
    const other = await Client.open((await target.meet()).webSocketUrl);
    await other.call('HeapProfiler.startTrackingHeapObjects', { trackAllocations: true });
    await run('layouts 20');
    expect((await client.request('Python.stopAllocationRecording')).error?.code).toBe(-32000);
    expect((await snapshot()).sites).not.toBeNull();
    await other.call('HeapProfiler.stopTrackingHeapObjects');
    expect(await client.call('Python.getAllocationRecording')).toEqual({ recording: false });
    await other.call('Python.startAllocationRecording');
    other.close();
    await expect.poll(async () => client.call('Python.getAllocationRecording'), { timeout: 10_000 }).toEqual({ recording: false });
    await run('layouts 20');
  }, 60_000);
});

type Tree = (number | Tree)[];
function eachCall(tree: Tree, take: (id: number, count: number) => void): void {
  for (let at = 0; at < tree.length; at += 5) {
    take(tree[at] as number, tree[at + 2] as number);
    eachCall(tree[at + 4] as Tree, take);
  }
}
