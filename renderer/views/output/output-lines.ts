/** A target's output as lines: bounded, without terminal control sequences, safe to show. Pure. */
import { visibleText } from '#shared/format/visible-text.ts';
import type { OutputChunk } from '#shared/model/session.ts';

export interface OutputLine {
  stream: OutputChunk['stream'];
  at: number;
  text: string;
}

/** The host keeps 1 MiB; so many lines are that and more for any program. */
export const MOST_LINES = 20_000;
const MOST_LINE_CHARS = 4_000;

/** Colours, cursor movements, titles: CSI, OSC and two-character escapes. */
const TERMINAL_SEQUENCES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;

export interface OutputBuffer {
  readonly lines: readonly OutputLine[];
  /** Lines that fell out at the beginning. */
  readonly dropped: number;
  append(chunk: OutputChunk): void;
}

/** Chunks end anywhere: the last line of each stream stays open until its newline arrives. */
export function createOutputBuffer(): OutputBuffer {
  const lines: OutputLine[] = [];
  const open = new Map<OutputChunk['stream'], OutputLine>();
  let dropped = 0;

  function append(chunk: OutputChunk): void {
    const parts = chunk.text.split('\n');
    parts.forEach((part, index) => {
      const last = index === parts.length - 1;
      const line = open.get(chunk.stream);
      if (line) line.text = clean(line.text + part);
      else if (!last || part !== '') {
        const next = { stream: chunk.stream, at: chunk.at, text: clean(part) };
        lines.push(next);
        if (last) open.set(chunk.stream, next);
      }
      if (!last) open.delete(chunk.stream);
    });
    if (lines.length > MOST_LINES) {
      const extra = lines.length - MOST_LINES;
      lines.splice(0, extra);
      dropped += extra;
    }
  }

  return {
    lines,
    get dropped() {
      return dropped;
    },
    append,
  };
}

function clean(text: string): string {
  // A carriage return starts the line over (progress bars); tabs keep their place.
  const visible = text.replace(TERMINAL_SEQUENCES, '').replace(/\r$/, '');
  const afterReturn = visible.slice(visible.lastIndexOf('\r') + 1);
  return visibleText(afterReturn.replace(/\t/g, '    '), MOST_LINE_CHARS);
}
