/** Attach to a process and open a session for it; one attach a process at a time, whoever asks. */
import { join } from 'node:path';
import type { SessionInfo } from '#shared/model/session.ts';
import type { ProcessInfo } from '#shared/model/target.ts';
import type { CallContext, Progress } from '#shared/rpc/define-service.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { dataDir } from '#main/storage/app-folders.ts';
import { attachProcess } from '#main/targets/attach.ts';
import { readCgroupMemory } from '#main/targets/cgroup.ts';
import { listProcesses } from '#main/targets/discover-processes.ts';
import { fromAttached } from './live-target.ts';
import type { LiveSessions } from './live-sessions.ts';
import type { SessionStore } from './session-store.ts';

export interface Attaching {
  /** The processes of this machine, each with the session that is attached to it. */
  processes(): Promise<ProcessInfo[]>;
  /** With a parent: a further target of that session, in its folder. Errors: `busy`, and those of attaching. */
  attach(pid: number, context: CallContext<Progress>, parent?: SessionInfo): Promise<{ sessionId: string }>;
}

export interface AttachingOptions {
  store: SessionStore;
  sessions: LiveSessions;
  agentDir: string;
  rendezvousDir: string;
}

export function createAttaching({ store, sessions, agentDir, rendezvousDir }: AttachingOptions): Attaching {
  const starting = new Set<number>();

  function sessionOf(pid: number): string | null {
    const open = store.list().find((session) => session.target?.pid === pid && ['starting', 'attached'].includes(session.state));
    return open?.id ?? null;
  }

  return {
    async processes() {
      const processes = await listProcesses();
      return processes.map((process) => ({ ...process, sessionId: sessionOf(process.pid) }));
    },
    async attach(pid, context, parent) {
      const already = sessionOf(pid);
      if (already !== null || starting.has(pid)) {
        const title = already === null ? 'another attach under way' : `the session "${store.get(already).title}"`;
        throw new HeaphouseError('busy', `Process ${pid} is attached already: ${title}.`, { advice: 'Use that session, or detach it first.' });
      }
      starting.add(pid);
      try {
        const cgroup = (await readCgroupMemory(pid)) ?? (() => Promise.resolve(null));
        const target = await attachProcess(pid, { rendezvousDir, bytecodeDir: join(dataDir(), 'agent-code'), agentDir, signal: context.signal, onProgress: context.progress });
        return { sessionId: await sessions.begin(fromAttached(target, cgroup), `${target.title} (${pid})`, context, parent) };
      } finally {
        starting.delete(pid);
      }
    },
  };
}
