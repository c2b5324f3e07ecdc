/** Where the target finds the agent, and where it says that it is there: files it can read, a folder it can write to. */
import { constants } from 'node:fs';
import { chmod, cp, mkdtemp, open, readdir, symlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { findAgentDir } from '../agent-dir.ts';
import type { ProcessFacts, SystemFacts } from '../facts.ts';
import { parseSyscall } from '../proc/parse.ts';
import { isAlive, readHead } from '../proc/read.ts';
import { createRendezvous, readReports, removeRendezvous, watchFolder } from '../rendezvous.ts';
import type { RuntimeReport } from '../rendezvous.ts';
import type { TargetOptions } from '../types.ts';
import { prepareBytecode } from './python-bytecode.ts';

export interface Place {
  /** The rendezvous folder as we see it, and as the target does. */
  rendezvous: string;
  rendezvousInTarget: string;
  /** Ours alone: scripts and code for a debugger. */
  scratch: string;
  /** `inject.py` as the target sees it. */
  injectFile: string;
  /** What had to be done that the user should know. */
  notes: string[];
  cleanUp(): Promise<void>;
}

/** Folders that programs may write to in nearly every system and container, none of them below another. */
const TEMPORARY_FOLDERS = ['tmp', 'var/tmp', 'dev/shm', 'run'] as const;

/** Whether the process has other files than we: a container, or a chroot. False where we may not look. */
export function hasOwnFiles(facts: ProcessFacts, system: SystemFacts): boolean {
  const { mount } = facts.namespaces;
  return (mount !== null && mount !== system.namespaces.mount) || (facts.root !== null && facts.root !== '/');
}

/**
 * A target of another user can neither read our files nor write into our folders, one in a container does not even see
 * them: both get a copy of the agent and a folder of their own, for as long as we are attached. Throws `io`, `permission`.
 */
export async function preparePlace(facts: ProcessFacts, system: SystemFacts, options: TargetOptions): Promise<Place> {
  const agentDir = await findAgentDir(options.agentDir);
  const foreign = facts.uid !== (process.geteuid?.() ?? facts.uid);
  const folders: string[] = [];
  let parent: TemporaryFolder | null = null;
  const bytecode = (dir: string) => (options.bytecodeDir === undefined ? Promise.resolve(null) : prepareBytecode(facts, dir, options.bytecodeDir));
  const cleanUp = async () => {
    for (const folder of folders.splice(0)) await removeRendezvous(folder);
    await parent?.close();
    parent = null;
  };
  try {
    const scratch = await createRendezvous(options.rendezvousDir, 'attach');
    folders.push(scratch);
    if (hasOwnFiles(facts, system)) parent = await openTemporaryFolder(facts.pid);
    else if (foreign) parent = { path: tmpdir(), inTarget: tmpdir(), close: () => Promise.resolve() };
    if (parent === null) {
      const compiled = await bytecode(agentDir);
      if (compiled !== null) await symlink(compiled, join(scratch, 'bytecode'));
    }
    if (parent === null) return { rendezvous: scratch, rendezvousInTarget: scratch, scratch, injectFile: join(agentDir, 'inject.py'), notes: [], cleanUp };
    const shared = await mkdtemp(join(parent.path, 'heaphouse-agent-'));
    folders.unshift(shared);
    const inTarget = join(parent.inTarget, basename(shared));
    await chmod(shared, 0o755);
    const copy = join(shared, 'python');
    await cp(agentDir, copy, { recursive: true, filter: (source) => !/__pycache__|\.pyc$|\/(injector|peek)(\/|$)|heaphouse-(inject|peek)$|\/native\/[^/]+\.[ch]$/.test(source.slice(agentDir.length)) });
    await makeReadable(copy);
    // What a container calls its interpreter is not to be run by us.
    const compiled = hasOwnFiles(facts, system) ? null : await bytecode(copy);
    if (compiled !== null) {
      await cp(compiled, join(copy, 'bytecode'), { recursive: true });
      await makeReadable(join(copy, 'bytecode'));
    }
    const rendezvous = await createRendezvous(shared, 'attach', { uid: facts.uid, gid: facts.gid });
    return {
      rendezvous,
      rendezvousInTarget: join(inTarget, basename(rendezvous)),
      scratch,
      injectFile: join(inTarget, 'python', 'inject.py'),
      notes: [`the agent lies in ${inTarget} ${hasOwnFiles(facts, system) ? 'of its container ' : ''}until it is detached`],
      cleanUp,
    };
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

interface TemporaryFolder {
  path: string;
  inTarget: string;
  close(): Promise<void>;
}

/**
 * A folder for temporary files inside the files of the target. Reached through a descriptor: that stays good when the
 * process, and with it /proc/PID/root, has gone and there is still something to be removed.
 */
async function openTemporaryFolder(pid: number): Promise<TemporaryFolder> {
  const failures: string[] = [];
  for (const folder of TEMPORARY_FOLDERS) {
    let handle: FileHandle | undefined;
    try {
      // One by one, and no links: one in there would lead to a place among our own files.
      handle = await open(`/proc/${pid}/root`, constants.O_RDONLY | constants.O_DIRECTORY);
      for (const part of folder.split('/')) {
        const outer = handle;
        handle = await open(`/proc/self/fd/${outer.fd}/${part}`, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
        await outer.close();
      }
      const found = `/proc/self/fd/${handle.fd}`;
      const probe = await mkdtemp(join(found, 'heaphouse-'));
      await removeRendezvous(probe);
      const kept = handle;
      return { path: found, inTarget: `/${folder}`, close: () => kept.close() };
    } catch (error) {
      failures.push(`/${folder}: ${(error as Error).message}`);
      await handle?.close().catch(() => undefined);
    }
  }
  throw new HeaphouseError('permission', `Process ${pid} has files of its own (a container), and none of its folders for temporary files can be written to from here.`, {
    advice: 'Mount a writable /tmp into the container, or run Heaphouse inside it (heaphouse serve, the port forwarded).',
    detail: failures.join('\n'),
  });
}

async function makeReadable(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await makeReadable(path);
    else await chmod(path, 0o644);
  }
}

/** Null at the deadline. Throws `unsupported` (the agent says why), `target-gone`, `cancelled`. */
export async function waitForAgent(facts: ProcessFacts, rendezvous: string, waitMs: number, signal: AbortSignal | undefined): Promise<RuntimeReport | null> {
  const { pid } = facts;
  async function look(): Promise<RuntimeReport | null> {
    for (const entry of await readReports(rendezvous)) {
      if ('error' in entry) {
        throw new HeaphouseError('unsupported', `The agent cannot run in process ${pid}: ${entry.error}`, { advice: 'The agent needs CPython 3.8 or newer.', detail: entry.detail });
      }
      // It signs with the number by which it knows itself.
      if (entry.pid === facts.ownPid) return entry.report;
    }
    if (!(await isAlive(pid))) throw new HeaphouseError('target-gone', `Process ${pid} ended while it was being entered.`);
    return null;
  }
  return watchFolder(rendezvous, look, Date.now() + waitMs, signal);
}

/** The error for a process that was entered and does not come by a safe point. */
export async function noAnswer(pid: number): Promise<HeaphouseError> {
  const state = parseSyscall((await readHead(`/proc/${pid}/syscall`, 512)) ?? '');
  const where = state === null ? '' : state.running ? ' Its main thread runs native code.' : ` Its main thread waits in system call ${state.number}.`;
  return new HeaphouseError('timeout', `Process ${pid} was entered, but its main thread has not come by a point where the agent may start.${where}`, {
    advice: 'Try again when it is less busy. The process goes on as before.',
  });
}
