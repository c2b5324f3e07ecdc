/**
 * Progress on stderr. On a terminal one line that is rewritten; elsewhere a line every few seconds, so that a CI log stays
 * short.
 */
import type { Writable } from 'node:stream';
import { formatBytes } from '#shared/format/bytes.ts';
import { formatCount } from '#shared/format/counts.ts';
import { formatShare } from '#shared/format/percent.ts';
import { cutText, visibleText } from '#shared/format/visible-text.ts';

export interface ProgressValue {
  phase: string;
  done: number;
  total: number;
  unit?: string;
}

export interface CliProgress {
  /** `label` says what is worked on: a file, a target. */
  update(label: string, value: ProgressValue): void;
  /** A line that stays. */
  note(line: string): void;
  /** Takes the changing line away. */
  clear(): void;
}

const TERMINAL_EVERY_MS = 100;
const LOG_EVERY_MS = 5_000;
const LINE_CHARS = 100;

const BYTE_PHASES = new Set(['reading']);

export function describeProgress(label: string, { phase, done, total, unit }: ProgressValue): string {
  const format = unit === 'bytes' || (unit === undefined && BYTE_PHASES.has(phase)) ? formatBytes : formatCount;
  const amount = total > 0 ? `${formatShare(done, total)} of ${format(total)}` : done > 0 ? format(done) : '';
  return `${visibleText(label, 60)}: ${phase}${amount ? ` ${amount}` : ''}`;
}

export function createProgress(stderr: Writable, options: { terminal: boolean; quiet: boolean; now?: () => number }): CliProgress {
  const { terminal, quiet, now = Date.now } = options;
  let lastAt = terminal ? 0 : now();
  let shown = false;
  stderr.on('error', () => undefined);

  function clear(): void {
    if (shown) stderr.write('\r\u001b[2K');
    shown = false;
  }

  return {
    update(label, value) {
      if (quiet) return;
      const elapsed = now() - lastAt;
      if (terminal) {
        if (elapsed < TERMINAL_EVERY_MS) return;
        stderr.write(`\r\u001b[2K${cutText(describeProgress(label, value), LINE_CHARS)}`);
        shown = true;
      } else {
        // What is done within seconds is worth no line in a log.
        if (elapsed < LOG_EVERY_MS) return;
        stderr.write(`${describeProgress(label, value)}\n`);
      }
      lastAt = now();
    },
    note(line) {
      if (quiet) return;
      clear();
      stderr.write(`${line}\n`);
    },
    clear,
  };
}
