/** A Python heap as a .heapsnapshot is read by Chrome DevTools' own loader and by memlab, with the same truth in it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { liveContract } from '#shared/contracts/live.ts';
import { sessionsContract } from '#shared/contracts/sessions.ts';
import { targetsContract } from '#shared/contracts/targets.ts';
import { analyseHeap } from '#main/heap/analyse.ts';
import { allocationSites } from '#main/heap/allocation-sites.ts';
import { classIndexOf, classRows, nodesOfClass } from '#main/heap/classes.ts';
import { openHeap } from '#main/heap/open.ts';
import { heapSummary } from '#main/heap/summary.ts';
import { createWorkbench } from '#main/workbench/workbench.ts';
import { installPeers, readWithDevTools, readWithMemlab } from '#test/tools/peers/peers.ts';

const missing = installPeers();
const OBJECTS = 2_000;

describe.skipIf(missing !== null)(`a Python snapshot in other readers${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  let dir: string;
  let path: string;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'heaphouse-test-'));
    const workbench = createWorkbench({ sessionsDir: dir, cwd: process.cwd() });
    const sessions = workbench.client.service(sessionsContract);
    const { sessionId } = await workbench.client.service(targetsContract).launch({
      command: 'python3',
      args: ['test/samples/leaky.py', '--objects', String(OBJECTS), '--leak-at', '60', '--trigger', join(dir, 'trigger')],
    });
    // From before the leak on, so that every Session has its stack.
    await workbench.client.service(liveContract, sessionId).recordAllocationStacks({});
    writeFileSync(join(dir, 'trigger'), '');
    await vi.waitFor(
      async () => expect((await sessions.output({ sessionId })).map(({ text }) => text).join('')).toContain('phase leak end'),
      { timeout: 20_000, interval: 100 },
    );
    const snapshot = await sessions.takeSnapshot({ sessionId });
    path = snapshot.path;
    await workbench.dispose();
  }, 60_000);
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('opens in Chrome DevTools: every object, our classes by name, the same sizes', async () => {
    const peer = await readWithDevTools(path);
    const heap = await openHeap(path);
    await analyseHeap(heap);
    expect(peer.problems).toEqual([]);
    expect(peer.nodeCount).toBe(heap.nodeCount);

    const ours = (await classRows(heap, { start: 0, end: 1, filter: '/^__main__\\.Session$/' })).rows[0];
    const theirs = peer.classes.find(({ name }) => name === '__main__.Session');
    expect(theirs).toBeDefined();
    expect(theirs).toMatchObject({ objects: OBJECTS, shallowBytes: ours.shallowBytes, retainedBytes: ours.retainedBytes });
    expect(classIndexOf(heap, '__main__.Session')).toBeGreaterThanOrEqual(0);

    // The Allocation view: functions by what was allocated in them, with file and line.
    const site = peer.sites.find(({ name, count }) => name === 'leak' && count >= OBJECTS);
    expect(site).toMatchObject({ scriptName: expect.stringMatching(/leaky\.py$/) as string, liveCount: site!.count });
    expect((await allocationSites(heap))!.site(nodesOfClass(heap, classIndexOf(heap, '__main__.Session'))[0]!)).toMatchObject({ functionName: 'leak', line: site!.line });
  });

  it('opens in memlab: the same number of objects and bytes', async () => {
    const peer = await readWithMemlab(path);
    const heap = await openHeap(path);
    let instances = 0;
    let traced = 0;
    let bytes = 0;
    peer.nodes.forEach((node) => {
      bytes += node.self_size;
      if (node.type === 'object' && node.name === '__main__.Session') {
        instances++;
        if (node.trace_node_id > 0) traced++;
      }
    });
    expect(peer.nodes.length).toBe(heap.nodeCount);
    expect(peer.edges.length).toBe(heap.edgeCount);
    expect(instances).toBe(OBJECTS);
    expect(traced).toBe(OBJECTS);
    const summary = heapSummary(heap);
    expect(bytes).toBe(summary.shallowBytes);
  });
});
