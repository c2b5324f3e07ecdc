/** Readers of /proc. A process may go at any moment: what is gone or not ours to read gives null, never an exception. */
import { open, readFile, readdir, readlink, stat } from 'node:fs/promises';
import { parseCmdline, parseListeningSockets, parseStat, parseStatus } from './parse.ts';
import type { ListeningSocket, ProcStat, ProcStatus } from './parse.ts';

/** /proc files are small; a command line may be long, nothing else. */
const MAX_FILE_BYTES = 1024 * 1024;

/** At most `maxBytes` of a file as UTF-8; null if it cannot be read. */
export async function readHead(path: string, maxBytes = MAX_FILE_BYTES): Promise<string | null> {
  const bytes = await readHeadBytes(path, maxBytes);
  return bytes === null ? null : Buffer.from(bytes).toString('utf8');
}

export async function readHeadBytes(path: string, maxBytes: number): Promise<Uint8Array | null> {
  let file;
  try {
    file = await open(path, 'r');
    const chunks: Buffer[] = [];
    let total = 0;
    // A read of /proc gives at most a page at a time, so read until it ends.
    while (total < maxBytes) {
      const chunk = Buffer.allocUnsafe(Math.min(65_536, maxBytes - total));
      const { bytesRead } = await file.read(chunk, 0, chunk.length, null);
      if (bytesRead === 0) break;
      chunks.push(chunk.subarray(0, bytesRead));
      total += bytesRead;
    }
    return Buffer.concat(chunks);
  } catch {
    return null;
  } finally {
    await file?.close().catch(() => undefined);
  }
}

export async function readStat(pid: number): Promise<ProcStat | null> {
  const text = await readHead(`/proc/${pid}/stat`, 4_096);
  return text === null ? null : parseStat(text);
}

export async function readStatus(pid: number): Promise<ProcStatus | null> {
  const text = await readHead(`/proc/${pid}/status`, 16_384);
  return text === null ? null : parseStatus(text);
}

export async function readCmdline(pid: number): Promise<string[]> {
  return parseCmdline((await readHead(`/proc/${pid}/cmdline`, 262_144)) ?? '');
}

/** The program file; null for kernel threads and other users' processes. ` (deleted)` is taken off. */
export async function readExe(pid: number): Promise<string | null> {
  return (await readlinkOrNull(`/proc/${pid}/exe`))?.replace(/ \(deleted\)$/, '') ?? null;
}

export async function readCwd(pid: number): Promise<string | null> {
  return readlinkOrNull(`/proc/${pid}/cwd`);
}

/** `/` unless the process lives in a chroot; null if we may not ask. */
export async function readRoot(pid: number): Promise<string | null> {
  return readlinkOrNull(`/proc/${pid}/root`);
}

/** `mnt:[4026531841]`; null if we may not ask. */
export async function readNamespace(pid: number | 'self', kind: 'mnt' | 'net' | 'pid' | 'user'): Promise<string | null> {
  return readlinkOrNull(`/proc/${pid}/ns/${kind}`);
}

export async function readEnviron(pid: number): Promise<Map<string, string> | null> {
  const text = await readHead(`/proc/${pid}/environ`, 524_288);
  if (text === null) return null;
  const variables = new Map<string, string>();
  for (const entry of text.split('\0')) {
    const equals = entry.indexOf('=');
    if (equals > 0) variables.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  return variables;
}

async function readlinkOrNull(path: string): Promise<string | null> {
  try {
    return await readlink(path);
  } catch {
    return null;
  }
}

export async function listPids(): Promise<number[]> {
  try {
    return (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  } catch {
    return [];
  }
}

/** Inodes of the sockets a process has open; null if we may not look. */
export async function readSocketInodes(pid: number): Promise<Set<string> | null> {
  let names: string[];
  try {
    names = await readdir(`/proc/${pid}/fd`);
  } catch {
    return null;
  }
  const inodes = new Set<string>();
  // A server may hold many thousand descriptors; a listening socket is nearly always among the first.
  for (const name of names.slice(0, 4_096)) {
    const match = /^socket:\[(\d+)\]$/.exec((await readlinkOrNull(`/proc/${pid}/fd/${name}`)) ?? '');
    if (match?.[1] !== undefined) inodes.add(match[1]);
  }
  return inodes;
}

/** Listening TCP sockets of a network namespace, seen through one of its processes. */
export async function readListeningSockets(pid: number | 'self'): Promise<ListeningSocket[]> {
  const [v4, v6] = await Promise.all([readHead(`/proc/${pid}/net/tcp`, 4_194_304), readHead(`/proc/${pid}/net/tcp6`, 4_194_304)]);
  return [...parseListeningSockets(v4 ?? ''), ...parseListeningSockets(v6 ?? '')];
}

/** TCP ports a process listens on, in its own network namespace. */
export async function readListeningPorts(pid: number): Promise<ListeningSocket[]> {
  const inodes = await readSocketInodes(pid);
  if (inodes === null || inodes.size === 0) return [];
  return (await readListeningSockets(pid)).filter((socket) => inodes.has(socket.inode));
}

/** Which process of this machine listens on a loopback port; null if nobody that we may look at does. */
export async function findListeningPid(port: number, candidates?: readonly number[]): Promise<number | null> {
  const sockets = (await readListeningSockets('self')).filter((socket) => socket.port === port);
  if (sockets.length === 0) return null;
  const wanted = new Set(sockets.map((socket) => socket.inode));
  for (const pid of candidates ?? (await listPids())) {
    const inodes = await readSocketInodes(pid);
    if (inodes !== null && [...wanted].some((inode) => inodes.has(inode))) return pid;
  }
  return null;
}

/** Children and their children, from one pass over /proc; without `pid` itself. */
export async function readDescendants(pid: number): Promise<number[]> {
  const childrenOf = new Map<number, number[]>();
  await Promise.all(
    (await listPids()).map(async (each) => {
      const info = await readStat(each);
      if (info) childrenOf.set(info.ppid, [...(childrenOf.get(info.ppid) ?? []), each]);
    }),
  );
  const found: number[] = [];
  const seen = new Set([pid]);
  const queue = [pid];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    for (const child of childrenOf.get(next) ?? []) {
      if (seen.has(child)) continue;
      seen.add(child);
      found.push(child);
      queue.push(child);
    }
  }
  return found;
}

/** Whether the process exists and is not a zombie. Without /proc (macOS, Windows) signal 0 answers. */
export async function isAlive(pid: number): Promise<boolean> {
  if (process.platform === 'linux') {
    const info = await readStat(pid);
    return info !== null && info.state !== 'Z' && info.state !== 'X';
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Identity of a process that survives reuse of its pid; null when it is gone. */
export async function readStartTicks(pid: number): Promise<number | null> {
  return (await readStat(pid))?.startTicks ?? null;
}

let clock: Promise<{ bootedAt: number; ticksPerSecond: number }> | undefined;

/** Epoch ms of a start time in clock ticks. USER_HZ is 100 on every architecture that Node.js supports. */
export async function ticksToEpochMs(ticks: number): Promise<number> {
  clock ??= readFile('/proc/stat', 'utf8').then((text) => {
    const bootSeconds = Number(/^btime (\d+)$/m.exec(text)?.[1] ?? 0);
    return { bootedAt: bootSeconds * 1_000, ticksPerSecond: 100 };
  });
  const { bootedAt, ticksPerSecond } = await clock;
  return bootedAt + (ticks / ticksPerSecond) * 1_000;
}

/** What must change for a cached answer about a file to be asked again. */
export async function fileStamp(path: string): Promise<string | null> {
  try {
    const info = await stat(path);
    return `${info.ino}:${info.size}:${info.mtimeMs}`;
  } catch {
    return null;
  }
}
