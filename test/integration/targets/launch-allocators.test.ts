/** Programs started with an allocator of one's choice: what they say of themselves, and what is mapped. */
import { readFileSync, writeFileSync, chmodSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { LaunchRequest } from '#shared/contracts/targets.ts';
import { launchAllocators } from '#main/targets/launch/allocators.ts';
import { findPreloadLibraries } from '#main/targets/launch/preload-libraries.ts';
import { launchTarget } from '#main/targets/launch.ts';
import type { LaunchedTarget } from '#main/targets/types.ts';
import { pythons, tempDir, waitFor } from './helpers.ts';

const targets: LaunchedTarget[] = [];
afterEach(async () => {
  for (const target of targets.splice(0)) await target.dispose();
});
const base = tempDir();
async function launch(request: LaunchRequest): Promise<LaunchedTarget> {
  const target = await launchTarget({ pauseAtStart: false, ...request }, { rendezvousDir: join(base, 'rendezvous') });
  targets.push(target);
  return target;
}
const libraries = await findPreloadLibraries();
const kinds = ['jemalloc', 'mimalloc', 'tcmalloc'] as const;
const found = (kind: string) => libraries.find((library) => library.kind === kind);
const SAY = 'import os, sys, time; print(os.environ.get("PYTHONMALLOC"), os.environ.get("LD_PRELOAD"), flush=True); time.sleep(600)';

describe.skipIf(process.platform !== 'linux')('allocators of a launch (Linux only)', () => {
  describe.each(pythons)('Python $version', ({ path, version }) => {
    it('starts with every value of PYTHONMALLOC that is offered', async () => {
      const offered = await launchAllocators(path, base);
      expect(offered.python?.version).toBe(version);
      for (const pythonMalloc of offered.python?.values ?? []) {
        const target = await launch({ command: path, args: ['-c', SAY], pythonMalloc });
        let stdout = '';
        target.onOutput((chunk) => (stdout += chunk.text));
        await waitFor(() => stdout.includes('\n'), 8_000, () => stdout);
        expect(stdout).toBe(`${pythonMalloc} None\n`);
        await target.kill();
      }
    });

    it('refuses what it would stop at', async () => {
      const value = Number(version.split('.')[1]) >= 13 ? 'jemalloc' : 'mimalloc';
      await expect(launch({ command: path, args: ['-c', SAY], pythonMalloc: value })).rejects.toMatchObject({ code: 'invalid-argument', message: expect.stringContaining(version) });
    });
  });

  it.skipIf(pythons.length === 0)("a script is as good as its interpreter's name (needs a Python)", async () => {
    const script = join(base, 'tool');
    writeFileSync(script, `#!${pythons.at(-1)?.path}\nprint(1)\n`);
    chmodSync(script, 0o755);
    expect((await launchAllocators(script, base)).python?.version).toBe(pythons.at(-1)?.version);
    expect((await launchAllocators('sh', base)).python).toBeNull();
    expect((await launchAllocators(process.execPath, base)).preloadReason).toBeNull();
  });

  describe.each(kinds.map((kind) => ({ kind, why: found(kind) ? '' : '(skipped: not installed)' })))('preloaded $kind $why', ({ kind }) => {
    it.skipIf(!found(kind) || pythons.length === 0)('serves Python, and what was preloaded already stays', async () => {
      const other = libraries.find((library) => library.kind !== kind)?.path ?? '';
      const target = await launch({ command: pythons.at(-1)?.path ?? '', args: ['-c', SAY], preload: kind, env: { LD_PRELOAD: other } });
      let stdout = '';
      target.onOutput((chunk) => (stdout += chunk.text));
      await waitFor(() => stdout.includes('\n'), 8_000, () => stdout);
      expect(stdout.trim()).toBe(`None ${found(kind)?.path}${other && `:${other}`}`);
      expect(readFileSync(`/proc/${target.pid}/maps`, 'latin1')).toContain(`/lib${kind}`);
    });

    it.skipIf(!found(kind))('serves Node.js', async () => {
      const target = await launch({ command: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'], preload: found(kind)?.path ?? '' });
      expect(target.kind).toBe('node');
      expect(readFileSync(`/proc/${target.pid}/maps`, 'latin1')).toContain(`/lib${kind}`);
    });
  });
});
