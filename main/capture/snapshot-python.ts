/**
 * A heap snapshot of a CPython target. When the agent runs on this machine and sees our files it writes the file itself
 * (`Python.writeHeapSnapshot`), else the chunks come through the connection as from V8.
 */
import { access, constants, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { SnapshotResult } from '#main/hosts/capture-contract.ts';
import { cancelledError, HeaphouseError } from '#shared/rpc/errors.ts';
import type { OpenTarget } from '../cdp/open-target.ts';
import { booleanField, countField, numberField, stringField } from '../cdp/read-field.ts';
import { writeError } from './part-file.ts';
import { sharesFileSystem } from './process-memory.ts';
import { checkSnapshotFile } from './snapshot-file-check.ts';
import { streamSnapshot, type SnapshotOptions } from './snapshot-stream.ts';

/** A copy of the target is killed at once, a walk in the living process ends at its next batch. */
const CANCEL_LIMIT_MS = 2_000;

export interface PythonSnapshotRequest extends SnapshotOptions {
  target: OpenTarget;
  /** Process on this machine; null for an agent elsewhere. */
  pid: number | null;
  path: string;
}

export async function takePythonSnapshot(request: PythonSnapshotRequest): Promise<SnapshotResult> {
  if (request.signal.aborted) throw cancelledError();
  if (request.pid === null || !(await sharesFileSystem(request.pid))) return sentInChunks(request, 'the target does not share our files');
  try {
    return await writtenByTarget(request);
  } catch (error) {
    // A sandbox may keep it from files that its user could write.
    if (request.signal.aborted || !isCreateError(error)) throw error;
    return sentInChunks(request, 'the target could not create the file itself');
  }
}

async function writtenByTarget({ target, path, signal, progress }: PythonSnapshotRequest): Promise<SnapshotResult> {
  const at = Date.now();
  const startedAt = performance.now();
  const partPath = `${path}.part`;
  await checkPlace(path);
  await rm(partPath, { force: true });
  const stopProgress = target.session.on('HeapProfiler.reportHeapSnapshotProgress', (params) => {
    progress({ phase: 'Writing the snapshot', done: countField(params, 'done') ?? 0, total: countField(params, 'total') ?? 0, unit: 'steps' });
  });
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => {
      target.session.send('Python.cancelHeapSnapshot').catch(() => undefined);
      // The agent answers the snapshot itself and deletes its file; a target that stands still does not.
      setTimeout(() => reject(cancelledError()), CANCEL_LIMIT_MS);
    };
  });
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    progress({ phase: 'Waiting for the target', done: 0, total: 0, unit: 'objects' });
    const answer: unknown = await Promise.race([target.session.send('Python.writeHeapSnapshot', { path: partPath }), aborted]);
    if (signal.aborted) throw cancelledError();
    const { bytes, nodes } = await publish(partPath, path);
    return {
      path,
      bytes,
      nodes,
      idEpoch: null,
      receipt: {
        action: 'snapshot',
        at,
        pauseMs: numberField(answer, 'pauseMs'),
        elapsedMs: performance.now() - startedAt,
        bytes,
        notes: receiptNotes(answer),
      },
    };
  } catch (error) {
    await rm(partPath, { force: true }).catch(() => undefined);
    throw signal.aborted ? cancelledError() : writingError(path, error);
  } finally {
    signal.removeEventListener('abort', onAbort);
    stopProgress();
  }
}

/** The agent's text for a failure of the disk as the error it is. */
function writingError(path: string, error: unknown): unknown {
  const detail = error instanceof HeaphouseError ? (error.detail ?? '') : '';
  if (/No space left|Disk quota/i.test(detail)) return writeError(path, Object.assign(new Error(detail), { code: 'ENOSPC' }));
  return error;
}

async function sentInChunks({ target, path, signal, progress, busyUntil }: PythonSnapshotRequest, why: string): Promise<SnapshotResult> {
  const at = Date.now();
  const startedAt = performance.now();
  const onAbort = () => {
    target.session.send('Python.cancelHeapSnapshot').catch(() => undefined);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const { bytes, nodes, edges } = await streamSnapshot(target, path, { signal, progress, busyUntil });
    return {
      path,
      bytes,
      nodes,
      idEpoch: null,
      receipt: {
        action: 'snapshot',
        at,
        pauseMs: null,
        elapsedMs: performance.now() - startedAt,
        bytes,
        notes: [`${nodes} nodes, ${edges} edges`, `sent through the connection: ${why}`],
      },
    };
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function receiptNotes(answer: unknown): string[] {
  const notes: string[] = [];
  const mode = stringField(answer, 'mode', 40);
  const reason = stringField(answer, 'modeReason', 200);
  if (mode) notes.push(`mode: ${mode}${reason ? ` (${reason})` : ''}`);
  const nodes = countField(answer, 'nodes');
  const edges = countField(answer, 'edges');
  if (nodes !== null && edges !== null) notes.push(`${nodes} nodes, ${edges} edges`);
  if (booleanField(answer, 'consistent') === false) notes.push('the program went on running meanwhile: objects may belong to slightly different moments');
  return notes;
}

/** The agent's words for a file that it cannot open. */
function isCreateError(error: unknown): boolean {
  return error instanceof HeaphouseError && error.code === 'unsupported' && /cannot create /.test(error.detail ?? '');
}

async function checkPlace(path: string): Promise<void> {
  await access(dirname(path), constants.W_OK).catch((error: unknown) => {
    throw writeError(path, error);
  });
  const found = await stat(path).catch(() => null);
  if (found) throw new HeaphouseError('io', `${path} exists already.`, { advice: 'Choose another name.' });
}

/** Checks the end of what the target wrote, gives it to us alone, and gives it its name. */
async function publish(partPath: string, path: string): Promise<{ bytes: number; nodes: number }> {
  try {
    const handle = await open(partPath, 'r+');
    try {
      const { size } = await handle.stat();
      const { nodes } = await checkSnapshotFile(handle, size);
      await handle.chmod(0o600);
      await handle.sync();
      await rename(partPath, path);
      return { bytes: size, nodes };
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw writeError(path, error);
  }
}
