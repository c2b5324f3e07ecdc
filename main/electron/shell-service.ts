/** The `shell` service of the desktop: versions, native dialogs, saving, memory of our own processes, open requests. */
import { copyFile, realpath } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import type { App, BaseWindow, Dialog, ProcessMetric } from 'electron';
import type { OpenRequest, ShellInfo, shellContract } from '#shared/contracts/shell.ts';
import type { Dispose } from '#shared/rpc/channel.ts';
import type { ServiceHandlers } from '#shared/rpc/define-service.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { listFolder } from '#main/workbench/list-folder.ts';
import { openDialogOptions, saveDialogOptions } from './dialogs.ts';

/** Values for whoever listens; what comes before there is a listener waits for the first one. */
export interface Mailbox<T> {
  post(value: T): void;
  listen(listener: (value: T) => void): Dispose;
}

/** At most this many requests wait for a window: more than a person can have meant. */
const MAX_WAITING = 20;

export function createMailbox<T>(): Mailbox<T> {
  const listeners = new Set<(value: T) => void>();
  let waiting: T[] = [];
  return {
    post(value) {
      if (listeners.size === 0) waiting = [...waiting, value].slice(-MAX_WAITING);
      for (const listener of [...listeners]) listener(value);
    },
    listen(listener) {
      listeners.add(listener);
      const late = waiting;
      waiting = [];
      for (const value of late) listener(value);
      return () => listeners.delete(listener);
    },
  };
}

export interface ShellServiceParts {
  app: Pick<App, 'getPath' | 'getVersion' | 'getAppMetrics'>;
  dialog: Pick<Dialog, 'showOpenDialog' | 'showSaveDialog'>;
  /** The window a dialog belongs to; null when it is closed. */
  window: () => BaseWindow | null;
  sessionsDir: string;
  cwd: string;
  /** Folders and files that the workbench has written or opened: nothing else is copied for the page. */
  exportable: () => Promise<string[]>;
  openRequests: Mailbox<OpenRequest>;
  commands: Mailbox<string>;
  /** Shows a folder in the system's file manager; the text says why it could not. */
  openPath: (path: string) => Promise<string>;
  zoom: (step: 'in' | 'out' | 'reset') => void;
  /** Tells the system's list of recent documents. */
  remember: (paths: readonly string[]) => void;
}

export function shellInfo({ app, sessionsDir, cwd }: Pick<ShellServiceParts, 'app' | 'sessionsDir' | 'cwd'>): ShellInfo {
  const { electron, chrome, node, v8 } = process.versions as NodeJS.ProcessVersions & { electron?: string; chrome?: string };
  return {
    host: 'electron',
    appVersion: app.getVersion(),
    versions: [
      { name: 'Heaphouse', version: app.getVersion() },
      { name: 'Electron', version: electron ?? 'unknown' },
      { name: 'Chromium', version: chrome ?? 'unknown' },
      { name: 'Node.js', version: node },
      { name: 'V8', version: v8 },
      { name: 'System', version: `${process.platform} ${process.arch}` },
    ],
    platform: `${process.platform} ${process.arch}`,
    cwd,
    sessionsDir,
    nativeDialogs: true,
    docsUrl: null,
    crashDir: app.getPath('crashDumps'),
    zooms: true,
  };
}

/** Electron reports kilobytes. */
export function ownMemory(metrics: readonly ProcessMetric[]) {
  const processes = metrics.map(({ name, serviceName, type, pid, memory }) => ({
    name: name ?? serviceName ?? (type === 'Browser' ? 'Heaphouse' : type),
    pid,
    rssBytes: memory.workingSetSize * 1_024,
  }));
  return { rssBytes: processes.reduce((sum, process) => sum + process.rssBytes, 0), processes };
}

function isInside(path: string, root: string): boolean {
  const inside = relative(root, path);
  return inside === '' || !(inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside));
}

/** The real path of `sourcePath` if it is, links resolved, one of `roots` or inside one. Throws `not-found` or `permission`. */
export async function exportablePath(sourcePath: string, roots: readonly string[]): Promise<string> {
  const real = await realpath(sourcePath).catch(() => {
    throw new HeaphouseError('not-found', 'The file to save does not exist any more.', { detail: sourcePath });
  });
  for (const root of roots) {
    const realRoot = await realpath(root).catch(() => null);
    if (realRoot !== null && isInside(real, realRoot)) return real;
  }
  throw new HeaphouseError('permission', 'Only files of a session can be saved from here.', { detail: sourcePath });
}

export function createShellService(parts: ShellServiceParts): ServiceHandlers<typeof shellContract> {
  const { app, dialog, window } = parts;
  return {
    methods: {
      info: () => shellInfo(parts),
      async openDialog({ what }) {
        const options = openDialogOptions(what, what === 'session' ? parts.sessionsDir : parts.cwd);
        const parent = window();
        const { canceled, filePaths } = parent ? await dialog.showOpenDialog(parent, options) : await dialog.showOpenDialog(options);
        if (!canceled && what === 'snapshots') parts.remember(filePaths);
        return canceled ? [] : filePaths;
      },
      listFolder: ({ path }) => listFolder(resolve(parts.cwd, path)),
      async openCrashFolder() {
        const problem = await parts.openPath(app.getPath('crashDumps'));
        if (problem !== '') throw new HeaphouseError('io', 'The folder of crash reports cannot be shown.', { advice: `It is ${app.getPath('crashDumps')}.`, detail: problem });
        return null;
      },
      zoom({ step }) {
        parts.zoom(step);
        return null;
      },
      async saveFile({ sourcePath, suggestedName }) {
        const source = await exportablePath(sourcePath, await parts.exportable());
        const options = saveDialogOptions(suggestedName, app.getPath('downloads'));
        const parent = window();
        const { canceled, filePath } = parent ? await dialog.showSaveDialog(parent, options) : await dialog.showSaveDialog(options);
        if (canceled || !filePath) return { savedPath: null, downloadUrl: null };
        try {
          await copyFile(source, filePath);
        } catch (error) {
          throw new HeaphouseError('io', 'The file could not be saved there.', {
            advice: 'Choose another folder, or free some space.',
            detail: error instanceof Error ? error.message : String(error),
          });
        }
        return { savedPath: filePath, downloadUrl: null };
      },
      ownMemory: () => ownMemory(app.getAppMetrics()),
    },
    events: {
      openRequest: (_params, emit) => parts.openRequests.listen(emit),
      command: (_params, emit) => parts.commands.listen(emit),
    },
  };
}
