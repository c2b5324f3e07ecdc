/** Interpreters and parts of interpreters that work otherwise: subinterpreters, builds without the global lock. */
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Client, PACKAGE_PARENT, Target, TARGETS } from './agent-client.ts';
import { freeThreadedInterpreters, supportedInterpreters } from './interpreters.ts';
import { nativeWalker } from './native-walker.ts';
import { readSnapshot } from './snapshot-reader.ts';

const { found } = supportedInterpreters();
const modes = nativeWalker().built ? ['clone', 'stopTheWorld', 'fork', 'inProcess'] : ['fork', 'inProcess'];
const targets: Target[] = [];
afterEach(async () => {
  await Promise.all(targets.splice(0).map((target) => target.dispose()));
});

describe.each(found)('subinterpreters on CPython $version', ({ path, minor }) => {
  const old = Number(minor.split('.')[1]) < 12;
  it('are left alone: no agent starts in them, snapshots are of the main interpreter', async () => {
    const target = new Target(path, [join(TARGETS, 'subinterpreters.py'), PACKAGE_PARENT]);
    targets.push(target);
    const { webSocketUrl } = await target.meet();
    await target.says('ready');
    expect((await target.meet()).webSocketUrl).toBe(webSocketUrl); // not that of a second agent
    expect(target.meetings()).toEqual([`${target.pid}.json`]);
    const client = await Client.open(webSocketUrl);
    const { capabilities } = (await client.call('Python.getInfo')) as { capabilities: Record<string, { available: boolean; reason?: string }> };
    expect(capabilities['subinterpreters']).toEqual({ available: false, reason: 'the agent looks into the main interpreter only' });
    for (const mode of modes) {
      if (mode === 'fork') {
        // A forked child of such a process hangs or ends before it runs any Python.
        await expect(client.call('Python.writeHeapSnapshot', { path: join(target.folder, 'no.heapsnapshot'), mode })).rejects.toThrow(/has subinterpreters/);
        continue;
      }
      const file = join(target.folder, `${mode}.heapsnapshot`);
      await client.call('Python.writeHeapSnapshot', { path: file, mode });
      const snapshot = readSnapshot(file);
      expect(snapshot.ofClass('__main__.Mine').length, mode).toBe(50);
      // Before 3.12 built-in types are shared: their list of subclasses leads into the other interpreter.
      expect(snapshot.ofClass('__main__.Theirs').length, mode).toBe(old ? 777 : 0);
    }
    target.tell('start');
    await target.says('went on;');
    expect(target.stdout).toContain('refused: RuntimeError');
    expect(target.stdout).not.toContain('already there');
    client.close();
    target.tell('end');
    await target.says('done;');
    expect(await target.ended()).toEqual({ code: 0, signal: null });
    expect(target.stderr).toBe('');
  });
});

describe.each(found)('fork hooks on CPython $version', ({ path }) => {
  it('of the standard library are no hindrance to a forked copy, the program’s own are', async () => {
    const target = new Target(path, ['-c', 'import logging, os, random, sys, threading\nprint("ready", flush=True)\nfor line in sys.stdin: exec(line)']);
    targets.push(target);
    const client = await Client.open((await target.meet()).webSocketUrl);
    await target.says('ready');
    const file = join(target.folder, 'forked.heapsnapshot');
    expect(await client.call('Python.writeHeapSnapshot', { path: file, mode: 'fork' })).toMatchObject({ mode: 'fork' });
    target.tell('def told(): print("forked", flush=True)');
    target.tell('os.register_at_fork(before=told); print("registered", flush=True)');
    await target.says('registered');
    await expect(client.call('Python.writeHeapSnapshot', { path: join(target.folder, 'no.heapsnapshot'), mode: 'fork' })).rejects.toThrow('cannot fork: the program has fork hooks of its own, which would run: __main__.told');
    expect(await client.call('Python.writeHeapSnapshot', { path: join(target.folder, 'other.heapsnapshot') })).toMatchObject({ mode: modes.includes('clone') ? 'clone' : 'inProcess' });
    client.close();
    target.child.stdin.end();
    expect(await target.ended()).toEqual({ code: 0, signal: null });
    expect([target.stdout, target.stderr]).toEqual(['ready\nregistered\n', '']);
  });
});

const threaded = freeThreadedInterpreters();
if (threaded.length === 0) it.skip('builds without the global lock (no such interpreter on this machine)', () => undefined);

describe.skipIf(threaded.length === 0).each(threaded)('CPython $version without the global lock', ({ path }) => {
  it('is refused what would be wrong, with the reason, and served the rest', async () => {
    const target = new Target(path, ['-c', 'import sys; print("ready", flush=True); sys.stdin.readline()']);
    targets.push(target);
    const client = await Client.open((await target.meet()).webSocketUrl);
    await target.says('ready');
    const info = (await client.call('Python.getInfo')) as { gilEnabled: boolean; allocator: string; capabilities: Record<string, { available: boolean; reason?: string }> };
    expect([info.gilEnabled, info.allocator]).toEqual([false, 'mimalloc']);
    for (const name of ['heapSnapshot', 'forkedSnapshot', 'nativeHelper', 'internedStrings', 'allocationSampling']) {
      expect(info.capabilities[name], name).toEqual({ available: false, reason: expect.stringMatching(/free-threaded|global lock/) });
    }
    for (const mode of ['auto', 'clone', 'stopTheWorld', 'fork', 'inProcess']) {
      await expect(client.call('Python.writeHeapSnapshot', { path: join(target.folder, 'x.heapsnapshot'), mode })).rejects.toThrow(/free-threaded/);
    }
    expect((await client.call('Python.getMemoryUsage'))['heapTotalBytes']).toBeGreaterThan(100_000);
    expect(await client.evaluate('6 * 7')).toBe(42);
    await client.call('Python.enable');
    await client.call('HeapProfiler.collectGarbage');
    client.close();
    target.tell('end');
    expect(await target.ended()).toEqual({ code: 0, signal: null });
    expect(target.stderr).toBe('');
  });
});
