/** What every command works with. */
import type { CliIo, ResultWriter } from './cli-io.ts';
import type { CliProgress } from './progress.ts';

export interface CommandContext {
  io: CliIo;
  out: ResultWriter;
  progress: CliProgress;
  /** Aborted on Ctrl-C. */
  signal: AbortSignal;
}

export const EXIT = { fine: 0, gateFailed: 1, usage: 2, failed: 3, interrupted: 130 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
