/** Folders to choose from, for hosts without a native dialog. */
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FolderListing } from '#shared/contracts/shell.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { ioError } from '#main/storage/io-error.ts';

const MAX_FOLDERS = 1_000;

/** Errors: `not-found`, `io`, `invalid-argument` (a file). Links to folders are listed as folders. */
export async function listFolder(path: string): Promise<FolderListing> {
  let entries;
  try {
    if (!(await stat(path)).isDirectory()) throw new HeaphouseError('invalid-argument', `${path} is not a folder.`);
    entries = await readdir(path, { withFileTypes: true });
  } catch (error) {
    throw ioError(error, 'read', path);
  }
  const folders: string[] = [];
  for (const entry of entries) {
    const isFolder = entry.isDirectory() || (entry.isSymbolicLink() && (await stat(join(path, entry.name)).then((info) => info.isDirectory(), () => false)));
    if (isFolder) folders.push(entry.name);
  }
  folders.sort((a, b) => Number(a.startsWith('.')) - Number(b.startsWith('.')) || a.localeCompare(b));
  const parent = dirname(path);
  return { path, parent: parent === path ? null : parent, folders: folders.slice(0, MAX_FOLDERS), cut: folders.length > MAX_FOLDERS };
}
