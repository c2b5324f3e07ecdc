/** A session host as the workbench starts it, and targets for it to watch. */
import { execFileSync, fork, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { captureContract } from '#main/hosts/capture-contract.ts';
import { memoryContract } from '#shared/contracts/memory.ts';
import { liveContract } from '#shared/contracts/live.ts';
import { referencesContract } from '#shared/contracts/references.ts';
import { timelineContract } from '#shared/contracts/timeline.ts';
import { createChannelCore } from '#shared/rpc/channel.ts';
import { createRpcClient } from '#shared/rpc/client.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const HOST = join(ROOT, 'main/hosts/session-host.ts');

export type SessionClient = Awaited<ReturnType<typeof startSessionHost>>;

export async function startSessionHost() {
  const child = fork(HOST, [], { execPath: process.execPath, execArgv: [], serialization: 'advanced', stdio: ['ignore', 'inherit', 'pipe', 'ipc'] });
  let stderr = '';
  child.stderr?.on('data', (data) => (stderr += String(data)));
  const core = createChannelCore(
    (message) => child.connected && child.send(message as object, () => undefined),
    () => child.disconnect(),
  );
  child.on('message', (message) => core.receive(message));
  child.on('exit', (code, signal) => core.closed(`exit ${code ?? signal}`));
  const exited = new Promise<number | string | null>((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)));
  const client = createRpcClient(core.channel, { closedCode: 'host-crashed' });
  await client.ready;
  return {
    child,
    exited,
    stderr: () => stderr,
    capture: client.service(captureContract),
    timeline: client.service(timelineContract),
    memory: client.service(memoryContract),
    references: client.service(referencesContract),
    live: client.service(liveContract),
    async stop() {
      if (child.connected) child.disconnect();
      const timer = setTimeout(() => child.kill('SIGKILL'), 4_000);
      await exited;
      clearTimeout(timer);
    },
  };
}

export interface RunningTarget {
  child: ChildProcess;
  pid: number;
  url: string;
  stdout(): string;
  stderr(): string;
  exited: Promise<number | string | null>;
  kill(): Promise<void>;
}

/** Starts a command and waits for the DevTools address it prints to stderr. */
export async function startInspected(command: string, args: string[], env: NodeJS.ProcessEnv = process.env): Promise<RunningTarget> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => (stdout += String(data)));
  const url = await new Promise<string>((resolve, reject) => {
    child.stderr.on('data', (data) => {
      stderr += String(data);
      const found = /ws:\/\/\S+/.exec(stderr);
      if (found) resolve(found[0]);
    });
    child.on('exit', () => reject(new Error(`${command} ended: ${stderr}`)));
    child.on('error', reject);
  });
  const exited = new Promise<number | string | null>((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)));
  return {
    child,
    pid: child.pid ?? 0,
    url,
    stdout: () => stdout,
    stderr: () => stderr,
    exited,
    async kill() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await exited;
      }
    },
  };
}

/** The Node.js versions of this machine that the tests can use as targets: the one of the package, and PATH's own. */
export function nodeTargets(): { name: string; path: string }[] {
  const found: { name: string; path: string }[] = [];
  try {
    const packaged = join(dirname(createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/package.json`)), 'bin/node');
    if (existsSync(packaged)) found.push({ name: 'packaged Node.js', path: packaged });
  } catch {
    // Not installed for this platform.
  }
  const onPath = (process.env['PATH'] ?? '')
    .split(':')
    .filter((dir) => !dir.includes('node_modules'))
    .map((dir) => join(dir, 'node'))
    .find((path) => existsSync(path));
  if (onPath && !found.some((target) => target.path === onPath)) found.push({ name: 'Node.js of PATH', path: onPath });
  return found;
}

export async function until<T>(what: string, probe: () => T | Promise<T>, timeoutMs = 8_000): Promise<NonNullable<T>> {
  const limit = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value) return value as NonNullable<T>;
    if (Date.now() > limit) throw new Error(`Timed out: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

/** Whether we may mount a file system of our own here; needs root, as in a container. */
export function canMount(): boolean {
  try {
    mountSmallDisk().unmount();
    return true;
  } catch {
    return false;
  }
}

/** A file system of one MiB. Throws where it cannot be mounted. */
export function mountSmallDisk(): { dir: string; unmount(): void } {
  const dir = mkdtempSync(join(tmpdir(), 'heaphouse-full-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir], { stdio: 'ignore' });
  } catch (error) {
    rmSync(dir, { recursive: true, force: true });
    throw error;
  }
  return {
    dir,
    unmount() {
      execFileSync('umount', ['-l', dir], { stdio: 'ignore' });
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
