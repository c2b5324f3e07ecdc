/** Finds the browser, its driver and Electron, or says in one sentence what is missing. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Found = { path: string; missing?: undefined } | { path?: undefined; missing: string };

export const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));

const CHROMIUM_NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

function inPath(name: string, env: NodeJS.ProcessEnv): string | null {
  for (const dir of (env.PATH ?? '').split(delimiter)) {
    // npm puts node_modules/.bin first, where packages may have put a stand-in of the same name.
    if (dir === '' || dir.endsWith(join('node_modules', '.bin'))) continue;
    const file = join(dir, name);
    if (existsSync(file)) return file;
  }
  return null;
}

export function findChromium(env: NodeJS.ProcessEnv = process.env): Found {
  if (env.CHROMIUM_PATH) return existsSync(env.CHROMIUM_PATH) ? { path: env.CHROMIUM_PATH } : { missing: `CHROMIUM_PATH names no file: ${env.CHROMIUM_PATH}` };
  for (const name of CHROMIUM_NAMES) {
    const path = inPath(name, env);
    if (path) return { path };
  }
  return { missing: 'there is no Chromium in PATH (Debian: apt-get install chromium)' };
}

export function findChromedriver(env: NodeJS.ProcessEnv = process.env): Found {
  if (env.CHROMEDRIVER_PATH) {
    return existsSync(env.CHROMEDRIVER_PATH) ? { path: env.CHROMEDRIVER_PATH } : { missing: `CHROMEDRIVER_PATH names no file: ${env.CHROMEDRIVER_PATH}` };
  }
  const path = inPath('chromedriver', env);
  return path ? { path } : { missing: 'there is no chromedriver in PATH (Debian: apt-get install chromium-driver)' };
}

/**
 * An Electron executable: HEAPHOUSE_E2E_ELECTRON (a packaged app or an Electron), ELECTRON_OVERRIDE_DIST_PATH, or the
 * runtime that the npm package has fetched. The npm package itself is not asked, because that would download.
 */
export function findElectron(env: NodeJS.ProcessEnv = process.env): Found & { packaged?: boolean } {
  if (env.HEAPHOUSE_E2E_ELECTRON) {
    const path = env.HEAPHOUSE_E2E_ELECTRON;
    // An app packaged by electron-builder has its own name; a bare runtime is called electron.
    return existsSync(path) ? { path, packaged: !/electron(\.exe)?$/i.test(path) } : { missing: `HEAPHOUSE_E2E_ELECTRON names no file: ${path}` };
  }
  const binary = process.platform === 'win32' ? 'electron.exe' : process.platform === 'darwin' ? 'Electron.app/Contents/MacOS/Electron' : 'electron';
  const dirs = [env.ELECTRON_OVERRIDE_DIST_PATH, join(projectRoot, 'node_modules', 'electron', 'dist')];
  for (const dir of dirs) {
    if (dir && existsSync(join(dir, binary))) return { path: join(dir, binary), packaged: false };
  }
  return { missing: 'there is no Electron runtime (npx install-electron, ELECTRON_OVERRIDE_DIST_PATH or HEAPHOUSE_E2E_ELECTRON)' };
}

function majorOf(binary: string): number | null {
  try {
    const text = execFileSync(binary, ['--version'], { encoding: 'utf8', timeout: 10_000, stdio: ['ignore', 'pipe', 'ignore'] });
    return Number(/(\d+)\.\d+\.\d+\.\d+/.exec(text)?.[1] ?? Number.NaN) || null;
  } catch {
    return null;
  }
}

/** Why the tests in a browser cannot run here, or null when they can. */
export function whyNoBrowser(env: NodeJS.ProcessEnv = process.env): string | null {
  const chromium = findChromium(env);
  if (chromium.missing !== undefined) return chromium.missing;
  const driver = findChromedriver(env);
  if (driver.missing !== undefined) return driver.missing;
  const [browser, its] = [majorOf(chromium.path), majorOf(driver.path)];
  if (browser !== null && its !== null && browser !== its) return `chromedriver ${its} does not fit Chromium ${browser}`;
  return null;
}

/** Why the tests in Electron cannot run here, or null when they can. */
export function whyNoElectron(env: NodeJS.ProcessEnv = process.env): string | null {
  return findElectron(env).missing ?? findChromedriver(env).missing ?? null;
}
