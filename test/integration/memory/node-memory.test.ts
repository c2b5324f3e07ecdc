/** The memory contract on a living Node.js, against what Node.js says of itself. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startInspected, startSessionHost, until, type RunningTarget, type SessionClient } from '../capture/session-client.ts';

const MIB = 1024 * 1024;
const PROGRAM = `
const kept = Array.from({ length: 200000 }, (_, i) => ({ i, text: 'x' + i }));
const buffer = Buffer.alloc(48 * 1024 * 1024, 1);
setInterval(() => { globalThis.recent = Array.from({ length: 20000 }, (_, i) => ({ i })); }, 5);
setInterval(() => globalThis.gc && globalThis.gc(), 1000);
process.on('SIGUSR2', () => process.stdout.write(JSON.stringify(process.memoryUsage()) + '\\n'));
process.stdout.write('running\\n');
`;

let dir: string;
let host: SessionClient;
let target: RunningTarget;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-memory-'));
  host = await startSessionHost();
  target = await startInspected(process.execPath, ['--inspect=127.0.0.1:0', '--expose-gc', '-e', PROGRAM]);
  await until('the program', () => target.stdout().includes('running'));
  await host.capture.start({ dir, target: { kind: 'node', pid: target.pid, webSocketUrl: target.url, waitsForDebugger: false, closeInspectorOnDetach: false }, sampleEveryMs: 50 });
});
afterEach(async () => {
  await host.stop();
  await target.kill();
  rmSync(dir, { recursive: true, force: true });
});

describe.skipIf(process.platform !== 'linux')('memory of Node.js (Linux only)', () => {
  it('explains its heap spaces and its resident memory', async () => {
    const { v8, inUse, pymalloc } = await host.memory.allocators({});
    expect(inUse[0].kind).toBe('v8');
    expect(pymalloc).toBeNull();
    expect(v8?.spaces.map(({ name }) => name)).toEqual(expect.arrayContaining(['old_space', 'new_space', 'large_object_space']));
    process.kill(target.pid, 'SIGUSR2');
    await until('its own figures', () => target.stdout().includes('heapTotal'));
    const own = JSON.parse(target.stdout().trim().split('\n').at(-1) ?? '') as NodeJS.MemoryUsage;
    const committed = v8!.spaces.reduce((sum, space) => sum + space.committedBytes, 0);
    expect(Math.abs(committed - own.heapTotal)).toBeLessThan(8 * MIB);
    expect(v8!.arrayBuffersBytes).toBeGreaterThanOrEqual(48 * MIB);

    const statm = () => Number(readFileSync(`/proc/${target.pid}/statm`, 'latin1').split(' ')[1]) * 4096;
    // The program goes on making objects: a moment in which it did not grow or shrink by much.
    const { rssBytes, parts, after } = await until('a quiet moment', async () => {
      const before = statm();
      const found = await host.memory.rssBreakdown({});
      const after = statm();
      return Math.abs(after - before) < 0.01 * after ? { ...found, after } : null;
    });
    expect(parts.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(rssBytes);
    expect(Math.abs(rssBytes - after)).toBeLessThan(0.02 * rssBytes);
    expect(parts.find(({ id }) => id === 'external')?.bytes).toBeGreaterThanOrEqual(47 * MIB);
    expect(parts.at(-1)).toMatchObject({ id: 'unexplained' });
    expect(parts.at(-1)!.bytes).toBeLessThan(0.15 * rssBytes);
  });

  it('tells collections that the program forces from those of V8 and from ours', async () => {
    const rows = async () => (await host.memory.collections({ query: { start: 0, end: 500 } })).rows;
    await until('collections', async () => {
      const triggers = new Set((await rows()).map(({ trigger }) => trigger));
      return triggers.has('allocation') && triggers.has('explicit');
    });
    expect((await rows()).find(({ kind }) => kind === 'scavenge')?.trigger).toBe('allocation');
    const now = await host.memory.collectNow({});
    expect(now.heapAfterBytes).toBeGreaterThan(0);
    await until('ours', async () => (await rows()).some(({ trigger, generation }) => trigger === 'heaphouse' && generation === 2));
    await expect(host.memory.readArenas({})).rejects.toMatchObject({ code: 'unsupported' });
    await expect(host.memory.trimMalloc({})).rejects.toMatchObject({ code: 'unsupported' });
  });

  it('knows the used heap before and after every collection', async () => {
    const rows = async () => (await host.memory.collections({ query: { start: 0, end: 2000, sort: { by: 'at', order: 'ascending' } } })).rows;
    await until('collections', async () => (await rows()).filter(({ kind }) => kind === 'mark-sweep-compact').length >= 2 && (await rows()).length > 20, 20_000);
    const all = await rows();
    const known = all.filter(({ heapBeforeBytes }) => heapBeforeBytes !== null);
    expect(known.length).toBeGreaterThan(0.9 * all.length);
    for (const { heapBeforeBytes, heapAfterBytes } of known) {
      expect(heapBeforeBytes).toBeGreaterThan(MIB);
      expect(heapAfterBytes).toBeGreaterThan(MIB);
      expect(heapBeforeBytes).toBeLessThan(400 * MIB);
    }
    // `gc()` with nothing else to collect: what is left is what Node.js itself calls used, as near as two moments are.
    const scavenges = known.filter(({ kind }) => kind === 'scavenge');
    expect(scavenges.filter(({ freedBytes }) => freedBytes! > 0).length).toBeGreaterThan(0.5 * scavenges.length);
    process.kill(target.pid, 'SIGUSR2');
    await until('its own figures', () => target.stdout().includes('heapTotal'));
    const own = JSON.parse(target.stdout().trim().split('\n').at(-1) ?? '') as NodeJS.MemoryUsage;
    const last = (await rows()).filter(({ kind }) => kind === 'mark-sweep-compact').at(-1)!;
    expect(Math.abs(last.heapAfterBytes! - own.heapUsed)).toBeLessThan(0.5 * own.heapUsed + 32 * MIB);
    const { byKind } = await host.memory.gcSummary({});
    expect(byKind.find(({ kind }) => kind === 'scavenge')?.freedBytes).toBeGreaterThan(MIB);
  }, 40_000);

  it('records the totals of its allocators', async () => {
    const history = await until('a reading', async () => {
      const found = await host.memory.allocatorHistory({ maxPoints: 100 });
      return found.at.length > 0 ? found : null;
    });
    const of = (id: string) => history.series.find((each) => each.id === id)?.bytes[0] ?? 0;
    expect(of('v8.old_space')).toBeGreaterThan(MIB);
    expect(of('external.used')).toBeGreaterThanOrEqual(48 * MIB);
  });

  it('answers from the recording when the target is gone', async () => {
    await until('collections', async () => (await host.memory.gcSummary({})).collections > 3);
    await host.capture.detach({});
    const { collections } = await host.memory.gcSummary({});
    expect(collections).toBeGreaterThan(3);
    expect((await host.memory.segmentHistory({ maxPoints: 10 })).at.length).toBeGreaterThan(0);
    await expect(host.memory.segments({})).rejects.toMatchObject({ code: 'target-gone' });
    await host.stop();
    host = await startSessionHost();
    await host.capture.replay({ dir });
    expect((await host.memory.gcSummary({})).collections).toBe(collections);
    expect((await host.memory.collections({ query: { start: 0, end: 10, sort: { by: 'pauseMs', order: 'descending' } } })).total).toBeGreaterThan(3);
  });
});
