/** Where the Python agent's files are: in the source tree, beside the bundle, or among the packaged app's resources. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HeaphouseError } from '#shared/rpc/errors.ts';

/**
 * Absolute path of the folder that holds `bootstrap/` and `inject.py`. An asar archive is of no use here: Python must
 * be able to read the files. Throws `missing-part`.
 */
export async function findAgentDir(explicit?: string): Promise<string> {
  const here = dirname(fileURLToPath(import.meta.url));
  const resources = (process as NodeJS.Process & { resourcesPath?: string }).resourcesPath;
  const candidates =
    explicit !== undefined
      ? [explicit]
      : [
          ...(resources === undefined ? [] : [join(resources, 'agents', 'python')]),
          join(here, '..', 'agents', 'python'),
          join(here, 'agents', 'python'),
          join(here, '..', '..', 'main', 'agents', 'python'),
        ];
  for (const candidate of candidates) {
    try {
      if ((await stat(join(candidate, 'inject.py'))).isFile()) return candidate;
    } catch {
      // The next one.
    }
  }
  throw new HeaphouseError('missing-part', 'The Python agent is not where it should be.', {
    advice: 'Install Heaphouse again.',
    detail: candidates.join('\n'),
  });
}

/** A program of ours beside the native parts of the agent (`heaphouse-inject`); null where it is not built. */
export async function findProgram(name: string, agentDir?: string): Promise<string | null> {
  try {
    const path = join(await findAgentDir(agentDir), 'native', 'bin', `${process.platform}-${process.arch}`, name);
    await access(path, constants.X_OK);
    return path;
  } catch {
    return null;
  }
}
