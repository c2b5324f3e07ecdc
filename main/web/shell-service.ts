/** The `shell` contract under the web host: there are no native dialogs, files come and go through the browser. */
import { readFileSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { type shellContract, type OpenRequest } from '#shared/contracts/shell.ts';
import type { ServiceHandlers } from '#shared/rpc/define-service.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { appRoot } from '#main/workbench/app-root.ts';
import type { Workbench } from '#main/workbench/workbench.ts';
import { listFolder } from '#main/workbench/list-folder.ts';
import { processRss } from '#main/workbench/own-memory.ts';
import type { Transfers } from './transfers.ts';

export interface WebShellOptions {
  workbench: Workbench;
  transfers: Transfers;
  cwd: string;
  sessionsDir: string;
  /** Asked for on the command line; told to the first page that listens. */
  openRequests: OpenRequest[];
}

export function createWebShell(options: WebShellOptions): ServiceHandlers<typeof shellContract> {
  const { workbench, transfers, cwd, sessionsDir, openRequests } = options;
  const { version } = JSON.parse(readFileSync(join(appRoot, 'package.json'), 'utf8')) as { version: string };

  return {
    methods: {
      info: () => ({
        host: 'web',
        appVersion: version,
        versions: [
          { name: 'Heaphouse', version },
          { name: 'Node.js', version: process.version },
          { name: 'V8', version: process.versions.v8 },
        ],
        platform: `${process.platform} ${process.arch}`,
        cwd,
        sessionsDir,
        nativeDialogs: false,
        docsUrl: null,
        crashDir: null,
        zooms: false,
      }),
      openDialog: () => [],
      listFolder: ({ path }) => listFolder(resolve(cwd, path)),
      openCrashFolder() {
        throw new HeaphouseError('unsupported', 'The web host keeps no crash reports.');
      },
      // The browser zooms by itself.
      zoom: () => null,
      async saveFile({ sourcePath, suggestedName }) {
        // Only what the workbench itself exported may leave through a link, whatever path a page asks for.
        const real = await realpath(sourcePath).catch(() => {
          throw new HeaphouseError('not-found', 'The exported file is not there (any more).', { advice: 'Export it again.' });
        });
        if (!(await isExport(real))) {
          throw new HeaphouseError('permission', 'Only exported files can be downloaded.');
        }
        return { savedPath: null, downloadUrl: transfers.offer(real, suggestedName) };
      },
      async ownMemory() {
        const parts = [{ name: 'workbench', pid: process.pid }, ...workbench.workers()];
        const processes = await Promise.all(parts.map(async (part) => ({ ...part, rssBytes: (await processRss(part.pid)) ?? 0 })));
        return { rssBytes: processes.reduce((sum, { rssBytes }) => sum + rssBytes, 0), processes };
      },
    },
    events: {
      openRequest(_params, emit) {
        for (const request of openRequests.splice(0)) emit(request);
        return () => undefined;
      },
      // Only a native menu sends commands; in the browser the page's own keys do.
      command: () => () => undefined,
    },
  };

  async function isExport(path: string): Promise<boolean> {
    const real = await Promise.all(workbench.exportDirs().map((folder) => realpath(folder).catch(() => null)));
    return real.some((folder) => folder !== null && path.startsWith(folder + sep));
  }
}

