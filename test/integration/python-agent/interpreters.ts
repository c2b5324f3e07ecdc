import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { unpackedPythons } from '#test/tools/pythons.ts';

/** A CPython found on this machine. */
export interface Interpreter {
  /** `3.11` */
  readonly minor: string;
  /** `3.11.7` */
  readonly version: string;
  readonly path: string;
  /** Built without the global lock (`--disable-gil`). */
  readonly freeThreaded: boolean;
}

const SUPPORTED = ['3.8', '3.9', '3.10', '3.11', '3.12', '3.13', '3.14', '3.15'];

function probe(path: string): Interpreter | undefined {
  try {
    const text = execFileSync(
      path,
      ['-I', '-c', 'import sys;print(sys.implementation.name,"%d.%d %d.%d.%d"%(sys.version_info[:2]+sys.version_info[:3]),"t" in getattr(sys,"abiflags",""))'],
      { encoding: 'utf8', timeout: 10_000, stdio: ['ignore', 'pipe', 'ignore'] },
    );
    const [name, minor, version, threaded] = text.trim().split(' ');
    return name === 'cpython' && minor && version ? { minor, version, path, freeThreaded: threaded === 'True' } : undefined;
  } catch {
    return undefined;
  }
}

function candidates(): string[] {
  const found: string[] = [];
  const versions = join(homedir(), '.pyenv', 'versions');
  if (existsSync(versions)) {
    for (const name of readdirSync(versions).sort()) found.push(join(versions, name, 'bin', 'python'));
  }
  for (const folder of (process.env['PATH'] ?? '').split(':')) {
    // A pyenv shim is a shell script that chooses by itself: not an interpreter.
    if (folder === '' || folder.includes('shims')) continue;
    for (const minor of SUPPORTED) found.push(join(folder, `python${minor}`));
  }
  return found;
}

let everything: Interpreter[] | undefined;

/** Every CPython found through pyenv and PATH, one per minor version, and each unpacked one; oldest first. */
function everyInterpreter(): Interpreter[] {
  const byName = new Map<string, Interpreter>();
  const seen = new Set<string>();
  const unpacked = unpackedPythons();
  for (const candidate of [...candidates(), ...unpacked]) {
    if (!existsSync(candidate)) continue;
    const real = realpathSync(candidate);
    if (seen.has(real)) continue;
    seen.add(real);
    const found = probe(candidate);
    if (!found) continue;
    // Layouts change inside a minor version: an unpacked one counts beside another of the same minor.
    const name = unpacked.includes(candidate) ? `${found.version}${found.freeThreaded ? 't' : ''}` : found.minor;
    if (!byName.has(name) && ![...byName.values()].some((one) => one.version === found.version && one.freeThreaded === found.freeThreaded)) byName.set(name, found);
  }
  const order = ({ version }: Interpreter): number => version.split('.').reduce((sum, part) => sum * 1000 + Number(part), 0);
  return [...byName.values()].sort((a, b) => order(a) - order(b));
}

/** All with a global lock. */
export function allInterpreters(): Interpreter[] {
  everything ??= everyInterpreter();
  return everything.filter((one) => !one.freeThreaded);
}

/** Those without one. */
export function freeThreadedInterpreters(): Interpreter[] {
  everything ??= everyInterpreter();
  return everything.filter((one) => one.freeThreaded);
}

/** Interpreters the agent supports, and the supported versions this machine does not have. */
export function supportedInterpreters(): { found: Interpreter[]; missing: string[] } {
  const found = allInterpreters().filter((one) => SUPPORTED.includes(one.minor));
  const minors = new Set(found.map((one) => one.minor));
  return { found, missing: SUPPORTED.filter((minor) => !minors.has(minor)) };
}

/** Interpreters older than the agent supports (3.x only), for the refusal. */
export function oldInterpreters(): Interpreter[] {
  return allInterpreters().filter((one) => /^3\.[0-7]$/.test(one.minor));
}
