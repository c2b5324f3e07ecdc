/**
 * System calls in which a thread waits for something outside of itself. A thread that waits in one of these is not inside
 * malloc, the collector or the dynamic loader, so Python may run on top of it. What malloc itself uses (mmap, brk,
 * madvise, a plain futex wait) is not in the list.
 */
import type { SyscallState } from '../proc/parse.ts';

/** Numbers of asm/unistd_64.h and asm-generic/unistd.h. */
const WAITING: Record<string, Record<number, string>> = {
  x64: {
    0: 'read', 1: 'write', 7: 'poll', 23: 'select', 34: 'pause', 35: 'nanosleep', 42: 'connect', 43: 'accept', 44: 'sendto', 45: 'recvfrom',
    46: 'sendmsg', 47: 'recvmsg', 61: 'wait4', 65: 'semop', 70: 'msgrcv', 72: 'fcntl', 73: 'flock', 128: 'rt_sigtimedwait', 130: 'rt_sigsuspend',
    202: 'futex', 219: 'restart_syscall', 220: 'semtimedop', 230: 'clock_nanosleep', 232: 'epoll_wait', 247: 'waitid', 270: 'pselect6',
    271: 'ppoll', 281: 'epoll_pwait', 288: 'accept4', 441: 'epoll_pwait2',
  },
  arm64: {
    22: 'epoll_pwait', 25: 'fcntl', 32: 'flock', 63: 'read', 64: 'write', 72: 'pselect6', 73: 'ppoll', 95: 'waitid', 98: 'futex',
    101: 'nanosleep', 115: 'clock_nanosleep', 128: 'restart_syscall', 133: 'rt_sigsuspend', 137: 'rt_sigtimedwait', 188: 'msgrcv',
    192: 'semtimedop', 193: 'semop', 202: 'accept', 203: 'connect', 206: 'sendto', 207: 'recvfrom', 211: 'sendmsg', 212: 'recvmsg',
    242: 'accept4', 260: 'wait4', 441: 'epoll_pwait2',
  },
};

/** linux/futex.h: the command is what is left without FUTEX_PRIVATE_FLAG (128) and FUTEX_CLOCK_REALTIME (256). */
const FUTEX_COMMAND_MASK = 0x7fn;
/** Semaphores and condition variables of glibc wait with FUTEX_WAIT_BITSET; its mutexes, malloc's among them, with FUTEX_WAIT (0). */
const FUTEX_WAIT_BITSET = 9n;

/** Name of the wait, or null when the thread runs or waits where Python must not be run on top of it. */
export function waitingSyscall(state: SyscallState, arch: string = process.arch): string | null {
  if (state.running) return null;
  const name = WAITING[arch]?.[state.number];
  if (name === undefined) return null;
  if (name === 'futex' && ((state.args[1] ?? 0n) & FUTEX_COMMAND_MASK) !== FUTEX_WAIT_BITSET) return null;
  return name;
}

/** A look at the main thread. */
export interface Sample {
  state: SyscallState | null;
  /** Context switches so far, both kinds. */
  switches: number;
}

export interface Wait {
  name: string;
  number: number;
  args: bigint[];
  /** Hexadecimal, with 0x. */
  stackPointer: string;
  pc: string;
}

/**
 * The same wait all the time, and not once interrupted by running: then and only then the main thread is blocked rather
 * than on its way through. Waiting for the interpreter lock is not that: it wakes up every 5 ms.
 */
export function steadyWait(samples: readonly Sample[], arch: string = process.arch): Wait | null {
  const [first] = samples;
  if (!first?.state || first.state.running) return null;
  const { state, switches } = first;
  const name = waitingSyscall(state, arch);
  if (name === null) return null;
  const same = samples.every(
    (each) => each.switches === switches && each.state && !each.state.running && each.state.number === state.number && each.state.stackPointer === state.stackPointer && each.state.pc === state.pc,
  );
  return same ? { name, number: state.number, args: state.args, stackPointer: state.stackPointer, pc: state.pc } : null;
}
