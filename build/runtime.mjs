// Which Node runs Heaphouse. The application is written for Node 24 (the one inside Electron 45: node:sqlite, type
// stripping); on an older Node the binary from the npm package `node-<platform>-<arch>` is used, which the install step
// has put into node_modules. Plain JavaScript for Node 20, because it runs before anything else.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Oldest Node with node:sqlite and type stripping without a flag: 22.18. */
const ENOUGH = [22, 18];

function isEnough(version) {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number);
  return major > ENOUGH[0] || (major === ENOUGH[0] && minor >= ENOUGH[1]);
}

/** Path of a Node that can run the application. */
export function findNode() {
  const exe = process.platform === 'win32' ? 'node.exe' : join('bin', 'node');
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  // npm has the arm64 build for macOS under another name than the rest.
  const names = [`node-${platform}-${process.arch}`, `node-bin-${platform}-${process.arch}`];
  const carried = names.map((name) => join(root, 'node_modules', name, exe)).find((path) => existsSync(path));
  if (carried) return carried;
  if (isEnough(process.versions.node)) return process.execPath;
  throw new Error(
    `Heaphouse needs Node.js ${ENOUGH.join('.')} or newer; this is ${process.version}, and npm has no newer one for ` +
      `${process.platform}-${process.arch}. Install a newer Node.js and try again.`,
  );
}

/** Installs the npm packages where that has not been done for this package-lock.json. */
export function ensureInstalled(log = (line) => process.stderr.write(`${line}\n`)) {
  const lock = join(root, 'package-lock.json');
  const mark = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(lock)) return;
  if (existsSync(mark) && statSync(mark).mtimeMs >= statSync(lock).mtimeMs) return;
  if (existsSync(mark) && sameLock(lock, mark)) return;
  log('Installing what Heaphouse needs (once) …');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const done = spawnSync(npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (done.status !== 0) throw new Error('npm ci failed; its messages are above.');
}

/** A fresh clone's lock file is younger than an install that was made from the same text. */
function sameLock(lock, mark) {
  const done = spawnSync(
    process.execPath,
    [
      '-e',
      'const f=require("fs"),a=JSON.parse(f.readFileSync(process.argv[1])).packages,b=JSON.parse(f.readFileSync(process.argv[2])).packages;' +
        'process.exit(Object.keys(b).every(k=>a[k]&&a[k].version===b[k].version)&&Object.keys(a).every(k=>k===""||b[k]||a[k].optional||a[k].link||a[k].inBundle||!k.startsWith("node_modules/"))?0:1)',
      lock,
      mark,
    ],
    { stdio: 'ignore' },
  );
  return done.status === 0;
}

const SOURCES = ['main', 'renderer', 'shared', 'build', 'package.json', 'package-lock.json'];
const BUILD_MARK = join(root, 'out', '.built');

function newest(path) {
  const info = statSync(path, { throwIfNoEntry: false });
  if (!info) return 0;
  if (!info.isDirectory()) return info.mtimeMs;
  let latest = 0;
  for (const name of readdirSync(path)) {
    if (name === '__pycache__' || name === 'node_modules') continue;
    latest = Math.max(latest, newest(join(path, name)));
  }
  return latest;
}

/** Builds out/ where it is missing or older than a source. A packaged app has no sources and is never built. */
export function ensureBuilt(log = (line) => process.stderr.write(`${line}\n`)) {
  if (!existsSync(join(root, 'build', 'build.mjs')) || !existsSync(join(root, 'renderer'))) return;
  const built = statSync(BUILD_MARK, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (built > Math.max(...SOURCES.map((name) => newest(join(root, name))))) return;
  log('Building Heaphouse …');
  const done = spawnSync(findNode(), [join(root, 'build', 'build.mjs')], { cwd: root, stdio: ['ignore', 2, 2] });
  if (done.status !== 0) throw new Error('The build failed; its messages are above.');
}

/** Runs a script on the right Node with our terminal; resolves to its exit code. Signals are passed on. */
export function runNode(script, args, { nodeArgs = [], cwd = process.cwd(), env = process.env } = {}) {
  const child = spawn(findNode(), ['--disable-warning=ExperimentalWarning', ...nodeArgs, script, ...args], { stdio: 'inherit', cwd, env });
  return waitFor(child);
}

export function waitFor(child) {
  // The terminal sends Ctrl-C to the whole group: the child gets it itself and decides; we only wait for it.
  const ignore = () => undefined;
  const pass = (signal) => child.kill(signal);
  process.on('SIGINT', ignore);
  process.on('SIGTERM', pass);
  process.on('SIGHUP', pass);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(signal ? 128 + ({ SIGINT: 2, SIGTERM: 15, SIGKILL: 9, SIGHUP: 1 }[signal] ?? 0) : code));
  });
}
