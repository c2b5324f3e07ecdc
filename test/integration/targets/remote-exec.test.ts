/** Python 3.14 and newer is entered by its own interface for debuggers, else by the next way. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { locateRuntime } from '#main/targets/attach/remote-exec.ts';
import { preflight } from '#main/targets/preflight.ts';
import { attachProcess } from '#main/targets/attach.ts';
import { attachRounds } from './attach-rounds.ts';
import { pythons, run, sample, tempDir } from './helpers.ts';

const modern = pythons.filter(({ version }) => Number(version.split('.')[1]) >= 14);
if (modern.length === 0) it.skip('sys.remote_exec (no CPython 3.14 or newer on this machine: npm run pythons)', () => undefined);

describe.skipIf(modern.length === 0 || process.platform !== 'linux').each(modern)('CPython $version by its interface for debuggers', ({ path }) => {
  it.each(['busy', 'alloc'] as const)('%s: ten rounds, the result stays right', async (kind) => {
    const result = await attachRounds(path, kind, 10, { routes: ['remote-exec'] });
    expect(result).toMatchObject({ done: 10, failures: [], moreCode: 0, moreThreads: 0, verdict: expect.stringMatching(/^result ok \d+ \(exit 0\)$/) });
    expect(Object.keys(result.ways)).toEqual([expect.stringMatching(/^sys\.remote_exec/)]);
  });

  it.each(['sleep', 'threads', 'asyncio'] as const)('%s: a main thread that waits is entered by the next way', async (kind) => {
    const result = await attachRounds(path, kind, 3);
    expect(result).toMatchObject({ done: 3, failures: [], moreCode: 0, moreThreads: 0, verdict: expect.stringMatching(/^result ok \d+ \(exit 0\)$/) });
  });

  it('is not asked where it was switched off, and preflight says so', async () => {
    const target = run(path, ['-X', 'disable-remote-debug', sample('busy.py'), '--seconds', '6']);
    await target.until(/ready/);
    const check = await preflight(target.pid);
    expect(check.problems.map(({ id }) => id)).toContain('remote-debug-disabled');
    expect(check.route).not.toBe('remote-exec');
    await expect(attachProcess(target.pid, { rendezvousDir: join(tempDir(), 'r'), pythonRoutes: ['remote-exec'] })).rejects.toMatchObject({ code: 'missing-part' });
    expect(await target.ended).toEqual({ code: 0, signal: null });
  });

  it('leaves no script behind', async () => {
    const target = run(path, [sample('busy.py'), '--seconds', '6']);
    await target.until(/ready/);
    expect(await locateRuntime(target.pid)).not.toBeNull();
    const rendezvousDir = join(tempDir(), 'rendezvous');
    const attached = await attachProcess(target.pid, { rendezvousDir, pythonRoutes: ['remote-exec'] });
    expect(readdirSync(rendezvousDir, { recursive: true }).filter((name) => String(name).endsWith('.py'))).toEqual([]);
    expect(attached.receipt.notes[0]).toMatch(/^sys\.remote_exec: /);
    await attached.dispose();
    expect(readdirSync(rendezvousDir)).toEqual([]);
    expect(await target.ended).toEqual({ code: 0, signal: null });
    expect(target.stdout()).toBe('ready\nresult ok\n');
  });
});
