/** The malloc replacements of this machine: what `LD_PRELOAD` can load into a program. Linux. */
import { execFile } from 'node:child_process';
import { open, readdir, realpath } from 'node:fs/promises';
import { basename, delimiter, dirname, isAbsolute, join } from 'node:path';
import { PRELOAD_KINDS, type PreloadKind, type PreloadLibrary } from '#shared/model/launch-allocators.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';

const FILE_NAME = /^lib(jemalloc|mimalloc|tcmalloc)([\w-]*?)\.so[\d.]*$/;
const LDCONFIG_PROGRAMS = ['/sbin/ldconfig', '/usr/sbin/ldconfig'];
const LDCONFIG_LIMIT_MS = 2_000;
const FOLDERS = ['/usr/local/lib', '/usr/local/lib64', '/usr/lib', '/usr/lib64', '/lib', '/lib64'];
const TRIPLES: Partial<Record<string, string>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };
/** e_machine (elf.h): EM_X86_64, EM_AARCH64. */
const MACHINES: Partial<Record<string, number>> = { x64: 62, arm64: 183 };
const ELF_CLASS_64 = 2;
const ELF_SHARED_OBJECT = 3;
/** Variants that check or profile come last: nobody wants them by accident. */
const SLOW_VARIANT = /debug|profiler|secure/;

/** `program`: the interpreter that will run, whose own `lib` folder (conda, a prefix of one's own) is looked at as well. */
export async function findPreloadLibraries(program: string | null = null, env: NodeJS.ProcessEnv = process.env): Promise<PreloadLibrary[]> {
  if (process.platform !== 'linux') return [];
  const triple = TRIPLES[process.arch];
  const folders = [
    ...(program === null ? [] : [join(dirname(dirname(program)), 'lib')]),
    ...(env['LD_LIBRARY_PATH'] ?? '').split(delimiter).filter(isAbsolute),
    ...FOLDERS,
    ...(triple === undefined ? [] : [`/usr/lib/${triple}`, `/lib/${triple}`]),
  ];
  const paths = [...(await fromLdconfig()), ...(await Promise.all(folders.map(inFolder))).flat()];
  const found = new Map<string, PreloadLibrary>();
  for (const path of paths) {
    const match = FILE_NAME.exec(basename(path));
    const real = match && (await realpath(path).catch(() => null));
    if (!match || !real || found.has(real) || !(await isLoadable(real))) continue;
    const [, kind, variant = ''] = match;
    found.set(real, { kind: kind as PreloadKind, name: variant === '' ? kind : `${kind} (${variant.replace(/^[_-]/, '').replaceAll('_', ' ')})`, path });
  }
  const rank = ({ kind, name }: PreloadLibrary) => PRELOAD_KINDS.indexOf(kind) * 10 + (name === kind ? 0 : SLOW_VARIANT.test(name) ? 2 : 1);
  return [...found.values()].sort((a, b) => rank(a) - rank(b) || (a.path < b.path ? -1 : 1));
}

/** Lines such as `libjemalloc.so.2 (libc6,x86-64) => /lib/x86_64-linux-gnu/libjemalloc.so.2`. */
export function parseLdconfig(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const path = / => (\/.+)$/.exec(line)?.[1];
    return path !== undefined && FILE_NAME.test(basename(path)) ? [path] : [];
  });
}

async function fromLdconfig(): Promise<string[]> {
  for (const program of LDCONFIG_PROGRAMS) {
    const text = await new Promise<string | null>((resolve) => {
      execFile(program, ['-p'], { timeout: LDCONFIG_LIMIT_MS, maxBuffer: 16 * 1024 * 1024 }, (error, stdout) => resolve(error ? null : stdout));
    });
    if (text !== null) return parseLdconfig(text);
  }
  return [];
}

async function inFolder(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  return names.filter((name) => FILE_NAME.test(name)).sort((a, b) => a.length - b.length).map((name) => join(folder, name));
}

/** A shared object for this machine: anything else the loader would refuse, with a line to stderr that nobody reads. */
async function isLoadable(path: string): Promise<boolean> {
  const file = await open(path, 'r').catch(() => null);
  if (!file) return false;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(20), 0, 20, 0);
    if (bytesRead < 20 || buffer.readUInt32BE(0) !== 0x7f454c46 || buffer[4] !== ELF_CLASS_64) return false;
    return buffer.readUInt16LE(16) === ELF_SHARED_OBJECT && buffer.readUInt16LE(18) === (MACHINES[process.arch] ?? -1);
  } catch {
    return false;
  } finally {
    await file.close();
  }
}

/** The file that `asked` (a kind, or a path) means. Errors: `unsupported`, `not-found`, `invalid-argument`. */
export async function resolvePreload(asked: string, program: string | null, env: NodeJS.ProcessEnv): Promise<string> {
  if (process.platform !== 'linux') throw new HeaphouseError('unsupported', 'A library can be loaded before all others on Linux only.');
  const kind = PRELOAD_KINDS.find((each) => each === asked);
  if (kind) {
    const library = (await findPreloadLibraries(program, env)).find((each) => each.kind === kind);
    if (library) return library.path;
    throw new HeaphouseError('not-found', `There is no ${kind} on this machine.`, { advice: `Install it (on Debian: ${PACKAGES[kind]}), or give the path of its library.` });
  }
  if (!isAbsolute(asked)) throw new HeaphouseError('invalid-argument', `“${asked}” is neither ${PRELOAD_KINDS.join(', ')} nor an absolute path.`, { advice: 'Give the full path of the library.' });
  // The loader separates its list by both.
  if (/[\s:]/.test(asked)) throw new HeaphouseError('invalid-argument', `${asked} cannot be preloaded: the loader takes no path with a space or a colon.`, { advice: 'Give a path without them, for example a link.' });
  const real = await realpath(asked).catch(() => null);
  if (real === null) throw new HeaphouseError('not-found', `There is no library ${asked}.`, { advice: 'Check the path.' });
  if (!(await isLoadable(real))) throw new HeaphouseError('invalid-argument', `${asked} is not a shared library for this machine.`, { advice: 'Give a .so file of the same architecture as the program.' });
  return asked;
}

const PACKAGES: Record<PreloadKind, string> = { jemalloc: 'libjemalloc2', mimalloc: 'libmimalloc2.0', tcmalloc: 'libtcmalloc-minimal4' };

/** First of the list, because the first malloc found is the one that serves. */
export function withPreload(env: NodeJS.ProcessEnv, path: string): NodeJS.ProcessEnv {
  const existing = env['LD_PRELOAD'];
  return { ...env, LD_PRELOAD: existing === undefined || existing.trim() === '' ? path : `${path}:${existing}` };
}
