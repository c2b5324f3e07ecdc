/** Does what the command line of a graphical host asks for, and says what the window should show then. */
import type { OpenRequest } from '#shared/contracts/shell.ts';
import { sessionsContract } from '#shared/contracts/sessions.ts';
import { targetsContract, type LaunchRequest } from '#shared/contracts/targets.ts';
import type { RpcClient } from '#shared/rpc/client.ts';
import type { OpenInvocation } from '#main/cli/invocation.ts';

type Asked = Pick<OpenInvocation, 'files' | 'attachPid' | 'connectUrl' | 'launch' | 'pythonMalloc' | 'preload'>;

/**
 * Opens files, attaches, connects, launches: each only because the user typed it on this very command line. (A file, a
 * link or a second instance never starts a program; they go through `OpenRequest` and at most fill in the form.)
 */
export async function openAsAsked(client: RpcClient, asked: Asked): Promise<{ requests: OpenRequest[]; errors: unknown[] }> {
  const targets = client.service(targetsContract);
  const requests: OpenRequest[] = [];
  const errors: unknown[] = [];
  // One thing that fails must not lose the others.
  const attempt = async (opening: Promise<{ sessionId: string }>) => {
    try {
      requests.push({ kind: 'session', sessionId: (await opening).sessionId });
    } catch (error) {
      errors.push(error);
    }
  };

  if (asked.files.length > 0) await attempt(client.service(sessionsContract).open({ paths: asked.files }));
  if (asked.attachPid !== null) await attempt(targets.attach({ pid: asked.attachPid }));
  if (asked.connectUrl !== null) await attempt(targets.connect({ url: asked.connectUrl, confirmRemote: true }));
  if (asked.launch !== null) {
    const [command, ...args] = asked.launch;
    await attempt(targets.launch({ command, args, ...launchChoices(asked) }));
  }
  return { requests, errors };
}

/** Choices of a command line as a launch has them. */
export function launchChoices({ pythonMalloc, preload }: { pythonMalloc?: string | null; preload?: string | null }): Pick<LaunchRequest, 'pythonMalloc' | 'preload'> {
  return { ...(pythonMalloc ? { pythonMalloc } : {}), ...(preload ? { preload } : {}) };
}
