/** Allocators chosen for a launch: what a command could be started with, and the environment that starts it so. */
import { isAbsolute } from 'node:path';
import type { LaunchRequest } from '#shared/contracts/targets.ts';
import { pythonMallocValues, type LaunchAllocators } from '#shared/model/launch-allocators.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { readHead } from '../proc/read.ts';
import { programKind } from '../runtime/program-kind.ts';
import { readVersionOf } from '../runtime/version.ts';
import { findPreloadLibraries, resolvePreload, withPreload } from './preload-libraries.ts';
import { resolveCommand, shebangProgram, type ResolvedCommand } from './resolve-command.ts';

/** Errors: those of a command that cannot be found. */
export async function launchAllocators(command: string, cwd: string, env: NodeJS.ProcessEnv = process.env): Promise<LaunchAllocators> {
  const resolved = await resolveCommand(command, cwd, env);
  const interpreter = await pythonOf(resolved, cwd, env);
  return {
    python: interpreter && { version: interpreter.version, values: interpreter.values },
    libraries: await findPreloadLibraries(interpreter?.path ?? resolved.path, env),
    preloadReason: whyNoPreload(resolved),
  };
}

/** The environment with what the request chose. Errors: `invalid-argument`, `not-found`, `unsupported`. */
export async function allocatorEnvironment(request: LaunchRequest, resolved: ResolvedCommand, cwd: string, env: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> {
  let chosen = env;
  const { pythonMalloc, preload } = request;
  if (pythonMalloc !== undefined) {
    const interpreter = await pythonOf(resolved, cwd, env);
    if (interpreter && !interpreter.values.includes(pythonMalloc)) {
      throw new HeaphouseError('invalid-argument', `Python ${interpreter.version} knows no PYTHONMALLOC=${pythonMalloc} and would stop at its start.`, { advice: `It accepts ${interpreter.values.join(', ')}.` });
    }
    chosen = { ...chosen, PYTHONMALLOC: pythonMalloc };
  }
  if (preload !== undefined) {
    const reason = whyNoPreload(resolved);
    if (reason !== null) throw new HeaphouseError('unsupported', reason, { advice: 'Start it without a preloaded allocator.' });
    chosen = withPreload(chosen, await resolvePreload(preload, resolved.path, env));
  }
  return chosen;
}

function whyNoPreload({ kind }: ResolvedCommand): string | null {
  if (process.platform !== 'linux') return 'A library can be loaded before all others on Linux only.';
  if (kind === 'chromium' || kind === 'electron') return 'Chromium brings an allocator of its own (PartitionAlloc); a preloaded one would not serve it.';
  return null;
}

interface Python {
  path: string;
  version: string;
  values: string[];
}

/** The interpreter that a command starts: itself, or that of a script's first line. Null where only running it would tell. */
async function pythonOf(resolved: ResolvedCommand, cwd: string, env: NodeJS.ProcessEnv): Promise<Python | null> {
  // A script named python (pyenv's shims) starts one: it says which itself.
  const isNamed = programKind(resolved.path) === 'python';
  if (resolved.kind !== 'python' || (resolved.wrapper && !isNamed)) return null;
  const path = isNamed ? resolved.path : await interpreterOfScript(resolved.path, cwd, env);
  const version = path === null ? null : await readVersionOf('python', path);
  if (path === null || version === null) return null;
  // Interpreters without the GIL are named so: python3.14t.
  return { path, version, values: pythonMallocValues(Number(version.split('.')[1]), !/python[\d.]*t(\.exe)?$/.test(path)) };
}

async function interpreterOfScript(script: string, cwd: string, env: NodeJS.ProcessEnv): Promise<string | null> {
  const head = (await readHead(script, 512)) ?? '';
  const program = head.startsWith('#!') ? shebangProgram(head) : null;
  if (program === null || isAbsolute(program)) return program;
  return resolveCommand(program, cwd, env).then(({ path }) => path, () => null);
}
