/**
 * The application in Electron itself: a runtime with this folder's build, or a packaged app. Only Chromium switches are
 * used to reach it, which no fuse takes away, so the very build that ships can be tested.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AppHost } from './app-driver.ts';
import { findElectron, projectRoot } from './browser-path.ts';
import { startDebugged } from './devtools-port.ts';
import { waitForNone } from './processes.ts';

export interface ElectronHostOptions {
  args?: string[];
  env?: NodeJS.ProcessEnv;
}

export function createElectronHost({ args = [], env = {} }: ElectronHostOptions = {}): AppHost {
  return {
    kind: 'electron',
    async start() {
      const electron = findElectron();
      if (electron.missing !== undefined) throw new Error(electron.missing);
      const dataDir = await mkdtemp(join(tmpdir(), 'heaphouse-e2e-data-'));
      const childEnv: NodeJS.ProcessEnv = { ...process.env, HEAPHOUSE_DATA_DIR: dataDir, ...env };
      // With it the runtime would be a plain Node.
      delete childEnv.ELECTRON_RUN_AS_NODE;
      const app = electron.packaged ? [] : [projectRoot];
      try {
        const running = await startDebugged(electron.path, [...app, ...args], { env: childEnv, cwd: projectRoot });
        return {
          debuggerAddress: running.debuggerAddress,
          url: null,
          // The desktop asks with a native dialog, which WebDriver cannot answer.
          downloadsDir: null,
          output: () => running.child.output(),
          async stop() {
            try {
              await running.stop();
              const left = await waitForNone(dataDir, 5_000);
              if (left.length > 0) throw new Error(`The application left processes behind: ${left.join(', ')}`);
            } finally {
              await rm(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
            }
          },
        };
      } catch (error) {
        await rm(dataDir, { recursive: true, force: true });
        throw error;
      }
    },
  };
}
