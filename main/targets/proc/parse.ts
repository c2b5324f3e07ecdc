/**
 * Parsers of the text of /proc files (proc(5)). Pure: fixtures in, records out. Input that is not what the kernel
 * writes gives null or an empty list, never an exception.
 */

export interface ProcStat {
  pid: number;
  /** At most 15 bytes, may hold anything, also ')' and spaces. */
  comm: string;
  /** R running, S sleeping, D uninterruptible, T stopped, t traced, Z zombie, X dead. */
  state: string;
  ppid: number;
  processGroup: number;
  session: number;
  /** Clock ticks after boot. */
  startTicks: number;
}

export function parseStat(text: string): ProcStat | null {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  if (open < 1 || close < open) return null;
  const pid = Number(text.slice(0, open).trim());
  const fields = text.slice(close + 1).trim().split(/\s+/);
  // Fields after comm: state is number 3 of proc(5), so index = number - 3; starttime is number 22.
  const [state, ppid, processGroup, session] = fields;
  const startTicks = Number(fields[19]);
  if (!Number.isSafeInteger(pid) || state === undefined || !Number.isFinite(startTicks)) return null;
  return {
    pid,
    comm: text.slice(open + 1, close),
    state,
    ppid: Number(ppid),
    processGroup: Number(processGroup),
    session: Number(session),
    startTicks,
  };
}

export interface ProcStatus {
  state: string;
  uid: number;
  effectiveUid: number;
  /** All four group ids are the same for almost every process; this is the effective one. */
  effectiveGid: number;
  tracerPid: number;
  rssBytes: number | null;
  /** 0 none, 1 strict, 2 filter. */
  seccomp: number;
  noNewPrivileges: boolean;
  /** Signals with a handler, bit n-1 for signal n. */
  caughtSignals: bigint;
  ignoredSignals: bigint;
  effectiveCapabilities: bigint;
  threads: number;
  /** x86: calls that were not made by a call instruction are refused by the processor. */
  shadowStack: boolean;
  /** Pids from our namespace inward; more than one entry: the process lives in a nested pid namespace. */
  namespacePids: number[];
}

export function parseStatus(text: string): ProcStatus | null {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const uids = fields.get('Uid')?.split(/\s+/).map(Number);
  const gids = fields.get('Gid')?.split(/\s+/).map(Number);
  const state = fields.get('State');
  if (uids?.[0] === undefined || state === undefined) return null;
  const rss = /^(\d+) kB$/.exec(fields.get('VmRSS') ?? '');
  return {
    state: state.slice(0, 1),
    uid: uids[0],
    effectiveUid: uids[1] ?? uids[0],
    effectiveGid: gids?.[1] ?? 0,
    tracerPid: Number(fields.get('TracerPid') ?? 0),
    rssBytes: rss ? Number(rss[1]) * 1024 : null,
    seccomp: Number(fields.get('Seccomp') ?? 0),
    noNewPrivileges: fields.get('NoNewPrivs') === '1',
    caughtSignals: hex(fields.get('SigCgt')),
    ignoredSignals: hex(fields.get('SigIgn')),
    effectiveCapabilities: hex(fields.get('CapEff')),
    threads: Number(fields.get('Threads') ?? 1),
    shadowStack: (fields.get('x86_Thread_features') ?? '').split(/\s+/).includes('shstk'),
    namespacePids: (fields.get('NSpid') ?? '').split(/\s+/).filter(Boolean).map(Number),
  };
}

function hex(text: string | undefined): bigint {
  return text !== undefined && /^[0-9a-f]{1,32}$/i.test(text) ? BigInt(`0x${text}`) : 0n;
}

export function hasSignal(mask: bigint, signal: number): boolean {
  return (mask >> BigInt(signal - 1)) % 2n === 1n;
}

/** Arguments between NULs. Some programs overwrite the area with one title: then there is one argument with spaces. */
export function parseCmdline(text: string): string[] {
  if (text === '') return [];
  return (text.endsWith('\0') ? text.slice(0, -1) : text).split('\0');
}

export interface ListeningSocket {
  port: number;
  inode: string;
  loopbackOnly: boolean;
}

/** Sockets in state LISTEN of /proc/PID/net/tcp or tcp6. The address is hexadecimal in host byte order. */
export function parseListeningSockets(text: string): ListeningSocket[] {
  const sockets: ListeningSocket[] = [];
  for (const line of text.split('\n')) {
    // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …; state 0A is TCP_LISTEN.
    const fields = line.trim().split(/\s+/);
    const inode = fields[9];
    if (fields[3] !== '0A' || inode === undefined) continue;
    const match = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(fields[1] ?? '');
    if (!match) continue;
    const [, address = '', port = ''] = match;
    sockets.push({ port: parseInt(port, 16), inode, loopbackOnly: isLoopbackHex(address) });
  }
  return sockets;
}

function isLoopbackHex(address: string): boolean {
  if (address.length === 8) return address.endsWith('7F');
  return address === '00000000000000000000000001000000' || /^0{16}FFFF0000[0-9A-F]{6}7F$/.test(address);
}

/** Distinct file names of /proc/PID/maps, in order. */
export function parseMappedFiles(text: string): string[] {
  const files = new Set<string>();
  for (const line of text.split('\n')) {
    const slash = line.indexOf(' /');
    if (slash > 0) files.add(line.slice(slash + 1).replace(/ \(deleted\)$/, ''));
  }
  return [...files];
}

/** `running`, or the number of the system call the thread waits in with its six arguments; -1: waits outside of one. */
export type SyscallState = { running: true } | { running: false; number: number; args: bigint[]; stackPointer: string; pc: string };

export function parseSyscall(text: string): SyscallState | null {
  const words = text.trim().split(' ');
  if (words[0] === 'running') return { running: true };
  const number = Number(words[0]);
  if (words[0] === '' || !Number.isInteger(number)) return null;
  const args = words.slice(1, -2).filter((word) => /^0x[0-9a-f]+$/.test(word)).map((word) => BigInt(word));
  return { running: false, number, args, stackPointer: words.at(-2) ?? '', pc: words.at(-1) ?? '' };
}

/** How often a thread has been taken off a processor; 0 where the kernel does not tell. */
export function parseContextSwitches(status: string): number {
  let total = 0;
  for (const match of status.matchAll(/^(?:non)?voluntary_ctxt_switches:\s+(\d+)$/gm)) total += Number(match[1]);
  return total;
}

export interface CgroupPaths {
  /** Path inside the unified hierarchy, or null. */
  unified: string | null;
  /** Path inside the version 1 memory controller, or null. */
  memory: string | null;
}

export function parseCgroup(text: string): CgroupPaths {
  const paths: CgroupPaths = { unified: null, memory: null };
  for (const line of text.split('\n')) {
    const match = /^(\d+):([^:]*):(\/.*)$/.exec(line);
    if (!match) continue;
    const [, id, controllers = '', path = ''] = match;
    if (id === '0' && controllers === '') paths.unified = path;
    else if (controllers.split(',').includes('memory')) paths.memory = path;
  }
  return paths;
}

export interface ElfHeader {
  bits: 32 | 64;
  littleEndian: boolean;
  /** e_machine: 62 x86-64, 183 aarch64, 3 i386, 40 arm. */
  machine: number;
}

/** The first 20 bytes of an ELF file; null for anything else. */
export function parseElfHeader(bytes: Uint8Array): ElfHeader | null {
  if (bytes.length < 20 || bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46) return null;
  const littleEndian = bytes[5] === 1;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { bits: bytes[4] === 2 ? 64 : 32, littleEndian, machine: view.getUint16(18, littleEndian) };
}

export function machineName(machine: number): string {
  return { 3: 'i386', 40: 'arm', 62: 'x86-64', 183: 'aarch64', 243: 'riscv' }[machine] ?? `machine ${machine}`;
}
