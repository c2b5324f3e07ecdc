/** Child processes of the tests: started with a log, ended by id, and counted afterwards. */
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const MAX_OUTPUT_CHARS = 200_000;

export interface Child {
  process: ChildProcess;
  pid: number;
  output(): string;
  /** First match of the pattern in the output. Rejects when the process ends or the time is over. */
  waitForOutput(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray>;
  exited: Promise<{ code: number | null; signal: string | null }>;
  /** SIGTERM, after `graceMs` SIGKILL; resolves when it has gone. */
  end(graceMs?: number): Promise<void>;
}

export async function startChild(command: string, args: string[], options: SpawnOptions = {}): Promise<Child> {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  const listeners = new Set<() => void>();
  const add = (chunk: Buffer) => {
    text = (text + chunk.toString('utf8')).slice(-MAX_OUTPUT_CHARS);
    for (const listener of [...listeners]) listener();
  };
  child.stdout?.on('data', add);
  child.stderr?.on('data', add);
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  let gone = false;
  void exited.then(() => {
    gone = true;
  });

  return {
    process: child,
    pid: child.pid!,
    output: () => text,
    exited,
    waitForOutput(pattern, timeoutMs) {
      return new Promise((resolve, reject) => {
        const done = (settle: () => void) => {
          clearTimeout(timer);
          listeners.delete(look);
          settle();
        };
        const look = () => {
          const match = pattern.exec(text);
          if (match) done(() => resolve(match));
        };
        const fail = (why: string) => done(() => reject(new Error(`${command} ${why} before it printed ${pattern}.\n${text.slice(-4_000)}`)));
        const timer = setTimeout(() => fail(`took more than ${timeoutMs} ms`), timeoutMs);
        listeners.add(look);
        void exited.then(({ code, signal }) => fail(`ended (code ${code}, signal ${signal})`));
        look();
      });
    },
    async end(graceMs = 5_000) {
      if (gone) return;
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      child.kill('SIGTERM');
      await exited;
      clearTimeout(timer);
    },
  };
}

/**
 * Ids of processes whose command line or environment contains the text: ours, what they started, and what that started.
 * Linux only; elsewhere the answer is empty.
 */
export function processesWith(text: string): number[] {
  if (process.platform !== 'linux') return [];
  const found: number[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    try {
      if (['cmdline', 'environ'].some((part) => readFileSync(`/proc/${name}/${part}`, 'latin1').includes(text))) found.push(Number(name));
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

/** Waits until no process carries the text any more; returns the ids of those that stayed. */
export async function waitForNone(text: string, timeoutMs: number): Promise<number[]> {
  const until = Date.now() + timeoutMs;
  let left = processesWith(text);
  while (left.length > 0 && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    left = processesWith(text);
  }
  return left;
}
