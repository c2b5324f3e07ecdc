/** One run of gdb with a time limit, ended so that the target is never left stopped or halfway inside a call. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { readStatus } from '../proc/read.ts';

export interface GdbRun {
  output: string;
  /** From the stop to the detach, as seen by watching the target every 2 ms; null when it was too short to see. */
  stoppedMs: number | null;
  /** Why it was broken off. */
  brokenOff: 'timeout' | 'cancelled' | null;
}

const MAX_OUTPUT_CHARS = 64 * 1024;
const WATCH_MS = 2;
/** Between SIGINT, SIGTERM and SIGKILL. */
const STEP_MS = 3_000;

export async function runGdb(gdb: string, args: readonly string[], pid: number, timeoutMs: number, signal?: AbortSignal): Promise<GdbRun> {
  const child = spawn(gdb, args, {
    // Its own group: Ctrl-C in our terminal must not reach it while the target is stopped.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', LC_ALL: 'C', TERM: 'dumb', DEBUGINFOD_URLS: '' },
  });
  let output = '';
  const take = (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(-MAX_OUTPUT_CHARS);
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const watch = watchTracer(pid);
  let brokenOff: GdbRun['brokenOff'] = null;
  const timers: NodeJS.Timeout[] = [];

  function breakOff(why: 'timeout' | 'cancelled'): void {
    if (brokenOff !== null) return;
    brokenOff = why;
    // SIGINT first: gdb gives up the call it waits for, restores the thread as it was, and detaches. SIGKILL, the last
    // resort, makes the kernel detach.
    child.kill('SIGINT');
    timers.push(setTimeout(() => child.kill('SIGTERM'), STEP_MS), setTimeout(() => child.kill('SIGKILL'), 2 * STEP_MS));
  }
  const onAbort = () => breakOff('cancelled');
  signal?.addEventListener('abort', onAbort);
  timers.push(setTimeout(() => breakOff('timeout'), timeoutMs));
  if (signal?.aborted) onAbort();

  try {
    await new Promise<void>((resolve, reject) => {
      child.once('error', (error) => reject(new HeaphouseError('missing-part', `gdb could not be started: ${error.message}`, { advice: 'Install gdb again.' })));
      child.once('close', () => resolve());
    });
    return { output, stoppedMs: watch.stop(), brokenOff };
  } finally {
    watch.stop();
    for (const timer of timers) clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    await untilUntraced(pid, child.pid ?? -1);
  }
}

/** Synchronous reads of one small file of /proc: some microseconds, and no queue that would blur the times. */
function watchTracer(pid: number): { stop(): number | null } {
  let from: number | null = null;
  let to: number | null = null;
  const timer = setInterval(() => {
    let traced = false;
    try {
      traced = !/^TracerPid:\s+0$/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
    } catch {
      // Gone: then it is not traced either.
    }
    if (traced) {
      from ??= performance.now();
      to = performance.now();
    }
  }, WATCH_MS);
  return {
    stop() {
      clearInterval(timer);
      return from === null || to === null ? null : Math.round((to - from + WATCH_MS) * 10) / 10;
    },
  };
}

async function untilUntraced(pid: number, gdbPid: number): Promise<void> {
  for (let i = 0; i < 100; i++) {
    const status = await readStatus(pid);
    if (status === null || status.tracerPid !== gdbPid) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new HeaphouseError('internal', `gdb has ended but the kernel still counts it as the debugger of process ${pid}.`, { advice: `Look at the process: ps -o pid,stat,wchan ${pid}` });
}
