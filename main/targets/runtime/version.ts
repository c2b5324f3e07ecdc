/** Version of an interpreter, asked once per file: the answer is kept while the file stays the same. */
import { execFile } from 'node:child_process';
import { basename, dirname, join } from 'node:path';
import { fileStamp, readHead } from '../proc/read.ts';

const TIMEOUT_MS = 3_000;
const MAX_CACHED = 500;

const cache = new Map<string, { stamp: string; version: Promise<string | null> }>();

/** `3.11.7`, `20.20.2`; null when the program does not say. Runs `path --version` at most once per file. */
export async function readVersionOf(kind: 'python' | 'node', path: string): Promise<string | null> {
  const stamp = await fileStamp(path);
  if (stamp === null) return null;
  const cached = cache.get(path);
  if (cached?.stamp === stamp) return cached.version;
  if (cache.size >= MAX_CACHED) cache.clear();
  const version = versionFromFiles(kind, path).then((found) => found ?? askProgram(kind, path));
  cache.set(path, { stamp, version });
  return version;
}

/** A virtual environment says the version in `pyvenv.cfg`, pyenv and nvm in the folder's name. */
async function versionFromFiles(kind: 'python' | 'node', path: string): Promise<string | null> {
  const folder = dirname(dirname(path));
  if (kind === 'python') {
    const config = await readHead(join(folder, 'pyvenv.cfg'), 8_192);
    const inConfig = /^version(?:_info)?\s*=\s*(\d+\.\d+\.\d+)/m.exec(config ?? '')?.[1];
    if (inConfig !== undefined) return inConfig;
  }
  const name = basename(folder);
  const named = /^v?(\d+\.\d+\.\d+)$/.exec(name)?.[1];
  return named !== undefined && /[\\/](versions|\.pyenv|\.nvm|node)[\\/]/.test(`${folder}/`) ? named : null;
}

function askProgram(kind: 'python' | 'node', path: string): Promise<string | null> {
  return new Promise((resolve) => {
    // `-I -S`: nothing of the user's own code runs in Python; Node.js reads no options from the environment.
    const args = kind === 'python' ? ['-I', '-S', '-c', 'import sys; print("%d.%d.%d" % sys.version_info[:3])'] : ['--version'];
    const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', PYENV_VERSION: process.env['PYENV_VERSION'] };
    execFile(path, args, { timeout: TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: 16_384, env, windowsHide: true }, (error, stdout) => {
      resolve(error ? null : (/(\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? null));
    });
  });
}
