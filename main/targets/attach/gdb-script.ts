/**
 * What gdb does in a running Python.
 *
 * A stopped thread may be anywhere: inside malloc, the collector, an import. Python must not be run on top of that. So
 * the main thread only gets the code put down in a page of its own (one system call) and `Py_AddPendingCall`, which
 * takes neither the GIL nor memory; the interpreter runs the code at its next safe point. A main thread that waits in a
 * system call comes by no safe point; but there it holds no lock of malloc or the collector, so the code is run on
 * top of the wait, with the GIL taken properly. Which of the two is decided before by watching the thread, and once
 * more by gdb after the stop.
 */
import type { Wait } from './blocking-syscalls.ts';
import type { CalledFunction } from './python-symbols.ts';

/** select and pselect6 of x86-64. */
const SELECT_CALLS: readonly number[] = [23, 270];

export type Entry = { how: 'pending' } | { how: 'waiting'; wait: Wait };

export interface ScriptOptions {
  pid: number;
  entry: Entry;
  /** File with the code, ended by a NUL. */
  codeFile: string;
  codeBytes: number;
  arch: string;
  /** Null: gdb reads the symbols while the process stands still. */
  functions: ReadonlyMap<CalledFunction, bigint> | null;
}

/** Lines of its output that we read: `heaphouse <word> [number]`. */
const REPORT = /^heaphouse (\w+)(?: (-?\d+))?$/;

/** What the page holds after the code: three pointers of an exception that is set aside. */
const SAVED_ERROR_BYTES = 32;

export function gdbArguments(options: Pick<ScriptOptions, 'pid' | 'functions'>, scriptFile: string): string[] {
  return [
    '-nx', '-nh', '-q', '-batch',
    // Before anything is read: no foreign scripts, no network, and no libraries but those named below.
    '-iex', 'set auto-load off',
    '-iex', 'set debuginfod enabled off',
    '-iex', 'set auto-solib-add off',
    '-iex', 'set pagination off',
    '-iex', 'set confirm off',
    '-iex', 'set print symbol-loading off',
    '-iex', 'set breakpoint pending off',
    // The program's own symbols are read before it is stopped.
    '-ex', `file /proc/${options.pid}/exe`,
    // Other threads go on while something is called, and no signal may break the call off halfway.
    '-ex', 'handle all nostop noprint pass',
    '-ex', 'set language c',
    '-ex', 'set unwindonsignal on',
    '-ex', `attach ${options.pid}`,
    // Each may be missing (Python is linked into the program; musl), which is an error that ends nothing.
    ...(options.functions === null ? ['-ex', 'sharedlibrary libpython', '-ex', 'sharedlibrary libc\\.', '-ex', 'sharedlibrary ld-musl'] : []),
    '-x', scriptFile,
  ];
}

export function gdbScript(options: ScriptOptions): string {
  const { entry, codeFile, codeBytes, arch } = options;
  const pageBytes = Math.ceil((codeBytes + SAVED_ERROR_BYTES) / 4096) * 4096;
  const at = (name: CalledFunction) => addressOf(name, options.functions);
  const enter = entry.how === 'waiting' ? ['if $waits', ...indent(waitingLines(entry.wait, pageBytes, arch, at)), 'else', ...indent(pendingLines(at)), 'end'] : pendingLines(at);
  const lines = [
    'printf "heaphouse stopped\\n"',
    ...(entry.how === 'waiting' ? [`set $waits = ${sameWait(entry.wait, arch)}`, 'printf "heaphouse waits %d\\n", $waits'] : []),
    `set $ready = ((int (*)(void)) ${at('Py_IsInitialized')})()`,
    'printf "heaphouse initialized %d\\n", $ready',
    'if $ready == 1',
    // PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS
    `  set $page = (long) ((void *(*)(void *, unsigned long, int, int, int, long)) ${at('mmap')})((void *) 0, ${pageBytes}UL, 3, 34, -1, 0L)`,
    '  printf "heaphouse page %d\\n", $page != -1',
    '  if $page != -1',
    `    restore ${codeFile} binary $page`,
    ...indent(indent(enter)),
    '  end',
    'end',
    'detach',
    'printf "heaphouse detached\\n"',
  ];
  return `${lines.join('\n')}\n`;
}

function addressOf(name: CalledFunction, functions: ScriptOptions['functions']): string {
  const address = functions?.get(name);
  return address === undefined ? name : `0x${address.toString(16)}`;
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

/**
 * The very wait that was seen before: the same call with the same arguments from the same place, and broken off by the
 * stop rather than about to return (`ERESTARTSYS`, `ERESTARTNOINTR`, `ERESTARTNOHAND`, `ERESTART_RESTARTBLOCK`, `EINTR`). A
 * thread on its way through a lock is in the same call for a moment, but not like this.
 */
function sameWait(wait: Wait, arch: string): string {
  // Elsewhere the kernel has turned the interrupted call back by one instruction before we see it.
  if (arch !== 'x64') return `($sp == ${wait.stackPointer}) && ($pc == ${wait.pc} || $pc == ${wait.pc} - 4)`;
  return [
    `($orig_rax == ${wait.number})`,
    `($rsp == ${wait.stackPointer})`,
    `($pc == ${wait.pc})`,
    ...(['$rdi', '$rsi'] as const).map((register, i) => `((unsigned long) ${register} == ${hex(wait.args[i] ?? 0n)})`),
    '($rax == -512 || $rax == -513 || $rax == -514 || $rax == -516 || $rax == -4)',
  ].join(' && ');
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}UL`;
}

type At = (name: CalledFunction) => string;

function pendingLines(at: At): string[] {
  return [
    `set $queued = ((int (*)(void *, void *)) ${at('Py_AddPendingCall')})((void *) ${at('PyRun_SimpleString')}, (void *) $page)`,
    'printf "heaphouse pending %d\\n", $queued',
  ];
}

function waitingLines(wait: Wait, pageBytes: number, arch: string, at: At): string[] {
  const saved = `$page + ${pageBytes - SAVED_ERROR_BYTES}`;
  const interrupted = [
    // ERESTART_RESTARTBLOCK: the kernel keeps the rest of the wait in one place per thread, which a wait inside of our
    // call would overwrite. EINTR instead: Python works out the rest of the wait itself (PEP 475).
    'if $rax == -516',
    '  set $rax = -4',
    'end',
    // ERESTARTNOHAND of select and pselect6: the rest of the wait was worked out when the thread was stopped, so the wait
    // would be longer by the whole stop. Not for other calls: pause() may only end by a signal.
    ...(SELECT_CALLS.includes(wait.number) ? ['if $rax == -514', '  set $rax = -4', 'end'] : []),
  ];
  return [
    ...(arch === 'x64' ? interrupted : []),
    `set $gil = ((int (*)(void)) ${at('PyGILState_Ensure')})()`,
    'printf "heaphouse gil\\n"',
    `call ((void (*)(void *, void *, void *)) ${at('PyErr_Fetch')})((void *) (${saved}), (void *) (${saved} + 8), (void *) (${saved} + 16))`,
    `set $result = ((int (*)(void *)) ${at('PyRun_SimpleString')})((void *) $page)`,
    `call ((void (*)(void *, void *, void *)) ${at('PyErr_Restore')})(*(void **) (${saved}), *(void **) (${saved} + 8), *(void **) (${saved} + 16))`,
    `call ((void (*)(int)) ${at('PyGILState_Release')})($gil)`,
    `call ((int (*)(void *, unsigned long)) ${at('munmap')})((void *) $page, ${pageBytes}UL)`,
    'printf "heaphouse ran %d\\n", $result',
  ];
}

export type GdbReports = ReadonlyMap<string, number | null>;

export function parseReports(output: string): GdbReports {
  const reports = new Map<string, number | null>();
  for (const line of output.split('\n')) {
    const match = REPORT.exec(line.trim());
    if (match?.[1] !== undefined) reports.set(match[1], match[2] === undefined ? null : Number(match[2]));
  }
  return reports;
}
