/** Small JSON files of the application: read within a bound, written so that a crash leaves the old or the new one whole. */
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { ioError } from './io-error.ts';

/** The text of a file, or null when there is none. Errors: `bad-file` (too large), `io`. */
export async function readTextFile(path: string, maxBytes: number): Promise<string | null> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes) throw new HeaphouseError('bad-file', `${path} is ${size} bytes, far more than such a file can be.`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw ioError(error, 'read', path);
  }
}

let writes = 0;

/** Writes through a temporary name, flushed before it takes the old file's place. Mode 0600. Errors: `io`. */
export async function writeJsonFile(path: string, value: unknown): Promise<void> {
  const temporary = `${path}.${process.pid}.${++writes}.tmp`;
  try {
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(value, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw ioError(error, 'write', path);
  }
}
