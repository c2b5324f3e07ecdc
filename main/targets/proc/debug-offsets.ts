/**
 * The table at the start of CPython's `_PyRuntime` (`_Py_DebugOffsets`, PEP 768 and its how-to): where a debugger finds
 * what it needs. The table itself is laid out anew in each minor version; alphas and betas differ once more.
 */
export interface DebugOffsets {
  /** `3.14.8`. */
  version: string;
  freeThreaded: boolean;
  runtime: { finalizing: number; interpreters: number };
  interpreter: { id: number; next: number; mainThread: number; remoteDebuggingEnabled: number };
  thread: { interpreter: number; evalBreaker: number; support: number };
  support: { pendingCall: number; scriptPath: number; scriptPathBytes: number };
}

/** Numbers of 64-bit words, counted in `pycore_debug_offsets.h` of each version. */
interface Words {
  finalizing: number;
  interpreters: number;
  id: number;
  next: number;
  mainThread: number;
  threadInterpreter: number;
  /** First of six: eval_breaker, remote_debugger_support, remote_debugging_enabled, pending call, path, its size. */
  debuggerSupport: number;
}

const WORDS: Record<string, Words> = {
  '3.14': { finalizing: 4, interpreters: 5, id: 7, next: 8, mainThread: 10, threadInterpreter: 25, debuggerSupport: 89 },
  '3.15': { finalizing: 4, interpreters: 5, id: 7, next: 8, mainThread: 10, threadInterpreter: 25, debuggerSupport: 105 },
};

/** Enough for the tables of all versions known here. */
export const DEBUG_OFFSETS_BYTES = 8 * 111;
/** Larger than any of the structures these offsets are in. */
const MAX_OFFSET = 16 * 1024 * 1024;

/** Of the bytes at `_PyRuntime`. A string says why they cannot be used, in half a sentence. */
export function parseDebugOffsets(bytes: Buffer): DebugOffsets | string {
  if (bytes.length < DEBUG_OFFSETS_BYTES || bytes.toString('latin1', 0, 8) !== 'xdebugpy') return 'its table for debuggers is not where it should be';
  const hex = Number(bytes.readBigUInt64LE(8) & 0xffffffffn);
  const version = `${hex >>> 24}.${(hex >>> 16) & 0xff}.${(hex >>> 8) & 0xff}`;
  const words = WORDS[`${hex >>> 24}.${(hex >>> 16) & 0xff}`];
  const level = (hex >>> 4) & 0xf;
  // 0xA alpha, 0xB beta, 0xC candidate, 0xF final: the layout is settled with the first candidate.
  if (!words || level < 0xc) return `the table for debuggers of Python ${version}${level < 0xc ? ' before its release' : ''} is not known`;
  const word = (index: number): number => {
    const value = bytes.readBigUInt64LE(index * 8);
    return value < BigInt(MAX_OFFSET) ? Number(value) : NaN;
  };
  const at = words.debuggerSupport;
  const found: DebugOffsets = {
    version,
    freeThreaded: bytes.readBigUInt64LE(16) !== 0n,
    runtime: { finalizing: word(words.finalizing), interpreters: word(words.interpreters) },
    interpreter: { id: word(words.id), next: word(words.next), mainThread: word(words.mainThread), remoteDebuggingEnabled: word(at + 2) },
    thread: { interpreter: word(words.threadInterpreter), evalBreaker: word(at), support: word(at + 1) },
    support: { pendingCall: word(at + 3), scriptPath: word(at + 4), scriptPathBytes: word(at + 5) },
  };
  const all = [found.runtime, found.interpreter, found.thread, found.support].flatMap((group) => Object.values(group));
  const { scriptPathBytes } = found.support;
  if (all.some((value) => Number.isNaN(value)) || scriptPathBytes < 64 || scriptPathBytes > 65_536) return 'its table for debuggers holds impossible figures';
  return found;
}
