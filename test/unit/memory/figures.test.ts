import { describe, expect, it } from 'vitest';
import { describeCollector, settingsChanges } from '#main/capture/memory/collector.ts';
import { parseBssBytes } from '#main/capture/memory/elf-bss.ts';
import { parseEvents, parseMeminfo, softLimit } from '#main/capture/memory/limits.ts';
import { glibcFigures, otherAllocators, parseMallocInfo, parsePythonMimalloc, readMallinfo } from '#main/capture/memory/malloc-figures.ts';
import { usedOffsets } from '#main/capture/memory/arena-pins.ts';
import { isArenaObject, isPoolHeader, readPoolHeader } from '#main/capture/memory/pymalloc-layout.ts';
import { parsePymallocText } from '#main/capture/memory/pymalloc-totals.ts';
import { explainRss, nativeFromGlibc, type RssInput } from '#main/capture/memory/rss.ts';
import { parseV8Report } from '#main/capture/memory/v8-report.ts';
import { recogniseAllocators } from '#main/capture/memory/which-allocator.ts';
import { pythonMallocValues } from '#shared/model/launch-allocators.ts';

const KIB = 1024;
/** Of CPython 3.8: one class, two arenas. */
const TEXT = `Small block threshold = 512, in 32 size classes.

class   size   num pools   blocks in use  avail blocks
-----   ----   ---------   -------------  ------------
    0     16          10            2490            40
   31    512           3              20             1

# arenas allocated total           =                   16
# arenas reclaimed                 =                   14
# arenas highwater mark            =                    6
# arenas allocated current         =                    2
2 arenas * 262144 bytes/arena      =              524,288

# bytes in allocated blocks        =               50,080
# bytes in available blocks        =                1,152
115 unused pools * 4096 bytes      =              471,040
# bytes lost to pool headers       =                  624
# bytes lost to quantization       =                1,392
# bytes lost to arena alignment    =                    0
Total                              =              524,288
`;
const MALLOC_INFO = `<malloc version="1">
<heap nr="0">
<sizes>
  <size from="33" to="48" total="96" count="2"/>
</sizes>
<total type="fast" count="2" size="96"/>
<total type="rest" count="81" size="178208"/>
<system type="current" size="1777664"/>
<system type="max" size="1777664"/>
</heap>
<heap nr="1">
<sizes>
</sizes>
<total type="fast" count="0" size="0"/>
<total type="rest" count="3" size="100000"/>
<system type="current" size="135168"/>
</heap>
<total type="mmap" count="3" size="610304"/>
</malloc>`;
const WORDS = [1_912_832, 84, 2, 3, 610_304, 0, 96, 1_634_528, 278_304, 100_000];

describe('texts and figures of allocators', () => {
  it("reads pymalloc's own text, and computes the same sums", () => {
    const report = parsePymallocText(TEXT);
    expect(report).toMatchObject({
      arenaBytes: 262_144,
      poolBytes: 4_096,
      arenas: 2,
      arenasAllocated: 16,
      arenasReclaimed: 14,
      arenasHighWater: 6,
      poolsUsed: 13,
      poolsFree: 115,
      blocksUsed: 2_510,
      usedBytes: 2_490 * 16 + 20 * 512,
      poolHeaderBytes: 624,
      totalBytes: 524_288,
    });
    expect(report?.classes[1]).toMatchObject({ index: 31, blockBytes: 512, pools: 3, blocksUsed: 20, blocksFree: 1 });
    for (const text of ['', 'Allocated Blocks: 3', TEXT.replace('unused pools', 'x')]) expect(parsePymallocText(text)).toBeNull();
  });

  it("reads glibc's figures", () => {
    expect(readMallinfo(WORDS)).toMatchObject({ usedBytes: 1_634_528, freeBytes: 278_304, mmappedBytes: 610_304, topBytes: 100_000 });
    expect(glibcFigures(readMallinfo(WORDS)!).find(({ id }) => id === 'mmappedRegions')?.value).toBe(3);
    expect(parseMallocInfo(MALLOC_INFO)).toEqual([
      { index: 0, systemBytes: 1_777_664, freeBytes: 178_208, fastBytes: 96 },
      { index: 1, systemBytes: 135_168, freeBytes: 100_000, fastBytes: 0 },
    ]);
    for (const words of [null, [], [1, 2], Array(10).fill('x'), Array(10).fill(-1)]) expect(readMallinfo(words)).toBeNull();
  });

  it('reads those of the others, and leaves out what is no figure', () => {
    const found = otherAllocators({ jemalloc: { figures: { 'stats.allocated': 5, 'stats.resident': 'x' }, bins: [[16, 3, 1, 4096], ['a'], null] }, mimalloc: null, tcmalloc: 7 });
    expect(found).toMatchObject([{ kind: 'jemalloc', figures: [{ id: 'stats.allocated', value: 5 }], bins: [{ blockBytes: 16, used: 3 }] }]);
    expect(parsePythonMimalloc('    Allocated Blocks: 15853\n    Allocated Bytes: 2,024,216\n    Bytes Committed: 2738976\n')[0].figures.map(({ value }) => value)).toEqual([15_853, 2_024_216, 2_738_976]);
  });

  it('names the allocators with the evidence', () => {
    const facts = { targetKind: 'python', libraries: ['/usr/lib/libc.so.6'], environment: {}, cLibrary: 'glibc 2.36', python: { hasPools: true, hasMimalloc: false, devMode: false, gilEnabled: true }, answering: [] };
    expect(recogniseAllocators(facts).map(({ name }) => name)).toEqual(['pymalloc', 'glibc malloc 2.36']);
    const preloaded = recogniseAllocators({ ...facts, libraries: ['/usr/lib/libc.so.6', '/usr/lib/libjemalloc.so.2'], environment: { LD_PRELOAD: 'libjemalloc.so.2', PYTHONMALLOC: 'malloc_debug' }, python: { ...facts.python, hasPools: false } });
    expect(preloaded[0].name).toBe('malloc for all objects with debug hooks (24 to 32 bytes more a block)');
    expect(preloaded[1]).toMatchObject({ kind: 'jemalloc', evidence: ['/usr/lib/libjemalloc.so.2 is mapped.', 'LD_PRELOAD=libjemalloc.so.2 in the environment.'] });
    expect(recogniseAllocators({ ...facts, targetKind: 'node', python: null, cLibrary: null, libraries: ['/lib/ld-musl-x86_64.so.1'] }).map(({ kind }) => kind)).toEqual(['v8', 'musl']);
    expect(pythonMallocValues(12)).not.toContain('mimalloc');
    expect(pythonMallocValues(13)).toContain('mimalloc_debug');
  });
});

describe('resident memory as a sum', () => {
  const base: RssInput = { segments: new Map([['heap', 1_600 * KIB], ['anonymous', 3_000 * KIB], ['text', 500 * KIB], ['stack', 40 * KIB], ['shared-libraries', 900 * KIB]]), arenas: null, native: null, v8: null, jsHeap: null, objectsInMalloc: false, threadArenaBytes: 0, v8PageBytes: 0, dump: null, reservations: null };
  const total = 6_040 * KIB;
  const native = nativeFromGlibc(readMallinfo(WORDS)!, parseMallocInfo(MALLOC_INFO));
  const arenas = { totals: { ...parsePymallocText(TEXT)! }, residentBytes: 512 * KIB, usedPoolBytes: 13 * 4 * KIB, isCounted: true };
  const v8 = parseV8Report({ spaces: [{ space_name: 'old_space', space_size: 2_000_000, space_used_size: 1_000_000, space_available_size: 9, physical_space_size: 1_500_000 }], heap: {}, memory: { external: 4_000_000 } });

  it.each([
    ['nothing known', base],
    ['Python', { ...base, native, arenas }],
    ['Python, figures beyond what is there', { ...base, arenas: { ...arenas, residentBytes: 99 * 1024 * KIB }, native: { ...native, mapped: { usedBytes: 1e12, freeBytes: 1e12 } } }],
    ['Python without pymalloc', { ...base, native, objectsInMalloc: true }],
    ['Node.js', { ...base, v8 }],
    ['a page', { ...base, jsHeap: { usedBytes: 100, totalBytes: 200, externalBytes: 0 } }],
  ] as [string, RssInput][])('%s: adds up, and says what it cannot explain last', (_name, input) => {
    const { rssBytes, parts } = explainRss(input);
    expect(rssBytes).toBe(total);
    expect(parts.every(({ bytes }) => bytes >= 0)).toBe(true);
    expect(parts.at(-1)?.id).toBe('unexplained');
    expect(new Set(parts.map(({ id }) => id)).size).toBe(parts.length);
  });

  it('gives to each what is its own', () => {
    const parts = new Map(explainRss({ ...base, native, arenas }).parts.map(({ id, bytes }) => [id, bytes]));
    expect(parts.get('live-blocks')).toBe(50_080);
    expect(parts.get('pool-overhead')).toBe(624 + arenas.totals.quantizationBytes);
    expect(parts.get('free-pools')).toBe(512 * KIB - 13 * 4 * KIB);
    expect(parts.get('malloc-used')).toBe(1_777_664 - 178_304 + 610_304 + 35_168);
    const node = new Map(explainRss({ ...base, v8 }).parts.map(({ id, bytes }) => [id, bytes]));
    expect(node.get('v8-used')).toBe(1_000_000);
    expect(node.get('v8-free')).toBe(500_000);
    // More than is left of the mappings: the rest lies in the heap.
    expect((node.get('external') ?? 0) + (node.get('c-heap') ?? 0)).toBe(4_600 * KIB - 1_500_000);
  });
});

describe('structures of pymalloc', () => {
  const pool = Buffer.alloc(4_096);
  const address = 0x7f0000010000;
  pool.writeUInt32LE(2, 0);
  pool.writeBigUInt64LE(BigInt(address + 48 + 512), 8);
  pool.writeUInt32LE(5, 32);
  pool.writeUInt32LE(31, 36);
  pool.writeUInt32LE(48 + 3 * 512, 40);
  pool.writeUInt32LE(4_096 - 512, 44);

  it('tells a pool header from other bytes', () => {
    const header = readPoolHeader(pool, 0);
    expect(isPoolHeader(header, address, 4_096)).toBe(true);
    for (const wrong of [{ sizeClass: 32 }, { count: 8 }, { maxNextOffset: 4_096 }, { nextOffset: 49 }, { nextOffset: 0 }, { freeBlock: 1 }]) expect(isPoolHeader({ ...header, ...wrong }, address, 4_096)).toBe(false);
  });

  it('lists the blocks in use, whatever the free list says', () => {
    const header = readPoolHeader(pool, 0);
    expect(usedOffsets(pool, address, header)).toEqual([48, 48 + 2 * 512]);
    // A list that leads to itself or out of the pool.
    const loop = Buffer.from(pool);
    loop.writeBigUInt64LE(BigInt(address + 48 + 512), 48 + 512);
    expect(usedOffsets(loop, address, header)).toEqual([48, 48 + 2 * 512]);
    loop.writeBigUInt64LE(0xffffffffffffffffn, 48 + 512);
    expect(usedOffsets(loop, address, header)).toEqual([48, 48 + 2 * 512]);
  });

  it('knows an arena by its figures', () => {
    const sizes = { arenaBytes: 1_048_576, poolBytes: 16_384 };
    const arena = { address: 0x7f0000001000, poolAddress: 0x7f0000008000, freePools: 62, totalPools: 63 };
    expect(isArenaObject(arena, sizes, 4_096)).toBe(true);
    for (const wrong of [{ address: 0 }, { address: 0x7f0000001001 }, { totalPools: 64 }, { freePools: 64 }, { freePools: 1 }, { poolAddress: 0x7f0000009000 }]) expect(isArenaObject({ ...arena, ...wrong }, sizes, 4_096)).toBe(false);
  });
});

describe('other texts', () => {
  it('reads limits', () => {
    expect(softLimit('Limit  Soft\nMax stack size            8388608              unlimited            bytes\nMax address space         unlimited            unlimited            bytes\n', 'Max stack size')).toBe(8_388_608);
    expect(softLimit('Max address space         unlimited  x\n', 'Max address space')).toBeNull();
    expect(parseEvents('low 0\nhigh 3\noom_kill 1\nwhat ever\n').map(({ name, count }) => [name, count])).toEqual([['low', 0], ['high', 3], ['oom_kill', 1]]);
    expect(parseMeminfo('MemTotal:       100 kB\nMemAvailable:    50 kB\n')).toEqual({ totalBytes: 102_400, availableBytes: 51_200, swapTotalBytes: null, swapFreeBytes: null });
  });

  it('describes the collector by patch version', () => {
    expect(describeCollector('CPython 3.14.4')).toContain('Incremental');
    for (const runtime of ['CPython 3.14.5', 'CPython 3.8.18', 'CPython 3.15.0']) expect(describeCollector(runtime)).toContain('Three generations');
    expect(describeCollector('Node.js v24.1.0')).toBeNull();
    const before = { enabled: true, thresholds: [700, 10, 10], counts: [1, 2, 3], frozen: 0, debugFlags: 0, uncollectable: 0 };
    expect(settingsChanges(before, { ...before, counts: [9, 9, 9] })).toEqual([]);
    expect(settingsChanges(before, { ...before, enabled: false, thresholds: [0], frozen: 7, debugFlags: 32 })).toHaveLength(4);
  });

  it('takes nothing but ELF files for program files', () => {
    expect(parseBssBytes(Buffer.alloc(4_096))).toBeNull();
    expect(parseBssBytes(Buffer.alloc(3))).toBeNull();
  });
});
