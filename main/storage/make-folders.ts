/** Folders that only their owner may read. */
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * A folder with its parents, mode 0700. Not `mkdir({ recursive: true })`: that never returns where the parent exists but
 * takes no folders and answers ENOENT, as /proc does (Node 20 to 24).
 */
export async function makeFolders(dir: string): Promise<void> {
  try {
    await mkdir(dir, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await stat(dir)).isDirectory()) return;
    const parent = dirname(dir);
    const parentIsThere = await stat(parent).then(
      () => true,
      () => false,
    );
    if (code !== 'ENOENT' || parent === dir || parentIsThere) throw error;
    await makeFolders(parent);
    await mkdir(dir, { mode: 0o700 });
  }
}
