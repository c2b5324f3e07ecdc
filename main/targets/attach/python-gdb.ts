/** Starts the agent in a running CPython with gdb. See `gdb-script.ts` for what is done in the target and why it is safe. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HeaphouseError, cancelledError } from '#shared/rpc/errors.ts';
import { findGdb } from '../facts.ts';
import { parseContextSwitches, parseSyscall } from '../proc/parse.ts';
import { isAlive, readHead } from '../proc/read.ts';
import { step } from '../types.ts';
import { steadyWait } from './blocking-syscalls.ts';
import type { Sample } from './blocking-syscalls.ts';
import { gdbArguments, gdbScript, parseReports } from './gdb-script.ts';
import type { Entry, GdbReports } from './gdb-script.ts';
import { noAnswer, waitForAgent } from './python-place.ts';
import { RouteRefused } from './python-route.ts';
import type { EnterRequest, Entered, PythonRoute } from './python-route.ts';
import { locateFunctions } from './python-symbols.ts';
import { runGdb } from './run-gdb.ts';
import type { GdbRun } from './run-gdb.ts';

const GDB_TIMEOUT_MS = 20_000;
/** A running main thread comes by a safe point within milliseconds, unless it is in a long call of native code. */
const PENDING_WAIT_MS = 1_500;
const LAST_WAIT_MS = 10_000;
const SAMPLES = 6;
const SAMPLE_EVERY_MS = 5;
const MAX_ROUNDS = 3;

export const gdbRoute: PythonRoute = {
  id: 'gdb',
  unusable(facts, system) {
    if (system.gdb === null) return 'gdb is not installed';
    return facts.linkage?.symbols === 'none' ? 'its interpreter is stripped of all names' : null;
  },
  enter,
};

async function enter({ facts, place, code, options }: EnterRequest): Promise<Entered> {
  const { pid } = facts;
  const gdb = await findGdb();
  if (gdb === null) throw new RouteRefused('gdb is not installed');
  const codeFile = join(place.scratch, 'code.bin');
  const scriptFile = join(place.scratch, 'enter.gdb');
  await writeFile(codeFile, code, { mode: 0o600 });
  let pauseMs: number | null = null;
  let how: Entry['how'] = 'pending';
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const entry = await chooseEntry(pid);
    // A call is queued already: only a main thread that waits makes another one worth while.
    if (round === 0 || entry.how === 'waiting') {
      step(options, 'Entering the process with gdb', 1, 3);
      const script = { pid, entry, codeFile, codeBytes: code.length, arch: process.arch, functions: await locateFunctions(pid) };
      await writeFile(scriptFile, gdbScript(script), { mode: 0o600 });
      const run = await runGdb(gdb, gdbArguments(script, scriptFile), pid, GDB_TIMEOUT_MS, options.signal);
      how = await checkRun(run, pid);
      if (run.stoppedMs !== null) pauseMs = (pauseMs ?? 0) + run.stoppedMs;
    }
    step(options, 'Waiting for the agent', 2, 3);
    const waitMs = how === 'waiting' || round === MAX_ROUNDS - 1 ? LAST_WAIT_MS : PENDING_WAIT_MS;
    const report = await waitForAgent(facts, place.rendezvous, waitMs, options.signal);
    if (report) {
      await rm(scriptFile, { force: true });
      return { report, pauseMs, note: how === 'waiting' ? 'gdb: entered while the main thread waited' : 'gdb: entered at a safe point of the main thread' };
    }
    if (how === 'waiting') break;
  }
  throw await noAnswer(pid);
}

/** Watches the main thread for some 30 ms. */
async function chooseEntry(pid: number): Promise<Entry> {
  const samples: Sample[] = [];
  for (let i = 0; i < SAMPLES; i++) {
    if (i > 0) await new Promise((resolve) => setTimeout(resolve, SAMPLE_EVERY_MS));
    const [syscall, status] = await Promise.all([readHead(`/proc/${pid}/syscall`, 512), readHead(`/proc/${pid}/task/${pid}/status`, 16_384)]);
    samples.push({ state: parseSyscall(syscall ?? ''), switches: parseContextSwitches(status ?? '') });
  }
  const wait = steadyWait(samples);
  return wait === null ? { how: 'pending' } : { how: 'waiting', wait };
}

/** Tells by what gdb printed how far it came; throws when it did not get the code into the target. */
async function checkRun(run: GdbRun, pid: number): Promise<Entry['how']> {
  const reports: GdbReports = parseReports(run.output);
  const detail = run.output.slice(-4_000);
  if (run.brokenOff === 'cancelled') throw cancelledError();
  if (reports.get('ran') === 0) return 'waiting';
  if (reports.get('pending') === 0) return 'pending';
  if (!(await isAlive(pid))) throw new HeaphouseError('target-gone', `Process ${pid} ended while it was being entered.`, { detail });
  if (run.brokenOff === 'timeout') {
    throw new HeaphouseError('timeout', `gdb did not come through with process ${pid} within ${GDB_TIMEOUT_MS / 1_000} s; it was let go again.`, {
      advice: 'A thread in native code probably holds the interpreter, or the process waits inside the kernel. Try again later, or launch the program from Heaphouse.',
      detail,
    });
  }
  if (/ptrace: Operation not permitted|Could not attach to process|ptrace: No such process/i.test(run.output) && !reports.has('initialized')) {
    throw new HeaphouseError('permission', `The system does not let gdb debug process ${pid}.`, {
      advice: 'Usually another debugger holds it, it belongs to another user, or kernel.yama.ptrace_scope forbids it. In a container: start it with --cap-add=SYS_PTRACE. Launching the program from Heaphouse needs none of that.',
      detail,
    });
  }
  if (/No symbol "?Py_\w+"? in current context|No symbol table is loaded/.test(run.output)) {
    throw new HeaphouseError('unsupported', `Process ${pid} has no Python interface that gdb can find.`, {
      advice: 'Its interpreter is stripped of exported names, or it is not CPython. Launch the program from Heaphouse.',
      detail,
    });
  }
  if (/enter\.gdb: No such file|code\.bin: No such file/.test(run.output)) {
    throw new HeaphouseError('io', 'The folder for talking to targets vanished meanwhile.', { advice: 'Something cleans the folder of temporary files; try again.', detail });
  }
  if (reports.get('initialized') === 0) {
    throw new HeaphouseError('busy', `The Python in process ${pid} is not running: it starts up or shuts down.`, { advice: 'Try again in a moment.', detail });
  }
  if (reports.has('pending')) {
    throw new HeaphouseError('busy', `The queue of pending calls of process ${pid} is full.`, { advice: 'Its main thread has not come by a safe point for long. Try again later.', detail });
  }
  throw new HeaphouseError('unsupported', `gdb could not enter process ${pid}.`, { advice: 'What it said is below. Launching the program from Heaphouse needs no gdb.', detail });
}
