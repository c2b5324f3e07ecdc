/** The `targets` contract: what runs on this machine and the ways into it. */
import { basename, isAbsolute, join } from 'node:path';
import { type targetsContract } from '#shared/contracts/targets.ts';
import type { ServiceHandlers } from '#shared/rpc/define-service.ts';
import { readCgroupMemory } from '#main/targets/cgroup.ts';
import { resolveEndpoint } from '#main/targets/connect.ts';
import { findInterpreters } from '#main/targets/interpreters.ts';
import { launchAllocators } from '#main/targets/launch/allocators.ts';
import { launchTarget } from '#main/targets/launch.ts';
import { preflight } from '#main/targets/preflight.ts';
import type { Attaching } from './attaching.ts';
import { fromEndpoint, fromLaunched } from './live-target.ts';
import type { Launches } from './launches-service.ts';
import type { LiveSessions } from './live-sessions.ts';

const PROCESS_POLL_MS = 2_000;

export interface TargetsServiceOptions {
  sessions: LiveSessions;
  attaching: Attaching;
  agentDir: string;
  rendezvousDir: string;
  launches: Pick<Launches, 'remember'>;
  /** Folder a launch starts in unless it says otherwise. */
  cwd: string;
}

export function createTargetsService({ sessions, attaching, agentDir, rendezvousDir, launches, cwd }: TargetsServiceOptions): ServiceHandlers<typeof targetsContract> {
  function folderOf(asked: string | undefined): string {
    return asked === undefined ? cwd : isAbsolute(asked) ? asked : join(cwd, asked);
  }

  async function cgroupReader(pid: number) {
    const read = await readCgroupMemory(pid);
    return read ?? (() => Promise.resolve(null));
  }

  return {
    methods: {
      list: () => attaching.processes(),
      interpreters: ({ cwd: asked }) => findInterpreters({ cwd: folderOf(asked) }),
      preflight: ({ pid }) => preflight(pid),
      launchAllocators: (asked) => launchAllocators(asked.command, folderOf(asked.cwd)),
      async launch(request, context) {
        const from = folderOf(request.cwd);
        const target = await launchTarget(
          { ...request, cwd: from },
          { rendezvousDir, agentDir, signal: context.signal, onProgress: context.progress },
        );
        const cgroup = await cgroupReader(target.pid);
        const sessionId = await sessions.begin(fromLaunched(target, cgroup), target.title || basename(request.command), context);
        await launches.remember({ ...request, cwd: from });
        return { sessionId };
      },
      attach: ({ pid }, context) => attaching.attach(pid, context),
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
          const processes = await attaching.processes().catch(() => null);
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
