import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { isMovedPort } from '#main/agents/v8/inspector-port.ts';
import { attachProcess } from '#main/targets/attach.ts';
import { listProcesses } from '#main/targets/discover-processes.ts';
import { preflight } from '#main/targets/preflight.ts';
import type { AttachedTarget } from '#main/targets/types.ts';
import { resolveEndpoint } from '#main/targets/connect.ts';
import { alive, call, run, sample, tempDir, waitFor } from './helpers.ts';

const attached: AttachedTarget[] = [];
afterEach(async () => {
  for (const target of attached.splice(0)) await target.dispose();
});
const rendezvousDir = join(tempDir(), 'rendezvous');
async function attach(pid: number) {
  const target = await attachProcess(pid, { rendezvousDir });
  attached.push(target);
  return target;
}
const node = process.execPath;

/** Nobody else may hold the port on which Node.js opens its inspector while these tests run. */
const portTaken = await new Promise<boolean>((resolve) => {
  const probe = createServer();
  probe.once('error', () => resolve(true));
  probe.listen(9229, '127.0.0.1', () => probe.close(() => resolve(false)));
});

describe.skipIf(process.platform !== 'linux' || portTaken)(`Node.js by SIGUSR1 (Linux, port 9229 free)`, () => {
  it.each([['this Node.js', node], ...(spawnSync('/usr/bin/node', ['--version']).status === 0 ? [['/usr/bin/node', '/usr/bin/node']] : [])])('%s: opens the inspector, and again finds it open', async (_name, path) => {
    const program = run(path ?? '', [sample('leaky.js'), '--leak-at', '60']);
    await program.until(/phase ready begin/);
    const target = await attach(program.pid);
    expect(target).toMatchObject({ pid: program.pid, kind: 'node', title: 'leaky.js', receipt: { action: 'attach' } });
    expect(target.capture).toMatchObject({ closeInspectorOnDetach: true, waitsForDebugger: false, pid: program.pid });
    expect(await call(target.capture.webSocketUrl, 'Runtime.getHeapUsage')).toHaveProperty('usedSize');
    const again = await attach(program.pid);
    expect(again.capture.closeInspectorOnDetach).toBe(false);
    expect(again.capture.webSocketUrl).toBe(target.capture.webSocketUrl);
    // By address as well: the same process is recognised.
    const port = Number(new URL(target.capture.webSocketUrl).port);
    expect(isMovedPort(port)).toBe(true);
    await expect(resolveEndpoint(`http://127.0.0.1:${port}`)).resolves.toMatchObject({ kind: 'node', title: 'leaky.js', capture: { pid: program.pid } });
    await expect(resolveEndpoint(target.capture.webSocketUrl)).resolves.toMatchObject({ kind: 'node', capture: { pid: program.pid, webSocketUrl: target.capture.webSocketUrl } });
    await expect(resolveEndpoint(`ws://127.0.0.1:${port}/not-the-path`)).rejects.toMatchObject({ code: 'not-found' });
    // The port that SIGUSR1 opens is free again for the next.
    const second = run(node, [sample('leaky.js'), '--leak-at', '60']);
    await second.until(/phase ready begin/);
    const other = await attach(second.pid);
    expect(new URL(other.capture.webSocketUrl).port).not.toBe(String(port));
  });

  it('once closed, the next signal opens the usual port', async () => {
    const program = run(node, [sample('leaky.js'), '--leak-at', '60']);
    await program.until(/phase ready begin/);
    const target = await attach(program.pid);
    await target.dispose();
    await vi.waitFor(() => expect(resolveEndpoint(target.capture.webSocketUrl)).rejects.toMatchObject({ code: 'not-found' }), 5_000);
    process.kill(program.pid, 'SIGUSR1');
    await vi.waitFor(async () => expect(await resolveEndpoint('http://127.0.0.1:9229')).toMatchObject({ capture: { pid: program.pid } }), 5_000);
  });

  it('a port that somebody else holds is named, and no signal is sent', async () => {
    const holder = run(node, ['--inspect=127.0.0.1:9229', sample('leaky.js'), '--leak-at', '60']);
    await holder.until(/phase ready begin/);
    const program = run(node, [sample('leaky.js'), '--leak-at', '60']);
    await program.until(/phase ready begin/);
    await expect(attach(program.pid)).rejects.toMatchObject({ code: 'busy', message: expect.stringContaining(String(holder.pid)) });
    expect(program.stderr()).toBe('');
  });

  it('a busy main thread is no hindrance', async () => {
    const program = run(node, ['-e', "console.log('up'); for (;;);"]);
    await program.until(/up/);
    const target = await attach(program.pid);
    expect(target.capture.closeInspectorOnDetach).toBe(true);
  });

  it('never signals a process that would die of it', async () => {
    const program = run(node, ['--disable-sigusr1', sample('leaky.js'), '--leak-at', '60']);
    await program.until(/phase ready begin/);
    await expect(attach(program.pid)).rejects.toMatchObject({ code: 'permission', message: expect.stringContaining('--disable-sigusr1') });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(alive(program.pid)).toBe(true);
    expect((await preflight(program.pid)).problems.map(({ id }) => id)).toEqual(['sigusr1-disabled']);
  });

  it("a handler of the program's own: gives up and says so", async () => {
    const program = run(node, ['-e', "process.on('SIGUSR1', () => console.log('mine')); console.log('up'); setInterval(() => {}, 1000)"]);
    await program.until(/up/);
    await expect(attach(program.pid)).rejects.toMatchObject({ code: 'timeout', advice: expect.stringContaining('handler of its own') });
    expect(alive(program.pid)).toBe(true);
  });

  it('a port of its own choice (--inspect-port=0)', async () => {
    const program = run(node, ['--inspect-port=0', sample('leaky.js'), '--leak-at', '60']);
    await program.until(/phase ready begin/);
    const target = await attach(program.pid);
    expect(target.capture.webSocketUrl).not.toContain(':9229/');
  });

  it('dispose closes what was opened, and so does a cancelled attach', async () => {
    const program = run(node, [sample('leaky.js'), '--leak-at', '60']);
    await program.until(/phase ready begin/);
    const target = await attach(program.pid);
    await target.dispose();
    await waitFor(async () => (await preflight(program.pid)).route === 'sigusr1', 3_000, () => 'the port to close');
    const controller = new AbortController();
    await expect(attachProcess(program.pid, {
      rendezvousDir,
      signal: controller.signal,
      onProgress: ({ phase }) => {
        if (phase.includes('inspector')) setImmediate(() => controller.abort());
      },
    })).rejects.toMatchObject({ code: 'cancelled' });
    await waitFor(async () => (await preflight(program.pid)).route === 'sigusr1', 3_000, () => 'the port to close');
    expect(alive(program.pid)).toBe(true);
  });

  it('sees the target end', async () => {
    const program = run(node, [sample('leaky.js'), '--leak-at', '60']);
    await program.until(/phase ready begin/);
    const target = await attach(program.pid);
    const gone = new Promise((resolve) => target.onExit(resolve));
    process.kill(program.pid, 'SIGKILL');
    expect(await gone).toEqual({ code: null, signal: null });
    const late = await new Promise((resolve) => target.onExit(resolve));
    expect(late).toEqual({ code: null, signal: null });
  });
});

it('an inspector that was open already, on any port', async () => {
  const program = run(node, ['--inspect=127.0.0.1:0', sample('leaky.js'), '--leak-at', '60']);
  await program.until(/phase ready begin/);
  const target = await attach(program.pid);
  expect(target.capture.closeInspectorOnDetach).toBe(false);
  expect(target.receipt.notes[0]).toContain('was open');
});

it('a program paused at its first line by --inspect-brk, by address', async () => {
  const program = run(node, ['--inspect-brk=127.0.0.1:0', sample('leaky.js')]);
  await waitFor(() => /ws:\/\/\S+/.test(program.stderr()), 5_000, () => program.stderr());
  const url = /ws:\/\/\S+/.exec(program.stderr())?.[0] ?? '';
  await expect(resolveEndpoint(url)).resolves.toMatchObject({ capture: { waitsForDebugger: true, pid: program.pid } });
});

describe('what cannot be attached to', () => {
  it.each<[string, () => number | Promise<number>, string]>([
    ['a pid that is gone', async () => {
      const program = run('true', []);
      await program.ended;
      return program.pid;
    }, 'not-found'],
    ['a shell', async () => {
      const program = run('sh', ['-c', 'echo up; sleep 30; true']);
      await program.until(/up/);
      return program.pid;
    }, 'unsupported'],
    ['ourselves', () => process.pid, 'invalid-argument'],
  ])('%s', async (_name, pid, code) => {
    await expect(attach(await pid())).rejects.toMatchObject({ name: 'HeaphouseError', code });
  });
});

describe('the list', () => {
  it('shows runtimes with what is known of them, and not ourselves', async () => {
    const program = run(node, [sample('leaky.js'), '--leak-at', '60']);
    await program.until(/phase ready begin/);
    const shell = run('sh', ['-c', 'sleep 30; true']);
    const list = await listProcesses();
    const found = list.find(({ pid }) => pid === program.pid);
    expect(found).toMatchObject({ kind: 'node', runtime: `Node.js v${process.versions.node}`, title: 'leaky.js', executable: node, openPort: null, sessionId: null });
    expect(found?.commandLine).toBe(`${node} ${sample('leaky.js')} --leak-at 60`);
    expect(found?.rssBytes).toBeGreaterThan(10_000_000);
    expect(Math.abs((found?.startedAt ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(list.some(({ pid }) => pid === process.pid || pid === shell.pid)).toBe(false);
  });

  it('tolerates processes that come and go meanwhile', async () => {
    let stop = false;
    const churn = (async () => {
      while (!stop) await run('true', []).ended;
    })();
    for (let i = 0; i < 10; i++) await listProcesses();
    stop = true;
    await churn;
  });
});
