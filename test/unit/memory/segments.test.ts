import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { placeMappings, sumSegments } from '#main/capture/memory/segment-names.ts';
import { pageOfMappings, parseStackPointer, readSegments } from '#main/capture/memory/segments.ts';
import { addAmounts, noAmounts, parseRollup, parseSmaps } from '#main/capture/memory/smaps.ts';

const figures = (kb: Partial<Record<'Size' | 'Rss' | 'Pss' | 'Private_Dirty' | 'Private_Clean' | 'Shared_Clean' | 'Shared_Dirty' | 'Swap', number>>) =>
  Object.entries({ Size: 4, Rss: 0, Pss: 0, ...kb })
    .map(([name, value]) => `${`${name}:`.padEnd(16)}${String(value).padStart(8)} kB`)
    .join('\n');
const FIXTURE = [
  `00400000-00401000 r--p 00000000 fe:00 10   /usr/bin/app\n${figures({ Size: 4, Rss: 4, Pss: 2, Shared_Clean: 4 })}`,
  `00401000-00501000 r-xp 00001000 fe:00 10   /usr/bin/app\n${figures({ Size: 1024, Rss: 512, Pss: 256, Shared_Clean: 512 })}\nVmFlags: rd ex mr mw me`,
  `00501000-00502000 rw-p 00101000 fe:00 10   /usr/bin/app\n${figures({ Rss: 4, Pss: 4, Private_Dirty: 4 })}`,
  `00502000-00506000 rw-p 00000000 00:00 0 \n${figures({ Size: 16, Rss: 8, Pss: 8, Private_Dirty: 8 })}`,
  `01000000-01100000 rw-p 00000000 00:00 0    [heap]\n${figures({ Size: 1024, Rss: 900, Pss: 900, Private_Dirty: 900, Swap: 20 })}`,
  `7f0000000000-7f0000001000 ---p 00000000 00:00 0 \n${figures({ Size: 4 })}`,
  `7f0000001000-7f0000801000 rw-p 00000000 00:00 0 \n${figures({ Size: 8192, Rss: 12, Pss: 12, Private_Dirty: 12 })}`,
  `7f0000801000-7f0000901000 rw-p 00000000 00:00 0 \n${figures({ Size: 1024, Rss: 1024, Pss: 1024, Private_Dirty: 1024 })}`,
  `7f0001000000-7f0001100000 r-xp 00000000 fe:00 11   /lib/libc.so.6 (deleted)\n${figures({ Size: 1024, Rss: 100, Pss: 1, Shared_Clean: 100 })}`,
  `7f0001100000-7f0001101000 rw-p 00100000 fe:00 11   /lib/libc.so.6 (deleted)\n${figures({ Rss: 4, Pss: 4, Private_Dirty: 4 })}`,
  `7f0001101000-7f0001103000 rw-p 00000000 00:00 0 \n${figures({ Size: 8, Rss: 4, Pss: 4, Private_Dirty: 4 })}`,
  `7f0002000000-7f0002100000 r--p 00000000 fe:00 12   /usr/lib/locale/locale archive\n${figures({ Size: 1024, Rss: 40, Pss: 4, Shared_Clean: 40 })}`,
  `7f0003000000-7f0003001000 rw-s 00000000 00:01 13   /memfd:ring (deleted)\n${figures({ Rss: 4, Pss: 2, Shared_Dirty: 4 })}`,
  `7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0    [stack]\n${figures({ Size: 132, Rss: 40, Pss: 40, Private_Dirty: 40 })}`,
  `7ffc00100000-7ffc00102000 r-xp 00000000 00:00 0    [vdso]\n${figures({ Size: 8, Rss: 4, Pss: 0, Shared_Clean: 4 })}`,
  `ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0    [vsyscall]\n${figures({ Size: 4 })}`,
].join('\n');

describe('smaps', () => {
  const mappings = parseSmaps(FIXTURE);
  const sleeping = [
    { tid: 7, name: 'app', stackPointer: 0x7ffc00010000 },
    { tid: 8, name: 'worker', stackPointer: 0x7f0000800f00 },
  ];

  it('reads every mapping with its figures in bytes', () => {
    expect(mappings).toHaveLength(16);
    expect(mappings[4]).toMatchObject({ startHex: '01000000', end: 0x1100000, name: '[heap]', virtualBytes: 1_048_576, residentBytes: 921_600, swappedBytes: 20_480, privateDirtyBytes: 921_600 });
    expect(mappings[11].name).toBe('/usr/lib/locale/locale archive');
    expect(mappings[15].startHex).toBe('ffffffffff600000');
  });

  it('names the segments as a textbook does', () => {
    const placed = placeMappings(mappings, '/usr/bin/app', sleeping, 7);
    expect(placed.map(({ segment }) => segment)).toEqual([
      'read-only-data',
      'text',
      'initialised-data',
      'uninitialised-data',
      'heap',
      'reserved',
      'thread-stacks',
      'anonymous',
      'shared-libraries',
      'shared-libraries',
      'shared-libraries',
      'file-mappings',
      'shared-memory',
      'stack',
      'kernel',
      'kernel',
    ]);
    expect(placed[6].label).toBe('stack of thread 8 (worker)');
    expect(placed[10].label).toBe('/lib/libc.so.6 (deleted) (.bss)');
  });

  it('finds the stack of a running thread by its guard and size, and no more stacks than threads', () => {
    const running = [{ tid: 7, name: 'app', stackPointer: null }, { tid: 8, name: 'worker', stackPointer: null }];
    expect(placeMappings(mappings, '/usr/bin/app', running, 7)[6]).toMatchObject({ segment: 'thread-stacks', label: 'stack of a thread that is running' });
    expect(placeMappings(mappings, '/usr/bin/app', running.slice(0, 1), 7)[6].segment).toBe('anonymous');
  });

  it('loses nothing when it sums', () => {
    const all = noAmounts();
    for (const mapping of mappings) addAmounts(all, mapping);
    const sum = noAmounts();
    for (const row of sumSegments(placeMappings(mappings, '/usr/bin/app', sleeping, 7))) addAmounts(sum, row);
    expect(sum).toEqual(all);
    expect(all.residentBytes).toBe((4 + 512 + 4 + 8 + 900 + 12 + 1024 + 100 + 4 + 4 + 40 + 4 + 40 + 4) * 1_024);
  });

  it('takes any text without an exception', () => {
    for (const text of ['', '\n\n', 'Rss: 4 kB', '7f-8f rw', 'x'.repeat(10_000), FIXTURE.slice(0, 777)]) expect(() => parseSmaps(text)).not.toThrow();
    expect(parseRollup('nothing')).toBeNull();
    expect(parseStackPointer('running\n')).toBeNull();
    expect(parseStackPointer(null)).toBeNull();
    expect(parseStackPointer('-1 0x7ffd10 0x7f33\n')).toBe(0x7ffd10);
    expect(parseStackPointer('232 0x5 0x7f 0x400 0xffffffffffffffff 0x0 0x8 0x7f0000800f00 0x7f11\n')).toBe(0x7f0000800f00);
  });

  it('pages, sorts and filters mappings', () => {
    const placed = placeMappings(mappings, '/usr/bin/app', sleeping, 7);
    const page = pageOfMappings(placed, undefined, { start: 0, end: 2, sort: { by: 'residentBytes', order: 'descending' } });
    expect(page.rows.map(({ name }) => name)).toEqual(['', '[heap]']);
    expect(page).toMatchObject({ total: 16, unfiltered: 16 });
    expect(pageOfMappings(placed, 'shared-libraries', { start: 0, end: 100, filter: 'RW-P' })).toMatchObject({ total: 2, unfiltered: 3 });
  });
});

describe.skipIf(process.platform !== 'linux')('a living process (/proc, Linux only)', () => {
  const commands: [string, string[]][] = [['/bin/sleep', ['30']], [process.execPath, ['-e', 'setInterval(() => {}, 1000)']]];
  it.each(commands.filter(([command]) => existsSync(command)))('%s: sums agree with smaps_rollup', async (command, args) => {
    const child = spawn(command, args, { stdio: 'ignore' });
    try {
      await new Promise((resolve) => setTimeout(resolve, 700));
      const { list } = readSegments(child.pid!);
      expect(list.kernelTotal).not.toBeNull();
      // Page by page the same pages; the process may touch a few between the two readings.
      expect(Math.abs(list.total.residentBytes - list.kernelTotal!.residentBytes)).toBeLessThanOrEqual(256 * 1024);
      // smaps rounds the share of every mapping down to a KiB.
      const mappings = list.segments.reduce((sum, row) => sum + row.mappings, 0);
      expect(Math.abs(list.total.proportionalBytes - list.kernelTotal!.proportionalBytes)).toBeLessThanOrEqual(256 * 1024 + mappings * 1024);
      expect(list.total.swappedBytes).toBe(list.kernelTotal!.swappedBytes);
      for (const kind of ['text', 'stack', 'shared-libraries']) expect(list.segments.map((row) => row.kind)).toContain(kind);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('says so when the process has ended', () => {
    expect(() => readSegments(4_194_303)).toThrow('The process has ended.');
  });
});
