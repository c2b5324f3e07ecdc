import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

import type { HelperTasks } from './helper-tasks.ts';
import { nativePath } from './native.ts';
import type { HelperMessage, HelperRequest } from './helper-thread.ts';
import type { RunOptions } from './run.ts';

/**
 * A second thread for one heap. Calls are done one after another; columns go there and back without copies. A cancelled
 * or failed call rejects at once, and `close` ends the thread whatever it does at the moment.
 */
export interface Helper {
  call<Name extends keyof HelperTasks>(
    name: Name,
    input: Parameters<HelperTasks[Name]>[0],
    run?: RunOptions,
  ): Promise<Awaited<ReturnType<HelperTasks[Name]>>>;
  close(): void;
}

interface Call {
  resolve(result: unknown): void;
  reject(error: unknown): void;
  readonly run: RunOptions | undefined;
}

/** The thread's script in the bundle: one file without imports, because Electron's threads cannot read its archive. */
const BUNDLED = 'heap-helper.cjs';

export function startHelper(): Helper {
  const worker = createWorker();
  const calls = new Map<number, Call>();
  let next = 0;
  let failure: Error | null = null;
  const fail = (error: Error): void => {
    failure ??= error;
    for (const call of calls.values()) call.reject(failure);
    calls.clear();
    worker.unref();
  };
  const settle = (id: number): Call | undefined => {
    const call = calls.get(id);
    calls.delete(id);
    if (calls.size === 0) worker.unref();
    return call;
  };
  worker.on('message', (message: HelperMessage) => {
    if (message.kind === 'progress') {
      calls.get(message.call)?.run?.onProgress?.(message.progress as Parameters<NonNullable<RunOptions['onProgress']>>[0]);
      return;
    }
    const call = settle(message.call);
    if (message.kind === 'result') call?.resolve(message.result);
    else call?.reject(errorOf(message));
  });
  worker.on('error', (error) => fail(new Error(`The helper thread of the heap engine failed: ${String(error)}`, { cause: error })));
  worker.on('exit', (code) => fail(new Error(`The helper thread of the heap engine ended with code ${code}`)));
  worker.unref();
  return {
    call(name, input, run) {
      const signal = run?.signal;
      return new Promise<never>((resolve, reject) => {
        if (failure) return reject(failure);
        signal?.throwIfAborted();
        const id = next++;
        const onAbort = (): void => {
          settle(id);
          reject(signal?.reason as Error);
        };
        const done = (): void => signal?.removeEventListener('abort', onAbort);
        calls.set(id, {
          resolve: (result) => {
            done();
            resolve(result as never);
          },
          reject: (error) => {
            done();
            reject(error as Error);
          },
          run,
        });
        signal?.addEventListener('abort', onAbort, { once: true });
        worker.ref();
        worker.postMessage({ call: id, name, input } satisfies HelperRequest);
      });
    },
    close() {
      fail(helperClosed());
      void worker.terminate();
    },
  };
}

/** What calls to a thread that was ended are told. */
export const helperClosed = (): Error => new Error('The helper thread of the heap engine was closed');

function errorOf(message: Extract<HelperMessage, { kind: 'error' }>): Error {
  const error = new Error(message.message);
  error.stack = message.stack;
  return message.format ? Object.assign(error, { name: 'HeapFormatError', ...message.format }) : error;
}

/** Shown by the system's tools for the thread; at most 15 characters on Linux. */
const name = 'heap helper';

function createWorker(): Worker {
  const here = fileURLToPath(import.meta.url);
  const workerData = { heapLoops: nativePath() };
  if (here.endsWith('.ts')) return new Worker(new URL('./helper-thread.ts', import.meta.url), { name, workerData });
  let folder = dirname(here);
  while (!existsSync(join(folder, BUNDLED))) {
    const above = dirname(folder);
    if (above === folder) throw new Error(`${BUNDLED} is missing beside ${here}: the installation is incomplete.`);
    folder = above;
  }
  return new Worker(readFileSync(join(folder, BUNDLED), 'utf8'), { eval: true, name, workerData });
}
