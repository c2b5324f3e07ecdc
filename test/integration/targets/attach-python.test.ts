import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { attachProcess } from '#main/targets/attach.ts';
import { preflight } from '#main/targets/preflight.ts';
import type { AttachedTarget } from '#main/targets/types.ts';
import type { Running } from './helpers.ts';
import { alive, call, gdbMissing, python, pythons, run, sample, samples, tempDir, tracerOf, waitFor } from './helpers.ts';

const attached: AttachedTarget[] = [];
afterEach(async () => {
  for (const target of attached.splice(0)) await target.dispose();
});
const rendezvousDir = join(tempDir(), 'rendezvous');
async function attach(pid: number, signal?: AbortSignal) {
  const target = await attachProcess(pid, { rendezvousDir, signal });
  attached.push(target);
  return target;
}

const chosen = ['3.8', '3.11', '3.13'].map((minor) => [minor, python(minor)] as const);
const why = gdbMissing === null ? '' : ` (skipped: ${gdbMissing})`;

describe.skipIf(gdbMissing !== null)(`Python, by the best way there is${why}`, () => {
  async function enterAndLeave(target: Running, program: string, minor: string) {
    const found = await attach(target.pid);
    expect(found).toMatchObject({ pid: target.pid, kind: 'python', title: program, capture: { kind: 'python', closeInspectorOnDetach: false, waitsForDebugger: false } });
    expect(found.runtime).toMatch(new RegExp(`^CPython ${minor.replace('.', '\\.')}\\.\\d+$`));
    expect(tracerOf(target.pid)).toBe(0);
    expect(found.receipt.pauseMs).toBeGreaterThan(0);
    expect(await call(found.capture.webSocketUrl, 'Runtime.getHeapUsage')).toHaveProperty('usedSize');
    await call(found.capture.webSocketUrl, 'Python.detach');
    await found.dispose();
    return found.receipt.notes[0];
  }

  /** The line comes before the wait: the main thread sleeps when it was seen asleep several times in a row. */
  async function asleep(pid: number) {
    let times = 0;
    await waitFor(
      () => {
        times = / S /.test(readFileSync(`/proc/${pid}/task/${pid}/stat`, 'utf8').replace(/^.*\)/, '')) ? times + 1 : 0;
        return times >= 10;
      },
      5_000,
      () => 'the wait',
    );
  }

  async function endsRight(target: Running, what: string) {
    expect(await target.ended, what).toEqual({ code: 0, signal: null });
    expect(target.stdout(), what).toBe('ready\nresult ok\n');
    expect(target.stderr(), what).toBe('');
  }

  describe.each(chosen)('CPython %s', (minor, path) => {
    it.skipIf(path === null)(`busy.py, alone and with three further threads, is entered at a safe point and comes to the same result (needs CPython ${minor})`, async () => {
      const targets = [[], ['--threads', '3']].map((args) => ({ how: args.join(' '), target: run(path ?? '', [sample('busy.py'), '--seconds', '4', ...args]) }));
      await Promise.all(
        targets.map(async ({ how, target }) => {
          await target.until(/ready/);
          await enterAndLeave(target, 'busy.py', minor);
          await endsRight(target, how);
        }),
      );
      expect(readdirSync(rendezvousDir)).toEqual([]);
    });

    it.skipIf(path === null)(`every wait of sleepy.py is entered and ends when it should (needs CPython ${minor})`, async () => {
      const targets = ['sleep', 'select', 'poll', 'epoll', 'lock', 'join', 'read'].map((how) => ({ how, target: run(path ?? '', [sample('sleepy.py'), '--seconds', '6', '--how', how]) }));
      await Promise.all(
        targets.map(async ({ how, target }) => {
          await target.until(/ready/);
          await asleep(target.pid);
          expect(await enterAndLeave(target, 'sleepy.py', minor), how).toMatch(/thread of its own while the main thread waited/);
          await endsRight(target, how);
        }),
      );
    });
  });

  const newest = pythons.filter(({ version }) => /^3\.(8|9|1[0-3])\./.test(version)).at(-1)?.path ?? null;

  it.skipIf(newest === null)('entered again after a detach, three times, still right (needs a Python)', async () => {
    const target = run(newest ?? '', [sample('busy.py'), '--seconds', '6', '--threads', '1']);
    await target.until(/ready/);
    for (let round = 0; round < 3; round++) {
      const found = await attach(target.pid);
      await call(found.capture.webSocketUrl, 'Runtime.getHeapUsage');
      await call(found.capture.webSocketUrl, 'Python.detach');
      await found.dispose();
    }
    expect(await target.ended).toEqual({ code: 0, signal: null });
    expect(target.stdout()).toContain('result ok');
  });

  it.skipIf(newest === null)('the agent goes by itself when the rendezvous folder goes (needs a Python)', async () => {
    const target = run(newest ?? '', [sample('sleepy.py'), '--seconds', '20']);
    await target.until(/ready/);
    const found = await attach(target.pid);
    await found.dispose();
    await waitFor(() => call(found.capture.webSocketUrl, 'Runtime.getHeapUsage').then(() => false, () => true), 15_000, () => 'the port to close');
    expect(alive(target.pid)).toBe(true);
  });

  it.skipIf(newest === null)('two attaches at once: one of them is told that it is busy (needs a Python)', async () => {
    const target = run(newest ?? '', [sample('sleepy.py'), '--seconds', '20']);
    await target.until(/ready/);
    const [first, second] = await Promise.allSettled([attach(target.pid), attach(target.pid)]);
    expect(first.status).toBe('fulfilled');
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'busy' } });
  });

  it.skipIf(newest === null)('cancelled while gdb works: gdb ends, the target goes on untraced and right (needs a Python)', async () => {
    async function cancelledAfter(delayMs: number) {
      const target = run(newest ?? '', [sample('busy.py'), '--seconds', '3']);
      await target.until(/ready/);
      const controller = new AbortController();
      setTimeout(() => controller.abort(), delayMs);
      const outcome = await attachProcess(target.pid, { rendezvousDir, signal: controller.signal }).then((found) => found.dispose(), (error: unknown) => error);
      if (outcome !== undefined) expect(outcome).toMatchObject({ code: 'cancelled' });
      expect(tracerOf(target.pid)).toBe(0);
      expect(await target.ended).toEqual({ code: 0, signal: null });
      expect(target.stdout()).toContain('result ok');
    }
    await Promise.all([50, 150, 250, 350].map(cancelledAfter));
  });

  it.skipIf(newest === null)('a process that is stopped is refused before it is touched (needs a Python)', async () => {
    const target = run(newest ?? '', [sample('sleepy.py'), '--seconds', '20']);
    await target.until(/ready/);
    process.kill(target.pid, 'SIGSTOP');
    await waitFor(async () => (await preflight(target.pid)).problems.some(({ id }) => id === 'stopped'), 5_000, () => 'the stop');
    await expect(attach(target.pid)).rejects.toMatchObject({ code: 'permission', advice: expect.stringContaining('kill -CONT') });
    process.kill(target.pid, 'SIGCONT');
  });

  // Root only: another user's process, which can read neither our files nor our folders.
  it.skipIf(process.getuid?.() !== 0 || !pythonForOthers())('a process of another user, entered by root (needs root and /usr/bin/python3)', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'heaphouse-other-'));
    chmodSync(dir, 0o755);
    cpSync(join(samples, 'sleepy.py'), join(dir, 'sleepy.py'));
    try {
      const target = run('/usr/bin/python3', [join(dir, 'sleepy.py'), '--seconds', '3'], { uid: 65534, gid: 65534, cwd: '/' });
      await target.until(/ready/);
      const found = await attach(target.pid);
      expect(await call(found.capture.webSocketUrl, 'Runtime.getHeapUsage')).toHaveProperty('usedSize');
      await found.dispose();
      expect(readdirSync(tmpdir()).filter((name) => name.startsWith('heaphouse-agent-'))).toEqual([]);
      expect(await target.ended).toEqual({ code: 0, signal: null });
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

function pythonForOthers(): boolean {
  return python('3.11') !== null && readdirSync('/usr/bin').includes('python3');
}

const old = process.platform === 'linux' ? pythonsOlder() : null;
it.skipIf(old === null)('a Python that is too old is refused before it is touched (needs CPython 3.7 or older)', async () => {
  const target = run(old ?? '', ['-u', '-c', "print('ready'); import time; time.sleep(20)"]);
  await target.until(/ready/);
  await expect(attach(target.pid)).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining('3.8 or newer') });
});

function pythonsOlder(): string | null {
  const folder = join(process.env['HOME'] ?? '', '.pyenv', 'versions');
  try {
    const name = readdirSync(folder).find((each) => /^3\.[4-7]\./.test(each));
    return name === undefined ? null : join(folder, name, 'bin', 'python');
  } catch {
    return null;
  }
}
