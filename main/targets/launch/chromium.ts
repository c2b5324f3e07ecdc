/** Arguments with which Chromium and Electron open their debugging port, and where they tell it. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readHead } from '../proc/read.ts';

export interface ChromiumLaunch {
  args: string[];
  /** Folder in which `DevToolsActivePort` appears; null when the program chooses it and we read its output. */
  userDataDir: string | null;
}

/**
 * Chromium since 136 opens the port only for a profile that is not the default one, so a launch without
 * `--user-data-dir` gets an empty profile inside the rendezvous folder.
 */
export async function chromiumArguments(args: readonly string[], rendezvous: string): Promise<ChromiumLaunch> {
  const added: string[] = [];
  if (!args.some((arg) => arg.startsWith('--remote-debugging-port'))) added.push('--remote-debugging-port=0');
  let userDataDir = args.find((arg) => arg.startsWith('--user-data-dir='))?.slice('--user-data-dir='.length) ?? null;
  if (userDataDir === null) {
    userDataDir = join(rendezvous, 'profile');
    await mkdir(userDataDir, { recursive: true, mode: 0o700 });
    added.push(`--user-data-dir=${userDataDir}`, '--no-first-run', '--no-default-browser-check');
  }
  return { args: [...added, ...args], userDataDir };
}

/** Electron's main process is a Node.js: its inspector is what shows its heap. The port of the windows is opened as well. */
export function electronArguments(args: readonly string[], pauseAtStart: boolean): string[] {
  const added: string[] = [];
  if (!args.some((arg) => /^--inspect(-brk|-wait)?(=|$)/.test(arg))) added.push(pauseAtStart ? '--inspect-brk=127.0.0.1:0' : '--inspect=127.0.0.1:0');
  if (!args.some((arg) => arg.startsWith('--remote-debugging-port'))) added.push('--remote-debugging-port=0');
  return [...added, ...args];
}

/** Port of `DevToolsActivePort`: its first line; the second is the path of the browser's endpoint. Null while it is not there. */
export async function readActivePort(userDataDir: string): Promise<{ port: number; browserPath: string } | null> {
  const text = await readHead(join(userDataDir, 'DevToolsActivePort'), 4_096);
  const match = /^(\d{1,5})\r?\n(\/devtools\/browser\/[\w-]+)/.exec(text ?? '');
  return match?.[1] === undefined || match[2] === undefined ? null : { port: Number(match[1]), browserPath: match[2] };
}
