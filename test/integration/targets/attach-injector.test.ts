/** The injector on real programs: nothing crashes, hangs, changes its result or keeps anything of ours; and it says why when it cannot. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { attachProcess } from '#main/targets/attach.ts';
import { runInjector } from '#main/targets/attach/python-inject.ts';
import { readSystemFacts } from '#main/targets/facts.ts';
import { preflight } from '#main/targets/preflight.ts';
import type { AttachedTarget } from '#main/targets/types.ts';
import { compileInjector } from '../../../build/native.mjs';
import { FURTHER_KINDS, MAIN_KINDS, attachRounds } from './attach-rounds.ts';
import type { Kind } from './attach-rounds.ts';
import { alive, call, exists, gdbMissing, pythons, run, sample, tempDir, tracerOf, waitFor } from './helpers.ts';

const ROUNDS = 3;
const system = await readSystemFacts();
const injector = system.injector ?? '';
const missing = system.injector === null ? 'the injector is not built' : gdbMissing === 'ptrace is not allowed' ? gdbMissing : null;
const why = missing === null ? '' : ` (skipped: ${missing})`;
const supported = pythons.filter(({ version }) => /^3\.([89]|1[0-3])\./.test(version));
const newest = supported.at(-1)?.path ?? null;
const root = process.getuid?.() === 0;
const dir = tempDir();
const rendezvousDir = join(dir, 'rendezvous');

const attached: AttachedTarget[] = [];
afterEach(async () => {
  for (const target of attached.splice(0)) await target.dispose();
});
async function attach(pid: number) {
  const target = await attachProcess(pid, { rendezvousDir });
  attached.push(target);
  return target;
}

const crossCompiler = 'aarch64-linux-gnu-gcc';
it.skipIf(spawnSync(crossCompiler, ['--version']).status !== 0)(`compiles without a warning for aarch64 (needs ${crossCompiler}; not run there)`, () => {
  const source = fileURLToPath(new URL('../../../main/agents/python/injector/inject.c', import.meta.url));
  const compiled = spawnSync(crossCompiler, ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE', '-fno-stack-protector', '-fno-tree-vectorize', '-fno-tree-slp-vectorize', '-o', join(dir, 'inject-aarch64'), source], { encoding: 'utf8' });
  expect(compiled.stderr).toBe('');
  expect(compiled.status).toBe(0);
});

const code = (text: string) => Buffer.from(`${text}\0`);
const program = (text: string) => ['-u', '-c', text];

describe.skipIf(missing !== null)(`injector${why}`, () => {
  function good(kind: Kind, result: Awaited<ReturnType<typeof attachRounds>>, rounds: number) {
    // 3.12 and newer: forking warns where there is a second thread, also ours, which does not see to that before it is loaded.
    if (kind === 'forks') result.verdict = result.verdict.replace(/^.*DeprecationWarning: This process .* is multi-threaded.*\n.*\n/gm, '');
    expect(result, kind).toMatchObject({ done: rounds, failures: [], moreCode: 0, moreThreads: 0, verdict: expect.stringMatching(/^result ok \d+ \(exit 0\)$/) });
    expect(Object.keys(result.ways).join(), kind).toMatch(/^injector: entered/);
    expect(result.pauses.length, kind).toBe(rounds);
    expect(Math.max(...result.pauses), kind).toBeLessThan(2_000);
  }

  it.each(supported)(`five programs, ${ROUNDS} rounds of attach and detach each, on CPython $version`, async ({ path }) => {
    const results = await Promise.all(MAIN_KINDS.map(async (kind) => [kind, await attachRounds(path, kind, ROUNDS, { routes: ['injector'] })] as const));
    for (const [kind, result] of results) good(kind, result, ROUNDS);
  });

  it.skipIf(newest === null)('long calls of native code, imports, forks, a storm of signals (needs a Python)', async () => {
    const results = await Promise.all(FURTHER_KINDS.map(async (kind) => [kind, await attachRounds(newest ?? '', kind, ROUNDS, { routes: ['injector'] })] as const));
    for (const [kind, result] of results) good(kind, result, ROUNDS);
  });

  describe.skipIf(newest === null)('killed in the middle, the program goes on as if nothing had been (needs a Python and a C compiler)', () => {
    const compiler = ['cc', 'gcc', 'clang'].find((name) => spawnSync(name, ['--version']).status === 0);

    it.skipIf(compiler === undefined).each([1, 2, 3, 4, 5, 6, 7])('at step %i', async (step) => {
      const deadly = join(dir, `inject-${step}`);
      expect(compileInjector(() => undefined, compiler, deadly, [`-DHEAPHOUSE_INJECT_DIE_AT=${step}`])).toBe(true);
      for (const kind of ['busy', 'sleep', 'alloc'] as const) {
        const stop = join(dir, `stop-${step}-${kind}`);
        const target = run(newest ?? '', [sample('steady.py'), '--kind', kind, '--until', stop]);
        await target.until(/ready/);
        for (let round = 0; round < 3; round++) {
          await expect(runInjector(deadly, target.pid, code('pass'))).rejects.toThrow('without an answer');
          expect(tracerOf(target.pid)).toBe(0);
        }
        // And it can still be entered.
        const proof = join(dir, `proof-${step}-${kind}`);
        expect(await runInjector(injector, target.pid, code(`open(${JSON.stringify(proof)}, 'w').close()`))).toMatchObject({ ok: true });
        await waitFor(() => exists(proof), 10_000, () => 'the code to run');
        writeFileSync(stop, '');
        expect(await target.ended, kind).toEqual({ code: 0, signal: null });
        expect(target.stdout(), kind).toMatch(/^ready\nresult ok \d+\n$/);
      }
    });

    it('at any time', async () => {
      const stop = join(dir, 'stop-any');
      const target = run(newest ?? '', [sample('steady.py'), '--kind', 'alloc', '--until', stop]);
      await target.until(/ready/);
      for (let round = 0; round < 60; round++) {
        const child = spawn(injector, [String(target.pid)], { stdio: ['pipe', 'ignore', 'ignore'] });
        child.stdin.on('error', () => undefined);
        child.stdin.end('pass');
        const ended = new Promise((resolve) => child.once('close', resolve));
        await new Promise((resolve) => setTimeout(resolve, round / 4));
        child.kill('SIGKILL');
        await ended;
      }
      writeFileSync(stop, '');
      expect(await target.ended).toEqual({ code: 0, signal: null });
      expect(target.stdout()).toMatch(/^ready\nresult ok \d+\n$/);
    });
  });

  it.skipIf(newest === null)('the target killed while it is entered: an answer, at once (needs a Python)', async () => {
    for (let round = 0; round < 12; round++) {
      const target = run(newest ?? '', program(`print('ready')\nimport time\n${round % 2 ? 'time.sleep(60)' : 'while True: pass'}`));
      await target.until(/ready/);
      const answer = runInjector(injector, target.pid, code('pass'));
      setTimeout(() => process.kill(target.pid, 'SIGKILL'), round * 1.5);
      const outcome = await answer;
      if (!outcome.ok) expect(outcome.reason).toBe('gone');
      await target.ended;
    }
  });

  it.skipIf(newest === null)('the main thread in one long call of native code: another thread that waits will do (needs a Python)', async () => {
    const hashing = "import hashlib, threading, time\nprint('ready')\n";
    const long = "t = time.monotonic()\nhashlib.pbkdf2_hmac('sha256', b'x', b'y', 100000)\nn = int(6e5 / (time.monotonic() - t))\nprint('now')\nhashlib.pbkdf2_hmac('sha256', b'x', b'y', n)\nprint('over')\n";
    const target = run(newest ?? '', program(`${hashing}threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n${long}`));
    await target.until(/now/);
    const found = await attach(target.pid);
    expect(found.receipt.notes[0]).toMatch(/^injector: entered through a thread of its own while another thread waited/);
    expect(target.stdout()).not.toContain('over');
    await call(found.capture.webSocketUrl, 'Python.detach');
    expect(await target.ended).toEqual({ code: 0, signal: null });
  });

  describe.skipIf(newest === null)('says why (needs a Python)', () => {
    const wait = "print('ready')\nimport time\ntime.sleep(60)";

    it('no such process, not a Python', async () => {
      expect(await runInjector(injector, 2 ** 22 - 1, code('pass'))).toMatchObject({ ok: false, reason: 'gone' });
      const other = run('sleep', ['60']);
      expect(await runInjector(injector, other.pid, code('pass'))).toMatchObject({ ok: false, reason: 'no-symbols' });
      expect(alive(other.pid)).toBe(true);
    });

    it('stopped by a signal', async () => {
      const target = run(newest ?? '', program(wait));
      await target.until(/ready/);
      process.kill(target.pid, 'SIGSTOP');
      await waitFor(() => / T /.test(readFileSync(`/proc/${target.pid}/stat`, 'utf8')), 5_000, () => 'the stop');
      expect(await runInjector(injector, target.pid, code('pass'))).toMatchObject({ ok: false, reason: 'stopped', stopUs: 0 });
      expect(readFileSync(`/proc/${target.pid}/stat`, 'utf8')).toMatch(/ T /);
    });

    it.skipIf(gdbMissing !== null)('traced by another (needs gdb)', async () => {
      const target = run(newest ?? '', program(wait));
      await target.until(/ready/);
      const gdb = run('gdb', ['-nx', '-batch', '-ex', `attach ${target.pid}`, '-ex', 'shell sleep 20']);
      await waitFor(() => tracerOf(target.pid) !== 0, 10_000, () => 'gdb');
      expect(await runInjector(injector, target.pid, code('pass'))).toMatchObject({ ok: false, reason: 'traced' });
      expect((await preflight(target.pid)).problems.map(({ id }) => id)).toContain('traced');
      process.kill(gdb.pid, 'SIGKILL');
    });

    it.skipIf(!root)('another user (needs root)', async () => {
      const target = run(newest ?? '', program(wait));
      await target.until(/ready/);
      const open = join('/tmp', `heaphouse-inject-test-${process.pid}`);
      copyFileSync(injector, open);
      chmodSync(open, 0o755);
      try {
        const answer = spawnSync(open, [String(target.pid)], { input: 'pass', uid: 65534, gid: 65534, encoding: 'utf8' });
        expect(JSON.parse(answer.stdout)).toMatchObject({ ok: false, reason: 'permission' });
      } finally {
        execFileSync('rm', ['-f', open]);
      }
    });

    it('no memory: the target is where it was', async () => {
      const target = run(newest ?? '', program("import resource\nsize = int(open('/proc/self/statm').read().split()[0]) * 4096\nresource.setrlimit(resource.RLIMIT_AS, (size, size))\nprint('ready')\nimport time\nt = time.monotonic()\ntime.sleep(2)\nprint('slept', 1.99 < time.monotonic() - t < 4)"));
      await target.until(/ready/);
      expect(await runInjector(injector, target.pid, code('pass'))).toMatchObject({ ok: false, reason: 'memory-refused', message: expect.stringContaining('Cannot allocate memory') });
      expect(await target.ended).toEqual({ code: 0, signal: null });
      expect(target.stdout()).toContain('slept True');
    });

    it('a filter that refuses executable memory: says so, leaves nothing, and gdb takes over', async () => {
      // seccomp(2): mmap with PROT_EXEC and no file gives EPERM, as under SELinux without execmem; all else is allowed.
      const filter = [
        'import ctypes, struct, os',
        "arch, mmap = {'x86_64': (0xC000003E, 9), 'aarch64': (0xC00000B7, 222)}[os.uname().machine]",
        'ops = [(0x20, 0, 0, 4), (0x15, 1, 0, arch), (6, 0, 0, 0x7fff0000), (0x20, 0, 0, 0), (0x15, 1, 0, mmap), (6, 0, 0, 0x7fff0000), (0x20, 0, 0, 32), (0x45, 1, 0, 4), (6, 0, 0, 0x7fff0000), (0x20, 0, 0, 48), (0x15, 1, 0, 0xffffffff), (6, 0, 0, 0x7fff0000), (6, 0, 0, 0x50001)]',
        "code = b''.join(struct.pack('HBBI', *op) for op in ops)",
        'buffer = ctypes.create_string_buffer(code)',
        "program = struct.pack('HxxxxxxP', len(ops), ctypes.addressof(buffer))",
        'libc = ctypes.CDLL(None, use_errno=True)',
        'assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0',
      ].join('\n');
      const target = run(newest ?? '', program(`${filter}\nprint('ready')\nimport time\nt = time.monotonic()\ntime.sleep(8)\nprint('slept', 7.99 < time.monotonic() - t < 10)`));
      await target.until(/ready/);
      const before = readFileSync(`/proc/${target.pid}/maps`, 'utf8');
      expect(await runInjector(injector, target.pid, code('pass'))).toMatchObject({ ok: false, reason: 'memory-refused', message: expect.stringContaining('executable') });
      expect(readFileSync(`/proc/${target.pid}/maps`, 'utf8')).toBe(before);
      expect((await preflight(target.pid)).problems.map(({ id }) => id)).toContain('seccomp');
      if (gdbMissing === null) {
        const found = await attach(target.pid);
        expect(found.receipt.notes).toEqual(expect.arrayContaining([expect.stringMatching(/^gdb: entered/), expect.stringMatching(/^injector was not possible: it got no executable memory/)]));
        await call(found.capture.webSocketUrl, 'Python.detach');
      }
      expect(await target.ended).toEqual({ code: 0, signal: null });
      expect(target.stdout()).toContain('slept True');
    });

    it('strict seccomp: refused before it is touched', async () => {
      const target = run(newest ?? '', program("import ctypes\nprctl = ctypes.CDLL(None).prctl\nprint('ready')\nprctl(22, 1)\nwhile True: pass"));
      await target.until(/ready/);
      await waitFor(() => /^Seccomp:\s+1$/m.test(readFileSync(`/proc/${target.pid}/status`, 'utf8')), 5_000, () => 'the mode');
      expect(await runInjector(injector, target.pid, code('pass'))).toMatchObject({ ok: false, reason: 'seccomp', stopUs: 0 });
      expect((await preflight(target.pid)).problems.map(({ id }) => id)).toContain('seccomp-strict');
    });
  });

  const mayUnshare = root && spawnSync('unshare', ['--mount', '--pid', '--fork', '--mount-proc', 'true']).status === 0;
  it.skipIf(newest === null || !mayUnshare)('a container: other files, other process ids, our sources not to be seen (needs root, unshare and a Python)', async () => {
    const inside = join(dir, 'inside');
    mkdirSync(inside, { recursive: true });
    const repository = fileURLToPath(new URL('../../..', import.meta.url));
    const script = `mount -t tmpfs none /tmp && { [ ! -d ${repository} ] || mount -t tmpfs none ${repository}; } && cd / && exec ${newest} -u -c "print('ready')
import os, time
t = time.monotonic()
time.sleep(6)
print('pid', os.getpid(), 'tmp', os.listdir('/tmp'), 'slept', 5.99 < time.monotonic() - t < 8)"`;
    const target = run('unshare', ['--mount', '--pid', '--fork', '--mount-proc', 'sh', '-c', script]);
    await target.until(/ready/);
    const pid = Number(execFileSync('ps', ['--ppid', String(target.pid), '-o', 'pid='], { encoding: 'utf8' }).trim());
    const check = await preflight(pid);
    expect(check).toMatchObject({ route: 'injector', problems: [{ id: 'mount-namespace', severity: 'warns' }] });
    const found = await attach(pid);
    expect(found.pid).toBe(pid);
    expect(found.receipt.notes.join('\n')).toMatch(/the agent lies in \/tmp\/heaphouse-agent-\w+ of its container/);
    expect(await call(found.capture.webSocketUrl, 'Runtime.getHeapUsage')).toHaveProperty('usedSize');
    await call(found.capture.webSocketUrl, 'Python.detach');
    await found.dispose();
    expect(await target.ended).toEqual({ code: 0, signal: null });
    expect(target.stdout()).toContain("pid 1 tmp [] slept True");
  });

  const mayLeaveNet = root && spawnSync('unshare', ['--net', 'nsenter', '-t', String(process.pid), '-n', 'true']).status === 0;
  it.skipIf(newest === null || !mayLeaveNet)('a container with a network of its own, from inside of that network, as the advice says (needs root, unshare, nsenter and a Python)', async () => {
    const up = "import fcntl, socket, struct, time\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nfcntl.ioctl(s, 0x8914, struct.pack('16sH14x', b'lo', 0x49))\ns.close()\nprint('ready')\ntime.sleep(60)";
    // Its /tmp goes with it: both sides are killed at the end of the test.
    const target = run('unshare', ['--net', '--mount', '--pid', '--fork', '--mount-proc', 'sh', '-c', 'mount -t tmpfs none /tmp && exec "$0" "$@"', newest ?? '', ...program(up)]);
    await target.until(/ready/);
    const pid = Number(execFileSync('ps', ['--ppid', String(target.pid), '-o', 'pid='], { encoding: 'utf8' }).trim());
    expect((await preflight(pid)).problems[0]).toMatchObject({ id: 'net-namespace', severity: 'stops', advice: expect.stringContaining(`nsenter -t ${pid} -n`) });
    const workbench = run('nsenter', ['-t', String(pid), '-n', process.execPath, fileURLToPath(new URL('./short-lived-workbench.ts', import.meta.url)), String(pid), join(dir, 'net')]);
    await workbench.until(/attached/, 30_000);
  });

  it.skipIf(newest === null)('a snapshot shows nothing of ours, nor does a second one after a detach and a full collection (needs a Python)', async () => {
    for (const kind of ['busy', 'sleep'] as const) {
      const stop = join(dir, `stop-snapshot-${kind}`);
      const target = run(newest ?? '', [sample('steady.py'), '--kind', kind, '--until', stop]);
      await target.until(/ready/);
      for (const round of [1, 2]) {
        const found = await attach(target.pid);
        // The modules of the first agent refer to each other: they go with the next full collection.
        if (round === 2) await call(found.capture.webSocketUrl, 'HeapProfiler.collectGarbage');
        const path = join(dir, `${kind}-${round}.heapsnapshot`);
        await call(found.capture.webSocketUrl, 'Python.writeHeapSnapshot', { path });
        const { strings } = JSON.parse(readFileSync(path, 'utf8')) as { strings: string[] };
        expect(strings.length).toBeGreaterThan(1_000);
        // The sample itself speaks of heaphouse; single names that our code used stay interned on 3.12 and newer.
        expect(strings.filter((text) => /heaphouse_agent|inject\.py|fromhex\(/.test(text)), `${kind} ${round}`).toEqual([]);
        await call(found.capture.webSocketUrl, 'Python.detach');
        await found.dispose();
      }
      writeFileSync(stop, '');
      expect(await target.ended).toEqual({ code: 0, signal: null });
    }
  });

  it.skipIf(newest === null)('the workbench dies: the agent notices, ends, and sweeps up the folder (needs a Python)', async () => {
    const target = run(newest ?? '', [sample('steady.py'), '--kind', 'sleep', '--until', join(dir, 'stop-orphan')]);
    await target.until(/ready/);
    const workbench = fileURLToPath(new URL('./short-lived-workbench.ts', import.meta.url));
    const child = spawn(process.execPath, [workbench, String(target.pid), join(dir, 'orphan')], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await waitFor(() => output.includes('attached'), 30_000, () => `the attach: ${output}`);
    const [folder = ''] = readdirSync(join(dir, 'orphan'));
    expect(existsSync(join(dir, 'orphan', folder, `${target.pid}.json`))).toBe(true);
    child.kill('SIGKILL');
    await waitFor(() => readdirSync(`/proc/${target.pid}/task`).length === 1, 15_000, () => 'the thread of the agent to end');
    expect(existsSync(join(dir, 'orphan', folder))).toBe(false);
    writeFileSync(join(dir, 'stop-orphan'), '');
    expect(await target.ended).toEqual({ code: 0, signal: null });
    expect(target.stdout()).toMatch(/result ok/);
  });
});

