/**
 * The agent started by the program's own code, from a folder that was copied next to nothing else: as in a container, a
 * notebook, on another machine behind a tunnel (docs/remote.md). Connected to by address.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { heapContract } from '#shared/contracts/heap.ts';
import { pythons } from '../targets/helpers.ts';
import { createHarness, isAlive, type Harness } from '../workbench/harness.ts';

const AGENT = join(import.meta.dirname, '..', '..', '..', 'main', 'agents', 'python', 'heaphouse_agent');
const PROGRAM = `
import sys, time, threading
import heaphouse_agent
class Kept(object):
    pass
kept = [Kept() for _ in range(1234)]
url = heaphouse_agent.start()
assert heaphouse_agent.start() == url
print(url, flush=True)
line = sys.stdin.readline()
if 'stop' in line:
    heaphouse_agent.stop()
    print('left', sorted(m for m in sys.modules if m.startswith('heaphouse')), threading.active_count(), flush=True)
    sys.stdin.readline()
print('done', len(kept), flush=True)
`;

let h: Harness;
let dir: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  h = createHarness();
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-copy-'));
  cpSync(AGENT, join(dir, 'lib', 'heaphouse_agent'), { recursive: true, filter: (path) => !path.includes('__pycache__') });
  writeFileSync(join(dir, 'program.py'), PROGRAM);
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await h.dispose();
  rmSync(dir, { recursive: true, force: true });
});

async function start(python: string, env: NodeJS.ProcessEnv) {
  const child = spawn(python, [join(dir, 'program.py')], { cwd: tmpdir(), env: { PATH: process.env['PATH'], ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  children.push(child);
  const text = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text.out += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text.err += chunk));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const said = (pattern: RegExp) => vi.waitFor(() => (pattern.exec(text.out) ?? expect.fail(`${pattern} not in ${text.out} ${text.err}`))[0], { timeout: 15_000 });
  const url = await said(/ws:\/\/127\.0\.0\.1:\d+\/\S+/);
  return { child, url, said, ended, tell: (line: string) => child.stdin.write(`${line}\n`) };
}

const some = pythons.filter((_, index) => index === 0 || index === pythons.length - 1);

describe.skipIf(pythons.length === 0)(`an agent from a copied folder${pythons.length === 0 ? ' (skipped: no CPython 3.8 or newer)' : ''}`, () => {
  it.each(some)('on $version: connect, snapshot, detach, and the program ends as if nothing had been', async ({ path }) => {
    const program = await start(path, { PYTHONPATH: join(dir, 'lib'), PYTHONDONTWRITEBYTECODE: '1' });
    const { sessionId } = await h.targets.connect({ url: program.url });
    const session = (await h.session(sessionId))!;
    expect(session.target).toMatchObject({ kind: 'python' });
    // The address that is shown is not the key.
    expect(session.target!.endpoint).toBe(new URL(program.url).origin);
    const snapshot = await h.sessions.takeSnapshot({ sessionId });
    expect(statSync(snapshot.path).size).toBeGreaterThan(100_000);
    const heap = h.workbench.client.service(heapContract, sessionId);
    await heap.open({ snapshotId: snapshot.id });
    const page = await heap.classes({ snapshotId: snapshot.id, query: { start: 0, end: 5, filter: '/^__main__\\.Kept$/' } });
    expect(page.rows[0]).toMatchObject({ name: '__main__.Kept', objects: 1_234 });
    await h.sessions.detach({ sessionId });
    expect(isAlive(program.child.pid!)).toBe(true);
    program.tell('go on');
    await program.said(/done 1234/);
    expect(await program.ended).toBe(0);
  });

  it('stop() takes everything back', async () => {
    const program = await start(pythons.at(-1)!.path, { PYTHONPATH: join(dir, 'lib') });
    program.tell('stop');
    expect(await program.said(/left .*\n/)).toBe("left [] 1\n");
    await expect(h.targets.connect({ url: program.url })).rejects.toMatchObject({ code: 'not-found' });
    program.tell('');
    expect(await program.ended).toBe(0);
  });

  it('through a tunnel: another port leads to it', async () => {
    const program = await start(pythons.at(-1)!.path, { PYTHONPATH: join(dir, 'lib') });
    const url = new URL(program.url);
    const tunnel = createServer((near) => {
      const far = connect(Number(url.port), '127.0.0.1');
      near.pipe(far).pipe(near);
      near.on('error', () => far.destroy());
      far.on('error', () => near.destroy());
    });
    await new Promise<void>((resolve) => tunnel.listen(0, '127.0.0.1', resolve));
    try {
      const { sessionId } = await h.targets.connect({ url: `ws://127.0.0.1:${(tunnel.address() as AddressInfo).port}${url.pathname}` });
      const snapshot = await h.sessions.takeSnapshot({ sessionId });
      expect(existsSync(snapshot.path)).toBe(true);
      await h.sessions.detach({ sessionId });
    } finally {
      tunnel.close();
    }
  });
});
