/** The Pythons and Node.js of this machine that can start a program. */
import { constants } from 'node:fs';
import { access, readdir, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import type { Interpreter } from '#shared/model/target.ts';
import { readVersionOf } from './runtime/version.ts';

export interface InterpreterOptions {
  /** Folder whose virtual environments are listed. */
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  home?: string;
  /** Node.js that comes with Heaphouse; default: the one that runs this, unless it is Electron. */
  bundledNode?: string | null;
}

const USUAL_NAMES = ['.venv', 'venv', 'env'];
/** Folders of a project that are looked into for an environment. */
const MAX_FOLDERS = 100;

interface Candidate {
  kind: 'python' | 'node';
  path: string;
  origin: string;
  detail?: string;
}

/** Sorted by kind, then the origin nearest to the user's work, then the newest version. The same file is listed once. */
export async function findInterpreters(options: InterpreterOptions = {}): Promise<Interpreter[]> {
  const env = options.env ?? process.env;
  const home = options.home ?? homedir();
  const candidates = [
    ...(await virtualEnvironments(options.cwd ?? process.cwd(), env)),
    ...condaEnvironment(env),
    ...(await onPath(env, home)),
    ...(await versionFolders('python', join(env['PYENV_ROOT'] ?? join(home, '.pyenv'), 'versions'), 'pyenv')),
    ...(await versionFolders('node', join(env['NVM_DIR'] ?? join(home, '.nvm'), 'versions', 'node'), 'nvm')),
    ...(await fnm(env, home)),
    ...(await versionFolders('node', join(env['VOLTA_HOME'] ?? join(home, '.volta'), 'tools', 'image', 'node'), 'volta')),
    ...(await inFolder('/usr/bin', 'system')),
    ...(await inFolder('/usr/local/bin', 'system')),
    ...bundled(options.bundledNode),
  ];
  const seen = new Set<string>();
  const found: Interpreter[] = [];
  const checked = await Promise.all(candidates.map(async (candidate) => ({ candidate, info: await check(candidate) })));
  for (const { candidate, info } of checked) {
    if (!info || seen.has(info.identity)) continue;
    seen.add(info.identity);
    found.push({ ...candidate, version: info.version, ...support(candidate.kind, info.version) });
  }
  const origins = ['virtual environment', 'conda', 'PATH', 'pyenv', 'nvm', 'fnm', 'volta', 'system', 'bundled'];
  return found.sort(
    (a, b) =>
      (a.kind === b.kind ? 0 : a.kind === 'python' ? -1 : 1) || origins.indexOf(a.origin) - origins.indexOf(b.origin) || compareVersions(b.version, a.version),
  );
}

async function check({ kind, path, origin }: Candidate): Promise<{ version: string; identity: string } | null> {
  try {
    await access(path, constants.X_OK);
  } catch {
    return null;
  }
  const version = await readVersionOf(kind, path);
  if (version === null) return null;
  // Two environments that link to the same Python are two interpreters: they see different packages.
  const identity = origin === 'virtual environment' ? path : await realpath(path).catch(() => path);
  return { version, identity };
}

export function support(kind: 'python' | 'node', version: string): { supported: boolean; reason: string | null } {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (kind === 'python') {
    if (major < 3 || (major === 3 && minor < 8)) return { supported: false, reason: `Heaphouse needs CPython 3.8 or newer; this is ${version}.` };
    return { supported: true, reason: null };
  }
  // The preload needs inspector.waitForDebugger and quoted NODE_OPTIONS (12); nothing older than 14 is still met in the wild.
  if (major < 14) return { supported: false, reason: `Heaphouse needs Node.js 14 or newer; this is ${version}.` };
  return { supported: true, reason: null };
}

async function virtualEnvironments(cwd: string, env: NodeJS.ProcessEnv): Promise<Candidate[]> {
  const inside = await readdir(cwd, { withFileTypes: true }).catch(() => []);
  const names = inside.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map(({ name }) => name);
  // The usual names first; any other folder can be an environment, too.
  names.sort((a, b) => Number(USUAL_NAMES.includes(b)) - Number(USUAL_NAMES.includes(a)) || (a < b ? -1 : 1));
  const folders = [env['VIRTUAL_ENV'], ...names.slice(0, MAX_FOLDERS).map((name) => join(cwd, name))].filter((folder) => folder !== undefined && folder !== '');
  const program = process.platform === 'win32' ? join('Scripts', 'python.exe') : join('bin', 'python');
  const candidates: Candidate[] = [];
  for (const folder of new Set(folders as string[])) {
    // A folder named env may be anything; pyvenv.cfg makes it an environment.
    const isEnvironment = await access(join(folder, 'pyvenv.cfg')).then(() => true, () => false);
    if (isEnvironment) candidates.push({ kind: 'python', path: join(folder, program), origin: 'virtual environment', detail: `virtual environment ${basename(folder)} in ${basename(dirname(folder)) || dirname(folder)}` });
  }
  return candidates;
}

function condaEnvironment(env: NodeJS.ProcessEnv): Candidate[] {
  const folder = env['CONDA_PREFIX'];
  if (!folder) return [];
  return [{ kind: 'python', path: process.platform === 'win32' ? join(folder, 'python.exe') : join(folder, 'bin', 'python'), origin: 'conda', detail: `conda environment ${env['CONDA_DEFAULT_ENV'] ?? basename(folder)}` }];
}

/** fnm keeps each version in a folder `installation`; where they lie has changed once. */
async function fnm(env: NodeJS.ProcessEnv, home: string): Promise<Candidate[]> {
  const places = new Set([env['FNM_DIR'], join(home, '.local', 'share', 'fnm'), join(home, '.fnm'), join(home, 'Library', 'Application Support', 'fnm')].filter((place) => place !== undefined));
  const found = await Promise.all([...places].map((place) => versionFolders('node', join(place, 'node-versions'), 'fnm', join('installation', 'bin'))));
  return found.flat();
}

async function onPath(env: NodeJS.ProcessEnv, home: string): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const folder of new Set((env['PATH'] ?? '').split(delimiter).filter((folder) => folder.startsWith('/') || /^[A-Za-z]:/.test(folder)))) {
    // pyenv's shims are scripts that choose one of its versions; those are listed themselves.
    // Volta's are programs that choose as well.
    if (folder === join(env['VOLTA_HOME'] ?? join(home, '.volta'), 'bin')) continue;
    if (folder.startsWith(join(env['PYENV_ROOT'] ?? join(home, '.pyenv'), 'shims')) || folder.includes('/pyenv-virtualenv/shims')) continue;
    candidates.push(...(await inFolder(folder, 'PATH')));
  }
  return candidates;
}

async function inFolder(folder: string, origin: string): Promise<Candidate[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  return names
    .filter((name) => /^(python(\d+(\.\d+)?)?|node|nodejs)(\.exe)?$/.test(name))
    .sort((a, b) => a.length - b.length)
    .map((name) => ({ kind: name.startsWith('python') ? 'python' : 'node', path: join(folder, name), origin }));
}

async function versionFolders(kind: 'python' | 'node', folder: string, origin: string, bin = 'bin'): Promise<Candidate[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  return names.filter((name) => !name.startsWith('.')).map((name) => ({ kind, path: join(folder, name, bin, kind), origin }));
}

function bundled(path: string | null | undefined): Candidate[] {
  if (path === null) return [];
  const own = path ?? (process.versions['electron'] === undefined && /^node/.test(basename(process.execPath)) ? process.execPath : null);
  return own === null ? [] : [{ kind: 'node', path: own, origin: 'bundled' }];
}

export function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
