/** Everything about a process that decides whether and how we can attach to it. Read from outside; nothing is sent to it. */
import { access, constants, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { DEFAULT_INSPECTOR_PORT, isMovedPort } from '#main/agents/v8/inspector-port.ts';
import { hasSignal, parseElfHeader } from './proc/parse.ts';
import type { ElfHeader, ListeningSocket } from './proc/parse.ts';
import {
  findListeningPid,
  readCmdline,
  readEnviron,
  readExe,
  readHead,
  readHeadBytes,
  readListeningPorts,
  readListeningSockets,
  readNamespace,
  readRoot,
  readStat,
  readStatus,
} from './proc/read.ts';
import { findProgram } from './agent-dir.ts';
import { readActivePort } from './launch/chromium.ts';
import { identify } from './runtime/identify.ts';
import type { Identity } from './runtime/identify.ts';
import { readPythonLinkage } from './runtime/python-linkage.ts';
import type { PythonLinkage } from './runtime/python-linkage.ts';
import { requestedPort, runtimeOptions } from './runtime/program-kind.ts';

const SIGUSR1 = 10;
/** linux/capability.h */
const CAP_KILL = 5n;
const CAP_SYS_PTRACE = 19n;

export interface SystemFacts {
  uid: number;
  capabilities: bigint;
  mayKillOthers: boolean;
  mayTraceOthers: boolean;
  /** kernel.yama.ptrace_scope; 0 where there is no Yama. */
  ptraceScope: number;
  gdb: string | null;
  /** Our own injector, built for this machine. */
  injector: string | null;
  elf: ElfHeader | null;
  /** Our own mnt, pid and net namespaces. */
  namespaces: Namespaces;
}

interface Namespaces {
  mount: string | null;
  pid: string | null;
  net: string | null;
}

export interface ProcessFacts {
  pid: number;
  /** The number by which it knows itself: another one in a container. */
  ownPid: number;
  ppid: number;
  startTicks: number;
  state: string;
  uid: number;
  gid: number;
  rssBytes: number | null;
  argv: string[];
  exe: string | null;
  identity: Identity | null;
  elf: ElfHeader | null;
  tracerPid: number;
  seccomp: number;
  effectiveCapabilities: bigint;
  /** Each null where we may not look. */
  namespaces: Namespaces;
  sigusr1: 'caught' | 'ignored' | 'default';
  /** Options before the script, and for Node.js those of NODE_OPTIONS. */
  runtimeOptions: string[];
  /** Port on which its inspector or debugging port is believed to listen. */
  openPort: number | null;
  /** Port its inspector would open. */
  inspectorPort: number;
  /** Another process listens on `inspectorPort`: its pid, or 0 if it cannot be told which. */
  inspectorPortTakenBy: number | null;
  /** Rendezvous folder in which it has reported: it was launched from Heaphouse and can be reached without anything further. */
  rendezvous: string | null;
  /** Null for anything but a Python, and where we may not look. */
  linkage: PythonLinkage | null;
  /** What keeps `sys.remote_exec` (3.14 and newer) out: the variable or option it was started with. */
  remoteDebugDisabledBy: string | null;
  /** It carries a shadow stack, which forbids calls from outside. */
  shadowStack: boolean;
  /** Its root folder; other than `/` in a chroot. Null: we may not look. */
  root: string | null;
}

let gdbPath: { path: string | null; at: number } | undefined;

/** Where gdb is; looked up again after 10 s so that installing it helps at once. */
export async function findGdb(): Promise<string | null> {
  if (gdbPath && Date.now() - gdbPath.at < 10_000) return gdbPath.path;
  let found: string | null = null;
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    if (!folder.startsWith('/')) continue;
    const path = join(folder, 'gdb');
    if (await access(path, constants.X_OK).then(() => true, () => false)) {
      found = path;
      break;
    }
  }
  gdbPath = { path: found, at: Date.now() };
  return found;
}

export async function readSystemFacts(agentDir?: string): Promise<SystemFacts> {
  const [status, scope, gdb, injector, elf, namespaces] = await Promise.all([
    readStatus(process.pid),
    readHead('/proc/sys/kernel/yama/ptrace_scope', 64),
    findGdb(),
    findProgram('heaphouse-inject', agentDir),
    readElf(`/proc/${process.pid}/exe`),
    readNamespaces('self'),
  ]);
  const capabilities = status?.effectiveCapabilities ?? 0n;
  return {
    uid: status?.effectiveUid ?? process.getuid?.() ?? 0,
    capabilities,
    mayKillOthers: has(capabilities, CAP_KILL),
    mayTraceOthers: has(capabilities, CAP_SYS_PTRACE),
    ptraceScope: scope === null ? 0 : Number(scope.trim()) || 0,
    gdb,
    injector,
    elf,
    namespaces,
  };
}

function has(capabilities: bigint, bit: bigint): boolean {
  return (capabilities >> bit) % 2n === 1n;
}

async function readNamespaces(pid: number | 'self'): Promise<Namespaces> {
  const [mount, pidNamespace, net] = await Promise.all([readNamespace(pid, 'mnt'), readNamespace(pid, 'pid'), readNamespace(pid, 'net')]);
  return { mount, pid: pidNamespace, net };
}

async function readElf(path: string): Promise<ElfHeader | null> {
  const bytes = await readHeadBytes(path, 20);
  return bytes === null ? null : parseElfHeader(bytes);
}

/** Null when the process is gone. A process of no kind we know has `identity: null`; then the rest is not looked at closely. */
export async function readProcessFacts(pid: number, system: SystemFacts): Promise<ProcessFacts | null> {
  const [info, status, argv, exe] = await Promise.all([readStat(pid), readStatus(pid), readCmdline(pid), readExe(pid)]);
  if (info === null || status === null) return null;
  const base: ProcessFacts = {
    pid,
    ownPid: status.namespacePids.at(-1) ?? pid,
    ppid: info.ppid,
    startTicks: info.startTicks,
    state: info.state,
    uid: status.effectiveUid,
    gid: status.effectiveGid,
    rssBytes: status.rssBytes,
    argv,
    exe,
    identity: null,
    elf: null,
    tracerPid: status.tracerPid,
    seccomp: status.seccomp,
    effectiveCapabilities: status.effectiveCapabilities,
    namespaces: { mount: null, pid: null, net: null },
    sigusr1: hasSignal(status.caughtSignals, SIGUSR1) ? 'caught' : hasSignal(status.ignoredSignals, SIGUSR1) ? 'ignored' : 'default',
    runtimeOptions: [],
    openPort: null,
    inspectorPort: DEFAULT_INSPECTOR_PORT,
    inspectorPortTakenBy: null,
    rendezvous: null,
    linkage: null,
    remoteDebugDisabledBy: null,
    shadowStack: status.shadowStack,
    root: null,
  };
  // Kernel threads and zombies have no arguments.
  if (argv.length === 0) return base;
  const namespaces = await readNamespaces(pid);
  const identity = await identify({ pid, startTicks: info.startTicks, argv, exe, sameMountNamespace: namespaces.mount === system.namespaces.mount });
  if (identity === null) return { ...base, namespaces };
  const [environ, ports, elf, root, linkage] = await Promise.all([
    readEnviron(pid),
    readListeningPorts(pid),
    readElf(`/proc/${pid}/exe`),
    readRoot(pid),
    identity.kind === 'python' ? readPythonLinkage(pid) : null,
  ]);
  const fromEnvironment = identity.kind === 'node' ? (environ?.get('NODE_OPTIONS') ?? '').split(/\s+/).filter(Boolean) : [];
  const ownOptions = identity.kind === 'node' || identity.kind === 'python' ? runtimeOptions(identity.kind, argv) : argv.slice(1);
  const options = [...ownOptions, ...fromEnvironment];
  const inspectorPort = portOption(options);
  const openPort = await findOpenPort(identity, options, ports, inspectorPort);
  return {
    ...base,
    namespaces,
    identity,
    elf,
    runtimeOptions: options,
    openPort,
    inspectorPort,
    inspectorPortTakenBy: identity.kind === 'node' && openPort === null && inspectorPort !== 0 ? await takenBy(inspectorPort, pid) : null,
    linkage,
    remoteDebugDisabledBy: identity.kind === 'python' ? remoteDebugSwitch(environ, argv) : null,
    rendezvous: await findRendezvous(environ?.get('HEAPHOUSE_LAUNCH') ?? null, pid, system),
    root,
  };
}

/** `PYTHON_DISABLE_REMOTE_DEBUG` (any value but the empty one) and `-X disable-remote-debug` of PEP 768. */
export function remoteDebugSwitch(environ: ReadonlyMap<string, string> | null, argv: readonly string[]): string | null {
  for (let i = 1; i < argv.length && (argv[i] ?? '').startsWith('-'); i++) {
    const argument = argv[i] ?? '';
    if (argument === '-Xdisable-remote-debug' || (argument === '-X' && argv[i + 1] === 'disable-remote-debug')) return '-X disable-remote-debug';
    if (argument === '-c' || argument === '-m') break;
    if (argument === '-X' || argument === '-W') i++;
  }
  return environ?.get('PYTHON_DISABLE_REMOTE_DEBUG') ? 'PYTHON_DISABLE_REMOTE_DEBUG' : null;
}

/** The marker is inherited by every descendant of a launch; only the one that reported listens. Folders of others are not trusted. */
async function findRendezvous(dir: string | null, pid: number, system: SystemFacts): Promise<string | null> {
  if (dir === null || !dir.startsWith('/')) return null;
  try {
    const [folder, report] = await Promise.all([stat(dir), stat(join(dir, `${pid}.json`))]);
    return folder.uid === system.uid && (folder.mode & 0o022) === 0 && report.isFile() ? dir : null;
  } catch {
    return null;
  }
}

function portOption(options: readonly string[]): number {
  for (const option of options) {
    const match = /^--(?:inspect-port|debug-port)=(?:.*:)?(\d+)$/.exec(option);
    if (match) return Number(match[1]);
  }
  return DEFAULT_INSPECTOR_PORT;
}

async function takenBy(port: number, pid: number): Promise<number | null> {
  const taken = (await readListeningSockets(pid)).some((socket) => socket.port === port);
  if (!taken) return null;
  const owner = await findListeningPid(port);
  return owner === pid ? null : (owner ?? 0);
}

/** Believed, not verified: the port it was told to open and listens on, or the default one it was asked to open later. */
async function findOpenPort(identity: Identity, options: readonly string[], ports: readonly ListeningSocket[], inspectorPort: number): Promise<number | null> {
  const asked = requestedPort(['', ...options]);
  const listening = ports.map((socket) => socket.port);
  if (identity.kind === 'node') {
    if (asked !== null && listening.includes(asked)) return asked;
    if (asked === 0) return ports.find((socket) => socket.loopbackOnly)?.port ?? null;
    if (listening.includes(inspectorPort)) return inspectorPort;
    // Opened and moved by a Heaphouse, perhaps by one that was killed.
    return ports.find((socket) => socket.loopbackOnly && isMovedPort(socket.port))?.port ?? null;
  }
  if (identity.kind === 'chromium' || identity.kind === 'electron') {
    if (asked !== null && asked !== 0 && listening.includes(asked)) return asked;
    const folder = options.find((option) => option.startsWith('--user-data-dir='))?.slice('--user-data-dir='.length);
    const active = folder === undefined ? null : await readActivePort(folder);
    if (active && listening.includes(active.port)) return active.port;
    if (asked === 0) return ports.find((socket) => socket.loopbackOnly)?.port ?? null;
  }
  return null;
}
