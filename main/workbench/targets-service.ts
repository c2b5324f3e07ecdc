/** The `targets` contract: what runs on this machine and the ways into it. */
import { basename, isAbsolute, join } from 'node:path';
import { tmpdir } from 'node:os';
import { type targetsContract } from '#shared/contracts/targets.ts';
import type { ProcessInfo } from '#shared/model/target.ts';
import type { CallContext, Progress, ServiceHandlers } from '#shared/rpc/define-service.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { attachProcess } from '#main/targets/attach.ts';
import { readCgroupMemory } from '#main/targets/cgroup.ts';
import { resolveEndpoint } from '#main/targets/connect.ts';
import { listProcesses } from '#main/targets/discover-processes.ts';
import { findInterpreters } from '#main/targets/interpreters.ts';
import { launchTarget } from '#main/targets/launch.ts';
import { preflight } from '#main/targets/preflight.ts';
import { fromAttached, fromEndpoint, fromLaunched } from './live-target.ts';
import type { LiveSessions } from './live-sessions.ts';
import type { SessionStore } from './session-store.ts';

const PROCESS_POLL_MS = 2_000;

export interface TargetsServiceOptions {
  store: SessionStore;
  sessions: LiveSessions;
  agentDir: string;
  /** Folder a launch starts in unless it says otherwise. */
  cwd: string;
}

export function createTargetsService({ store, sessions, agentDir, cwd }: TargetsServiceOptions): ServiceHandlers<typeof targetsContract> {
  const rendezvousDir = join(tmpdir(), `heaphouse-${process.getuid?.() ?? 'user'}-${process.pid}`);
  const starting = new Set<number>();

  function sessionOf(pid: number): string | null {
    const open = store.list().find((session) => session.target?.pid === pid && ['starting', 'attached'].includes(session.state));
    return open?.id ?? null;
  }

  async function list(): Promise<ProcessInfo[]> {
    const processes = await listProcesses();
    return processes.map((process) => ({ ...process, sessionId: sessionOf(process.pid) }));
  }

  async function cgroupReader(pid: number) {
    const read = await readCgroupMemory(pid);
    return read ?? (() => Promise.resolve(null));
  }

  async function attach(pid: number, context: CallContext<Progress>): Promise<{ sessionId: string }> {
    const already = sessionOf(pid);
    if (already !== null || starting.has(pid)) {
      const title = already === null ? 'another attach under way' : `the session "${store.get(already).title}"`;
      throw new HeaphouseError('busy', `Process ${pid} is attached already: ${title}.`, { advice: 'Use that session, or detach it first.' });
    }
    starting.add(pid);
    try {
      const cgroup = await cgroupReader(pid);
      const target = await attachProcess(pid, { rendezvousDir, agentDir, signal: context.signal, onProgress: context.progress });
      const sessionId = await sessions.begin(fromAttached(target, cgroup), `${target.title} (${pid})`, context);
      return { sessionId };
    } finally {
      starting.delete(pid);
    }
  }

  return {
    methods: {
      list: () => list(),
      interpreters: () => findInterpreters({ cwd }),
      preflight: ({ pid }) => preflight(pid),
      async launch(request, context) {
        const from = request.cwd === undefined ? cwd : isAbsolute(request.cwd) ? request.cwd : join(cwd, request.cwd);
        const target = await launchTarget(
          { ...request, cwd: from },
          { rendezvousDir, agentDir, signal: context.signal, onProgress: context.progress },
        );
        const cgroup = await cgroupReader(target.pid);
        const sessionId = await sessions.begin(fromLaunched(target, cgroup), target.title || basename(request.command), context);
        return { sessionId };
      },
      attach: ({ pid }, context) => attach(pid, context),
      async connect({ url, confirmRemote }, context) {
        const endpoint = await resolveEndpoint(url, { confirmRemote, signal: context.signal });
        const sessionId = await sessions.begin(fromEndpoint(endpoint, url), endpoint.title, context);
        return { sessionId };
      },
    },
    events: {
      processes(_params, emit) {
        let last = '';
        let stopped = false;
        let timer: NodeJS.Timeout | undefined;
        async function look(): Promise<void> {
          const processes = await list().catch(() => null);
          if (stopped) return;
          const text = JSON.stringify(processes);
          if (processes && text !== last) {
            last = text;
            emit(processes);
          }
          timer = setTimeout(() => void look(), PROCESS_POLL_MS);
        }
        void look();
        return () => {
          stopped = true;
          clearTimeout(timer);
        };
      },
    },
  };
}
