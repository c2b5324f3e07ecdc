/** Output of a launched program: decoded, cleaned of the inspector's own lines, bounded. */
import { StringDecoder } from 'node:string_decoder';
import type { OutputChunk } from '#shared/model/session.ts';
import type { Dispose } from '#shared/rpc/channel.ts';

/** Kept until somebody listens; the oldest goes first. */
const MAX_REPLAY_CHARS = 256 * 1024;
/** Kept for the exit diagnosis. */
const MAX_TAIL_CHARS = 8_000;

export interface OutputBuffer {
  push(stream: OutputChunk['stream'], text: string): void;
  onOutput(listener: (chunk: OutputChunk) => void): Dispose;
  tail(): string;
}

export function createOutputBuffer(): OutputBuffer {
  const listeners = new Set<(chunk: OutputChunk) => void>();
  let replay: OutputChunk[] | null = [];
  let replayChars = 0;
  let droppedChars = 0;
  let tail = '';

  return {
    push(stream, text) {
      if (text === '') return;
      const chunk: OutputChunk = { at: Date.now(), stream, text };
      tail = (tail + text).slice(-MAX_TAIL_CHARS);
      if (replay !== null) {
        replay.push(chunk);
        replayChars += text.length;
        while (replayChars > MAX_REPLAY_CHARS && replay.length > 1) {
          const length = replay.shift()?.text.length ?? 0;
          replayChars -= length;
          droppedChars += length;
        }
      }
      for (const listener of [...listeners]) listener(chunk);
    },
    onOutput(listener) {
      if (replay !== null) {
        const chunks = replay;
        replay = null;
        if (droppedChars > 0) {
          listener({ at: chunks[0]?.at ?? Date.now(), stream: 'workbench', text: `… ${droppedChars} characters of earlier output left out …\n` });
        }
        for (const chunk of chunks) listener(chunk);
      }
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    tail: () => tail,
  };
}

/** Bytes of one stream to text; characters cut between two chunks are put together, invalid bytes become U+FFFD. */
export function createDecoder(emit: (text: string) => void) {
  const decoder = new StringDecoder('utf8');
  return {
    write: (bytes: Buffer) => emit(decoder.write(bytes)),
    end: () => emit(decoder.end()),
  };
}

/** What Node.js and Chromium print about their own debugging, whole lines. */
const CHATTER = [
  /^Debugger listening on ws:\/\/\S+$/,
  /^Debugger ending on ws:\/\/\S+$/,
  /^For help, see: https:\/\/nodejs\.org\/\S*$/,
  /^Debugger attached\.$/,
  /^Waiting for the debugger to disconnect\.\.\.$/,
  /^DevTools listening on ws:\/\/\S+$/,
];
const CHATTER_STARTS = ['Debugger ', 'For help, see: ', 'Waiting for the debugger', 'DevTools listening on '];
/** A line that begins like chatter but is longer is the program's own. */
const MAX_CHATTER_CHARS = 300;

/**
 * Takes the debugger's own lines out of a stream. Everything else passes at once; only the start of a line that could
 * still become chatter is held back.
 */
export function createChatterFilter(emit: (text: string) => void, onUrl: (url: string) => void) {
  let held = '';
  let midLine = false;

  function couldBeChatter(text: string): boolean {
    return text.length <= MAX_CHATTER_CHARS && CHATTER_STARTS.some((start) => (text.length < start.length ? start.startsWith(text) : text.startsWith(start)));
  }

  function write(text: string): void {
    let out = '';
    let rest = held + text;
    held = '';
    while (rest !== '') {
      const newline = rest.indexOf('\n');
      if (newline < 0) {
        if (!midLine && couldBeChatter(rest)) held = rest;
        else {
          out += rest;
          midLine = true;
        }
        break;
      }
      const line = rest.slice(0, newline);
      const bare = line.endsWith('\r') ? line.slice(0, -1) : line;
      rest = rest.slice(newline + 1);
      if (!midLine && CHATTER.some((pattern) => pattern.test(bare))) {
        const url = /^(?:Debugger|DevTools) listening on (ws:\/\/\S+)$/.exec(bare)?.[1];
        if (url !== undefined) onUrl(url);
      } else {
        out += `${line}\n`;
      }
      midLine = false;
    }
    if (out !== '') emit(out);
  }

  function end(): void {
    if (held !== '') emit(held);
    held = '';
  }

  return { write, end };
}
