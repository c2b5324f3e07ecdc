/** Entry of the web host: `heaphouse serve`, and `heaphouse` where there is no desktop window. */
import { spawn } from 'node:child_process';
import { shellContract, type OpenRequest } from '#shared/contracts/shell.ts';
import { HeaphouseError, toWireError } from '#shared/rpc/errors.ts';
import type { OpenInvocation } from '#main/cli/invocation.ts';
import { parseArgv } from '#main/cli/parse-argv.ts';
import { defaultSessionsDir } from '#main/storage/app-folders.ts';
import { rendererDir } from '#main/workbench/app-root.ts';
import { openAsAsked } from '#main/workbench/open-as-asked.ts';
import { createWorkbench } from '#main/workbench/workbench.ts';
import { createWebShell } from './shell-service.ts';
import { startWebHost } from './web-host.ts';

const say = (line: string) => process.stdout.write(`${line}\n`);
const warn = (line: string) => process.stderr.write(`${line}\n`);

async function main(argv: string[]): Promise<number> {
  const parsed = parseArgv(argv);
  if (!parsed.ok) {
    warn(`heaphouse: ${parsed.message}`);
    return 2;
  }
  const { invocation } = parsed;
  if (invocation.command !== 'open' && invocation.command !== 'serve') {
    throw new HeaphouseError('internal', `The web host does not do "${invocation.command}".`);
  }

  const cwd = process.cwd();
  const sessionsDir = defaultSessionsDir();
  const workbench = createWorkbench({ sessionsDir, cwd, log: warn });
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
  await openFirst(invocation);

  await ended;
  await host.close();
  await workbench.dispose();
  return 0;

  /** What the command line asks for. A failure is said here; the workbench stays open, because the user can mend it there. */
  async function openFirst(asked: OpenInvocation): Promise<void> {
    try {
      openRequests.push(...(await openAsAsked(workbench.client, asked)));
    } catch (error) {
      const { message, advice } = toWireError(error);
      warn(advice ? `${message} ${advice}` : message);
    }
  }
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

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    const { message, advice } = toWireError(error);
    warn(`heaphouse: ${message}${advice ? ` ${advice}` : ''}`);
    process.exit(3);
  },
);
