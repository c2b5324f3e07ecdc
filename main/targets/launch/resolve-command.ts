/** Which program a command is, before it is started. */
import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { readHead } from '../proc/read.ts';
import { programKind } from '../runtime/program-kind.ts';
import type { ProgramKind } from '../runtime/program-kind.ts';

export interface ResolvedCommand {
  /** What is started: the path as found, links not followed (a virtual environment depends on its link). */
  path: string;
  kind: ProgramKind;
  /** The runtime is started by something else (a shell script, npm): its process is a descendant of ours. */
  wrapper: boolean;
}

/** Throws `not-found` (no such command, no such folder), `permission` (not executable) or `invalid-argument`. */
export async function resolveCommand(command: string, cwd: string, env: NodeJS.ProcessEnv): Promise<ResolvedCommand> {
  await checkFolder(cwd);
  const path = await findProgram(command, cwd, env);
  const real = await realpath(path).catch(() => path);
  const byName = programKind(path) ?? programKind(real);
  const head = (await readHead(real, 512)) ?? '';
  if (head.startsWith('#!')) {
    const interpreter = shebangProgram(head);
    const kind = interpreter === null ? null : programKind(interpreter);
    return { path, kind: kind ?? byName ?? 'unknown', wrapper: kind !== 'python' };
  }
  return { path, kind: byName ?? 'unknown', wrapper: byName === null };
}

/** `python3` of `#!/usr/bin/env -S python3 -u`, `/usr/bin/python3` of `#!/usr/bin/python3`. */
export function shebangProgram(head: string): string | null {
  const words = head.slice(2).split('\n', 1)[0]?.trim().split(/\s+/) ?? [];
  const [first, ...rest] = words;
  if (first === undefined || first === '') return null;
  if (!/(^|\/)env$/.test(first)) return first;
  return rest.find((word) => !word.startsWith('-') && !word.includes('=')) ?? null;
}

async function checkFolder(cwd: string): Promise<void> {
  let info;
  try {
    info = await stat(cwd);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EACCES') {
      throw new HeaphouseError('permission', `The working folder ${cwd} may not be entered.`, { advice: 'Choose a folder that you may read.' });
    }
    throw new HeaphouseError('not-found', `The working folder ${cwd} does not exist.`, { advice: 'Choose an existing folder.' });
  }
  if (!info.isDirectory()) {
    throw new HeaphouseError('invalid-argument', `The working folder ${cwd} is a file.`, { advice: 'Choose a folder.' });
  }
}

async function findProgram(command: string, cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  const isPath = command.includes('/') || (process.platform === 'win32' && command.includes('\\')) || isAbsolute(command);
  if (isPath) {
    const path = resolve(cwd, command);
    const verdict = await judge(path);
    if (verdict === 'ok') return path;
    throw refusal(verdict, path);
  }
  let refused: { verdict: Verdict; path: string } | null = null;
  const extensions = process.platform === 'win32' ? ['', ...(env['PATHEXT'] ?? '.EXE;.CMD;.BAT').split(';')] : [''];
  for (const folder of (env['PATH'] ?? env['Path'] ?? '').split(delimiter)) {
    for (const extension of extensions) {
      // An empty entry of PATH means the working folder, as in a shell.
      const path = join(folder === '' ? cwd : resolve(cwd, folder), command + extension);
      const verdict = await judge(path);
      if (verdict === 'ok') return path;
      if (verdict === 'not-executable') refused ??= { verdict, path };
    }
  }
  if (refused) throw refusal(refused.verdict, refused.path);
  throw new HeaphouseError('not-found', `There is no command “${command}”.`, {
    advice: `It is in none of the folders of PATH. Check the spelling, or give the full path of the program.`,
    detail: `PATH=${env['PATH'] ?? ''}`,
  });
}

type Verdict = 'ok' | 'missing' | 'folder' | 'not-executable';

async function judge(path: string): Promise<Verdict> {
  try {
    if ((await stat(path)).isDirectory()) return 'folder';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? 'not-executable' : 'missing';
  }
  try {
    await access(path, constants.X_OK);
    return 'ok';
  } catch {
    return 'not-executable';
  }
}

function refusal(verdict: Verdict, path: string): HeaphouseError {
  if (verdict === 'folder') {
    return new HeaphouseError('invalid-argument', `${path} is a folder, not a program.`, { advice: 'Give the program inside of it.' });
  }
  if (verdict === 'missing') {
    return new HeaphouseError('not-found', `There is no program ${path}.`, { advice: 'Check the spelling and the working folder.' });
  }
  const script = /\.(py|[cm]?js)$/.exec(path);
  const runner = script === null ? null : script[1] === 'py' ? 'python' : 'node';
  return new HeaphouseError('permission', `${path} is not executable.`, {
    advice: runner === null ? `Make it executable: chmod +x ${path}` : `Start it with its interpreter: ${runner} ${path}`,
  });
}
