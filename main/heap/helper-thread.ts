import { parentPort } from 'node:worker_threads';

import { isHeapFormatError } from './errors.ts';
import { createHelperTasks } from './helper-tasks.ts';
import type { HelperTasks } from './helper-tasks.ts';

/** Entry of a helper thread: does one task after another (helper.ts is the other end). It is stopped by ending it. */
export interface HelperRequest {
  readonly call: number;
  readonly name: keyof HelperTasks;
  readonly input: unknown;
}

export type HelperMessage =
  | { readonly call: number; readonly kind: 'progress'; readonly progress: unknown }
  | { readonly call: number; readonly kind: 'result'; readonly result: unknown }
  | { readonly call: number; readonly kind: 'error'; readonly message: string; readonly stack: string; readonly format: { code: string; byteOffset: number | null } | null };

const port = parentPort;
if (!port) throw new Error('helper-thread.ts is the entry of a worker thread');

const tasks = createHelperTasks() as unknown as Record<string, (input: unknown, run: object) => unknown>;
const post = (message: HelperMessage): void => port.postMessage(message);
let last: Promise<void> = Promise.resolve();
port.on('message', ({ call, name, input }: HelperRequest) => {
  last = last.then(async () => {
    try {
      const result = await tasks[name]!(input, { onProgress: (progress: unknown) => post({ call, kind: 'progress', progress }) });
      post({ call, kind: 'result', result });
    } catch (error) {
      const thrown = error instanceof Error ? error : new Error(String(error));
      const format = isHeapFormatError(thrown) ? { code: thrown.code, byteOffset: thrown.byteOffset } : null;
      post({ call, kind: 'error', message: thrown.message, stack: thrown.stack ?? '', format });
    }
  });
});
