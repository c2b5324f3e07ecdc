/**
 * Starts the agent through the interface CPython 3.14 and newer has for debuggers (PEP 768, `sys.remote_exec`), without
 * the debugger: the path of a script and a mark are written into the state of the main thread, and the interpreter runs
 * the script itself at its next safe point. Nothing is stopped, no signal is sent, no code of ours runs outside Python.
 *
 * Written by ourselves and not by the target's own `python -c "import sys; sys.remote_exec(...)"`: that takes a second
 * interpreter of exactly that version among the target's files and tens of milliseconds, and does the same writes.
 * Only the main thread is asked. The state of any other may be freed between our look and our write.
 */
import { chown, open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { cancelledError } from '#shared/rpc/errors.ts';
import { DEBUG_OFFSETS_BYTES, parseDebugOffsets } from '../proc/debug-offsets.ts';
import type { DebugOffsets } from '../proc/debug-offsets.ts';
import { locateSection, parseFileMappings } from '../proc/elf-symbols.ts';
import { parseSyscall } from '../proc/parse.ts';
import { readHead } from '../proc/read.ts';
import { step } from '../types.ts';
import { noAnswer, waitForAgent } from './python-place.ts';
import { RouteRefused } from './python-route.ts';
import type { EnterRequest, Entered, PythonRoute } from './python-route.ts';

/** Most programs look at other requests of the interpreter so often that ours is seen without a nudge. */
const PATIENT_MS = 20;
/** Of a main thread that waits, perhaps only for the lock of the interpreter. One that runs comes by within microseconds of the nudge. */
const WAITING_MS = 150;
/** Of one that runs, or would if the machine were less busy; it may be in native code for long. */
const RUNNING_MS = 1_000;
const AGENT_MS = 10_000;
const MAX_INTERPRETERS = 1_024;
/** `_PY_EVAL_PLEASE_STOP_BIT`. */
const PLEASE_STOP = 0x20;
const SCRIPT = 'enter.py';

export const remoteExecRoute: PythonRoute = {
  id: 'remote-exec',
  unusable({ identity, remoteDebugDisabledBy }) {
    const [major = 0, minor = 0] = (identity?.version ?? '').split('.').map(Number);
    if (major !== 3 || minor < 14) return 'its Python has no interface for debuggers (3.14 and newer have)';
    return remoteDebugDisabledBy === null ? null : `its interface for debuggers is switched off (${remoteDebugDisabledBy})`;
  },
  enter,
};

/** The memory of a process. Throws where there is none, or where it must not be touched. */
export interface Memory {
  read(at: bigint, bytes: number): Promise<Buffer>;
  write(at: bigint, bytes: Uint8Array): Promise<void>;
}

/** Where the requests to one main thread go. Addresses. */
export interface MainThread {
  offsets: DebugOffsets;
  evalBreaker: bigint;
  pendingCall: bigint;
  scriptPath: bigint;
}

async function enter({ facts, place, code, options }: EnterRequest): Promise<Entered> {
  const { pid } = facts;
  step(options, 'Entering the process', 1, 3);
  const runtime = await locateRuntime(pid);
  if (runtime === null) throw new RouteRefused('the interpreter\'s own data cannot be found in its memory');
  const script = join(place.rendezvous, SCRIPT);
  const { memory, close } = await openMemory(pid);
  try {
    const thread = await findMainThread(memory, runtime);
    await writeScript(script, code, facts);
    const taken = await ask(memory, thread, join(place.rendezvousInTarget, SCRIPT), () => isRunning(pid), options.signal);
    // It may have begun in the very moment in which the request was withdrawn.
    const report = await waitForAgent(facts, place.rendezvous, taken ? AGENT_MS : 50, options.signal);
    if (report) return { report, pauseMs: 0, note: 'sys.remote_exec: its interpreter ran the script at a safe point of the main thread; nothing was stopped' };
    if (taken) throw await noAnswer(pid);
    throw new RouteRefused('its main thread waits, and came by no safe point');
  } finally {
    await close();
    await rm(script, { force: true }).catch(() => undefined);
  }
}

/** Address of `_PyRuntime`: it has a section of its own in the program or in libpython. */
export async function locateRuntime(pid: number): Promise<bigint | null> {
  const mappings = parseFileMappings((await readHead(`/proc/${pid}/maps`, 8_388_608)) ?? '');
  const paths = [...new Set(mappings.map((mapping) => mapping.path))];
  const libpython = paths.find((path) => /^libpython3\.\d+[a-z]*\.so/.test(basename(path)));
  const program = paths[0];
  if (libpython !== undefined) return locateSection(mappings, libpython, `/proc/${pid}/root${libpython}`, '.PyRuntime');
  return program === undefined ? null : locateSection(mappings, program, `/proc/${pid}/exe`, '.PyRuntime');
}

async function openMemory(pid: number): Promise<{ memory: Memory; close: () => Promise<void> }> {
  let file: FileHandle;
  try {
    file = await open(`/proc/${pid}/mem`, 'r+');
  } catch (error) {
    throw new RouteRefused(`its memory may not be written to (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
  }
  // A bigint as position of a write is taken for 0; user addresses are below 2^47 and fit a number.
  const number = (at: bigint): number => {
    if (at < 65_536n || at >= 1n << 47n) throw new RouteRefused('an address in its data for debuggers is impossible');
    return Number(at);
  };
  const memory: Memory = {
    async read(at, bytes) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(bytes), 0, bytes, number(at)).catch(() => ({ bytesRead: 0, buffer: Buffer.alloc(0) }));
      if (bytesRead !== bytes) throw new RouteRefused('its data for debuggers cannot be read');
      return buffer;
    },
    async write(at, bytes) {
      const { bytesWritten } = await file.write(bytes, 0, bytes.length, number(at)).catch(() => ({ bytesWritten: 0 }));
      if (bytesWritten !== bytes.length) throw new RouteRefused('its memory cannot be written to');
    },
  };
  return { memory, close: () => file.close().catch(() => undefined) };
}

/** The main thread of the main interpreter. Everything is checked before anything is written. Throws `RouteRefused`. */
export async function findMainThread(memory: Memory, runtime: bigint): Promise<MainThread> {
  const offsets = parseDebugOffsets(await memory.read(runtime, DEBUG_OFFSETS_BYTES));
  if (typeof offsets === 'string') throw new RouteRefused(offsets);
  if (offsets.freeThreaded) throw new RouteRefused('its Python is built without the global lock');
  const word = async (at: bigint, offset: number): Promise<bigint> => (await memory.read(at + BigInt(offset), 8)).readBigUInt64LE();
  if ((await word(runtime, offsets.runtime.finalizing)) !== 0n) throw new RouteRefused('its interpreter is ending');
  let interpreter = await word(runtime, offsets.runtime.interpreters);
  for (let n = 0; interpreter !== 0n && (await word(interpreter, offsets.interpreter.id)) !== 0n; n++) {
    if (n >= MAX_INTERPRETERS) throw new RouteRefused('its list of interpreters has no end');
    interpreter = await word(interpreter, offsets.interpreter.next);
  }
  if (interpreter === 0n) throw new RouteRefused('its interpreter is not ready');
  if ((await memory.read(interpreter + BigInt(offsets.interpreter.remoteDebuggingEnabled), 4)).readInt32LE() !== 1) throw new RouteRefused('its interface for debuggers is switched off');
  const thread = await word(interpreter, offsets.interpreter.mainThread);
  if (thread === 0n || (await word(thread, offsets.thread.interpreter)) !== interpreter) throw new RouteRefused('its main thread cannot be found');
  const support = thread + BigInt(offsets.thread.support);
  return {
    offsets,
    evalBreaker: thread + BigInt(offsets.thread.evalBreaker),
    pendingCall: support + BigInt(offsets.support.pendingCall),
    scriptPath: support + BigInt(offsets.support.scriptPath),
  };
}

async function isRunning(pid: number): Promise<boolean> {
  const text = await readHead(`/proc/${pid}/syscall`, 512);
  return text !== null && parseSyscall(text)?.running === true;
}

/** Has the script run. False: nobody came by, and the request is withdrawn. Throws `RouteRefused`, `cancelled`. */
export async function ask(memory: Memory, thread: MainThread, script: string, running: () => Promise<boolean>, signal?: AbortSignal): Promise<boolean> {
  const path = Buffer.from(`${script}\0`, 'utf8');
  if (path.length > thread.offsets.support.scriptPathBytes) throw new RouteRefused('the path of the script is too long for it');
  const isPending = async (): Promise<boolean> => (await memory.read(thread.pendingCall, 4)).readInt32LE() !== 0;
  if (await isPending()) throw new RouteRefused('another debugger has asked it to run a script');
  await memory.write(thread.scriptPath, path);
  await memory.write(thread.pendingCall, Buffer.from([1, 0, 0, 0]));
  const began = Date.now();
  for (let nudged = false; !signal?.aborted; await pause(1)) {
    if (!(await isPending())) return true;
    const waited = Date.now() - began;
    if (waited > RUNNING_MS || (waited > WAITING_MS && !(await running()))) break;
    if (!nudged && waited > PATIENT_MS) {
      await nudge(memory, thread);
      nudged = true;
    }
  }
  if (!(await isPending())) return true;
  await memory.write(thread.pendingCall, Buffer.alloc(4));
  if (signal?.aborted) throw cancelledError();
  return false;
}

/**
 * Makes the thread look at its requests, as `sys.remote_exec` does. The word is shared with the target, which sets bits
 * of its own in it; where one of those is set it will look by itself, so ours is only written where there is none.
 */
async function nudge(memory: Memory, thread: MainThread): Promise<void> {
  const [low = 0] = await memory.read(thread.evalBreaker, 1);
  if (low === 0) await memory.write(thread.evalBreaker, Buffer.from([PLEASE_STOP]));
}

async function writeScript(path: string, code: Buffer, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.write(Buffer.concat([code.subarray(0, code.indexOf(0)), Buffer.from('\n')]));
  } finally {
    await file.close();
  }
  if (uid !== process.geteuid?.()) await chown(path, uid, gid);
}
