/** Stacks of allocations from a living Node.js to the page of an object: recorded on request, read from the snapshot. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { allocationSites } from '#main/heap/allocation-sites.ts';
import { classIndexOf, nodesOfClass } from '#main/heap/classes.ts';
import { groupRows, groupTable, provideGroups } from '#main/heap/groups.ts';
import { openHeap } from '#main/heap/open.ts';
import { nodeTargets, startInspected, startSessionHost, until, type SessionClient } from './session-client.ts';

const PROGRAM = `
class Early {}
class Late { constructor(i) { this.i = i; } }
globalThis.early = Array.from({ length: 20 }, () => new Early());
globalThis.late = [];
function remember(i) { globalThis.late.push(new Late(i)); }
function work() { for (let i = 0; i < 50; i++) remember(i); }
setInterval(() => { work(); if (globalThis.late.length > 3000) globalThis.late.splice(0, 2000); }, 20);
`;

let dir: string;
let host: SessionClient;
let end: (() => unknown) | null = null;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-stacks-'));
  host = await startSessionHost();
});
afterEach(async () => {
  await host.stop();
  await end?.();
  rmSync(dir, { recursive: true, force: true });
});

const targets = nodeTargets();
describe.each(targets)('allocation stacks of $name', ({ path }) => {
  it('name the function that made an object, and those who called it', async () => {
    const program = await startInspected(path, ['--inspect=127.0.0.1:0', '-e', PROGRAM]);
    end = () => program.kill();
    await host.capture.start({ dir, target: { kind: 'node', pid: program.pid, webSocketUrl: program.url, waitsForDebugger: false, closeInspectorOnDetach: false } });
    const plain = await openHeap((await host.capture.takeSnapshot({ path: join(dir, 'plain.heapsnapshot'), label: 'plain' })).path);
    expect(await allocationSites(plain)).toBeNull();

    expect(await host.live.allocationStacks({})).toMatchObject({ since: null, canStop: false });
    expect((await host.live.recordAllocationStacks({})).since).toBeGreaterThan(0);
    const from = Date.now();
    await until('new objects', () => (Date.now() - from > 1_500 ? true : null));
    const { path: file } = await host.capture.takeSnapshot({ path: join(dir, 'stacks.heapsnapshot'), label: 'stacks' });
    const heap = await openHeap(file);
    const sites = await allocationSites(heap);
    expect(sites).not.toBeNull();
    const stacks = Array.from(nodesOfClass(heap, classIndexOf(heap, 'Late')), (node) => sites!.stack(node).map(({ functionName }) => functionName));
    // Once hot, `remember` is inlined into `work`, and V8 names only the latter.
    const recorded = stacks.filter((stack) => stack.length > 0);
    expect(recorded.length).toBeGreaterThan(20);
    for (const stack of recorded) expect(stack.join(' < ')).toMatch(/^(Late < )?(remember < )?work < \(anonymous\) < listOnTimeout/);
    for (const node of nodesOfClass(heap, classIndexOf(heap, 'Early'))) expect(sites!.stack(node)).toEqual([]);

    provideGroups(heap, 'site', sites!.groups);
    const { rows } = await groupRows(await groupTable(heap, 'site', null), { start: 0, end: 200 });
    expect(rows.find(({ name }) => /^(work|remember|Late) \(/.test(name))?.objects).toBeGreaterThan(20);
    expect(rows.reduce((sum, { shallowBytes }) => sum + shallowBytes, 0)).toBe(heap.shallowBytes);
    await expect(host.live.stopAllocationStacks({})).rejects.toMatchObject({ code: 'unsupported' });
    await host.capture.detach({});
  });
});
