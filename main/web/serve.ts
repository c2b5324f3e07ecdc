/** Runs the web host until it is told to stop: the body of `heaphouse serve`, in plain Node and inside Electron. */
import { spawn } from 'node:child_process';
import { shellContract, type OpenRequest } from '#shared/contracts/shell.ts';
import { toWireError } from '#shared/rpc/errors.ts';
import type { OpenInvocation } from '#main/cli/invocation.ts';
import { dataDir, defaultSessionsDir } from '#main/storage/app-folders.ts';
import { rendererDir } from '#main/workbench/app-root.ts';
import type { StartHost } from '#main/workbench/host-process.ts';
import { openAsAsked } from '#main/workbench/open-as-asked.ts';
import { createWorkbench } from '#main/workbench/workbench.ts';
import { createWebShell } from './shell-service.ts';
import { startWebHost } from './web-host.ts';

const say = (line: string) => process.stdout.write(`${line}\n`);
const warn = (line: string) => process.stderr.write(`${line}\n`);

export interface ServeOptions {
  startHost?: StartHost | undefined;
  agentDir?: string | undefined;
}

/** Serves until Ctrl-C or SIGTERM. Errors: what keeps the host from starting (`io`, `permission`, `missing-part`). */
export async function serveWeb(invocation: OpenInvocation, { startHost, agentDir }: ServeOptions = {}): Promise<void> {
  const cwd = process.cwd();
  const sessionsDir = defaultSessionsDir();
  const workbench = createWorkbench({
    sessionsDir,
    dataDir: dataDir(),
    cwd,
    log: warn,
    ...(startHost ? { startHost } : {}),
    ...(agentDir ? { agentDir } : {}),
  });
  const openRequests: OpenRequest[] = [];
  let host;
  try {
    host = await startWebHost({ workbench, port: invocation.port ?? 0, rendererDir });
  } catch (error) {
    await workbench.dispose();
    throw error;
  }
  workbench.server.provide(
    shellContract,
    createWebShell({ workbench, transfers: host.transfers, cwd, sessionsDir, openRequests }),
  );

  const ended = untilStopped();
  say(`Heaphouse is at ${host.url}`);
  say('Only this machine can open it, and only with that address. Press Ctrl-C to stop.');
  if (invocation.command === 'open') openBrowser(host.url);

  const { requests, errors } = await openAsAsked(workbench.client, invocation);
  openRequests.push(...requests);
  // The workbench stays open after a failure: the user can mend it there.
  for (const error of errors) {
    const { message, advice } = toWireError(error);
    warn(advice ? `${message} ${advice}` : message);
  }

  await ended;
  await host.close();
  await workbench.dispose();
}

/** Resolves on Ctrl-C or when asked to end; a second Ctrl-C ends at once. */
function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const stop = (signal: NodeJS.Signals) => {
      if (asked) process.exit(128 + (signal === 'SIGINT' ? 2 : 15));
      asked = true;
      resolve();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  });
}

/** Opens the address where there is a display. That it cannot is no error: the address is printed. */
function openBrowser(url: string): void {
  const { platform, env } = process;
  if (platform === 'linux' && !env.DISPLAY && !env.WAYLAND_DISPLAY) return;
  const [command, ...args] =
    platform === 'darwin' ? ['open', url] : platform === 'win32' ? ['cmd', '/c', 'start', '', url] : ['xdg-open', url];
  const child = spawn(command, args, { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}
