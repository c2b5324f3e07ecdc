/** Allocators that take the place of the C library's, in living programs, against what the program reads itself. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findPreloadLibraries } from '#main/targets/launch/preload-libraries.ts';
import { startInspected, startSessionHost, until, type RunningTarget, type SessionClient } from '../capture/session-client.ts';
import { supportedInterpreters } from '../python-agent/interpreters.ts';
import { startWatchedPython, statmBytes, type PythonProgram } from './python-program.ts';

const MIB = 1024 * 1024;
const PROGRAM = `
import ctypes
buffer = bytearray(b'x') * (32 * 1024 * 1024)
kept = [bytes([i % 256]) * 5000 for i in range(4000)]
def own(name):
    value, size = ctypes.c_size_t(), ctypes.c_size_t(8)
    c = ctypes.CDLL(None)
    if name.startswith('stats.'):
        epoch = ctypes.c_uint64(1)
        c.mallctl(b'epoch', ctypes.byref(epoch), ctypes.byref(size), ctypes.byref(epoch), ctypes.c_size_t(8))
        c.mallctl(name.encode(), ctypes.byref(value), ctypes.byref(size), None, 0)
    else:
        c.MallocExtension_GetNumericProperty(name.encode(), ctypes.byref(value))
    print('own', value.value, flush=True)
`;
const OWN_FIGURE: Record<string, string> = { jemalloc: 'stats.allocated', tcmalloc: 'generic.current_allocated_bytes' };

const libraries = await findPreloadLibraries();
const { found } = supportedInterpreters();
const pythons = [...new Set([found[0], found.at(-1)])].flatMap((each) => each ?? []);
let dir: string;
let host: SessionClient;
const running: (PythonProgram | RunningTarget)[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-memory-'));
  host = await startSessionHost();
});
afterEach(async () => {
  await host.stop();
  for (const each of running.splice(0)) await each.kill();
  rmSync(dir, { recursive: true, force: true });
});

const kinds = ['jemalloc', 'mimalloc', 'tcmalloc'] as const;
describe.skipIf(process.platform !== 'linux').each(
  kinds.map((kind) => {
    const library = libraries.find((each) => each.kind === kind)?.path ?? null;
    return { kind, library, why: library === null ? '(skipped: not installed)' : '' };
  }),
)('preloaded $kind $why', ({ kind, library }) => {
  const env = { LD_PRELOAD: library ?? '' };
  const allocators = () => host.memory.allocators({});
  const figureOf = async (id: string) => (await allocators()).other[0]?.figures.find((each) => each.id === id)?.value;

  describe.skipIf(library === null).each(pythons)('in Python $version', ({ path }) => {
    it('tells its figures, and resident memory is explained with them', async () => {
      const program = await startWatchedPython(host, dir, path, PROGRAM, env);
      running.push(program);
      const report = await allocators();
      expect(report.inUse.map((each) => each.kind)).toEqual(['pymalloc', kind]);
      expect(report.inUse[1].evidence.join(' ')).toMatch(/is mapped.*LD_PRELOAD.*functions answer/);
      expect(report.glibc).toBeNull();
      expect(report.other).toHaveLength(1);
      const own = OWN_FIGURE[kind];
      if (own) {
        await program.run(`own(${JSON.stringify(own)})`);
        const said = Number(/own (\d+)/.exec(program.stdout())?.[1]);
        expect(said).toBeGreaterThan(48 * MIB);
        expect(Math.abs((await figureOf(own))! - said)).toBeLessThan(MIB);
        const sample = await until('a sample', async () => {
          const last = await host.capture.lastSample({});
          return last?.externalBytes ? last : null;
        });
        expect(Math.abs(sample.externalBytes! - said)).toBeLessThan(2 * MIB);
      } else {
        expect(await figureOf('committedBytes')).toBeGreaterThan(48 * MIB);
        expect(await figureOf('reserved')).toBeGreaterThan(48 * MIB);
        expect(await figureOf('segments')).toBeGreaterThan(0);
      }
      const { bins, figures } = report.other[0];
      if (kind === 'jemalloc') {
        const [small, allocated] = [bins.reduce((sum, bin) => sum + bin.blockBytes * bin.used, 0), figures.find(({ id }) => id === 'stats.allocated')!.value];
        // 4,000 bytes objects of 5 KiB are small to jemalloc, the buffer is not.
        expect(bins.find(({ blockBytes }) => blockBytes === 5_120)?.used).toBeGreaterThanOrEqual(4_000);
        expect(allocated - small).toBeGreaterThan(32 * MIB);
        for (const bin of bins) expect(bin.used * bin.blockBytes).toBeLessThanOrEqual(bin.slabs * bin.slabBytes);
      }

      const { rssBytes, parts } = await host.memory.rssBreakdown({});
      expect(parts.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(rssBytes);
      expect(Math.abs(rssBytes - statmBytes(program.pid))).toBeLessThan(0.02 * rssBytes);
      const used = parts.find(({ id }) => id === 'malloc-used');
      expect(used?.label).toContain(kind);
      expect(used?.bytes).toBeGreaterThan(50 * MIB);
      expect(parts.at(-1)!.bytes).toBeLessThan(0.1 * rssBytes);
    });

    it('gives free memory back on request and says how much', async () => {
      // Freed by a thread that then ends: what mimalloc can reach from another thread.
      const program = await startWatchedPython(host, dir, path, PROGRAM, env);
      running.push(program);
      await program.run("import threading; t = threading.Thread(target=lambda: [bytes([i % 256]) * 5000 for i in range(8000)]); t.start(); t.join(); kept = kept[::16]; buffer = None");
      const before = statmBytes(program.pid);
      const trimmed = await host.memory.trimMalloc({});
      const after = statmBytes(program.pid);
      expect(trimmed.action).toBe({ jemalloc: 'jemalloc purge', mimalloc: 'mi_collect', tcmalloc: 'tcmalloc release' }[kind]);
      expect(Math.abs(trimmed.rssBeforeBytes! - before)).toBeLessThan(4 * MIB);
      expect(Math.abs(trimmed.rssAfterBytes! - after)).toBeLessThan(4 * MIB);
      expect(trimmed.releasedBytes).not.toBeNull();
      if (kind === 'mimalloc') expect(trimmed.note).toContain('thread');
      else expect(trimmed.rssBeforeBytes! - trimmed.rssAfterBytes!).toBeGreaterThan(8 * MIB);
    });
  });

  it.skipIf(library === null)('in Node.js is recognised; its own figures cannot be read from outside', async () => {
    const target = await startInspected(process.execPath, ['--inspect=127.0.0.1:0', '-e', 'globalThis.kept = Array.from({ length: 1000 }, () => Buffer.allocUnsafeSlow(64 * 1024).fill(1)); console.log("filled"); setInterval(() => {}, 1000)'], { ...process.env, ...env });
    running.push(target);
    await until('the program', () => target.stdout().includes('filled'));
    await host.capture.start({ dir, target: { kind: 'node', pid: target.pid, webSocketUrl: target.url, waitsForDebugger: false, closeInspectorOnDetach: false }, sampleEveryMs: 50 });
    const report = await allocators();
    expect(report.inUse.map((each) => each.kind)).toEqual(['v8', kind]);
    expect(report.other).toEqual([]);
    expect(report.notes.join(' ')).toContain(kind);
    const { rssBytes, parts } = await host.memory.rssBreakdown({});
    expect(Math.abs(rssBytes - statmBytes(target.pid))).toBeLessThan(0.02 * rssBytes);
    expect(parts.find(({ id }) => id === 'external')?.bytes).toBeGreaterThanOrEqual(60 * MIB);
  });
});
