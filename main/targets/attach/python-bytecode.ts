/**
 * The agent's modules, compiled for the target's interpreter: in the target that would hold its lock for some hundred
 * milliseconds. They are made by the interpreter itself in a process of its own, which runs as the target's user, and kept
 * in a folder that only we can write to.
 */
import { createHash, randomBytes } from 'node:crypto';
import { execFile } from 'node:child_process';
import { lstat, mkdir, readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ProcessFacts } from '../facts.ts';

/** Programs that have an interpreter inside (uwsgi, Blender) would take our arguments for theirs. */
const INTERPRETER = /^python(\d(\.\d+)?)?[dtmu]*$/;
const COMPILE_TIMEOUT_MS = 15_000;
/** All modules together are half a megabyte. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
/** One a user and interpreter; half a megabyte each. */
const MAX_KEPT = 24;

/**
 * A folder with the file `modules` for this process, or null where there cannot be one: the agent then compiles itself in
 * the target. `agentDir` must be readable for the target's user. Never throws.
 */
export async function prepareBytecode(facts: ProcessFacts, agentDir: string, cacheDir: string): Promise<string | null> {
  try {
    if (facts.exe === null || !INTERPRETER.test(basename(facts.exe))) return null;
    // The program of the file may be another by now: an upgrade while the process ran.
    const [running, file] = await Promise.all([stat(`/proc/${facts.pid}/exe`, { bigint: true }), stat(facts.exe, { bigint: true })]);
    if (running.ino !== file.ino || running.dev !== file.dev) return null;
    await mkdir(cacheDir, { recursive: true, mode: 0o700 });
    if (!(await isOurs(cacheDir))) return null;
    const identity = [facts.uid, facts.exe, file.dev, file.ino, file.size, file.mtimeNs, await sourceHash(agentDir)].join('\0');
    const folder = join(cacheDir, createHash('sha256').update(identity).digest('hex').slice(0, 32));
    if (await isOurs(folder)) {
      await utimes(folder, new Date(), new Date());
      return folder;
    }
    const modules = await compile(facts, join(agentDir, 'compile.py'));
    const making = join(cacheDir, `making-${randomBytes(8).toString('hex')}`);
    try {
      await mkdir(making, { mode: 0o700 });
      await writeFile(join(making, 'modules'), modules, { mode: 0o600 });
      await rename(making, folder);
    } catch {
      // Another workbench was faster, or there is no room.
      await rm(making, { recursive: true, force: true });
    }
    await forgetOldest(cacheDir);
    return (await isOurs(folder)) ? folder : null;
  } catch {
    return null;
  }
}

/** A folder, no link, that nobody else may write to. */
async function isOurs(folder: string): Promise<boolean> {
  const info = await lstat(folder).catch(() => null);
  return info !== null && info.isDirectory() && info.uid === process.geteuid?.() && (info.mode & 0o022) === 0;
}

async function sourceHash(agentDir: string): Promise<string> {
  const folder = join(agentDir, 'heaphouse_agent');
  const hash = createHash('sha256');
  for (const name of (await readdir(folder)).filter((one) => one.endsWith('.py')).sort()) hash.update(`${name}\0`).update(await readFile(join(folder, name)));
  return hash.update(await readFile(join(agentDir, 'compile.py'))).digest('hex');
}

function compile(facts: ProcessFacts, script: string): Promise<Buffer> {
  const foreign = facts.uid !== process.geteuid?.();
  return new Promise((resolve, reject) => {
    execFile(
      facts.exe!,
      ['-I', '-S', '-B', script],
      { cwd: '/', env: {}, timeout: COMPILE_TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT_BYTES, ...(foreign ? { uid: facts.uid, gid: facts.gid } : {}) },
      (error, output) => {
        if (error) return reject(error);
        const text = output.trimEnd();
        if (!/^[A-Za-z0-9+/]+=*$/.test(text)) return reject(new Error('not what was asked for'));
        resolve(Buffer.from(text, 'base64'));
      },
    ).stdin?.end();
  });
}

async function forgetOldest(cacheDir: string): Promise<void> {
  const found: { path: string; usedAt: number }[] = [];
  for (const name of await readdir(cacheDir)) {
    if (!/^([0-9a-f]{32}|making-[0-9a-f]{16})$/.test(name)) continue;
    const path = join(cacheDir, name);
    const info = await lstat(path).catch(() => null);
    if (info?.isDirectory()) found.push({ path, usedAt: info.mtimeMs });
  }
  found.sort((a, b) => b.usedAt - a.usedAt);
  for (const { path } of found.slice(MAX_KEPT)) await rm(path, { recursive: true, force: true });
}
