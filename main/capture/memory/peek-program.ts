/**
 * Our program that reads many small pieces of another process at once (main/agents/python/peek): a system call for each
 * of a million pool headers takes seconds, one for a thousand of them a tenth of that. It lives as long as the reader.
 */
import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { findProgram } from '../../targets/agent-dir.ts';
import type { PieceRun } from './memory-reader.ts';

export interface PeekProgram {
  /** As `MemoryReader.pieces`. Rejects when the program has ended. */
  read(runs: readonly PieceRun[], pieceBytes: number, strideBytes: number): Promise<{ data: Buffer; lost: number[] }>;
  close(): void;
}

/** Null where it is not built. */
export async function startPeekProgram(pid: number): Promise<PeekProgram | null> {
  const path = await findProgram('heaphouse-peek');
  if (path === null) return null;
  const child = spawn(path, [String(pid)], { stdio: ['pipe', 'pipe', 'ignore'] });
  let waiting: { answer: Buffer; got: number; done(): void; fail(error: Error): void } | null = null;
  let ended: Error | null = null;
  // One question at a time.
  let queue: Promise<unknown> = Promise.resolve();

  function end(error: Error): void {
    ended ??= error;
    waiting?.fail(ended);
    waiting = null;
  }

  child.on('error', end);
  child.on('exit', (code, signal) => end(new Error(`heaphouse-peek ended: ${code ?? signal}`)));
  child.stdin.on('error', () => undefined);
  child.stdout.on('data', (chunk: Buffer) => {
    if (!waiting) return;
    waiting.got += chunk.copy(waiting.answer, waiting.got);
    if (waiting.got < waiting.answer.byteLength) return;
    waiting.done();
    waiting = null;
    for (const pipe of pipes) pipe.unref();
  });
  // Never what keeps the host alive, but for the time of an answer.
  const pipes = [child.stdin, child.stdout].filter((pipe) => pipe instanceof Socket);
  child.unref();
  for (const pipe of pipes) pipe.unref();

  function ask(runs: readonly PieceRun[], pieceBytes: number, strideBytes: number): Promise<{ data: Buffer; lost: number[] }> {
    const pieces = runs.reduce((sum, { count }) => sum + count, 0);
    const request = new BigUint64Array(3 + runs.length * 2);
    request.set([BigInt(pieceBytes), BigInt(strideBytes), BigInt(runs.length)]);
    runs.forEach(({ address, count }, i) => request.set([BigInt(address), BigInt(count)], 3 + i * 2));
    return new Promise((resolve, reject) => {
      if (ended) return reject(ended);
      const answer = Buffer.allocUnsafe(runs.length + pieces * pieceBytes);
      waiting = {
        answer,
        got: 0,
        fail: reject,
        done: () => resolve({ data: answer.subarray(runs.length), lost: runs.flatMap((_, i) => (answer[i] === 0 ? [] : [i])) }),
      };
      for (const pipe of pipes) pipe.ref();
      child.stdin.write(new Uint8Array(request.buffer));
    });
  }

  return {
    read(runs, pieceBytes, strideBytes) {
      const result = queue.then(() => ask(runs, pieceBytes, strideBytes));
      queue = result.catch(() => undefined);
      return result;
    },
    close() {
      end(new Error('closed'));
      child.kill('SIGKILL');
    },
  };
}
