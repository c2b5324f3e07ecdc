/** Starts the agent in a running CPython with gdb. See `gdb-script.ts` for what is done in the target and why it is safe. */
import { cp, chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HeaphouseError, cancelledError } from '#shared/rpc/errors.ts';
import { findAgentDir } from '../agent-dir.ts';
import { findGdb } from '../facts.ts';
import type { ProcessFacts } from '../facts.ts';
import { parseContextSwitches, parseSyscall } from '../proc/parse.ts';
import { isAlive, readHead } from '../proc/read.ts';
import { createRendezvous, readReports, removeRendezvous, watchFolder } from '../rendezvous.ts';
import type { RuntimeReport } from '../rendezvous.ts';
import { step } from '../types.ts';
import type { TargetOptions } from '../types.ts';
import { steadyWait } from './blocking-syscalls.ts';
import type { Sample } from './blocking-syscalls.ts';
import { gdbArguments, gdbScript, injectedCode, parseReports } from './gdb-script.ts';
import type { Entry, GdbReports } from './gdb-script.ts';
import { locateFunctions } from './python-symbols.ts';
import { runGdb } from './run-gdb.ts';
import type { GdbRun } from './run-gdb.ts';

export interface PythonEntry {
  report: RuntimeReport;
  pauseMs: number | null;
  notes: string[];
  cleanUp(): Promise<void>;
}

const GDB_TIMEOUT_MS = 20_000;
/** A running main thread comes by a safe point within milliseconds, unless it is in a long call of native code. */
const PENDING_WAIT_MS = 1_500;
const LAST_WAIT_MS = 10_000;
const SAMPLES = 6;
const SAMPLE_EVERY_MS = 5;
const MAX_ROUNDS = 3;

/** Throws `missing-part` (no gdb), `permission` (ptrace refused), `unsupported`, `timeout`, `target-gone`, `cancelled`. */
export async function enterPython(facts: ProcessFacts, options: TargetOptions): Promise<PythonEntry> {
  const gdb = await findGdb();
  if (gdb === null) throw new HeaphouseError('missing-part', 'gdb is not installed.', { advice: 'Install gdb, or launch the program from Heaphouse.' });
  const place = await preparePlace(facts, options);
  try {
    return await enter(gdb, facts.pid, place, options);
  } catch (error) {
    await place.cleanUp();
    throw error;
  }
}

interface Place {
  rendezvous: string;
  /** Ours alone: script and code for gdb. */
  scratch: string;
  injectFile: string;
  cleanUp(): Promise<void>;
}

/** A target of another user can neither read our files nor write into our folders: it gets a copy and a folder of its own. */
async function preparePlace(facts: ProcessFacts, options: TargetOptions): Promise<Place> {
  const agentDir = await findAgentDir(options.agentDir);
  const foreign = facts.uid !== (process.geteuid?.() ?? facts.uid);
  const folders: string[] = [];
  const cleanUp = async () => {
    for (const folder of folders) await removeRendezvous(folder);
  };
  try {
    const scratch = await createRendezvous(options.rendezvousDir, 'attach');
    folders.push(scratch);
    if (!foreign) return { rendezvous: scratch, scratch, injectFile: join(agentDir, 'inject.py'), cleanUp };
    const shared = await mkdtemp(join(tmpdir(), 'heaphouse-agent-'));
    folders.unshift(shared);
    await chmod(shared, 0o755);
    const copy = join(shared, 'python');
    await cp(agentDir, copy, { recursive: true, filter: (source) => !/__pycache__|\.pyc$/.test(source) });
    await makeReadable(copy);
    const rendezvous = await createRendezvous(shared, 'attach', { uid: facts.uid, gid: facts.gid });
    return { rendezvous, scratch, injectFile: join(copy, 'inject.py'), cleanUp };
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

async function makeReadable(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await makeReadable(path);
    else await chmod(path, 0o644);
  }
}

async function enter(gdb: string, pid: number, place: Place, options: TargetOptions): Promise<PythonEntry> {
  const codeFile = join(place.scratch, 'code.bin');
  const scriptFile = join(place.scratch, 'enter.gdb');
  const code = injectedCode(place.injectFile, place.rendezvous);
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
    const report = await waitForAgent(pid, place.rendezvous, waitMs, options.signal);
    if (report) {
      await rm(scriptFile, { force: true });
      return { report, pauseMs, notes: [how === 'waiting' ? 'entered while the main thread waited' : 'entered at a safe point of the main thread'], cleanUp: place.cleanUp };
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

async function waitForAgent(pid: number, rendezvous: string, waitMs: number, signal: AbortSignal | undefined): Promise<RuntimeReport | null> {
  async function look(): Promise<RuntimeReport | null> {
    for (const entry of await readReports(rendezvous)) {
      if ('error' in entry) {
        throw new HeaphouseError('unsupported', `The agent cannot run in process ${pid}: ${entry.error}`, { advice: 'The agent needs CPython 3.8 or newer.', detail: entry.detail });
      }
      if (entry.pid === pid) return entry.report;
    }
    if (!(await isAlive(pid))) throw new HeaphouseError('target-gone', `Process ${pid} ended while it was being entered.`);
    return null;
  }
  return watchFolder(rendezvous, look, Date.now() + waitMs, signal);
}

async function noAnswer(pid: number): Promise<HeaphouseError> {
  const state = parseSyscall((await readHead(`/proc/${pid}/syscall`, 512)) ?? '');
  const where = state === null ? '' : state.running ? ' Its main thread runs native code.' : ` Its main thread waits in system call ${state.number}.`;
  return new HeaphouseError('timeout', `Process ${pid} was entered, but its main thread has not come by a point where the agent may start.${where}`, {
    advice: 'Try again when it is less busy. The process goes on as before.',
  });
}
