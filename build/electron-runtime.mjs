// Finds the Electron runtime: the npm package carries only a wrapper, the runtime itself is downloaded apart.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './runtime.mjs';

const FETCH_LIMIT_MS = 5 * 60 * 1000;

function executableIn(dist) {
  const names = { darwin: 'Electron.app/Contents/MacOS/Electron', win32: 'electron.exe' };
  const path = join(dist, names[process.platform] ?? 'electron');
  return existsSync(path) ? path : null;
}

/** Path of an Electron executable that is here already, or null. */
export function findElectron(env = process.env) {
  if (env.ELECTRON_OVERRIDE_DIST_PATH) return executableIn(env.ELECTRON_OVERRIDE_DIST_PATH);
  const folder = join(root, 'node_modules', 'electron');
  if (!existsSync(join(folder, 'path.txt'))) return executableIn(join(folder, 'dist'));
  const path = join(folder, 'dist', readFileSync(join(folder, 'path.txt'), 'utf8').trim());
  return existsSync(path) ? path : null;
}

/** True where a window can be shown. */
export function hasDisplay(env = process.env) {
  return process.platform !== 'linux' || Boolean(env.DISPLAY || env.WAYLAND_DISPLAY);
}

/** Downloads the runtime with the wrapper's own installer. Returns null, or in one line why it could not be had. */
export function fetchElectron(log) {
  const installer = join(root, 'node_modules', 'electron', 'install.js');
  if (!existsSync(installer)) return 'the npm package "electron" is not installed';
  log('Fetching the Electron runtime (once, about 120 MB) …');
  const done = spawnSync(process.execPath, [installer], { encoding: 'utf8', timeout: FETCH_LIMIT_MS, stdio: ['ignore', 'ignore', 'pipe'] });
  if (done.status === 0 && findElectron()) return null;
  if (done.error?.code === 'ETIMEDOUT') return 'the download took too long';
  const lines = (done.stderr ?? '').split('\n').map((line) => line.trim());
  const reason = lines.find((line) => /^(\w*Error|RequestError|HTTPError|TypeError)\b/.test(line)) ?? lines.find(Boolean);
  return reason ? reason.slice(0, 160) : 'the download failed';
}
