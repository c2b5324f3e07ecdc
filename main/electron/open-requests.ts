/**
 * Everything from outside the window that asks to open something: our own command line, a second start, a file
 * association. Pure functions, with one rule: only the command line of this very start may run a program (that is
 * main/workbench/open-as-asked.ts). What comes from elsewhere opens files, fills in the launch form, or is asked about.
 */
import { isAbsolute, resolve } from 'node:path';
import type { OpenRequest } from '#shared/contracts/shell.ts';
import { parseArgv } from '#main/cli/parse-argv.ts';
import type { OpenInvocation } from '#main/cli/invocation.ts';

/** Far above what a shell passes, far below what could hurt. */
const MAX_ARGUMENTS = 4_096;
const MAX_ARGUMENT_CHARS = 131_072;
/** As many as the `sessions.open` contract takes. */
const MAX_FILES = 50;

/** A way into a target that another start asked for. It is gone only after the user has said yes. */
export type TargetAction = { kind: 'attach'; pid: number } | { kind: 'connect'; url: string };

export interface OpenPlan {
  /** For the window, as they are. */
  requests: OpenRequest[];
  action: TargetAction | null;
}

/**
 * The arguments that are ours. A packaged app is `[program, ...arguments]`; a bare Electron is started with switches and
 * the application's folder in front: `[electron, …switches, folder, ...arguments]`.
 */
export function applicationArguments(argv: readonly string[], isPackaged: boolean): string[] {
  if (isPackaged) return argv.slice(1);
  const folder = argv.findIndex((argument, index) => index > 0 && !argument.startsWith('-'));
  return folder < 0 ? [] : argv.slice(folder + 1);
}

/** What a second start sent through the single-instance lock, or null if that is not what we send. */
export function secondInstanceData(data: unknown): { args: string[]; cwd: string } | null {
  if (typeof data !== 'object' || data === null) return null;
  const { args, cwd } = data as { args?: unknown; cwd?: unknown };
  if (typeof cwd !== 'string' || !isAbsolute(cwd) || cwd.includes('\0')) return null;
  if (!Array.isArray(args) || args.length > MAX_ARGUMENTS) return null;
  const texts = args.filter((arg): arg is string => typeof arg === 'string' && arg.length <= MAX_ARGUMENT_CHARS && !arg.includes('\0'));
  return texts.length === args.length ? { args: texts, cwd } : null;
}

function planOf(invocation: OpenInvocation, cwd: string): OpenPlan {
  const requests = filesRequest(invocation.files, cwd);
  if (invocation.launch !== null) requests.push({ kind: 'prefill', command: invocation.launch });
  let action: TargetAction | null = null;
  if (invocation.attachPid !== null) action = { kind: 'attach', pid: invocation.attachPid };
  else if (invocation.connectUrl !== null) action = { kind: 'connect', url: invocation.connectUrl };
  return { requests, action };
}

/** A second start's plan. Anything but a request to open leads to nothing but our window in front. */
export function planOfSecondInstance(data: unknown): OpenPlan {
  const sent = secondInstanceData(data);
  const parsed = sent && parseArgv(sent.args);
  if (!sent || !parsed?.ok || parsed.invocation.command !== 'open') return { requests: [], action: null };
  return planOf(parsed.invocation, sent.cwd);
}

/** Files that the system hands over: a double click, a drop on the dock. */
export function filesRequest(paths: readonly string[], cwd: string): OpenRequest[] {
  const usable = paths.filter((path) => path !== '' && !path.includes('\0')).slice(0, MAX_FILES);
  return usable.length === 0 ? [] : [{ kind: 'files', paths: usable.map((path) => resolve(cwd, path)) }];
}
