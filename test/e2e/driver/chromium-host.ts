/**
 * The application as the web host serves it, in a Chromium without a window: `heaphouse serve` on a free port with a
 * data folder of its own, and the system's browser at the address it prints.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AppHost } from './app-driver.ts';
import { findChromium, projectRoot } from './browser-path.ts';
import { startDebugged } from './devtools-port.ts';
import { startChild, waitForNone, type Child } from './processes.ts';

const SERVE_TIMEOUT_MS = 30_000;
const ADDRESS = /http:\/\/127\.0\.0\.1:\d+\/\?token=[A-Za-z0-9_-]+/;

const BROWSER_SWITCHES = [
  '--headless=new',
  '--disable-gpu',
  '--window-size=1400,900',
  '--no-first-run',
  '--no-default-browser-check',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-extensions',
  // Tests in containers have a /dev/shm of 64 MB, which a page with large canvases fills.
  '--disable-dev-shm-usage',
];

export interface ChromiumHostOptions {
  /** Arguments after `serve --port 0`. */
  args?: string[];
  env?: NodeJS.ProcessEnv;
  /** Serves this page instead of the application: for the driver's own test. */
  url?: string;
}

export function createChromiumHost({ args = [], env = {}, url }: ChromiumHostOptions = {}): AppHost {
  return {
    kind: 'chromium',
    async start() {
      const chromium = findChromium();
      if (chromium.missing !== undefined) throw new Error(chromium.missing);
      const dataDir = await mkdtemp(join(tmpdir(), 'heaphouse-e2e-data-'));
      let server: Child | null = null;
      const stopServer = async () => {
        await server?.end(10_000);
        // Every process of the application, and every target it launched, has the folder in its environment.
        const left = await waitForNone(dataDir, 5_000);
        await rm(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
        if (left.length > 0) throw new Error(`The application left processes behind: ${left.join(', ')}`);
      };
      try {
        let address = url ?? null;
        if (address === null) {
          server = await startChild(process.execPath, [join(projectRoot, 'build', 'heaphouse.mjs'), 'serve', '--port', '0', ...args], {
            cwd: projectRoot,
            env: { ...process.env, HEAPHOUSE_DATA_DIR: dataDir, ...env },
          });
          [address] = await server.waitForOutput(ADDRESS, SERVE_TIMEOUT_MS);
        }
        const browser = await startDebugged(chromium.path, [...BROWSER_SWITCHES, 'about:blank']);
        return {
          debuggerAddress: browser.debuggerAddress,
          url: address,
          downloadsDir: browser.downloadsDir,
          output: () => server?.output() ?? '',
          async stop() {
            // Both are ended even if one fails: an orphan would spoil the tests that follow.
            const results = await Promise.allSettled([browser.stop(), stopServer()]);
            for (const result of results) if (result.status === 'rejected') throw result.reason;
          },
        };
      } catch (error) {
        await stopServer();
        throw error;
      }
    },
  };
}
