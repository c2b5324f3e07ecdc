import { readFileSync, writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { locate, parseFileMappings, readExports } from '#main/targets/proc/elf-symbols.ts';

const dir = mkdtempSync(join(tmpdir(), 'heaphouse-elf-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

it('parseFileMappings', () => {
  const text = ['55ed-55ee r--p 00001000 fe:00 18500      /opt/a b/python3.11', '7ff0-7ff1 rw-p 00000000 00:00 0 [heap]', '7ff2-7ff3 rw-p 00000000 00:00 0 ', 'rubbish'].join('\n');
  expect(parseFileMappings(text)).toEqual([{ start: 0x55edn, offset: 0x1000n, inode: '18500', path: '/opt/a b/python3.11' }]);
});

describe.skipIf(process.platform !== 'linux')('on the C library of this process (Linux)', () => {
  const mappings = process.platform === 'linux' ? parseFileMappings(readFileSync('/proc/self/maps', 'utf8')) : [];
  const libc = mappings.find(({ path }) => /\/libc\.so\.6$|\/ld-musl-/.test(path))?.path;

  it.skipIf(libc === undefined)('finds functions inside the mapped code', async () => {
    const found = await locate(mappings, libc ?? '', libc ?? '', new Set(['mmap', 'munmap', 'no_such_function']));
    expect([...(found?.keys() ?? [])].sort()).toEqual(['mmap', 'munmap']);
    const executable = readFileSync('/proc/self/maps', 'utf8').split('\n').filter((line) => line.endsWith(libc ?? '?') && line.includes('r-xp')).map((line) => line.split(' ')[0]?.split('-').map((hex) => BigInt(`0x${hex}`)) ?? []);
    for (const address of found?.values() ?? []) expect(executable.some(([from = 0n, to = 0n]) => address >= from && address < to)).toBe(true);
  });

  it.skipIf(libc === undefined)('refuses a file that is not the one that is mapped', async () => {
    const other = join(dir, 'copy.so');
    writeFileSync(other, readFileSync(libc ?? ''));
    expect(await locate(mappings, libc ?? '', other, new Set(['mmap']))).toBeNull();
  });

  it.skipIf(libc === undefined)('survives a file cut anywhere', async () => {
    const bytes = readFileSync(libc ?? '');
    for (const length of [0, 4, 19, 63, 64, 200, 4_096, bytes.length >> 1, bytes.length - 1]) {
      const path = join(dir, `cut-${length}.so`);
      writeFileSync(path, bytes.subarray(0, length));
      expect(await readExports(path, new Set(['mmap'])).then((found) => found?.symbols.size ?? 0)).toBeLessThanOrEqual(1);
    }
  });
});

it.each([['text', '#!/bin/sh\n'], ['nothing', ''], ['ELF of 32 bits', '\x7fELF\x01\x01' + '\0'.repeat(100)]])('gives null for %s', async (name, text) => {
  const path = join(dir, name);
  writeFileSync(path, text, 'latin1');
  expect(await readExports(path, new Set(['mmap']))).toBeNull();
});

it('gives null for a file that is not there', async () => expect(await readExports(join(dir, 'none'), new Set())).toBeNull());
