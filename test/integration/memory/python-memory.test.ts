/** The memory contract on living CPython, as the workbench asks it. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { emptiestArenas } from '#main/capture/memory/arena-map.ts';
import { agentReader } from '#main/capture/memory/memory-reader.ts';
import { createPools } from '#main/capture/memory/pools.ts';
import { openTarget } from '#main/cdp/open-target.ts';
import { startSessionHost, until, type SessionClient } from '../capture/session-client.ts';
import { BOOTSTRAP } from '../python-agent/agent-client.ts';
import { supportedInterpreters } from '../python-agent/interpreters.ts';

const MIB = 1024 * 1024;
const PROGRAM = `
import gc, sys, threading, time
class Kept:
    def __init__(self, i): self.i = i
kept = [Kept(i) for i in range(30000)]
buffer = bytearray(32 * 1024 * 1024)
gone = [(i, str(i)) for i in range(60000)]
pinned = [gone[i] for i in range(0, 60000, 6000)]
del gone
worker = threading.Thread(target=time.sleep, args=(600,), daemon=True)
worker.start()
print('running', flush=True)
for line in sys.stdin:
    exec(line)
    print('done', flush=True)
`;

let dir: string;
let host: SessionClient;
const cleanups: (() => Promise<unknown> | void)[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-memory-'));
  host = await startSessionHost();
});
afterEach(async () => {
  await host.stop();
  for (const cleanup of cleanups.splice(0)) await cleanup();
  rmSync(dir, { recursive: true, force: true });
});

async function launch(python: string, env: Record<string, string> = {}) {
  const meeting = mkdtempSync(join(dir, 'meeting-'));
  const child = spawn(python, ['-c', PROGRAM], { env: { ...process.env, PYTHONPATH: BOOTSTRAP, HEAPHOUSE_AGENT: meeting, ...env }, stdio: ['pipe', 'pipe', 'inherit'] });
  let stdout = '';
  child.stdout.on('data', (data) => (stdout += String(data)));
  const exited = new Promise((resolve) => child.on('exit', resolve));
  cleanups.push(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const path = join(meeting, `${child.pid}.json`);
  const { webSocketUrl } = await until('the agent', () => (existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { webSocketUrl: string }) : null));
  await until('the program', () => stdout.includes('running'));
  const pid = child.pid!;
  await host.capture.start({ dir, target: { kind: 'python', pid, webSocketUrl, waitsForDebugger: false, closeInspectorOnDetach: false }, sampleEveryMs: 50 });
  let lines = 0;
  const run = async (line: string) => {
    child.stdin.write(`${line}\n`);
    lines++;
    await until(line, () => stdout.split('done').length > lines);
  };
  return { pid, webSocketUrl, run };
}

const statmBytes = (pid: number) => Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * 4096;
const { found } = supportedInterpreters();

describe.skipIf(process.platform !== 'linux')('memory of CPython (Linux only)', () => {
  describe.each(found)('$version', ({ path: python, version }) => {
    it('explains itself: allocators, arenas and what pins them, resident memory as a sum', async () => {
      const target = await launch(python);
      const report = await host.memory.allocators({});
      expect(report.inUse[0]).toMatchObject({ kind: 'pymalloc' });
      expect(report.inUse.map(({ kind }) => kind)).toContain('glibc');
      expect(report.pymalloc?.arenasHighWater).toBeGreaterThanOrEqual(report.pymalloc?.arenas ?? Infinity);
      expect(report.pythonMallocValues.includes('mimalloc')).toBe(Number(version.split('.')[1]) >= 13);
      const mmapped = report.glibc?.figures.find(({ id }) => id === 'mmappedBytes')?.value;
      expect(mmapped).toBeGreaterThanOrEqual(32 * MIB);
      expect(report.glibc?.arenas.length).toBeGreaterThanOrEqual(1);

      const map = await host.memory.readArenas({});
      expect(map).toMatchObject({ source: 'outside', arenas: report.pymalloc?.arenas });
      expect(Math.abs(map.totals.blocksUsed - (report.pymalloc?.blocksUsed ?? 0))).toBeLessThan(400);
      expect(await host.memory.arenas({ readingId: map.readingId, start: 0, end: 512 })).toMatchObject({ start: 0, address: { length: map.arenas } });

      const emptiest = await host.memory.emptiestArenas({ readingId: map.readingId, limit: 50 });
      // Every 6,000th tuple was kept: some arenas hold next to nothing else.
      const pins = await Promise.all(emptiest.slice(0, 12).map(({ arenaIndex }) => host.memory.arenaPins({ readingId: map.readingId, arenaIndex })));
      for (const [i, { liveBlocks, liveBytes, blocks }] of pins.entries()) {
        expect(Math.abs(liveBytes - emptiest[i].liveBytes)).toBeLessThan(32 * 1024);
        if (liveBlocks <= 500) expect(blocks).toHaveLength(liveBlocks);
      }
      const whole = await Promise.all(Array.from({ length: map.arenas }, (_, arenaIndex) => host.memory.arenaPins({ readingId: map.readingId, arenaIndex })));
      const kept = whole.flatMap(({ byType }) => byType).filter(({ type }) => type === 'Kept');
      expect(kept.reduce((sum, { blocks }) => sum + blocks, 0)).toBe(30_000);

      const { rssBytes, parts } = await host.memory.rssBreakdown({});
      expect(parts.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(rssBytes);
      expect(Math.abs(rssBytes - statmBytes(target.pid))).toBeLessThan(0.02 * rssBytes);
      expect(parts.at(-1)?.id).toBe('unexplained');
      expect(parts.at(-1)?.bytes).toBeLessThan(0.1 * rssBytes);
      const part = (id: string) => parts.find((each) => each.id === id)?.bytes ?? 0;
      expect(part('live-blocks')).toBeGreaterThan(1 * MIB);
      expect(part('malloc-used')).toBeGreaterThan(32 * MIB);
      expect(part('live-blocks')).toBeLessThanOrEqual(map.totals.usedBytes + 64 * 1024);
    });

    it('lists collections with what started them', async () => {
      const target = await launch(python);
      await target.run("[[].append(1) for _ in range(3)]; x = [[i] for i in range(30000)]; del x");
      await target.run('class Cycle: pass');
      await target.run('c = [Cycle() for _ in range(1234)]; [setattr(o, "me", o) for o in c]; del c; n = gc.collect()');
      const all = async () => (await host.memory.collections({ query: { start: 0, end: 100 } })).rows;
      const explicit = await until('the explicit collection', async () => (await all()).find(({ trigger }) => trigger === 'explicit'));
      expect(explicit).toMatchObject({ generation: 2, triggerAt: '<string>:1', uncollectable: 0 });
      expect(explicit.collected).toBeGreaterThanOrEqual(1234);
      expect((await all()).some(({ trigger, counts, thresholds }) => trigger === 'allocation' && counts![0] > thresholds![0])).toBe(true);

      await target.run('c = [Cycle() for _ in range(777)]; [setattr(o, "me", o) for o in c]; del c');
      const now = await host.memory.collectNow({});
      expect(now.collected).toBeGreaterThanOrEqual(777);
      // Counting makes a few objects itself.
      expect(now.trackedBefore! - now.trackedAfter!).toBeGreaterThanOrEqual(777 - 20);
      const ours = await until('our collection', async () => (await host.memory.collections({ query: { start: 0, end: 10, filter: { triggers: ['heaphouse'] } } })).rows[0]);
      expect(ours).toMatchObject({ generation: 2, collected: now.collected, trackedBefore: now.trackedBefore, trackedAfter: now.trackedAfter });

      const summary = await host.memory.gcSummary({});
      const rows = await host.memory.collections({ query: { start: 0, end: 2000, sort: { by: 'pauseMs', order: 'descending' } } });
      expect(summary.collections).toBe(rows.total);
      expect(summary.longestPauseMs).toBe(rows.rows[0]?.pauseMs);
      expect(summary.totalPauseMs).toBeCloseTo(rows.rows.reduce((sum, { pauseMs }) => sum + pauseMs, 0), 6);
      expect(summary.distribution.reduce((sum, { count }) => sum + count, 0)).toBe(rows.total);
      expect(summary.settings).toMatchObject({ enabled: true, debugFlags: 0, uncollectable: 0 });
      expect(summary.collector).toContain('generations');
    });
  });

  describe.each(found.slice(-1))('$version', ({ path: python, version }) => {
    it('reads the same arenas through the agent where the system lets nobody read from outside', async () => {
      const { pid, webSocketUrl } = await launch(python);
      const target = await openTarget(webSocketUrl, {});
      const pools = createPools(target.session, pid, false);
      const [fromOutside, fromInside] = [await host.memory.readArenas({}), await pools.read()];
      expect([fromOutside.source, fromInside.summary.source]).toEqual(['outside', 'agent']);
      expect(fromInside.summary.arenas).toBe(fromOutside.arenas);
      expect(Math.abs(fromInside.summary.totals.poolsUsed - fromOutside.totals.poolsUsed)).toBeLessThan(10);
      expect(Math.abs(fromInside.summary.totals.blocksUsed - fromOutside.totals.blocksUsed)).toBeLessThan(1_000);
      const [emptiest] = emptiestArenas(fromInside.map, 1);
      expect((await pools.pins(fromInside.summary.readingId, emptiest.arenaIndex)).source).toBe('agent');

      const reader = agentReader(target.session);
      const { data, lost } = await reader.pieces([{ address: fromInside.map.address[0], count: 2 }, { address: 0x10, count: 1 }], 64, 4096);
      expect(lost).toEqual([1]);
      expect(data.subarray(128)).toEqual(Buffer.alloc(64));
      target.close();
    });

    it('names every segment, over time as well, and its limits', async () => {
      const { pid } = await launch(python);
      const list = await host.memory.segments({});
      expect(list.threads).toBeGreaterThanOrEqual(3);
      const kinds = list.segments.map(({ kind }) => kind);
      for (const kind of ['text', 'initialised-data', 'heap', 'stack', 'thread-stacks', 'anonymous', 'shared-libraries']) expect(kinds).toContain(kind);
      const stacks = await host.memory.mappings({ segment: 'thread-stacks', query: { start: 0, end: 10 } });
      expect(stacks.total).toBe(list.threads! - 1);
      expect(Math.abs(list.total.residentBytes - list.kernelTotal!.residentBytes)).toBeLessThan(MIB);
      const history = await until('a reading', async () => {
        const answer = await host.memory.segmentHistory({ maxPoints: 100 });
        return answer.at.length > 0 ? answer : null;
      });
      expect(history.residentBytes.anonymous?.[0]).toBeGreaterThan(32 * MIB);
      const limits = await host.memory.limits({});
      expect(limits.oomScore).toBe(Number(readFileSync(`/proc/${pid}/oom_score`, 'latin1')));
      expect(limits.machine.totalBytes).toBeGreaterThan(100 * MIB);
    });

    it('gives free memory of malloc back on request', async () => {
      const target = await launch(python, { MALLOC_TRIM_THRESHOLD_: String(512 * MIB), MALLOC_MMAP_THRESHOLD_: String(512 * MIB) });
      await target.run('big = [bytes(100_000) for _ in range(300)]; keep = bytes(100_000); del big');
      const trimmed = await host.memory.trimMalloc({});
      expect(trimmed.action).toBe('malloc_trim');
      expect(trimmed.rssBeforeBytes! - trimmed.rssAfterBytes!).toBeGreaterThan(20 * MIB);
    });

    it('sees a collector that the program turns off, tunes and freezes', async () => {
      const target = await launch(python);
      // The agent answers one question after the other: the recorder's first is answered before this one.
      expect((await host.memory.gcSummary({})).settings).toMatchObject({ enabled: true, frozen: 0 });
      await target.run('gc.disable(); gc.set_threshold(5000, 20, 20); gc.freeze()');
      const { changes, settings } = await until('the changes', async () => {
        const summary = await host.memory.gcSummary({});
        return summary.changes.length >= 3 ? summary : null;
      }, 15_000);
      expect(settings).toMatchObject({ enabled: false, thresholds: [5000, 20, 20] });
      expect(changes.map(({ text }) => text).join('\n')).toMatch(/disabled[\s\S]*→ 5000, 20, 20[\s\S]*freeze/);
    }, 30_000);

    const values = [['malloc', 'other'], ['pymalloc_debug', 'pymalloc'], ...(Number(version.split('.')[1]) >= 13 ? [['mimalloc', 'mimalloc']] : [])];
    it.each(values)('PYTHONMALLOC=%s is recognised', async (value, kind) => {
      await launch(python, { PYTHONMALLOC: value });
      const report = await host.memory.allocators({});
      expect(report.inUse[0].kind).toBe(kind);
      expect(report.inUse[0].evidence.join(' ')).toContain(`PYTHONMALLOC=${value}`);
      const { rssBytes, parts } = await host.memory.rssBreakdown({});
      expect(parts.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(rssBytes);
      if (value === 'pymalloc_debug') {
        const map = await host.memory.readArenas({});
        const whole = await Promise.all(Array.from({ length: map.arenas }, (_, arenaIndex) => host.memory.arenaPins({ readingId: map.readingId, arenaIndex })));
        const kept = whole.flatMap(({ byType }) => byType).filter(({ type }) => type === 'Kept');
        expect(kept.reduce((sum, { blocks }) => sum + blocks, 0)).toBe(30_000);
      } else await expect(host.memory.readArenas({})).rejects.toMatchObject({ code: 'unsupported' });
    });
  });
});
