/**
 * Where the parts of the application lie on disk. The same code runs from source (tests, Node 24's type stripping),
 * from the bundle in out/main, and from inside a packaged app.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HostKind } from './host-process.ts';

const here = fileURLToPath(import.meta.url);
const runsFromSource = here.endsWith('.ts');

function findRoot(): string {
  let dir = dirname(here);
  while (!existsSync(join(dir, 'package.json'))) {
    const parent = dirname(dir);
    if (parent === dir) throw new Error(`No package.json above ${here}: the installation is incomplete.`);
    dir = parent;
  }
  return dir;
}

/** Folder of package.json: the checkout, or app.asar in a packaged app. */
export const appRoot = findRoot();

/** Script that Node (or Electron) starts for a worker process. */
export function hostEntry(kind: HostKind): string {
  return runsFromSource ? join(appRoot, 'main', 'hosts', `${kind}-host.ts`) : join(appRoot, 'out', 'main', `${kind}-host.js`);
}

/** The built pages; the web host and app:// serve nothing else. */
export const rendererDir = join(appRoot, 'out', 'renderer');

/**
 * What we put into Python targets. In a packaged app it lies beside the archive, because Python cannot read inside it:
 * `resourcesPath` is Electron's `process.resourcesPath`.
 */
export function pythonAgentDir(resourcesPath?: string): string {
  const packaged = resourcesPath === undefined ? null : join(resourcesPath, 'agents', 'python');
  return packaged !== null && existsSync(packaged) ? packaged : join(appRoot, 'main', 'agents', 'python');
}
