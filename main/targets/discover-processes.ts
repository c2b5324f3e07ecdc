/** The processes of this machine that Heaphouse knows how to look into. Linux; elsewhere the list is empty. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProcessInfo } from '#shared/model/target.ts';
import { readProcessFacts, readSystemFacts } from './facts.ts';
import type { ProcessFacts, SystemFacts } from './facts.ts';
import { judge } from './preflight.ts';
import { listPids, readCmdline, readHead, readStat, ticksToEpochMs } from './proc/read.ts';
import { LAUNCHER_SCRIPT } from './runtime/program-kind.ts';
import { MAX_COMMAND_LINE_CHARS } from './types.ts';

/** Processes looked at side by side; more only fight for the same file system. */
const PARALLEL = 16;
/** No machine has more that concern us; the rest is left out. */
const MAX_PROCESSES = 2_000;

/** Sorted by memory, the largest first. Our own processes are left out, our targets are not. */
export async function listProcesses(): Promise<ProcessInfo[]> {
  if (process.platform !== 'linux') return [];
  const [system, pids, users, own] = await Promise.all([readSystemFacts(), listPids(), readUserNames(), ownAncestors()]);
  const found: ProcessInfo[] = [];
  const queue = pids.slice();
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
        if (pid === process.pid || own.has(pid)) continue;
        const facts = await readProcessFacts(pid, system).catch(() => null);
        if (facts?.identity && facts.state !== 'Z' && !isOwnHost(facts)) found.push(await toInfo(facts, system, users));
      }
    }),
  );
  found.sort((a, b) => (b.rssBytes ?? 0) - (a.rssBytes ?? 0) || a.pid - b.pid);
  return found.slice(0, MAX_PROCESSES);
}

async function toInfo(facts: ProcessFacts, system: SystemFacts, users: ReadonlyMap<number, string>): Promise<ProcessInfo> {
  const identity = facts.identity;
  return {
    pid: facts.pid,
    ppid: facts.ppid,
    kind: identity?.kind ?? 'v8',
    runtime: identity?.runtime ?? '',
    title: identity?.title ?? '',
    commandLine: facts.argv.join(' ').slice(0, MAX_COMMAND_LINE_CHARS),
    executable: facts.exe,
    user: users.get(facts.uid) ?? String(facts.uid),
    rssBytes: facts.rssBytes,
    startedAt: await ticksToEpochMs(facts.startTicks),
    openPort: facts.openPort,
    sessionId: null,
    preflight: judge(facts, system),
  };
}

const ownFolder = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Worker processes of a workbench run one of our own files. What was launched as a target is never ours. */
function isOwnHost(facts: ProcessFacts): boolean {
  if (facts.rendezvous !== null) return false;
  return facts.argv.slice(1, 10).some((arg) => arg.startsWith(join(ownFolder, 'hosts')) || (ownFolder.includes('/out/') && arg.startsWith(ownFolder)));
}

/** What started us: `npm start`, the bootstrap script. */
async function ownAncestors(): Promise<Set<number>> {
  const own = new Set<number>();
  let pid = process.ppid;
  for (let depth = 0; depth < 8 && pid > 1; depth++) {
    const argv = await readCmdline(pid);
    if (LAUNCHER_SCRIPT.test(argv[1] ?? '') || /heaphouse/.test(argv[1] ?? '') || /^npm /.test(argv[0] ?? '')) own.add(pid);
    pid = (await readStat(pid))?.ppid ?? 0;
  }
  return own;
}

/** Names of /etc/passwd; users of a directory service show as their number. */
async function readUserNames(): Promise<Map<number, string>> {
  const names = new Map<number, string>();
  for (const line of ((await readHead('/etc/passwd', 1024 * 1024)) ?? '').split('\n')) {
    const [name, , uid] = line.split(':');
    if (name !== undefined && uid !== undefined && /^\d+$/.test(uid) && !names.has(Number(uid))) names.set(Number(uid), name);
  }
  return names;
}
