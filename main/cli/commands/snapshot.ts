/** `heaphouse snapshot`: attach, one snapshot, detach. */
import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ioError } from '#main/storage/io-error.ts';
import { formatBytes } from '#shared/format/bytes.ts';
import { formatDuration } from '#shared/format/durations.ts';
import { isCancelled } from '#shared/rpc/errors.ts';
import { EXIT, type CommandContext, type ExitCode } from '../command-context.ts';
import type { SnapshotInvocation } from '../invocation.ts';
import { withLiveSession } from '../live-target.ts';

export async function runSnapshot(invocation: SnapshotInvocation, context: CommandContext): Promise<ExitCode> {
  const out = resolve(context.io.cwd, invocation.out);
  const stats = await lstat(out).catch(() => null);
  if (stats?.isDirectory()) throw ioError(Object.assign(new Error('is a folder'), { code: 'EISDIR' }), 'write', out);
  const isDevice = stats !== null && !stats.isFile() && !stats.isSymbolicLink();
  const folder = await workFolder(isDevice ? tmpdir() : dirname(out), out);
  const way =
    'pid' in invocation.target
      ? { attachPid: invocation.target.pid, connectUrl: null, launch: null }
      : { attachPid: null, connectUrl: invocation.target.url, launch: null };
  try {
    const { snapshot, runtime } = await withLiveSession(way, join(folder, 'session'), context, async (session) => {
      const onProgress = (value: Parameters<typeof context.progress.update>[1]) => context.progress.update('snapshot', value);
      const taken = await session.sessions.takeSnapshot({ sessionId: session.sessionId }, { signal: context.signal, onProgress });
      return { snapshot: taken, runtime: session.info().target?.runtime ?? '' };
    });
    await move(snapshot.path, out, isDevice, context.signal);
    const pause = snapshot.receipt?.pauseMs;
    context.progress.note(
      `${invocation.out}: ${formatBytes(snapshot.bytes)} of ${runtime || 'the target'}` +
        (pause === null || pause === undefined ? '' : `; it stood still for ${formatDuration(pause)}`),
    );
    return EXIT.fine;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Beside the file that is to be written, so that the finished snapshot only needs another name. */
async function workFolder(parent: string, out: string): Promise<string> {
  try {
    await mkdir(parent, { recursive: true });
    return await mkdtemp(join(parent, '.heaphouse-snapshot-'));
  } catch (error) {
    throw ioError(error, 'write', out);
  }
}

async function move(from: string, out: string, isDevice: boolean, signal: AbortSignal): Promise<void> {
  try {
    if (isDevice) await pipeline(createReadStream(from), createWriteStream(out), { signal });
    else await rename(from, out);
  } catch (error) {
    throw isCancelled(error) ? error : ioError(error, 'write', out);
  }
}
