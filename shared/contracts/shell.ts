/** What only the host can do: versions, native dialogs, saving a file for the user, requests to open something. */
import * as v from 'valibot';
import { defineService, event, method } from '../rpc/define-service.ts';
import { empty, path } from './common.ts';

export interface ShellInfo {
  host: 'electron' | 'web';
  appVersion: string;
  versions: { name: string; version: string }[];
  platform: string;
  /** Folder a launch starts in unless another is given. */
  cwd: string;
  sessionsDir: string;
  /** The host has native open and save dialogs; if not, the page uploads and downloads. */
  nativeDialogs: boolean;
  docsUrl: string | null;
  /** Where crash reports lie; null where the host writes none. */
  crashDir: string | null;
  /** The host zooms its window; in a browser the browser does. */
  zooms: boolean;
}

export interface FolderListing {
  path: string;
  /** Null at the top. */
  parent: string | null;
  /** Names, sorted; at most 1,000. */
  folders: string[];
  cut: boolean;
}

/** What a command line, a second instance, a file association or a drop asks for. */
export type OpenRequest =
  | { kind: 'files'; paths: string[] }
  | { kind: 'session'; sessionId: string }
  /** Shown in the launch form, never started without the user. */
  | { kind: 'prefill'; command: string[] };

export const shellContract = defineService('shell', {
  methods: {
    info: method<ShellInfo>()(empty),
    /** Paths the user chose; empty when cancelled or when the host has no dialogs. */
    openDialog: method<string[]>()(v.object({ what: v.picklist(['snapshots', 'session', 'folder']) })),
    /** Folders in a folder of the workbench's machine, for hosts without native dialogs. */
    listFolder: method<FolderListing>()(v.object({ path })),
    openCrashFolder: method<null>()(empty),
    zoom: method<null>()(v.object({ step: v.picklist(['in', 'out', 'reset']) })),
    /**
     * Gives the user a file the workbench wrote. Electron: save dialog, returns the chosen path or null. Web: returns
     * a one-time URL path to download from.
     */
    saveFile: method<{ savedPath: string | null; downloadUrl: string | null }>()(
      v.object({ sourcePath: path, suggestedName: v.pipe(v.string(), v.minLength(1), v.maxLength(200)) }),
    ),
    /** Memory of all processes of the workbench. */
    ownMemory: method<{ rssBytes: number; processes: { name: string; pid: number; rssBytes: number }[] }>()(empty),
  },
  events: {
    openRequest: event<OpenRequest>()(empty),
    /** Id of a command (shared/model/commands.ts) chosen in the host's native menu. Never sent by the web host. */
    command: event<string>()(empty),
  },
});
