/** A Chromium (or Electron) with a DevTools port of its own choice in a profile of its own. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild, waitForNone, type Child } from './processes.ts';

const START_TIMEOUT_MS = 20_000;
/** Chromium's helpers end a moment after their parent. */
const HELPERS_TIMEOUT_MS = 5_000;

export interface DebuggedBrowser {
  debuggerAddress: string;
  profileDir: string;
  /** Where the browser puts downloads, without asking. */
  downloadsDir: string;
  child: Child;
  stop(): Promise<void>;
}

export async function startDebugged(
  binary: string,
  args: string[],
  { env, cwd }: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<DebuggedBrowser> {
  const profileDir = await mkdtemp(join(tmpdir(), 'heaphouse-e2e-'));
  const downloadsDir = join(profileDir, 'downloads');
  await mkdir(join(profileDir, 'Default'), { recursive: true });
  await mkdir(downloadsDir);
  await writeFile(
    join(profileDir, 'Default', 'Preferences'),
    JSON.stringify({ download: { default_directory: downloadsDir, prompt_for_download: false, directory_upgrade: true } }),
  );
  const switches = ['--remote-debugging-port=0', `--user-data-dir=${profileDir}`];
  // Chromium refuses to run as root with its sandbox, as in a container.
  if (process.getuid?.() === 0) switches.push('--no-sandbox');
  const child = await startChild(binary, [...switches, ...args], { env: env ?? process.env, ...(cwd === undefined ? {} : { cwd }) });

  async function stop(): Promise<void> {
    await child.end();
    const left = await waitForNone(profileDir, HELPERS_TIMEOUT_MS);
    await rm(profileDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    if (left.length > 0) throw new Error(`${binary} left processes behind: ${left.join(', ')}`);
  }

  try {
    const port = await readPort(join(profileDir, 'DevToolsActivePort'), child);
    return { debuggerAddress: `127.0.0.1:${port}`, profileDir, downloadsDir, child, stop };
  } catch (error) {
    await stop().catch(() => undefined);
    throw error;
  }
}

async function readPort(file: string, child: Child): Promise<number> {
  let ended: string | null = null;
  void child.exited.then(({ code, signal }) => {
    ended = `ended with code ${code}, signal ${signal}`;
  });
  const until = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < until) {
    const port = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0]);
    if (port > 0) return port;
    if (ended !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`No DevTools port: the browser ${ended ?? `did not open one within ${START_TIMEOUT_MS} ms`}.\n${child.output().slice(-4_000)}`);
}
