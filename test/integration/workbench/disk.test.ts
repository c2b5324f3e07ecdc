/** What a disk can do to a recording: full, read-only, gone. The session says so, the target goes on as if nothing were. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { settingsContract } from '#shared/contracts/settings.ts';
import { timelineContract } from '#shared/contracts/timeline.ts';
import { createHarness, isAlive, type Harness } from './harness.ts';

const canMount = (() => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const dir = mkdtempSync(join(tmpdir(), 'heaphouse-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir], { stdio: 'ignore' });
    execFileSync('umount', [dir], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
})();
const why = canMount ? '' : ' (skipped: no tmpfs can be mounted here)';

let h: Harness;
let disk: string;
beforeEach(() => {
  h = createHarness();
  disk = mkdtempSync(join(tmpdir(), 'heaphouse-disk-'));
});
afterEach(async () => {
  await h.dispose();
  if (canMount) execFileSync('sh', ['-c', `umount -l ${disk} 2>/dev/null; umount -l ${disk} 2>/dev/null; true`]);
  rmSync(disk, { recursive: true, force: true });
});

async function useFolder(path: string): Promise<void> {
  await h.workbench.client.service(settingsContract).set({ change: { sessionsDir: path } });
}
async function launch(): Promise<{ sessionId: string; pid: number }> {
  const { sessionId } = await h.targets.launch({ command: process.execPath, args: ['test/samples/leaky.js', '--churn', '--leak-at', '0', '--hold-after', '120'], env: {} });
  await h.waitForOutput(sessionId, 'phase leak end');
  return { sessionId, pid: (await h.session(sessionId))!.target!.pid! };
}
const problem = (sessionId: string, text: RegExp) => vi.waitFor(async () => expect((await h.session(sessionId))?.problem?.message ?? '').toMatch(text), { timeout: 20_000, interval: 100 });
const samples = async (sessionId: string) => (await h.workbench.client.service(timelineContract, sessionId).window({ maxPoints: 10 })).totals.samples;

/** Still attached, still sampled, and the program still answers to a collection. */
async function stillWatched(sessionId: string, pid: number): Promise<void> {
  const before = await samples(sessionId);
  await vi.waitFor(async () => expect(await samples(sessionId)).toBeGreaterThan(before), { timeout: 10_000 });
  expect((await h.session(sessionId))?.state).toBe('attached');
  expect(isAlive(pid)).toBe(true);
  // V8 sends the rest of a snapshot that was given up; until then it is busy.
  await vi.waitFor(() => h.sessions.collectGarbage({ sessionId }), { timeout: 20_000, interval: 200 });
}

describe('while a program is recorded', () => {
  it.skipIf(!canMount)(`the disk becomes full, and has room again${why}`, async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m,mode=700', 'tmpfs', disk]);
    await useFolder(disk);
    const { sessionId, pid } = await launch();
    execFileSync('sh', ['-c', `head -c 4000000 /dev/zero > ${disk}/filler 2>/dev/null || true`]);
    await problem(sessionId, /disk is full/);
    await expect(h.sessions.takeSnapshot({ sessionId })).rejects.toMatchObject({ code: 'io', message: expect.stringMatching(/disk is full/) });
    await stillWatched(sessionId, pid);
    rmSync(join(disk, 'filler'));
    await vi.waitFor(async () => expect((await h.session(sessionId))?.problem).toBeNull(), { timeout: 20_000, interval: 100 });
    await stillWatched(sessionId, pid);
  });

  it.skipIf(!canMount)(`the disk becomes read-only${why}`, async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=700', 'tmpfs', disk]);
    await useFolder(disk);
    const { sessionId, pid } = await launch();
    // Files that are open for writing keep a plain remount from working; a bind mount over them does the same to new ones.
    execFileSync('sh', ['-c', `mount -o remount,ro ${disk} 2>/dev/null || { mount --bind ${disk} ${disk} && mount -o remount,ro,bind ${disk}; }`]);
    await h.sessions.rename({ sessionId, title: 'cannot be saved' });
    await problem(sessionId, /read-only/);
    await expect(h.sessions.takeSnapshot({ sessionId })).rejects.toMatchObject({ code: 'io' });
    await stillWatched(sessionId, pid);
  });

  it('the folder vanishes', async () => {
    const { sessionId, pid } = await launch();
    const { dir } = (await h.session(sessionId))!;
    rmSync(dir!, { recursive: true });
    await problem(sessionId, /folder is gone/);
    await expect(h.sessions.takeSnapshot({ sessionId })).rejects.toMatchObject({ code: 'io', message: expect.stringMatching(/does not exist/) });
    await stillWatched(sessionId, pid);
    await h.sessions.detach({ sessionId });
    expect(isAlive(pid)).toBe(true);
    expect(existsSync(dir!)).toBe(false);
  });
});

describe('before anything is recorded', () => {
  it.skipIf(!canMount)(`a read-only folder is refused when it is chosen${why}`, async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,ro', 'tmpfs', disk]);
    await expect(useFolder(join(disk, 'sessions'))).rejects.toMatchObject({ code: 'io', message: expect.stringMatching(/read-only/) });
  });

  it('a launch into a folder that cannot be made says so and leaves no program behind', async () => {
    mkdirSync(join(disk, 'sessions'));
    await useFolder(join(disk, 'sessions'));
    rmSync(join(disk, 'sessions'), { recursive: true });
    execFileSync('sh', ['-c', `printf x > ${disk}/sessions`]);
    await expect(h.targets.launch({ command: process.execPath, args: ['test/samples/leaky.js'], env: {} })).rejects.toMatchObject({ code: 'io', message: expect.stringContaining(disk) });
    expect(await h.sessions.list({})).toEqual([]);
  });
});
