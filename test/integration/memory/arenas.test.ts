/** Arenas read from outside, against the interpreter's own count of them: to the byte, on every CPython there is. */
import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { findArenaList, rangesToSearch } from '#main/capture/memory/arena-finder.ts';
import { pageOfArenas, readArenaMap } from '#main/capture/memory/arena-map.ts';
import { openOutsideReader } from '#main/capture/memory/memory-reader.ts';
import { openPagemap } from '#main/capture/memory/pagemap.ts';
import { parsePymallocText, totalsOf } from '#main/capture/memory/pymalloc-totals.ts';
import { readMappings } from '#main/capture/memory/segments.ts';
import { pageBytes } from '#main/capture/process-memory.ts';
import { POOL_STATE } from '#shared/model/memory.ts';
import { supportedInterpreters } from '../python-agent/interpreters.ts';

/** Holds every second of many objects, so that pools are full, half empty, empty and virgin; then writes and waits. */
const PROGRAM = `
import sys, time
kept = [{'i': [i]} for i in range(60000)]
gone = [(i, str(i)) for i in range(60000)]
half = [bytes(200) for i in range(20000)]
del gone
half = half[::2]
print('%x' % id(kept[7]), flush=True)
sys._debugmallocstats()
time.sleep(600)
`;

/** The text goes to C's stderr. */
async function start(python: string, env: Record<string, string> = {}) {
  const child = spawn(python, ['-c', PROGRAM], { env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => (stdout += String(data)));
  child.stderr.on('data', (data) => (stderr += String(data)));
  const end = Date.now() + 20_000;
  // The last line of the text is a free list.
  while (!/free 16-sized|free \w+Objects[^\n]*\n$/.test(stderr) || !stdout.endsWith('\n')) {
    if (Date.now() > end) throw new Error(`no statistics: ${stderr.slice(-300)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  // From the write to the sleep.
  await new Promise((resolve) => setTimeout(resolve, 300));
  return { pid: child.pid!, address: parseInt(stdout.trim(), 16), text: stderr, stop: () => child.kill('SIGKILL') };
}

const { found, missing } = supportedInterpreters();

describe.skipIf(process.platform !== 'linux')(`arenas of pymalloc${missing.length > 0 ? ` (not here: ${missing.join(', ')})` : ''}`, () => {
  it.each(found)('$version: arenas, pools, blocks and bytes as the interpreter counts them', async ({ path }) => {
    const target = await start(path);
    try {
      const reader = openOutsideReader(target.pid);
      const own = parsePymallocText(target.text);
      expect(reader, 'may read the process').not.toBeNull();
      expect(own).not.toBeNull();
      if (!reader || !own) return;
      const sizes = { arenaBytes: own.arenaBytes, poolBytes: own.poolBytes };
      const list = await findArenaList({ reader, sizes, pageBytes: pageBytes(), sampleAddress: target.address, ranges: rangesToSearch(readMappings(target.pid).placed), expectedArenas: own.arenas });
      expect(list?.arenas).toHaveLength(own.arenas);
      const map = await readArenaMap({ reader, list: list!, sizes, pagemap: openPagemap(target.pid) });
      reader.close();
      const { arenasAllocated, arenasReclaimed, arenasHighWater, ...totals } = totalsOf(map.counts, sizes);
      expect([arenasAllocated, arenasReclaimed, arenasHighWater]).toEqual([null, null, null]);
      expect(own).toMatchObject(totals);
      expect(own.usedBytes + own.freeBlockBytes + own.freePoolBytes + own.poolHeaderBytes + own.quantizationBytes + own.arenaAlignmentBytes).toBe(own.totalBytes);
      // The page says the same as the totals.
      const page = pageOfArenas(map, 0, 512);
      const state = Buffer.from(page.state, 'base64');
      expect(state.filter((s) => s === POOL_STATE.used || s === POOL_STATE.full)).toHaveLength(own.poolsUsed);
      expect(state.filter((s) => s === POOL_STATE.free || s === POOL_STATE.virgin)).toHaveLength(own.poolsFree);
      const used = Buffer.from(page.usedBlocks, 'base64');
      expect(new Uint16Array(used.buffer.slice(used.byteOffset, used.byteOffset + used.length)).reduce((a, b) => a + b, 0)).toBe(own.blocksUsed);
      expect(page.liveBytes.reduce((a, b) => a + b, 0)).toBe(own.usedBytes);
    } finally {
      target.stop();
    }
  });

  it.each(found.slice(0, 1))('$version with PYTHONMALLOC=malloc: says that there are none', async ({ path }) => {
    const target = await start(path, { PYTHONMALLOC: 'malloc' });
    try {
      const reader = openOutsideReader(target.pid)!;
      const ranges = rangesToSearch(readMappings(target.pid).placed);
      expect(await findArenaList({ reader, sizes: { arenaBytes: 262_144, poolBytes: 4_096 }, pageBytes: pageBytes(), sampleAddress: target.address, ranges, expectedArenas: null })).toBeNull();
      reader.close();
    } finally {
      target.stop();
    }
  });
});
