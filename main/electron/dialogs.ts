/** Options of the native dialogs. Pure, so that the words and the filters can be read in a test. */
import { basename, extname, join } from 'node:path';
import type { FileFilter, OpenDialogOptions, SaveDialogOptions } from 'electron';
import { OPENABLE_ENDINGS, SNAPSHOT_ENDINGS } from '#shared/model/openable.ts';

export type OpenWhat = 'snapshots' | 'session' | 'folder';

const ALL_FILES: FileFilter = { name: 'All files', extensions: ['*'] };

const NAMED_TYPES: Record<string, string> = {
  heapsnapshot: 'Heap snapshot',
  json: 'JSON',
  csv: 'Comma-separated values',
  html: 'Web page',
  md: 'Markdown',
  heaphouse: 'Heaphouse session',
};

export function openDialogOptions(what: OpenWhat, defaultPath: string): OpenDialogOptions {
  switch (what) {
    case 'snapshots':
      return {
        title: 'Open snapshots or a saved session',
        buttonLabel: 'Open',
        defaultPath,
        filters: [
          { name: 'Snapshots and sessions', extensions: [...OPENABLE_ENDINGS] },
          { name: 'Heap snapshots', extensions: [...SNAPSHOT_ENDINGS] },
          { name: NAMED_TYPES['heaphouse'], extensions: ['heaphouse'] },
          ALL_FILES,
        ],
        properties: ['openFile', 'multiSelections'],
      };
    case 'session':
      return { title: 'Open a session folder', buttonLabel: 'Open', defaultPath, properties: ['openDirectory'] };
    case 'folder':
      return { title: 'Choose a folder', buttonLabel: 'Choose', defaultPath, properties: ['openDirectory', 'createDirectory'] };
  }
}

/** A suggested name comes from a title that a target may have given itself: no folders, no control or reserved characters. */
export function safeFileName(suggested: string): string {
  const name = basename(suggested.replace(/\\/g, '/'))
    .replace(/[\u0000-\u001f\u007f<>:"/\\|?*\u202a-\u202e\u2066-\u2069]/g, '_')
    .replace(/^\.+/, '_')
    .replace(/[. ]+$/, '')
    .slice(0, 200);
  return name === '' ? 'heaphouse' : name;
}

export function saveDialogOptions(suggestedName: string, folder: string): SaveDialogOptions {
  const name = safeFileName(suggestedName);
  const extension = extname(name).slice(1).toLowerCase();
  const type = NAMED_TYPES[extension];
  return {
    title: 'Save',
    defaultPath: join(folder, name),
    filters: type === undefined ? [ALL_FILES] : [{ name: type, extensions: [extension] }, ALL_FILES],
    properties: ['createDirectory', 'showOverwriteConfirmation'],
  };
}
