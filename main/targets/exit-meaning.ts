/** What an exit code or signal means. Words are careful: a code is the program's own choice, conventions are only that. */
import { constants } from 'node:os';

export interface ExitMeaning {
  headline: string;
  explanation: string;
  /** Signal that ended it: directly, or by the convention 128 + n. */
  signal: string | null;
}

/** Numbers are the same on all systems for these; others come from the system's own table. */
const SIGNALS: Record<string, { name: string; explanation: string }> = {
  SIGKILL: { name: 'Killed', explanation: 'Something ended it that a program cannot refuse: usually the kernel because memory ran out, a container runtime at its limit or at the end of its grace period, or someone with kill -9.' },
  SIGTERM: { name: 'Terminated', explanation: 'Something asked it to end: usually a service manager, a container being stopped, or the command kill.' },
  SIGINT: { name: 'Interrupted', explanation: 'It was interrupted, usually with Ctrl-C.' },
  SIGHUP: { name: 'Hung up', explanation: 'Its terminal or session was closed, or it was asked to reload and had no handler for that.' },
  SIGQUIT: { name: 'Quit', explanation: 'It was asked to quit with a core dump, usually with Ctrl-\\.' },
  SIGSEGV: { name: 'Segmentation fault', explanation: 'It touched memory it may not: usually a fault in native code (an extension module, an addon, or the runtime itself), or a stack that overflowed.' },
  SIGABRT: { name: 'Aborted', explanation: 'It ended itself with abort(): usually a failed internal check, corrupted memory found by malloc, or Node.js out of heap.' },
  SIGBUS: { name: 'Bus error', explanation: 'It touched mapped memory without anything behind it: usually a mapped file that became shorter, or a full /dev/shm.' },
  SIGILL: { name: 'Illegal instruction', explanation: 'It ran an instruction this processor does not have: usually a binary for a newer processor, or a deliberate trap.' },
  SIGFPE: { name: 'Arithmetic error', explanation: 'Native code divided an integer by zero or the like.' },
  SIGPIPE: { name: 'Broken pipe', explanation: 'It wrote to a pipe or socket that nobody reads any more.' },
  SIGTRAP: { name: 'Trap', explanation: 'It reached a breakpoint or a deliberate trap; Chromium and V8 end so when an internal check fails or memory cannot be had.' },
  SIGUSR1: { name: 'User signal 1', explanation: 'It was sent SIGUSR1 and had no handler.' },
  SIGUSR2: { name: 'User signal 2', explanation: 'It was sent SIGUSR2 and had no handler.' },
  SIGALRM: { name: 'Alarm', explanation: 'A timer it had set went off and there was no handler.' },
  SIGXCPU: { name: 'CPU time limit', explanation: 'It used more processor time than its limit (ulimit -t) allows.' },
  SIGSYS: { name: 'Bad system call', explanation: 'It made a system call that a seccomp filter forbids.' },
};

/** Signal name of a number on this system; null for none. */
export function signalName(number: number): string | null {
  for (const [name, value] of Object.entries(constants.signals)) if (value === number) return name;
  return null;
}

export function explainExit(code: number | null, signal: string | null): ExitMeaning {
  if (signal !== null) return bySignal(signal, (constants.signals as Record<string, number>)[signal] ?? null, code);
  if (code === null) {
    return { headline: 'Ended', explanation: 'The process is gone. It was not started by Heaphouse, so the system does not tell how it ended.', signal: null };
  }
  // Windows gives NTSTATUS values, others a negative signal number (Python's subprocess does).
  if (code < 0 && code >= -64) {
    const name = signalName(-code);
    if (name !== null) return bySignal(name, -code, null);
  }
  if (code > 128 && code <= 192) {
    const name = signalName(code - 128);
    if (name !== null) {
      const meaning = bySignal(name, code - 128, code);
      return { ...meaning, explanation: `${meaning.explanation} (Exit code ${code} is by convention 128 + signal ${code - 128}; a program may also choose it itself.)` };
    }
  }
  return { ...byCode(code), signal: null };
}

function bySignal(signal: string, number: number | null, code: number | null): ExitMeaning {
  const known = SIGNALS[signal];
  const exitCode = code ?? (number === null ? null : 128 + number);
  return {
    headline: `${known?.name ?? 'Ended by a signal'} (${signal}${exitCode === null ? '' : `, exit code ${exitCode}`})`,
    explanation: known?.explanation ?? `The signal ${signal} ended it.`,
    signal,
  };
}

function byCode(code: number): Omit<ExitMeaning, 'signal'> {
  switch (code) {
    case 0:
      return { headline: 'Ended normally (exit code 0)', explanation: 'The program ended by itself and reported success.' };
    case 1:
      return { headline: 'Ended with an error (exit code 1)', explanation: 'The program reported a failure: usually an exception nobody caught. Its last output says which.' };
    case 2:
      return { headline: 'Ended with an error (exit code 2)', explanation: 'The program reported a failure: usually wrong arguments, or a script that cannot be opened.' };
    case 126:
      return { headline: 'Could not be started (exit code 126)', explanation: 'Usually a shell that found the command but may not execute it.' };
    case 127:
      return { headline: 'Command not found (exit code 127)', explanation: 'Usually a shell that did not find a command, or a shared library that is missing.' };
    default: {
      const ntStatus = NT_STATUS[code >>> 0];
      if (ntStatus !== undefined && (code < 0 || code > 0x7fff_ffff)) {
        return { headline: `${ntStatus} (exit code 0x${(code >>> 0).toString(16)})`, explanation: 'Windows ended the program.' };
      }
      return { headline: `Ended with exit code ${code}`, explanation: 'The program chose this code; its documentation or its last output says what it means.' };
    }
  }
}

const NT_STATUS: Record<number, string> = {
  0xc0000005: 'Access violation',
  0xc0000017: 'Out of memory',
  0xc00000fd: 'Stack overflow',
  0xc0000409: 'Stack buffer overrun',
  0xc000013a: 'Interrupted with Ctrl-C',
  0x80000003: 'Breakpoint',
};
