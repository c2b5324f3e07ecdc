/** Runs the command line as a user does: another process, its streams and its exit status. */
import { spawn, type ChildProcess } from 'node:child_process';
import { openSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..', '..');
export const samples = join(root, 'test', 'samples');

export interface CliResult {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  cwd?: string;
  /** A file that standard output goes to, `/dev/full` for one. */
  stdoutTo?: string;
  /** With the process as soon as it runs. */
  during?: (child: ChildProcess) => void;
  onStderr?: (text: string, child: ChildProcess) => void;
}

export function runCli(args: readonly string[], options: RunOptions = {}): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, 'main', 'cli', 'index.ts'), ...args], {
      cwd: options.cwd ?? root,
      stdio: ['ignore', options.stdoutTo === undefined ? 'pipe' : openSync(options.stdoutTo, 'w'), 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    const result = { stdout: '', stderr: '' };
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      result.stdout += text;
    });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      result.stderr += text;
      options.onStderr?.(result.stderr, child);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...result }));
    options.during?.(child);
  });
}
