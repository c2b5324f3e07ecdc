/** Whether attaching to a process is expected to work, how it is done, and what stands in the way with its fix. */
import type { AttachRoute, Preflight, PreflightProblem } from '#shared/model/target.ts';
import type { ErrorCode } from '#shared/rpc/errors.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { hasOwnFiles } from './attach/python-place.ts';
import type { PythonRouteId } from './attach/python-route.ts';
import { usableRoutes } from './attach/python.ts';
import type { ProcessFacts, SystemFacts } from './facts.ts';
import { readProcessFacts, readSystemFacts } from './facts.ts';
import { machineName } from './proc/parse.ts';

/** Newest minor version of CPython that the agent is tested with. */
const NEWEST_PYTHON_MINOR = 15;

export async function preflight(pid: number): Promise<Preflight> {
  if (process.platform !== 'linux') return notThisSystem();
  const system = await readSystemFacts();
  const facts = await readProcessFacts(pid, system);
  if (facts === null) {
    return refused({ id: 'gone', severity: 'stops', message: `There is no process ${pid}.`, advice: 'It has ended. Look at the list again.' });
  }
  return judge(facts, system);
}

/** Pure: the same facts give the same verdict. */
export function judge(facts: ProcessFacts, system: SystemFacts): Preflight {
  const { identity, pid } = facts;
  if (facts.state === 'Z' || facts.state === 'X') {
    return refused({ id: 'gone', severity: 'stops', message: `Process ${pid} has ended; only its entry is left.`, advice: 'Start the program again.' });
  }
  if (identity === null) {
    return refused({
      id: 'not-supported',
      severity: 'stops',
      message: `Process ${pid} is not a Python, Node.js, Electron or Chromium that Heaphouse recognises.`,
      advice: facts.exe === null && facts.argv.length > 0 ? 'It belongs to another user: run Heaphouse as that user, or as root.' : 'Choose the process of the runtime itself; a shell script or container runtime is not it.',
    });
  }
  const [route, how] = routeOf(facts, system);
  const entersPython = identity.kind === 'python' && route !== 'agent';
  const problems = [...stateProblems(facts), ...ownerProblems(facts, system, route, entersPython), ...namespaceProblems(facts, system, route, entersPython)];
  if (entersPython) problems.push(...pythonProblems(facts, system, route));
  if (route === 'sigusr1') problems.push(...nodeProblems(facts));
  if (route === null && !entersPython) problems.push(noPort(facts));
  problems.sort((a, b) => (a.severity === b.severity ? 0 : a.severity === 'stops' ? -1 : 1));
  return { route, how, problems };
}

/** The first thing that makes attaching impossible. */
export function stopper(check: Preflight): PreflightProblem | null {
  return check.problems.find((problem) => problem.severity === 'stops') ?? null;
}

const PYTHON_HOW: Record<PythonRouteId, string> = {
  'remote-exec': 'Its own interface for debuggers (sys.remote_exec) starts the agent in it: one thread, one port on loopback.',
  injector: 'It is stopped for less than a millisecond; at its next safe point it starts the agent (one thread, one port on loopback).',
  gdb: 'gdb stops the process for some tenths of a second, starts the agent in it (one thread, one port on loopback) and lets it go on.',
};

function routeOf(facts: ProcessFacts, system: SystemFacts): [AttachRoute | null, string] {
  if (facts.rendezvous !== null) return ['agent', 'It was started by Heaphouse: what it listens with is there already.'];
  switch (facts.identity?.kind) {
    case 'python': {
      const [first] = usableRoutes(facts, system).routes;
      return first === undefined ? [null, 'There is no way into it on this machine.'] : [first.id, PYTHON_HOW[first.id]];
    }
    case 'node':
      if (facts.openPort !== null) return ['inspector-port', `Its inspector listens on port ${facts.openPort}; Heaphouse connects to it.`];
      return ['sigusr1', `A signal (SIGUSR1) asks Node.js to open its inspector on loopback port ${facts.inspectorPort}; it is closed again on detach.`];
    default:
      if (facts.openPort !== null) return ['debugging-port', `Its debugging port ${facts.openPort} is open; Heaphouse connects to its first page.`];
      return [null, 'It can be looked into only through a debugging port, which has to be open from its start.'];
  }
}

function stateProblems(facts: ProcessFacts): PreflightProblem[] {
  const problems: PreflightProblem[] = [];
  if (facts.state === 'T') {
    problems.push({ id: 'stopped', severity: 'stops', message: `Process ${facts.pid} is stopped and cannot answer.`, advice: `Let it go on: kill -CONT ${facts.pid}` });
  }
  if (facts.state === 'D') {
    problems.push({
      id: 'uninterruptible',
      severity: 'warns',
      message: 'It waits inside the kernel (usually for a disk or network file system) and cannot answer while it does.',
      advice: 'If attaching takes too long, try again when the wait is over.',
    });
  }
  return problems;
}

function ownerProblems(facts: ProcessFacts, system: SystemFacts, route: AttachRoute | null, entersPython: boolean): PreflightProblem[] {
  if (facts.uid === system.uid) {
    // Same user and yet unreadable: the process made itself private (prctl PR_SET_DUMPABLE) or has more rights than we.
    if (facts.exe === null && entersPython && !system.mayTraceOthers) {
      return [{ id: 'not-dumpable', severity: 'stops', message: 'The process has closed itself against debuggers.', advice: 'Run Heaphouse as root, or launch the program from Heaphouse.' }];
    }
    // capability(7): without CAP_SYS_PTRACE only a process that has no capability beyond ours may be traced.
    if (entersPython && !system.mayTraceOthers && (facts.effectiveCapabilities & ~system.capabilities) !== 0n) {
      return [{ id: 'capabilities', severity: 'stops', message: 'The process has privileges (capabilities) that Heaphouse lacks, so it must not be traced by it.', advice: 'Run Heaphouse as root, or with CAP_SYS_PTRACE; or launch the program from Heaphouse.' }];
    }
    return [];
  }
  const allowed = entersPython ? system.mayTraceOthers : route === 'sigusr1' ? system.mayKillOthers : true;
  if (allowed) return [];
  return [
    {
      id: 'other-user',
      severity: 'stops',
      message: `Process ${facts.pid} belongs to another user (uid ${facts.uid}).`,
      advice: `Run Heaphouse as that user or as root, for example: sudo -u '#${facts.uid}' heaphouse serve`,
    },
  ];
}

function namespaceProblems(facts: ProcessFacts, system: SystemFacts, route: AttachRoute | null, entersPython: boolean): PreflightProblem[] {
  const { mount, net } = facts.namespaces;
  const problems: PreflightProblem[] = [];
  if (net !== null && net !== system.namespaces.net && (route !== null || entersPython)) {
    problems.push({
      id: 'net-namespace',
      severity: 'stops',
      message: 'The process runs in a container with a network of its own: its loopback is not ours.',
      advice: `Run Heaphouse in its network, as root: nsenter -t ${facts.pid} -n heaphouse record --attach ${facts.pid}. Or run it inside the container, or launch the program from there.`,
    });
  }
  if (entersPython && hasOwnFiles(facts, system)) {
    const chroot = mount === null || mount === system.namespaces.mount;
    problems.push({
      id: chroot ? 'chroot' : 'mount-namespace',
      severity: 'warns',
      message: `The process has files of its own (${chroot ? `a chroot, ${facts.root}` : 'a container'}): the agent is put into its folder for temporary files until it is detached.`,
      advice: 'If that folder is read-only, mount a writable /tmp, or run Heaphouse inside the container.',
    });
  }
  return problems;
}

function pythonProblems(facts: ProcessFacts, system: SystemFacts, route: AttachRoute | null): PreflightProblem[] {
  const problems: PreflightProblem[] = [];
  if (facts.linkage?.symbols === 'none') {
    problems.push({
      id: 'stripped',
      severity: 'stops',
      message: 'Its interpreter is stripped of the names of its functions (linked statically, without -rdynamic).',
      advice: 'Launch the program from Heaphouse: that needs no names.',
    });
  } else if (route === null) {
    problems.push({
      id: 'no-debugger',
      severity: 'stops',
      message: `There is no way into a running Python: ${usableRoutes(facts, system).reasons.join('; ')}.`,
      advice: 'Build the injector (npm run build, with a C compiler) or install gdb (Debian and Ubuntu: sudo apt install gdb; Fedora: sudo dnf install gdb; Alpine: apk add gdb), or launch the program from Heaphouse.',
    });
  }
  if (facts.linkage?.libc === 'musl') {
    problems.push({
      id: 'musl',
      severity: 'warns',
      message: 'Its C library is musl, with which attaching is not tested; a main thread that waits for a lock cannot be entered before it wakes up.',
      advice: 'If attaching takes too long, launch the program from Heaphouse.',
    });
  }
  if (facts.remoteDebugDisabledBy !== null && isAtLeast(facts.identity?.version ?? null, 14)) {
    problems.push({
      id: 'remote-debug-disabled',
      severity: 'warns',
      message: `It was started with ${facts.remoteDebugDisabledBy}: its own interface for debuggers is switched off${route === null ? '' : `, so it is entered by ${route === 'gdb' ? 'gdb' : 'the injector'}`}.`,
      advice: 'Start it without, if it is to be entered by sys.remote_exec.',
    });
  }
  if (facts.tracerPid !== 0) {
    problems.push({
      id: 'traced',
      severity: 'stops',
      message: `Another debugger (process ${facts.tracerPid}) holds it already; there can be only one.`,
      advice: 'End that debugger or strace first.',
    });
  }
  problems.push(...ptraceScopeProblems(system));
  problems.push(...versionProblems(facts.identity?.version ?? null));
  if (facts.elf && system.elf && (facts.elf.machine !== system.elf.machine || facts.elf.bits !== system.elf.bits)) {
    problems.push({
      id: 'architecture',
      severity: 'stops',
      message: `It is a program for ${machineName(facts.elf.machine)}, ${facts.elf.bits} bits, on a machine of ${machineName(system.elf.machine)}, ${system.elf.bits} bits.`,
      advice: 'Launch the program from Heaphouse instead: that needs no debugger.',
    });
  }
  if (facts.seccomp === 1) {
    problems.push({ id: 'seccomp-strict', severity: 'stops', message: 'It runs in strict seccomp mode: it may only read and write, and the agent would end it.', advice: 'Launch the program from Heaphouse without it.' });
  } else if (facts.seccomp !== 0) {
    problems.push({
      id: 'seccomp',
      severity: 'warns',
      message: 'A seccomp filter limits its system calls. The agent needs memory (mmap), threads (clone) and a socket on loopback; a filter that kills instead of refusing would end the process.',
      advice: 'The default filters of Docker and systemd allow all of it. For others: launch the program from Heaphouse, or loosen the filter.',
    });
  }
  return problems;
}

function isAtLeast(version: string | null, minor: number): boolean {
  const [major = 0, its = 0] = (version ?? '').split('.').map(Number);
  return major > 3 || (major === 3 && its >= minor);
}

function ptraceScopeProblems(system: SystemFacts): PreflightProblem[] {
  if (system.ptraceScope >= 3) {
    return [{ id: 'ptrace-scope', severity: 'stops', message: 'This kernel forbids debuggers until the next start (kernel.yama.ptrace_scope = 3).', advice: 'Launch the program from Heaphouse instead.' }];
  }
  if (system.ptraceScope === 0 || system.mayTraceOthers) return [];
  const who = system.ptraceScope === 1 ? 'a process may only be debugged by its parents' : 'only root may debug';
  return [
    {
      id: 'ptrace-scope',
      severity: 'stops',
      message: `This system restricts debuggers (kernel.yama.ptrace_scope = ${system.ptraceScope}): ${who}.`,
      advice: 'Allow it until the next start: sudo sysctl kernel.yama.ptrace_scope=0. Or run Heaphouse as root, or launch the program from Heaphouse.',
    },
  ];
}

function versionProblems(version: string | null): PreflightProblem[] {
  if (version === null) {
    return [{ id: 'version', severity: 'warns', message: 'Its version of Python cannot be told from outside.', advice: 'It must be CPython 3.8 or newer.' }];
  }
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < 3 || (major === 3 && minor < 8)) {
    return [{ id: 'version', severity: 'stops', message: `It is Python ${version}; Heaphouse needs CPython 3.8 or newer.`, advice: 'Run the program with a newer Python.' }];
  }
  if (major === 3 && minor > NEWEST_PYTHON_MINOR) {
    return [{ id: 'version', severity: 'warns', message: `It is Python ${version}; the agent is tested up to 3.${NEWEST_PYTHON_MINOR}.`, advice: 'Try it on a process that may fail first.' }];
  }
  return [];
}

function nodeProblems(facts: ProcessFacts): PreflightProblem[] {
  const problems: PreflightProblem[] = [];
  const restart = 'Start it with --inspect=127.0.0.1:0, or launch it from Heaphouse.';
  if (facts.runtimeOptions.includes('--disable-sigusr1')) {
    problems.push({ id: 'sigusr1-disabled', severity: 'stops', message: 'It was started with --disable-sigusr1: the signal would end it instead of opening the inspector.', advice: restart });
  } else if (facts.sigusr1 === 'default') {
    problems.push({
      id: 'sigusr1-deadly',
      severity: 'stops',
      message: 'It has no handler for SIGUSR1: the signal would end it instead of opening the inspector.',
      advice: `If it has only just started, try again in a moment. Otherwise its inspector is switched off: ${restart.charAt(0).toLowerCase()}${restart.slice(1)}`,
    });
  } else if (facts.sigusr1 === 'ignored') {
    problems.push({ id: 'sigusr1-ignored', severity: 'stops', message: 'It ignores SIGUSR1, so its inspector cannot be opened.', advice: restart });
  }
  if (facts.runtimeOptions.some((option) => option === '--permission' || option === '--experimental-permission')) {
    problems.push({ id: 'permission-model', severity: 'stops', message: 'It runs under the permission model of Node.js, which forbids the inspector.', advice: 'Start it without --permission, or with --allow-inspector where its version knows that.' });
  }
  if (facts.inspectorPortTakenBy !== null) {
    const who = facts.inspectorPortTakenBy === 0 ? 'Another process' : `Process ${facts.inspectorPortTakenBy}`;
    problems.push({
      id: 'inspector-port-taken',
      severity: 'stops',
      message: `${who} listens on port ${facts.inspectorPort}, the one Node.js opens on SIGUSR1; it tries no other.`,
      advice: 'Detach from that process or close its inspector first, or start this one with --inspect-port=0.',
    });
  }
  return problems;
}

function noPort(facts: ProcessFacts): PreflightProblem {
  const electron = facts.identity?.kind === 'electron';
  return {
    id: 'no-debugging-port',
    severity: 'stops',
    message: `${electron ? 'This Electron application' : 'This browser'} has no debugging port open, and one cannot be opened later.`,
    advice: electron
      ? 'Start it with --remote-debugging-port=0 --inspect=127.0.0.1:0, or launch it from Heaphouse. Packaged applications may have both switched off by fuses.'
      : 'Start it with --remote-debugging-port=0 and --user-data-dir=FOLDER (a profile that is not your usual one), or launch it from Heaphouse.',
  };
}

function refused(problem: PreflightProblem): Preflight {
  return { route: null, how: 'It cannot be attached to.', problems: [problem] };
}

export function notThisSystem(): Preflight {
  return refused({
    id: 'system',
    severity: 'stops',
    message: 'Attaching by process id works on Linux only, for now.',
    advice: 'Launch the program from Heaphouse, or start it with its debugging port open and connect to its address.',
  });
}

const CODES: Record<string, ErrorCode> = {
  gone: 'not-found',
  'not-supported': 'unsupported',
  'no-debugger': 'missing-part',
  stripped: 'unsupported',
  'seccomp-strict': 'unsupported',
  architecture: 'unsupported',
  version: 'unsupported',
  traced: 'busy',
  'inspector-port-taken': 'busy',
  'no-debugging-port': 'missing-part',
  system: 'unsupported',
};

/** A problem as the error of an attach that was tried all the same. */
export function refusal(problem: PreflightProblem): HeaphouseError {
  return new HeaphouseError(CODES[problem.id] ?? 'permission', problem.message, { advice: problem.advice });
}
