/** A workbench of this process around one target, for `record` and `snapshot`. */
import { dirname } from 'node:path';
import { allocationsContract } from '#shared/contracts/allocations.ts';
import { liveContract } from '#shared/contracts/live.ts';
import { sessionsContract } from '#shared/contracts/sessions.ts';
import { targetsContract } from '#shared/contracts/targets.ts';
import type { SessionInfo } from '#shared/model/session.ts';
import type { ServiceClient } from '#shared/rpc/define-service.ts';
import { launchChoices } from '#main/workbench/open-as-asked.ts';
import { createWorkbench } from '#main/workbench/workbench.ts';
import type { CommandContext } from './command-context.ts';

export interface WayIn {
  attachPid: number | null;
  connectUrl: string | null;
  launch: string[] | null;
  pythonMalloc?: string | null;
  preload?: string | null;
  /** Record the stack of every allocation from the start of a launched program. */
  allocationStacks?: boolean;
}

export interface LiveSession {
  sessions: ServiceClient<typeof sessionsContract>;
  sessionId: string;
  allocations: ServiceClient<typeof allocationsContract>;
  live: ServiceClient<typeof liveContract>;
  /** The session as it is now. */
  info(): SessionInfo;
  /** Resolves when the target has ended or the connection to it is lost; never rejects. */
  readonly over: Promise<SessionInfo>;
}

/**
 * Reaches the target, runs `body`, and whatever happens detaches again, ends a program that was started, and stops all
 * workers before it resolves. `dir` becomes the session's folder.
 */
export async function withLiveSession<R>(
  way: WayIn,
  dir: string,
  context: CommandContext,
  body: (session: LiveSession) => Promise<R>,
): Promise<R> {
  const { io, progress, signal } = context;
  const workbench = createWorkbench({
    sessionsDir: dirname(dir),
    sessionDir: () => dir,
    cwd: io.cwd,
    ...(io.startHost ? { startHost: io.startHost } : {}),
    ...(io.agentDir === undefined ? {} : { agentDir: io.agentDir }),
    log: (line) => progress.note(line),
  });
  try {
    const sessions = workbench.client.service(sessionsContract);
    const { sessionId } = await reach(way, workbench.client.service(targetsContract), context);
    progress.clear();
    signal.throwIfAborted();

    const find = (list: SessionInfo[]) => list.find((session) => session.id === sessionId);
    let current = find(await sessions.list({}))!;
    const over = new Promise<SessionInfo>((resolve) => {
      const look = (session: SessionInfo | undefined) => {
        if (session) current = session;
        if (current.state !== 'starting' && current.state !== 'attached') resolve(current);
      };
      sessions.on('changed', {}, (list) => look(find(list)));
    });
    const { client } = workbench;
    return await body({ sessions, sessionId, allocations: client.service(allocationsContract, sessionId), live: client.service(liveContract, sessionId), info: () => current, over });
  } finally {
    progress.clear();
    await workbench.dispose();
  }
}

async function reach(
  way: WayIn,
  targets: ServiceClient<typeof targetsContract>,
  { io, progress, signal }: CommandContext,
): Promise<{ sessionId: string }> {
  const options = { signal, onProgress: (value: Parameters<typeof progress.update>[1]) => progress.update('target', value) };
  if (way.launch) {
    const [command, ...args] = way.launch;
    return targets.launch({ command: command!, args, cwd: io.cwd, ...launchChoices(way), ...(way.allocationStacks ? { allocationStacks: true } : {}) }, options);
  }
  if (way.attachPid !== null) return targets.attach({ pid: way.attachPid }, options);
  // An address typed on the command line is the user's own act, also when it is of another machine.
  return targets.connect({ url: way.connectUrl!, confirmRemote: true }, options);
}
