import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findPreloadLibraries, parseLdconfig, resolvePreload, withPreload } from '#main/targets/launch/preload-libraries.ts';
import { pythonMallocValues } from '#shared/model/launch-allocators.ts';

const dir = mkdtempSync(join(tmpdir(), 'heaphouse-preload-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('libraries to preload', () => {
  it('reads the list of the loader', () => {
    const text = `3 libs found in cache \`/etc/ld.so.cache'
\tlibtcmalloc_minimal.so.4 (libc6,x86-64) => /lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4
\tlibjemalloc.so.2 (libc6,x86-64) => /lib/x86_64-linux-gnu/libjemalloc.so.2
\tlibc_malloc_debug.so.0 (libc6,x86-64) => /lib/x86_64-linux-gnu/libc_malloc_debug.so.0
`;
    expect(parseLdconfig(text)).toEqual(['/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4', '/lib/x86_64-linux-gnu/libjemalloc.so.2']);
    expect(parseLdconfig('garbage => \n=> /x')).toEqual([]);
  });

  it.skipIf(process.platform !== 'linux')('lists only what the loader would take, each file once (Linux only)', async () => {
    // A header is all that is looked at: a shared object, 64 bits, of this machine, and one of another.
    const header = Buffer.alloc(64);
    header.writeUInt32BE(0x7f454c46, 0);
    header[4] = 2;
    header.writeUInt16LE(3, 16);
    header.writeUInt16LE(process.arch === 'arm64' ? 183 : 62, 18);
    writeFileSync(join(dir, 'libjemalloc.so.2'), header);
    symlinkSync('libjemalloc.so.2', join(dir, 'libjemalloc.so'));
    header.writeUInt16LE(8, 18);
    writeFileSync(join(dir, 'libmimalloc.so.2'), header);
    writeFileSync(join(dir, 'libtcmalloc.so'), 'INPUT(libtcmalloc.so.4)');
    const here = (await findPreloadLibraries(null, { LD_LIBRARY_PATH: `${dir}:relative` })).filter(({ path }) => path.startsWith(dir));
    expect(here).toEqual([{ kind: 'jemalloc', name: 'jemalloc', path: join(dir, 'libjemalloc.so') }]);
    await expect(resolvePreload(join(dir, 'libmimalloc.so.2'), null, {})).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(resolvePreload(join(dir, 'nothing.so'), null, {})).rejects.toMatchObject({ code: 'not-found' });
    await expect(resolvePreload('hoard', null, {})).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(resolvePreload('/a b/libjemalloc.so.2', null, {})).rejects.toMatchObject({ code: 'invalid-argument' });
    expect(await resolvePreload(join(dir, 'libjemalloc.so'), null, {})).toBe(join(dir, 'libjemalloc.so'));
  });

  it('keeps what is preloaded already', () => {
    expect(withPreload({ A: '1' }, '/x.so')).toEqual({ A: '1', LD_PRELOAD: '/x.so' });
    expect(withPreload({ LD_PRELOAD: '/y.so /z.so' }, '/x.so')).toEqual({ LD_PRELOAD: '/x.so:/y.so /z.so' });
  });

  it('knows what an interpreter accepts', () => {
    expect(pythonMallocValues(12)).not.toContain('mimalloc');
    expect(pythonMallocValues(13)).toContain('mimalloc_debug');
    expect(pythonMallocValues(13, false)).toEqual(['default', 'debug', 'mimalloc', 'mimalloc_debug']);
  });
});
