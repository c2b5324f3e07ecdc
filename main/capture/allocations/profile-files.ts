/** Profiles in the folder of a session: `allocations-N.heapprofile`, `cpu-N.cpuprofile`; DevTools opens both. */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProfileFile, ProfileKind } from '#shared/model/allocations.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { PROFILE_FILE } from '../../storage/profile-name.ts';
import { writeError } from '../part-file.ts';

/** V8 cannot parse a longer string. */
const MAX_FILE_BYTES = 500 * 1024 * 1024;

export const profileName = (kind: ProfileKind, number: number): string => (kind === 'cpu' ? `cpu-${number}.cpuprofile` : `allocations-${number}.heapprofile`);

/** In the order taken; a folder that is not there has none. */
export async function listProfiles(dir: string): Promise<ProfileFile[]> {
  const names = await readdir(dir).catch(() => [] as string[]);
  const files: ProfileFile[] = [];
  for (const name of names) {
    const match = PROFILE_FILE.exec(name);
    const path = join(dir, name);
    const found = match && (await stat(path).catch(() => null));
    if (found?.isFile()) files.push({ name, path, kind: match?.[3] ? 'cpu' : 'allocations', takenAt: found.mtimeMs, bytes: found.size });
  }
  return files.sort((a, b) => a.takenAt - b.takenAt || a.name.localeCompare(b.name));
}

/** Writes the next profile of its kind. Errors: `io`. */
export async function saveProfile(dir: string, kind: ProfileKind, profile: unknown): Promise<ProfileFile> {
  const taken = (await listProfiles(dir)).filter((file) => file.kind === kind).map(({ name: other }) => Number(/\d+/.exec(other)?.[0] ?? 0));
  const name = profileName(kind, Math.max(0, ...taken) + 1);
  const path = join(dir, name);
  const part = `${path}.${randomBytes(4).toString('hex')}.part`;
  const text = JSON.stringify(profile);
  try {
    await mkdir(dir, { mode: 0o700 }).catch(() => undefined);
    const handle = await open(part, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true }).catch(() => undefined);
    throw writeError(path, error);
  }
  return { name, path, kind, takenAt: Date.now(), bytes: Buffer.byteLength(text) };
}

/** Errors: `not-found`, `bad-file`. */
export async function readProfile(dir: string, name: string): Promise<unknown> {
  const path = join(dir, name);
  const found = await stat(path).catch(() => null);
  if (!PROFILE_FILE.test(name) || !found?.isFile()) throw new HeaphouseError('not-found', `There is no ${name} in this session.`);
  if (found.size > MAX_FILE_BYTES) throw new HeaphouseError('bad-file', `${name} is too large to be read (${Math.round(found.size / 1e6)} MB).`);
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown;
  } catch (error) {
    throw new HeaphouseError('bad-file', `${name} cannot be read as a profile.`, { detail: error instanceof Error ? error.message : String(error) });
  }
}
