/** What a command may touch of the outside: two streams, a folder, the interrupt. Tests give their own. */
import type { Writable } from 'node:stream';
import process from 'node:process';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import type { StartHost } from '#main/workbench/host-process.ts';

export interface CliIo {
  stdout: Writable;
  stderr: Writable;
  /** Width of the terminal that stdout is; null when it is none. */
  stdoutColumns: number | null;
  stderrIsTerminal: boolean;
  cwd: string;
  env: NodeJS.ProcessEnv;
  /** Calls the listener on Ctrl-C and on SIGTERM; returns how to stop listening. */
  onInterrupt(listener: (signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') => void): () => void;
  /** Starts worker processes otherwise than as children of Node.js: inside Electron, whose program is no Node.js. */
  startHost?: StartHost;
  /** Where the Python agent lies, if not beside the sources. */
  agentDir?: string;
}

export function processIo(): CliIo {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    stdoutColumns: process.stdout.isTTY ? process.stdout.columns : null,
    stderrIsTerminal: process.stderr.isTTY === true,
    cwd: process.cwd(),
    env: process.env,
    onInterrupt(listener) {
      const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
      const handlers = signals.map((signal) => [signal, () => listener(signal)] as const);
      for (const [signal, handler] of handlers) process.on(signal, handler);
      return () => {
        for (const [signal, handler] of handlers) process.off(signal, handler);
      };
    },
  };
}

/** Standard output for results: waits for slow readers, ends quietly when the reader has left, says when it is full. */
export interface ResultWriter {
  /** False once nobody reads any more. */
  write(text: string): Promise<boolean>;
  writeAll(parts: Iterable<string>): Promise<void>;
}

/** Text is gathered to pieces of this size before it is written. */
const PIECE_CHARS = 64 * 1024;

export function createResultWriter(stdout: Writable): ResultWriter {
  let readerGone = false;
  // The callback of `write` reports the same error; without a listener it would end the process.
  stdout.on('error', () => undefined);

  function write(text: string): Promise<boolean> {
    if (readerGone) return Promise.resolve(false);
    return new Promise((resolve, reject) => {
      stdout.write(text, (error) => {
        if (!error) {
          resolve(true);
          return;
        }
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED' || code === 'ECONNRESET') {
          readerGone = true;
          resolve(false);
          return;
        }
        const reason = code === 'ENOSPC' ? 'the disk is full' : error.message;
        reject(new HeaphouseError('io', `The results cannot be written: ${reason}.`, { advice: 'Make room, or write to another place with --out.' }));
      });
    });
  }

  return {
    write,
    async writeAll(parts) {
      let pending = '';
      for (const part of parts) {
        pending += part;
        if (pending.length < PIECE_CHARS) continue;
        if (!(await write(pending))) return;
        pending = '';
      }
      if (pending !== '') await write(pending);
    },
  };
}
