/**
 * Progress on stderr. On a terminal one line that is rewritten; elsewhere a line when a phase begins and then one every
 * few seconds, so that a CI log stays short.
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
  let lastPhase = '';
  let lastAt = 0;
  let shown = false;
  stderr.on('error', () => undefined);

  function clear(): void {
    if (shown) stderr.write('\r\u001b[2K');
    shown = false;
  }

  return {
    update(label, value) {
      if (quiet) return;
      const phase = `${label}\n${value.phase}`;
      const elapsed = now() - lastAt;
      if (terminal) {
        if (elapsed < TERMINAL_EVERY_MS) return;
        stderr.write(`\r\u001b[2K${cutText(describeProgress(label, value), LINE_CHARS)}`);
        shown = true;
      } else {
        // Phases of a small file pass in milliseconds; only what takes its time is worth a line.
        if (phase === lastPhase ? elapsed < LOG_EVERY_MS : elapsed < LOG_EVERY_MS / 5 && lastPhase !== '') return;
        stderr.write(`${describeProgress(label, value)}\n`);
      }
      lastPhase = phase;
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
