import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { LaunchRequest } from '#shared/contracts/targets.ts';
import type { LaunchOptions } from '#main/targets/launch.ts';
import { launchTarget } from '#main/targets/launch.ts';
import type { LaunchedTarget, TargetExit } from '#main/targets/types.ts';
import { alive, call, exists, pythons, sample, tempDir, waitFor } from './helpers.ts';

const targets: LaunchedTarget[] = [];
afterEach(async () => {
  for (const target of targets.splice(0)) await target.dispose();
});

const base = tempDir();
async function launch(request: LaunchRequest, options: Partial<LaunchOptions> = {}): Promise<LaunchedTarget> {
  const target = await launchTarget(request, { rendezvousDir: join(base, 'rendezvous'), ...options });
  targets.push(target);
  return target;
}
function collect(target: LaunchedTarget) {
  const text = { stdout: '', stderr: '', workbench: '' };
  target.onOutput((chunk) => (text[chunk.stream] += chunk.text));
  return text;
}
function exitOf(target: LaunchedTarget): Promise<TargetExit> {
  return new Promise((resolve) => target.onExit(resolve));
}
/** Every process that still carries the marker of this test file. */
function leftovers(): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    const run = spawnSync('grep', ['-qzF', `HEAPHOUSE_LAUNCH=${base}`, `/proc/${pid}/environ`], { stdio: 'ignore' });
    return run.status === 0 && alive(pid);
  });
}

const nodes = [{ version: process.versions.node, path: process.execPath }, ...(() => {
  const run = spawnSync('/usr/bin/node', ['--version'], { encoding: 'utf8' });
  return run.status === 0 ? [{ version: run.stdout.trim().slice(1), path: '/usr/bin/node' }] : [];
})()];

describe.each(nodes)('Node.js $version', ({ path, version }) => {
  it('waits before the first line until it is told to go, and then runs to its end', async () => {
    const target = await launch({ command: path, args: [sample('leaky.js'), '--leak-at', '0.1', '--hold-after', '0.1'] });
    expect(target).toMatchObject({ kind: 'node', runtime: `Node.js v${version}`, title: 'leaky.js', commandPid: target.pid });
    expect(target.capture).toMatchObject({ kind: 'node', pid: target.pid, waitsForDebugger: true, closeInspectorOnDetach: false });
    const output = collect(target);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(output.stdout).toBe('');
    const exit = exitOf(target);
    await call(target.capture.webSocketUrl, 'Runtime.runIfWaitingForDebugger');
    expect(await exit).toEqual({ code: 0, signal: null });
    expect(output.stdout).toContain('result 51194990000');
    expect(output.stderr).toBe('');
  });

  it('does not wait when it is not asked to, and leaves the environment of the program as it was', async () => {
    const target = await launch({ command: path, args: ['-e', 'console.log(process.env.NODE_OPTIONS, process.env.ONE, process.env.HOME); setInterval(() => {}, 1000)'], env: { ONE: '1', HOME: null, NODE_OPTIONS: '--no-warnings' }, pauseAtStart: false });
    const output = collect(target);
    await waitFor(() => output.stdout.includes('\n'), 5_000, () => 'output');
    expect(output.stdout).toBe('--no-warnings 1 undefined\n');
    expect(target.capture.waitsForDebugger).toBe(false);
  });
});

it('Node.js below a shell and below npm: the program is the target, not npm', async () => {
  const dir = join(base, 'package');
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ name: 'x', version: '1.0.0', scripts: { serve: `node ${sample('leaky.js')} --leak-at 60` } }));
  for (const [command, args] of [['sh', ['-c', `echo first; node ${sample('leaky.js')} --leak-at 60; echo last`]], ['npm', ['run', 'serve']]] as const) {
    const target = await launch({ command, args: [...args], cwd: dir, pauseAtStart: false });
    const output = collect(target);
    expect(target.pid).not.toBe(target.commandPid);
    expect(target.title).toBe('leaky.js');
    await waitFor(() => output.stdout.includes('phase ready begin'), 10_000, () => JSON.stringify(output));
    const { pid } = target;
    expect(leftovers()).toContain(pid);
    await target.dispose();
    expect(alive(pid)).toBe(false);
  }
  expect(leftovers()).toEqual([]);
});

it('children of a Node.js target neither wait nor listen', async () => {
  const file = join(base, 'parent.cjs');
  writeFileSync(file, "const { fork } = require('child_process'); if (process.argv[2]) { console.log('child', require('inspector').url()); } else { fork(__filename, ['x']).on('exit', (code) => console.log('exit', code)); setInterval(() => {}, 1000); }");
  const target = await launch({ command: process.execPath, args: [file] });
  const output = collect(target);
  await call(target.capture.webSocketUrl, 'Runtime.runIfWaitingForDebugger');
  await waitFor(() => output.stdout.includes('exit'), 5_000, () => JSON.stringify(output));
  expect(output.stdout).toBe('child undefined\nexit 0\n');
});

it("the user's own --inspect-brk is respected", async () => {
  const target = await launch({ command: process.execPath, args: ['--inspect-brk=127.0.0.1:0', sample('leaky.js'), '--leak-at', '60'], pauseAtStart: false });
  expect(target.capture).toMatchObject({ waitsForDebugger: true, kind: 'node' });
  expect(target.title).toBe('leaky.js');
});

describe.each(pythons)('Python $version', ({ path, version }) => {
  it('reports, waits, goes on, and gives the same result', async () => {
    const target = await launch({ command: path, args: [sample('leaky.py'), '--leak-at', '0.1', '--hold-after', '0.3', '--objects', '1000'] });
    expect(target).toMatchObject({ kind: 'python', runtime: `CPython ${version}`, title: 'leaky.py' });
    expect(target.capture).toMatchObject({ kind: 'python', pid: target.pid, waitsForDebugger: true });
    const output = collect(target);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(output.stdout).toBe('');
    const exit = exitOf(target);
    await call(target.capture.webSocketUrl, 'Runtime.runIfWaitingForDebugger');
    expect(await exit).toEqual({ code: 0, signal: null });
    expect(output.stdout).toContain('result 511499000');
    expect(output.stderr).toBe('');
  });
});

it.skipIf(pythons.length === 0)('Python below a shell (needs a Python)', async () => {
  const target = await launch({ command: 'sh', args: ['-c', `"${pythons.at(-1)?.path}" ${sample('leaky.py')} --leak-at 60 & wait`], pauseAtStart: false });
  expect(target).toMatchObject({ kind: 'python', title: 'leaky.py' });
  expect(target.pid).not.toBe(target.commandPid);
  const { pid } = target;
  await target.terminate(2_000);
  expect(alive(pid)).toBe(false);
});

it.skipIf(pythons.length === 0)('children of a Python target do not wait (needs a Python)', async () => {
  const file = join(base, 'parent.py');
  writeFileSync(file, "import subprocess, sys\nif len(sys.argv) > 1: print('child', flush=True)\nelse: print('exit', subprocess.call([sys.executable, __file__, 'x']), flush=True)\n");
  const target = await launch({ command: pythons.at(-1)?.path ?? '', args: [file] });
  const output = collect(target);
  const begun = Date.now();
  await call(target.capture.webSocketUrl, 'Runtime.runIfWaitingForDebugger');
  await waitFor(() => output.stdout.includes('exit'), 10_000, () => JSON.stringify(output));
  expect(output.stdout).toBe('child\nexit 0\n');
  expect(Date.now() - begun).toBeLessThan(10_000);
});

describe('what cannot be launched', () => {
  it.each<[string, () => LaunchRequest, object]>([
    ['a command that does not exist', () => ({ command: 'no-such-command-at-all', args: [] }), { code: 'not-found', message: expect.stringContaining('no-such-command-at-all') }],
    ['a path that does not exist', () => ({ command: '/no/such/program', args: [] }), { code: 'not-found' }],
    ['a folder', () => ({ command: '/tmp', args: [] }), { code: 'invalid-argument' }],
    ['a script that is not executable', () => ({ command: sample('leaky.py'), args: [] }), { code: 'permission', advice: expect.stringContaining('python ') }],
    ['a working folder that does not exist', () => ({ command: 'sh', args: [], cwd: '/no/such/folder' }), { code: 'not-found', message: expect.stringContaining('/no/such/folder') }],
    ['a working folder that is a file', () => ({ command: 'sh', args: [], cwd: '/etc/passwd' }), { code: 'invalid-argument' }],
    ['a script whose interpreter is missing', () => {
      const path = join(base, 'bad-interpreter');
      writeFileSync(path, '#!/no/such/interpreter\n');
      chmodSync(path, 0o755);
      return { command: path, args: [] };
    }, { code: 'not-found', message: expect.stringContaining('interpreter') }],
    ['a program without a runtime', () => ({ command: 'sh', args: ['-c', 'echo bye; kill -SEGV $$'] }), { code: 'target-gone', message: expect.stringContaining('SIGSEGV'), detail: 'bye\n' }],
  ])('%s', async (_name, request, error) => {
    await expect(launch(request())).rejects.toMatchObject({ name: 'HeaphouseError', advice: expect.any(String), ...error });
    expect(readdirSync(join(base, 'rendezvous'))).toEqual([]);
    expect(leftovers()).toEqual([]);
  });

  it('a program that ends at once: its exit and its output are told, whether or not it could report before', async () => {
    const outcome = await launch({ command: process.execPath, args: [sample('exits_at_once.js')], pauseAtStart: false }).catch((error: unknown) => error);
    if (outcome instanceof Error) {
      expect(outcome).toMatchObject({ code: 'target-gone', message: expect.stringContaining('exit code 3'), advice: expect.any(String), detail: expect.stringContaining('nothing to do') });
    } else {
      // It was quick enough to open its inspector before it ended.
      const target = outcome as Awaited<ReturnType<typeof launch>>;
      expect(await new Promise((resolve) => target.onExit(resolve))).toMatchObject({ code: 3 });
      expect(target.lastOutput()).toContain('nothing to do');
      await target.dispose();
    }
    expect(readdirSync(join(base, 'rendezvous'))).toEqual([]);
    expect(leftovers()).toEqual([]);
  });

  it('a program in which no runtime reports: says so and leaves no orphan', async () => {
    await expect(launch({ command: 'sh', args: ['-c', 'echo waiting; sleep 60 & sleep 60'] }, { timeoutMs: 700 })).rejects.toMatchObject({ code: 'timeout', detail: 'waiting\n' });
    expect(leftovers()).toEqual([]);
  });

  it.skipIf(pythons.length === 0)('Python with -I: names the option (needs a Python)', async () => {
    await expect(launch({ command: pythons.at(-1)?.path ?? '', args: ['-u', '-I', sample('sleepy.py'), '--seconds', '30'] }, { timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'timeout', advice: expect.stringContaining('-I') });
    expect(leftovers()).toEqual([]);
  });

  it('a rendezvous folder that others may write to', async () => {
    const dir = join(base, 'open');
    mkdirSync(dir);
    chmodSync(dir, 0o777);
    await expect(launch({ command: 'sh', args: [] }, { rendezvousDir: dir })).rejects.toMatchObject({ code: 'permission' });
  });

  it('cancel ends the program', async () => {
    const controller = new AbortController();
    const done = launch({ command: 'sh', args: ['-c', 'sleep 60'] }, { signal: controller.signal });
    setTimeout(() => controller.abort(), 200);
    const begun = Date.now();
    await expect(done).rejects.toMatchObject({ code: 'cancelled' });
    expect(Date.now() - begun).toBeLessThan(3_000);
    expect(leftovers()).toEqual([]);
  });
});

describe('the end of a launched program', () => {
  it('terminate: SIGTERM first, SIGKILL for what does not listen, daemons included', async () => {
    const file = join(base, 'stubborn.cjs');
    // A grandchild in a session of its own, as a daemon makes it.
    writeFileSync(file, "process.on('SIGTERM', () => {}); require('child_process').spawn('setsid', ['sh', '-c', 'trap \"\" TERM; sleep 100'], { stdio: 'ignore' }); console.log('up'); setInterval(() => {}, 1000);");
    const target = await launch({ command: process.execPath, args: [file], pauseAtStart: false });
    const output = collect(target);
    await waitFor(() => output.stdout === 'up\n', 5_000, () => JSON.stringify(output));
    const exit = exitOf(target);
    const begun = Date.now();
    await target.terminate(400);
    expect(Date.now() - begun).toBeGreaterThanOrEqual(400);
    expect(await exit).toEqual({ code: null, signal: 'SIGKILL' });
    expect(leftovers()).toEqual([]);
    // Replayed for whoever asks late.
    expect(await exitOf(target)).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('a program that kills itself, with its last output', async () => {
    const target = await launch({ command: process.execPath, args: [sample('oom_like.js'), '--mib', '16'], pauseAtStart: false });
    expect(await exitOf(target)).toEqual({ code: null, signal: 'SIGKILL' });
    expect(target.lastOutput()).toContain('allocated 16 MiB');
  });

  it('a wrapper passes the code on', async () => {
    const target = await launch({ command: 'sh', args: ['-c', `node -e "setTimeout(() => process.exit(7), 500)"; exit $?`], pauseAtStart: false });
    expect(await exitOf(target)).toEqual({ code: 7, signal: null });
  });

  it('a flood of output does not eat memory', async () => {
    const target = await launch({ command: process.execPath, args: ['-e', "const b = Buffer.alloc(65536, 'x'); const t = setInterval(() => {}, 1000); let n = 0; const w = () => { while (n++ < 3000 && process.stdout.write(b)); if (n < 3000) process.stdout.once('drain', w); else { clearInterval(t); } }; w();"], pauseAtStart: false });
    const before = process.memoryUsage().rss;
    expect(await exitOf(target)).toEqual({ code: 0, signal: null });
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
    let chars = 0;
    target.onOutput((chunk) => (chars += chunk.text.length));
    expect(chars).toBeLessThan(400_000);
  });

  it('dispose removes the folder', async () => {
    const target = await launch({ command: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'], pauseAtStart: false });
    expect(readdirSync(join(base, 'rendezvous')).length).toBe(1);
    await target.dispose();
    await target.dispose();
    expect(readdirSync(join(base, 'rendezvous'))).toEqual([]);
    expect(exists(`/proc/${target.pid}`)).toBe(false);
  });
});

describe('Chromium', () => {
  const chromium = ['chromium', 'chromium-browser', 'google-chrome'].find((name) => spawnSync('which', [name]).status === 0);
  it.skipIf(chromium === undefined)('a page is the target (needs chromium)', async () => {
    const target = await launch({ command: chromium ?? '', args: ['--headless', '--no-sandbox', '--disable-gpu', 'data:text/html,<title>hello</title>'] }, { timeoutMs: 30_000 });
    expect(target.kind).toBe('chromium');
    expect(target.runtime).toMatch(/^Chromium \d+/);
    expect(target.capture.webSocketUrl).toContain('/devtools/page/');
    await call(target.capture.webSocketUrl, 'Runtime.getHeapUsage');
    await target.dispose();
    expect(leftovers()).toEqual([]);
  });
});
