/** A child process in its own process group: output, end, and the certainty that nothing of it is left. */
import { spawn } from 'node:child_process';
import type { OutputChunk } from '#shared/model/session.ts';
import type { Dispose } from '#shared/rpc/channel.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { listPids, readDescendants, readEnviron, readStat } from '../proc/read.ts';
import type { TargetExit } from '../types.ts';
import { createChatterFilter, createDecoder, createOutputBuffer } from './output.ts';

export interface ChildOptions {
  path: string;
  args: readonly string[];
  cwd: string;
  env: NodeJS.ProcessEnv;
  /** An environment variable only this child and what it starts have. */
  marker: { name: string; value: string };
  /** The debugger's own lines are taken out of the output and the address in them is told. */
  onDebuggerUrl: (url: string) => void;
}

export interface Child {
  pid: number;
  onOutput(listener: (chunk: OutputChunk) => void): Dispose;
  lastOutput(): string;
  note(text: string): void;
  onExit(listener: (exit: TargetExit) => void): Dispose;
  exit(): TargetExit | null;
  /** Whether any process of the group, or started by it, is left. */
  remaining(): Promise<number[]>;
  terminate(graceMs?: number): Promise<void>;
  kill(): Promise<void>;
}

/** After the child has ended, how long to wait for the rest of its output while somebody else holds the pipe. */
const DRAIN_MS = 250;
const DEFAULT_GRACE_MS = 5_000;

export async function startChild(options: ChildOptions): Promise<Child> {
  // Own process group (and session): signals reach everything the command starts, and a Ctrl-C in our terminal does not.
  const child = spawn(options.path, options.args, {
    cwd: options.cwd,
    env: options.env,
    detached: process.platform !== 'win32',
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
  });
  const output = createOutputBuffer();
  const exitListeners = new Set<(exit: TargetExit) => void>();
  let ended: TargetExit | null = null;

  const stdout = createDecoder((text) => output.push('stdout', text));
  const filter = createChatterFilter((text) => output.push('stderr', text), options.onDebuggerUrl);
  const stderr = createDecoder((text) => filter.write(text));
  child.stdout.on('data', (bytes: Buffer) => stdout.write(bytes));
  child.stderr.on('data', (bytes: Buffer) => stderr.write(bytes));
  child.stdout.on('error', () => undefined);
  child.stderr.on('error', () => undefined);

  function finish(exit: TargetExit): void {
    if (ended !== null) return;
    stdout.end();
    stderr.end();
    filter.end();
    ended = exit;
    for (const listener of [...exitListeners]) listener(exit);
    exitListeners.clear();
  }

  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error: NodeJS.ErrnoException) => reject(spawnError(options, error)));
  });
  child.on('error', () => undefined);
  child.once('close', (code, signal) => finish({ code, signal }));
  child.once('exit', (code, signal) => {
    setTimeout(() => finish({ code, signal }), DRAIN_MS);
  });
  const pid = child.pid as number;

  async function remaining(): Promise<number[]> {
    if (process.platform !== 'linux') return child.exitCode === null && child.signalCode === null ? [pid] : [];
    const [pids, descendants] = await Promise.all([listPids(), readDescendants(pid)]);
    const found = new Set(descendants);
    await Promise.all(
      pids.map(async (each) => {
        const info = await readStat(each);
        if (!info || info.state === 'Z' || info.state === 'X') found.delete(each);
        // The session id stays when a parent dies; the marker stays when a daemon makes its own session.
        else if (each === pid || info.session === pid || info.processGroup === pid) found.add(each);
        else if ((await readEnviron(each))?.get(options.marker.name) === options.marker.value) found.add(each);
      }),
    );
    return [...found];
  }

  async function untilGone(ms: number): Promise<number[]> {
    const deadline = Date.now() + ms;
    for (;;) {
      const left = await remaining();
      if (left.length === 0 || Date.now() >= deadline) return left;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  async function kill(): Promise<void> {
    // Again while something is found: a process may fork between our look and our signal.
    for (let round = 0; round < 20; round++) {
      signalGroup(pid, 'SIGKILL');
      const left = await remaining();
      if (left.length === 0) break;
      for (const each of left) signalOne(each, 'SIGKILL');
      await untilGone(200);
    }
    await new Promise<void>((resolve) => {
      if (ended !== null) return resolve();
      exitListeners.add(() => resolve());
      // A process in uninterruptible sleep dies when the kernel lets it; nobody waits for that.
      setTimeout(resolve, 2_000).unref();
    });
  }

  return {
    pid,
    onOutput: output.onOutput,
    lastOutput: output.tail,
    note: (text) => output.push('workbench', text),
    onExit(listener) {
      if (ended !== null) {
        listener(ended);
        return () => undefined;
      }
      exitListeners.add(listener);
      return () => exitListeners.delete(listener);
    },
    exit: () => ended,
    remaining,
    async terminate(graceMs = DEFAULT_GRACE_MS) {
      signalGroup(pid, 'SIGTERM');
      await untilGone(graceMs);
      await kill();
    },
    kill,
  };
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  if (process.platform === 'win32') signalOne(pid, signal);
  else signalOne(-pid, signal);
}

function signalOne(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}

function spawnError(options: ChildOptions, error: NodeJS.ErrnoException): HeaphouseError {
  const detail = `${error.code ?? ''} ${error.message}`.trim();
  switch (error.code) {
    case 'ENOENT':
      // The file is there (it was looked up), so its interpreter or loader is not.
      return new HeaphouseError('not-found', `${options.path} cannot be started: the interpreter in its first line, or its loader, is missing.`, {
        advice: 'Start it with an interpreter that exists, for example: python script.py',
        detail,
      });
    case 'EACCES':
    case 'EPERM':
      return new HeaphouseError('permission', `${options.path} may not be started.`, { advice: 'Check the permissions of the program and of the working folder.', detail });
    case 'ENOEXEC':
      return new HeaphouseError('unsupported', `${options.path} is not a program for this machine.`, { advice: 'A script needs a first line such as #!/usr/bin/env python3.', detail });
    case 'E2BIG':
      return new HeaphouseError('invalid-argument', 'Arguments and environment together are too long for the system.', { advice: 'Shorten them.', detail });
    case 'EAGAIN':
    case 'EMFILE':
    case 'ENOMEM':
      return new HeaphouseError('io', `The system has no room for another process (${error.code}).`, { advice: 'Close something and try again.', detail });
    default:
      return new HeaphouseError('io', `${options.path} could not be started.`, { detail });
  }
}
