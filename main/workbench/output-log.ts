/**
 * What a launched target printed: the last part in memory for the view, all of it (up to a bound) in the session's
 * output.log. A full disk stops the file, not the target and not the view.
 */
import { createWriteStream, type WriteStream } from 'node:fs';
import type { OutputChunk } from '#shared/model/session.ts';
import type { Dispose } from '#shared/rpc/channel.ts';

const MEMORY_CHARS = 1024 * 1024;
/** output.log grows to this; what comes later is only shown. */
const FILE_BYTES = 64 * 1024 * 1024;

export interface OutputLog {
  add(chunk: OutputChunk): void;
  recent(): OutputChunk[];
  /** The last characters of everything, for a diagnosis. */
  tail(chars: number): string;
  onChunk(listener: (chunk: OutputChunk) => void): Dispose;
  close(): Promise<void>;
}

export function createOutputLog(path: string | null): OutputLog {
  const chunks: OutputChunk[] = [];
  const listeners = new Set<(chunk: OutputChunk) => void>();
  let chars = 0;
  let fileBytes = 0;
  let file: WriteStream | null = null;
  let fileFailed = path === null;

  function toFile(text: string): void {
    if (fileFailed || path === null) return;
    if (!file) {
      file = createWriteStream(path, { flags: 'a', mode: 0o600 });
      file.on('error', () => {
        fileFailed = true;
      });
    }
    fileBytes += Buffer.byteLength(text);
    if (fileBytes > FILE_BYTES) {
      file.write('\n[heaphouse: the log is full, later output was not kept]\n');
      fileFailed = true;
      return;
    }
    file.write(text);
  }

  return {
    add(chunk) {
      chunks.push(chunk);
      chars += chunk.text.length;
      while (chars > MEMORY_CHARS && chunks.length > 1) chars -= chunks.shift()!.text.length;
      if (chunk.stream !== 'workbench') toFile(chunk.text);
      for (const listener of [...listeners]) listener(chunk);
    },
    recent: () => [...chunks],
    tail(count) {
      let text = '';
      for (let i = chunks.length - 1; i >= 0 && text.length < count; i--) text = chunks[i].text + text;
      return text.slice(-count);
    },
    onChunk(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => new Promise((resolve) => (file ? file.end(() => resolve()) : resolve())),
  };
}
