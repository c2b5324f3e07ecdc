/** Starts the agent in a running CPython with our own injector; `main/agents/python/injector/inject.c` says what it does and why that is safe. */
import { spawn } from 'node:child_process';
import * as v from 'valibot';
import { HeaphouseError, cancelledError } from '#shared/rpc/errors.ts';
import type { ErrorCode } from '#shared/rpc/errors.ts';
import { isAlive } from '../proc/read.ts';
import { step } from '../types.ts';
import { noAnswer, waitForAgent } from './python-place.ts';
import { RouteRefused } from './python-route.ts';
import type { EnterRequest, Entered, PythonRoute } from './python-route.ts';

const answerSchema = v.object({
  ok: v.boolean(),
  how: v.optional(v.picklist(['pending', 'thread'])),
  reason: v.optional(v.string(), ''),
  message: v.optional(v.string(), ''),
  stopUs: v.number(),
  tid: v.number(),
  wait: v.nullable(v.string()),
});
export type InjectorAnswer = v.InferOutput<typeof answerSchema>;

/** For the stop; the injector has shorter limits of its own for every call in the target. */
const STOP_TIMEOUT_MS = 5_000;
/** Beyond all of its own limits. */
const KILL_AFTER_MS = 15_000;
const MAX_OUTPUT_CHARS = 16_384;
/** A running main thread comes by a safe point within milliseconds, unless it is in a long call of native code. */
const FIRST_WAIT_MS = 500;
const RETRY_EVERY_MS = 1_500;
/** From the kill of a process to its end. */
const DYING_MS = 150;
const LAST_WAIT_MS = 10_000;

export const injectorRoute: PythonRoute = {
  id: 'injector',
  unusable(facts, system) {
    if (system.injector === null) return 'the injector is not built for this machine';
    if (facts.linkage?.symbols === 'debug' || facts.linkage?.symbols === 'none') return 'its interpreter exports no functions for the injector to call';
    if (facts.shadowStack) return 'it runs with a shadow stack, which the injector cannot cope with';
    return null;
  },
  enter,
};

async function enter({ facts, system, place, code, options }: EnterRequest): Promise<Entered> {
  const { pid } = facts;
  const injector = system.injector;
  if (injector === null) throw new RouteRefused('the injector is not built for this machine');
  step(options, 'Entering the process', 1, 3);
  const deadline = Date.now() + LAST_WAIT_MS;
  let answer = await runInjector(injector, pid, code, { signal: options.signal });
  let stopUs = answer.stopUs;
  check(answer, pid);
  step(options, 'Waiting for the agent', 2, 3);
  for (let round = 0; ; round++) {
    const report = await waitForAgent(facts, place.rendezvous, round === 0 ? FIRST_WAIT_MS : RETRY_EVERY_MS, options.signal);
    if (report) return { report, pauseMs: stopUs / 1_000, note: describe(answer, pid) };
    if (Date.now() > deadline) throw await noAnswer(pid);
    // Asked at its safe point, the main thread is in native code for long, or has gone to sleep just now: a thread that waits will
    // do as well. A thread of its own may have been made while the main thread only waited for the interpreter's lock, which it
    // then may not get for long: the main thread is asked. The code runs only once, whichever comes first.
    const ownThread = answer.how === 'thread';
    const other = await runInjector(injector, pid, code, { anyThread: !ownThread, signal: options.signal });
    stopUs += other.stopUs;
    if (other.ok) answer = other;
    else if (other.reason !== 'no-thread' && !ownThread) check(other, pid);
  }
}

function describe(answer: InjectorAnswer, pid: number): string {
  if (answer.how === 'pending') return 'injector: entered at a safe point of the main thread';
  return `injector: entered through a thread of its own while ${answer.tid === pid ? 'the main thread' : 'another thread'} waited (${answer.wait ?? '?'})`;
}

/** Errors that no other way into the process would get round. */
const FINAL: Record<string, [ErrorCode, string]> = {
  gone: ['target-gone', 'Look at the list of processes again.'],
  permission: ['permission', 'Usually it belongs to another user, or kernel.yama.ptrace_scope forbids it. In a container: start it with --cap-add=SYS_PTRACE. Launching the program from Heaphouse needs none of that.'],
  traced: ['busy', 'End that debugger or strace first.'],
  stopped: ['permission', 'Let it go on: kill -CONT with its process id.'],
  seccomp: ['unsupported', 'Launch the program from Heaphouse.'],
  'not-ready': ['busy', 'Try again in a moment.'],
  'queue-full': ['busy', 'Its main thread has not come by a safe point for long. Try again later.'],
  'thread-refused': ['unsupported', 'The agent needs a thread: raise the limit of processes and threads (ulimit -u, or pids.max of its control group).'],
  timeout: ['timeout', 'It probably waits for a disk or a network file system. Try again later; the process goes on as before.'],
  stuck: ['timeout', 'Try again later; the process goes on as before.'],
};

function check(answer: InjectorAnswer, pid: number): void {
  if (answer.ok) return;
  const final = FINAL[answer.reason];
  if (final === undefined) throw new RouteRefused(answer.message || answer.reason || 'the injector gave no reason');
  throw new HeaphouseError(final[0], `Process ${pid} cannot be entered: ${answer.message}.`, { advice: final[1] });
}

/** One run. Throws `RouteRefused` when the program itself does not work, `cancelled`. */
export async function runInjector(injector: string, pid: number, code: Buffer, options: { anyThread?: boolean; signal?: AbortSignal | undefined } = {}): Promise<InjectorAnswer> {
  const child = spawn(injector, [...(options.anyThread ? ['--any-thread'] : []), '--timeout', String(STOP_TIMEOUT_MS), String(pid)], {
    // Its own group: Ctrl-C in our terminal must not reach it while the target is stopped.
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {},
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(0, MAX_OUTPUT_CHARS);
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(code.subarray(0, code.indexOf(0)));
  let cancelled = false;
  // At any moment of its work the target goes on right when it is killed; it takes no other signal.
  const kill = () => child.kill('SIGKILL');
  const onAbort = () => {
    cancelled = true;
    kill();
  };
  options.signal?.addEventListener('abort', onAbort);
  if (options.signal?.aborted) onAbort();
  const timer = setTimeout(kill, KILL_AFTER_MS);
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('error', (error) => reject(new RouteRefused(`the injector could not be started (${error.message})`)));
      child.once('close', () => resolve());
    });
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
  }
  if (cancelled) throw cancelledError();
  const answer = parseAnswer(output);
  // A process on its way out has given up its memory already and refuses like a stranger's.
  return !answer.ok && answer.reason === 'permission' && (await hasEnded(pid)) ? { ...answer, reason: 'gone', message: 'it has ended' } : answer;
}

async function hasEnded(pid: number): Promise<boolean> {
  for (const deadline = Date.now() + DYING_MS; Date.now() < deadline; await new Promise((resolve) => setTimeout(resolve, 10))) {
    if (!(await isAlive(pid))) return true;
  }
  return false;
}

export function parseAnswer(output: string): InjectorAnswer {
  try {
    return v.parse(answerSchema, JSON.parse(output));
  } catch {
    throw new RouteRefused('the injector ended without an answer');
  }
}
