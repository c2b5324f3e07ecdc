/**
 * Receives a snapshot that a target sends in chunks (`HeapProfiler.takeHeapSnapshot`) into a file: back-pressure to
 * the socket while the disk is behind, counted progress, and nothing left when it does not end well.
 */
import type { Progress } from '#shared/rpc/define-service.ts';
import { cancelledError, HeaphouseError } from '#shared/rpc/errors.ts';
import type { OpenTarget } from '../cdp/open-target.ts';
import { booleanField, countField } from '../cdp/read-field.ts';
import { createPartFile } from './part-file.ts';
import { checkSnapshotFile, type SnapshotCounts } from './snapshot-file-check.ts';

export interface StreamedSnapshot extends SnapshotCounts {
  bytes: number;
  /** From the request to the target's answer, which comes after the last chunk. */
  requestMs: number;
}

export interface SnapshotOptions {
  signal: AbortSignal;
  progress: (value: Progress) => void;
  /** Hears the moment at which the target has sent all it wanted to send, also when nobody wants it any more. */
  busyUntil: (idle: Promise<void>) => void;
}

const PROGRESS_EVERY_MS = 100;

/**
 * Errors: `cancelled`, `target-gone`, `io`, `bad-file`, `unsupported`. Whatever the error, `path` and its part file do
 * not exist afterwards.
 *
 * A target that has begun cannot be told to stop. After a cancel its remaining chunks are dropped as they come
 * (`busyUntil`), and the connection stays: V8 forgets the ids of all objects when any session ends, and with them what
 * makes two snapshots comparable.
 */
export async function streamSnapshot(target: OpenTarget, path: string, { signal, progress, busyUntil }: SnapshotOptions): Promise<StreamedSnapshot> {
  if (signal.aborted) throw cancelledError();
  const file = await createPartFile(path);
  let stop: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  let receivedBytes = 0;
  let failure: Error | null = null;
  let carried = '';
  let lastProgressAt = 0;

  function fail(error: Error): void {
    failure ??= error;
    stop();
  }

  function report(value: Progress, always = false): void {
    const now = Date.now();
    if (!always && now - lastProgressAt < PROGRESS_EVERY_MS) return;
    lastProgressAt = now;
    progress(value);
  }

  const onAbort = () => fail(cancelledError());
  signal.addEventListener('abort', onAbort, { once: true });
  file.onPressure((wait) => (wait ? target.connection.pause() : target.connection.resume()));
  file.onError(fail);
  const disposables = [
    target.onGone(fail),
    target.session.on('HeapProfiler.reportHeapSnapshotProgress', (params) => {
      const done = countField(params, 'done') ?? 0;
      const total = countField(params, 'total') ?? 0;
      report({ phase: 'Building the snapshot', done, total, unit: 'objects' }, booleanField(params, 'finished') === true);
    }),
    target.session.on('HeapProfiler.addHeapSnapshotChunk', (params) => {
      if (typeof params.chunk !== 'string') {
        fail(new HeaphouseError('bad-file', 'The target sent a snapshot chunk that is not text. Nothing was kept.'));
        return;
      }
      let text = carried + params.chunk;
      carried = '';
      // A character outside the basic plane may be cut in two by the end of a chunk; its halves alone are not UTF-8.
      const last = text.charCodeAt(text.length - 1);
      if (last >= 0xd800 && last <= 0xdbff) {
        carried = text.slice(-1);
        text = text.slice(0, -1);
      }
      const bytes = Buffer.from(text, 'utf8');
      receivedBytes += bytes.byteLength;
      file.write(bytes);
      report({ phase: 'Saving the snapshot', done: receivedBytes, total: 0, unit: 'bytes' });
    }),
  ];

  try {
    const startedAt = performance.now();
    const request = target.session.send('HeapProfiler.takeHeapSnapshot', { reportProgress: true, captureNumericValue: true });
    busyUntil(
      request.then(
        () => undefined,
        () => undefined,
      ),
    );
    await Promise.race([request, stopped]);
    const requestMs = performance.now() - startedAt;
    throwIf(failure);
    report({ phase: 'Saving the snapshot', done: receivedBytes, total: receivedBytes, unit: 'bytes' }, true);
    let counts: SnapshotCounts = { nodes: 0, edges: 0 };
    await file.finish(async (handle, bytes) => {
      counts = await checkSnapshotFile(handle, bytes);
      if (signal.aborted) throw cancelledError();
    });
    return { ...counts, bytes: receivedBytes, requestMs };
  } catch (error) {
    throwIf(failure);
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    for (const dispose of disposables) dispose();
    target.connection.resume();
    await file.discard();
  }
}

/** A function, because the variable is set behind the compiler's back, by listeners. */
function throwIf(failure: Error | null): void {
  if (failure) throw failure;
}
