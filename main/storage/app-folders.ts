/** Where the application keeps its things, by the conventions of each system. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Folder for data: `$XDG_DATA_HOME/heaphouse`, `~/Library/Application Support/Heaphouse`, `%LOCALAPPDATA%\Heaphouse`. */
export function dataDir(env: NodeJS.ProcessEnv = process.env, platform: NodeJS.Platform = process.platform): string {
  if (env.HEAPHOUSE_DATA_DIR) return env.HEAPHOUSE_DATA_DIR;
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'Heaphouse');
  if (platform === 'win32') return join(env.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'Heaphouse');
  return join(env.XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'heaphouse');
}

export function defaultSessionsDir(env: NodeJS.ProcessEnv = process.env): string {
  return join(dataDir(env), 'sessions');
}

const MAX_SLUG_CHARS = 40;

/** `20261123-141503-leaky-py`: sorts by time, and its name says what it is. A counter keeps two of a second apart. */
let lastName = '';
let repeats = 0;
export function defaultSessionDir(sessionsDir: string, title: string, createdAt: number): string {
  const stamp = new Date(createdAt).toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  const slug = title
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .toLowerCase()
    .slice(0, MAX_SLUG_CHARS);
  const name = `${stamp}-${slug || 'session'}`;
  repeats = name === lastName ? repeats + 1 : 0;
  lastName = name;
  return join(sessionsDir, repeats === 0 ? name : `${name}-${repeats + 1}`);
}
