import { readdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';

/** Which indexes stay on disk (see index-file.ts). */
export const INDEX_SUFFIX = '.heapindex';

const MAX_FOLDER_BYTES = 8 * 2 ** 30;
/** Disk that an index must leave free. */
const LEAVE_FREE_BYTES = 2 * 2 ** 30;
/** A file under way that is older than this belongs to nobody any more. */
const ABANDONED_MS = 24 * 3_600_000;

/**
 * Makes room for an index of `wanted` bytes: those used longest ago go until the folder holds no more than it may. False
 * when the index alone is too large, or the disk has not that much to spare.
 */
export async function makeRoomForIndex(folder: string, wanted: number, maxFolderBytes = MAX_FOLDER_BYTES): Promise<boolean> {
  if (wanted > maxFolderBytes) return false;
  const indexes: { file: string; size: number; usedAt: number }[] = [];
  for (const name of await readdir(folder)) {
    const file = join(folder, name);
    const stats = await stat(file).catch(() => null);
    if (!stats?.isFile()) continue;
    if (name.endsWith(INDEX_SUFFIX)) indexes.push({ file, size: stats.size, usedAt: stats.mtimeMs });
    else if (name.endsWith('.tmp') && Date.now() - stats.mtimeMs > ABANDONED_MS) await rm(file, { force: true });
  }
  indexes.sort((a, b) => a.usedAt - b.usedAt);
  let held = indexes.reduce((sum, { size }) => sum + size, 0);
  for (const { file, size } of indexes) {
    if (held + wanted <= maxFolderBytes) break;
    await rm(file, { force: true });
    held -= size;
  }
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize >= wanted + LEAVE_FREE_BYTES;
}
