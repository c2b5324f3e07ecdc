/**
 * The folder in which a runtime says where it listens: `<pid>.json`, or `<pid>.error.json` when it cannot. It is
 * private (mode 0700), one per launch or attach; what is read from it is checked all the same.
 */
import { watch } from 'node:fs';
import { chown, lstat, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { HeaphouseError, cancelledError } from '#shared/rpc/errors.ts';
import { readHead, readStartTicks } from './proc/read.ts';

const MAX_REPORT_BYTES = 1024 * 1024;
const POLL_MS = 50;
/** Who made the folder, by process id and start time: an agent without a client looks whether we still live. */
const OWNER_FILE = 'owner';

const reportSchema = v.object({
  version: v.literal(1),
  pid: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  webSocketUrl: v.pipe(v.string(), v.maxLength(1_024), v.regex(/^ws:\/\/127\.0\.0\.1:\d{1,5}\/\S+$/, 'is not an address on loopback')),
  executable: v.optional(v.string(), ''),
  argv: v.optional(v.array(v.string()), []),
  pythonVersion: v.optional(v.string()),
  nodeVersion: v.optional(v.string()),
  electronVersion: v.optional(v.nullable(v.string())),
});

export type RuntimeReport = v.InferOutput<typeof reportSchema>;

const errorSchema = v.object({ error: v.string(), detail: v.optional(v.string(), '') });

export type Report = { pid: number; report: RuntimeReport } | { pid: number; error: string; detail: string };

/** Makes a folder of its own in `parent`. `owner`: the user who must be able to write there, if that is not us. */
export async function createRendezvous(parent: string, prefix: 'launch' | 'attach', owner?: { uid: number; gid: number }): Promise<string> {
  try {
    await mkdir(parent, { recursive: true, mode: 0o700 });
    await checkOwner(parent);
    const dir = await mkdtemp(join(parent, `${prefix}-`));
    await writeFile(join(dir, OWNER_FILE), `${process.pid} ${(await readStartTicks(process.pid)) ?? 0}\n`, { mode: 0o644 });
    if (owner) await chown(dir, owner.uid, owner.gid);
    return dir;
  } catch (error) {
    if (error instanceof HeaphouseError) throw error;
    throw new HeaphouseError('io', `The folder ${parent} for talking to targets cannot be made.`, {
      advice: 'Check that the folder of temporary files exists, is writable and has room.',
      detail: String(error),
      cause: error,
    });
  }
}

/** Its name may be predictable: a folder that another user made first, or may write to, must not be trusted. */
async function checkOwner(dir: string): Promise<void> {
  const uid = process.getuid?.();
  if (uid === undefined) return;
  const info = await lstat(dir);
  if (info.isDirectory() && info.uid === uid && (info.mode & 0o022) === 0) return;
  throw new HeaphouseError('permission', `The folder ${dir} belongs to somebody else or may be written by others.`, { advice: 'Remove it, then try again.' });
}

export async function removeRendezvous(dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true }).catch(() => undefined);
}

/** Every report in the folder now. Files that are not reports are an error report: the runtime is not ours to trust. */
export async function readReports(dir: string): Promise<Report[]> {
  const names = await readdir(dir).catch(() => []);
  const reports: Report[] = [];
  for (const name of names) {
    const match = /^(\d+)(\.error)?\.json$/.exec(name);
    if (!match) continue;
    const pid = Number(match[1]);
    const parsed = parseReport(pid, match[2] !== undefined, (await readHead(join(dir, name), MAX_REPORT_BYTES)) ?? '');
    if (parsed) reports.push(parsed);
  }
  return reports;
}

function parseReport(pid: number, isError: boolean, text: string): Report | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { pid, error: 'The runtime left a report that is not JSON.', detail: text.slice(0, 500) };
  }
  if (isError) {
    const error = v.safeParse(errorSchema, value);
    return error.success
      ? { pid, error: error.output.error.slice(0, 2_000), detail: error.output.detail.slice(0, 8_000) }
      : { pid, error: 'The runtime reported an error that cannot be read.', detail: text.slice(0, 500) };
  }
  const report = v.safeParse(reportSchema, value);
  if (!report.success) {
    return { pid, error: 'The runtime left a report that cannot be used.', detail: report.issues.map((issue) => issue.message).join('; ') };
  }
  return { pid: report.output.pid, report: report.output };
}

/**
 * Calls `look` whenever the folder changes, and every 50 ms because a watch may be unavailable or miss a change, until
 * it gives something other than null. Throws `cancelled`; gives null at the deadline (epoch ms).
 */
export async function watchFolder<T>(dir: string, look: () => Promise<T | null>, deadline: number, signal?: AbortSignal): Promise<T | null> {
  let wake: () => void = () => undefined;
  let watcher;
  try {
    watcher = watch(dir, () => wake());
    watcher.on('error', () => undefined);
  } catch {
    // Polling does.
  }
  const onAbort = () => wake();
  signal?.addEventListener('abort', onAbort);
  try {
    for (;;) {
      if (signal?.aborted) throw cancelledError();
      const found = await look();
      if (found !== null) return found;
      if (Date.now() >= deadline) return null;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, POLL_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    watcher?.close();
    signal?.removeEventListener('abort', onAbort);
  }
}
