/** Attach, ask something, detach, again and again, on one program whose result is known. For the stress test and the bench. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { attachProcess } from '#main/targets/attach.ts';
import type { PythonRouteId } from '#main/targets/attach/python-route.ts';

const PROGRAM = fileURLToPath(new URL('../../samples/steady.py', import.meta.url));
export const MAIN_KINDS = ['busy', 'asyncio', 'sleep', 'threads', 'alloc'] as const;
export const FURTHER_KINDS = ['native', 'imports', 'forks', 'plain'] as const;
export type Kind = (typeof MAIN_KINDS)[number] | (typeof FURTHER_KINDS)[number];

export interface RoundsResult {
  /** Rounds that attached, were answered, and detached. */
  done: number;
  failures: string[];
  /** Time that the entered thread stood still, ms, one per round. */
  pauses: number[];
  /** From the call to the agent's address, ms. */
  latencies: number[];
  /** How each was entered. */
  ways: Record<string, number>;
  /** What the program said at its end, and how it ended. */
  verdict: string;
  /** Executable mappings without a file, and threads, after the last detach minus before the first attach. */
  moreCode: number;
  moreThreads: number;
}

/** Of a process: mappings that are executable but of no file, and threads. */
function leftovers(pid: number): { code: number; threads: number } {
  const maps = readFileSync(`/proc/${pid}/maps`, 'utf8');
  return { code: maps.split('\n').filter((line) => /^\S+ r.xp \S+ 00:00 0\s*$/.test(line)).length, threads: readdirSync(`/proc/${pid}/task`).length };
}

function ask(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    const timer = setTimeout(() => {
      socket.terminate();
      reject(new Error('the agent does not answer'));
    }, 20_000);
    let answered = false;
    let answer = 'none';
    socket.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    socket.on('open', () => socket.send('{"id":1,"method":"Runtime.evaluate","params":{"expression":"6*7"}}'));
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as { id?: number; result?: { result?: { value?: unknown } } };
      if (message.id !== 1) return;
      answered = message.result?.result?.value === 42;
      answer = String(data).slice(0, 500);
      socket.send('{"id":2,"method":"Python.detach"}');
    });
    socket.on('close', () => {
      clearTimeout(timer);
      if (answered) resolve();
      else reject(new Error(`the agent went without the right answer: ${answer}`));
    });
  });
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function until(what: () => boolean, limitMs: number): Promise<boolean> {
  for (const deadline = Date.now() + limitMs; Date.now() < deadline; await sleep(10)) if (what()) return true;
  return what();
}

export async function attachRounds(python: string, kind: Kind, rounds: number, options: { routes?: readonly PythonRouteId[]; agentDir?: string | undefined } = {}): Promise<RoundsResult> {
  const dir = mkdtempSync(join(tmpdir(), 'heaphouse-rounds-'));
  const stopFile = join(dir, 'stop');
  const child = spawn(python, [PROGRAM, '--kind', kind, '--until', stopFile], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const pid = child.pid ?? -1;
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  let ended: string | null = null;
  const end = new Promise<void>((resolve) =>
    child.once('close', (code, signal) => {
      ended = signal ?? `exit ${code}`;
      resolve();
    }),
  );
  const result: RoundsResult = { done: 0, failures: [], pauses: [], latencies: [], ways: {}, verdict: '', moreCode: 0, moreThreads: 0 };
  try {
    if (!(await until(() => output.includes('ready'), 20_000))) throw new Error(`the program does not start: ${output}`);
    await sleep(100);
    const before = leftovers(pid);
    for (let round = 0; round < rounds && ended === null; round++) {
      const begun = performance.now();
      try {
        const target = await attachProcess(pid, { rendezvousDir: join(dir, 'rendezvous'), pythonRoutes: options.routes, agentDir: options.agentDir });
        result.latencies.push(performance.now() - begun);
        if (target.receipt.pauseMs !== null) result.pauses.push(target.receipt.pauseMs);
        const way = (target.receipt.notes[0] ?? '').replace(/ \(.*/, '');
        result.ways[way] = (result.ways[way] ?? 0) + 1;
        try {
          await ask(target.capture.webSocketUrl);
          result.done++;
        } finally {
          await target.dispose();
        }
      } catch (error) {
        result.failures.push(`round ${round}: ${(error as Error).message} ${String((error as { detail?: string }).detail ?? '').slice(0, 500)}`);
        if (result.failures.length >= 5) break;
      }
    }
    if (ended === null) {
      await until(() => leftovers(pid).threads === before.threads && leftovers(pid).code === before.code, 15_000);
      const after = leftovers(pid);
      result.moreCode = after.code - before.code;
      result.moreThreads = after.threads - before.threads;
    }
    writeFileSync(stopFile, '');
    if (!(await until(() => ended !== null, 30_000))) result.failures.push('the program does not end: stuck');
    result.verdict = `${output.replace(/^ready\n/, '').trim()} (${ended ?? 'killed'})`;
    return result;
  } finally {
    if (ended === null) {
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        // Ended meanwhile.
      }
      await end;
    }
    if (existsSync(dir)) rmSync(dir, { recursive: true, force: true });
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
