/** Real processes for the tests of `main/targets`: started here, ended here. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach } from 'vitest';
import { WebSocket } from 'ws';
import { unpackedPythons } from '#test/tools/pythons.ts';

export const samples = fileURLToPath(new URL('../../samples/', import.meta.url));
export const sample = (name: string) => join(samples, name);

/** One interpreter per minor version of CPython 3.8 and newer that this machine has: pyenv's, the system's, unpacked ones. */
export const pythons: { version: string; path: string }[] = findPythons();

function findPythons() {
  const found = new Map<string, { version: string; path: string }>();
  const folder = join(process.env['PYENV_ROOT'] ?? join(homedir(), '.pyenv'), 'versions');
  let names: string[] = [];
  try {
    names = readdirSync(folder);
  } catch {
    // No pyenv.
  }
  const candidates = [...names.map((name) => join(folder, name, 'bin', 'python')), '/usr/bin/python3', ...unpackedPythons()];
  for (const path of candidates) {
    const run = spawnSync(path, ['-c', 'import sys; print("%d.%d.%d%s" % (sys.version_info[:3] + (getattr(sys, "abiflags", ""),)))'], { encoding: 'utf8', timeout: 10_000 });
    const version = run.status === 0 ? run.stdout.trim() : '';
    if (version.endsWith('t')) continue; // free-threaded: not what most of these tests are about
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major !== 3 || minor < 8 || found.has(`3.${minor}`)) continue;
    found.set(`3.${minor}`, { version, path });
  }
  return [...found.values()].sort((a, b) => Number(a.version.split('.')[1]) - Number(b.version.split('.')[1]));
}

export function python(minor: string): string | null {
  return pythons.find(({ version }) => version.startsWith(`${minor}.`))?.path ?? null;
}

/** Why gdb cannot be used here; null if it can. Tried, because a container may forbid ptrace without saying so. */
export const gdbMissing: string | null = (() => {
  if (process.platform !== 'linux') return 'not Linux';
  if (spawnSync('gdb', ['--version']).status !== 0) return 'gdb is not installed';
  const child = spawn('sleep', ['20'], { stdio: 'ignore' });
  try {
    const out = execFileSync('gdb', ['-nx', '-q', '-batch', '-ex', `attach ${child.pid}`, '-ex', 'detach'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 });
    return /detached/i.test(out) ? null : 'ptrace is not allowed';
  } catch (error) {
    return /Operation not permitted/.test(String((error as { stderr?: string }).stderr)) ? 'ptrace is not allowed' : null;
  } finally {
    child.kill('SIGKILL');
  }
})();

const started = new Set<ChildProcess>();
const folders: string[] = [];

export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'heaphouse-targets-'));
  folders.push(dir);
  return dir;
}

afterEach(() => {
  for (const child of started) {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    } catch {
      // Ended by itself.
    }
  }
  started.clear();
});
afterAll(() => {
  for (const dir of folders) rmSync(dir, { recursive: true, force: true });
});

export interface Running {
  pid: number;
  stdout(): string;
  stderr(): string;
  until(pattern: RegExp, timeoutMs?: number): Promise<void>;
  ended: Promise<{ code: number | null; signal: string | null }>;
}

/** A program of somebody else: not started through `launchTarget`. */
export function run(command: string, args: string[], options: { env?: NodeJS.ProcessEnv; uid?: number; gid?: number; cwd?: string } = {}): Running {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, ...options });
  started.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  return {
    pid: child.pid ?? -1,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    async until(pattern, timeoutMs = 10_000) {
      await waitFor(() => pattern.test(stdout), timeoutMs, () => `${pattern} in ${JSON.stringify(stdout)} (stderr ${JSON.stringify(stderr)})`);
    },
  };
}

export async function waitFor(check: () => boolean | Promise<boolean>, timeoutMs: number, what: () => string): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export function alive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

export function tracerOf(pid: number): number {
  return Number(/^TracerPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? -1);
}

export function exists(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Calls one method of a DevTools endpoint and closes the connection again. */
export function call(url: string, method: string, params: object = {}): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    const timer = setTimeout(() => {
      socket.terminate();
      reject(new Error(`no answer to ${method}`));
    }, 30_000);
    socket.on('error', reject);
    socket.on('open', () => socket.send(JSON.stringify({ id: 1, method, params })));
    socket.on('close', () => {
      clearTimeout(timer);
      // Detaching closes the connection; that is an answer as well.
      resolve({});
    });
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as { id?: number; result?: Record<string, unknown>; error?: { message: string } };
      if (message.id !== 1) return;
      clearTimeout(timer);
      socket.close();
      if (message.error) reject(new Error(message.error.message));
      else resolve(message.result ?? {});
    });
  });
}
