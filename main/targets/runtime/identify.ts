/** Which runtime a process runs, told from the outside: program file, arguments, mapped libraries. Nothing is sent to it. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { TargetKind } from '#shared/model/target.ts';
import { parseMappedFiles } from '../proc/parse.ts';
import { readHead } from '../proc/read.ts';
import { programKind, titleOf } from './program-kind.ts';
import { readVersionOf } from './version.ts';

export interface Identity {
  kind: TargetKind;
  /** `CPython 3.11.7`, or without the version when it could not be told. */
  runtime: string;
  /** `3.11.7` or only `3.11`; null when it could not be told. */
  version: string | null;
  title: string;
}

export interface IdentifyInput {
  pid: number;
  startTicks: number;
  argv: readonly string[];
  /** Null for a process of another user. */
  exe: string | null;
  sameMountNamespace: boolean;
}

const MAX_CACHED = 5_000;
const cache = new Map<string, { exe: string | null; argv: string; identity: Promise<Identity | null> }>();

/** Null for a process that is none of ours to look into, and for the helpers of a browser. Remembered while it is the same program. */
export function identify(input: IdentifyInput): Promise<Identity | null> {
  const key = `${input.pid}:${input.startTicks}`;
  const argv = input.argv.join('\0').slice(0, 4_096);
  const cached = cache.get(key);
  if (cached && cached.exe === input.exe && cached.argv === argv) return cached.identity;
  if (cache.size >= MAX_CACHED) cache.clear();
  const identity = look(input);
  cache.set(key, { exe: input.exe, argv, identity });
  return identity;
}

async function look(input: IdentifyInput): Promise<Identity | null> {
  const { argv, exe } = input;
  // `--type=renderer`, `--type=gpu-process`, …: reached through the browser's debugging port, not on their own.
  if (argv.some((arg) => arg.startsWith('--type=')) && !/python/.test(argv[0] ?? '')) return null;
  const named = (exe === null ? null : programKind(exe)) ?? (exe === null ? programKind(argv[0] ?? '') : null);
  if (named === 'python') return python(input, exe);
  if (named === 'node') {
    const version = await trustedVersion('node', input);
    return { kind: 'node', version, runtime: version === null ? 'Node.js' : `Node.js v${version}`, title: titleOf('node', argv) };
  }
  const embedder = exe === null ? null : await browserKind(exe);
  if (embedder !== null || named === 'chromium' || named === 'electron') {
    const kind = embedder ?? (named === 'electron' ? 'electron' : 'chromium');
    return { kind, version: null, runtime: kind === 'electron' ? 'Electron' : 'Chromium', title: basename(exe ?? argv[0] ?? kind) };
  }
  // A program that embeds Python (uwsgi, blender, …) has its library mapped.
  const minor = exe === null ? null : await mappedPython(input.pid);
  if (minor !== null) return { kind: 'python', version: minor, runtime: `CPython ${minor}`, title: titleOf('unknown', argv) };
  return null;
}

async function python(input: IdentifyInput, exe: string | null): Promise<Identity> {
  const version = (await trustedVersion('python', input)) ?? (await mappedPython(input.pid)) ?? versionInName(exe ?? input.argv[0] ?? '');
  return { kind: 'python', version, runtime: version === null ? 'CPython' : `CPython ${version}`, title: titleOf('python', input.argv) };
}

/** `3.11` of `python3.11`. */
export function versionInName(path: string): string | null {
  return /python(\d\.\d+)[dmt]?$/.exec(basename(path))?.[1] ?? null;
}

/** `3.11` of a mapped `libpython3.11.so.1.0`; null when none is mapped or we may not look. */
async function mappedPython(pid: number): Promise<string | null> {
  const maps = await readHead(`/proc/${pid}/maps`, 2_097_152);
  return maps === null ? null : pythonInMaps(parseMappedFiles(maps));
}

export function pythonInMaps(files: readonly string[]): string | null {
  for (const file of files) {
    const minor = /^libpython(\d\.\d+)[dmt]?\.so/.exec(basename(file))?.[1];
    if (minor !== undefined) return minor;
  }
  return null;
}

/**
 * Asking the version starts the program file. That is done only for files that nobody but us or root could have put
 * there: a workbench run by root must not run what another user left.
 */
async function trustedVersion(kind: 'python' | 'node', input: IdentifyInput): Promise<string | null> {
  if (input.exe === null || !input.sameMountNamespace) return null;
  try {
    const info = await stat(input.exe);
    const ownUid = process.getuid?.() ?? 0;
    if ((info.uid !== 0 && info.uid !== ownUid) || (info.mode & 0o002) !== 0 || (info.mode & 0o6000) !== 0) return null;
  } catch {
    return null;
  }
  return readVersionOf(kind, input.exe);
}

const browserFolders = new Map<string, Promise<'electron' | 'chromium' | null>>();

/** Chromium brings `icudtl.dat` and its `.pak` files; Electron has its application under `resources` as well. */
function browserKind(exe: string): Promise<'electron' | 'chromium' | null> {
  const folder = dirname(exe);
  let kind = browserFolders.get(folder);
  if (!kind) {
    if (browserFolders.size > 1_000) browserFolders.clear();
    kind = lookAtFolder(folder, exe);
    browserFolders.set(folder, kind);
  }
  return kind;
}

async function lookAtFolder(folder: string, exe: string): Promise<'electron' | 'chromium' | null> {
  // /usr/bin and the like hold thousands of files and no browser.
  if (/^\/(usr\/(local\/)?)?s?bin$/.test(folder)) return null;
  const names = new Set(await readdir(folder).catch(() => [] as string[]));
  if (!names.has('icudtl.dat') || !(names.has('resources.pak') || names.has('chrome_100_percent.pak'))) return null;
  // Helpers (chrome_crashpad_handler, chrome-sandbox) live in the same folder.
  if (/crashpad|sandbox|management_service/.test(basename(exe))) return null;
  const resources = new Set(await readdir(join(folder, 'resources')).catch(() => [] as string[]));
  return ['app.asar', 'app', 'default_app.asar'].some((name) => resources.has(name)) ? 'electron' : 'chromium';
}
