/** Memory figures of a process's control group, version 2 or 1. Read at the start and, by its path, after the end. */
import { stat } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import type { CgroupMemory } from '#shared/model/target.ts';
import { parseCgroup } from './proc/parse.ts';
import { readHead } from './proc/read.ts';

/** Version 1 writes "no limit" as the largest multiple of the page size in 63 bits; nothing near it is a limit. */
const NO_LIMIT_BYTES = 2 ** 60;

/** Figures of one group now; null when the group is gone or cannot be read. */
export type CgroupReader = () => Promise<CgroupMemory | null>;

/**
 * Remembers the group of a process, so that it can still be read when the process is gone. Null where there is no
 * control group with memory figures (not Linux, not mounted, the root group of version 2, a process we may not look at).
 */
export async function readCgroupMemory(pid: number): Promise<CgroupReader | null> {
  const text = await readHead(`/proc/${pid}/cgroup`, 65_536);
  if (text === null) return null;
  const paths = parseCgroup(text);
  for (const root of paths.unified === null ? [] : ['/sys/fs/cgroup', '/sys/fs/cgroup/unified']) {
    const reader = await openDir(join(root, normalize(paths.unified ?? '/')), 2);
    if (reader) return reader;
  }
  if (paths.memory !== null) {
    const inner = normalize(paths.memory);
    // Inside a container the path is the host's, while the mount shows the container's own group at its root.
    return (await openDir(join('/sys/fs/cgroup/memory', inner), 1)) ?? (await openDir('/sys/fs/cgroup/memory', 1));
  }
  return null;
}

async function openDir(dir: string, version: 1 | 2): Promise<CgroupReader | null> {
  const probe = version === 2 ? 'memory.current' : 'memory.usage_in_bytes';
  if (!(await stat(join(dir, probe)).catch(() => null))) return null;
  return () => (version === 2 ? readVersion2(dir) : readVersion1(dir));
}

async function readVersion2(dir: string): Promise<CgroupMemory | null> {
  const [current, limit, peak, events] = await Promise.all(['memory.current', 'memory.max', 'memory.peak', 'memory.events'].map((name) => readHead(join(dir, name), 8_192)));
  if (current === undefined || current === null) return null;
  return {
    path: dir,
    limitBytes: limitOf(limit ?? null),
    currentBytes: numberOf(current),
    peakBytes: numberOf(peak ?? null),
    oomCount: field(events ?? null, 'oom'),
    oomKillCount: field(events ?? null, 'oom_kill'),
  };
}

async function readVersion1(dir: string): Promise<CgroupMemory | null> {
  const [current, limit, peak, failures, control] = await Promise.all(
    ['memory.usage_in_bytes', 'memory.limit_in_bytes', 'memory.max_usage_in_bytes', 'memory.failcnt', 'memory.oom_control'].map((name) => readHead(join(dir, name), 8_192)),
  );
  if (current === undefined || current === null) return null;
  return {
    path: dir,
    limitBytes: limitOf(limit ?? null),
    currentBytes: numberOf(current),
    peakBytes: numberOf(peak ?? null),
    // Version 1 counts how often the limit was hit, which is not an out-of-memory event: reclaim may have helped.
    oomCount: failures === '0\n' ? 0 : null,
    oomKillCount: field(control ?? null, 'oom_kill'),
  };
}

function numberOf(text: string | null): number | null {
  return text !== null && /^\d+\s*$/.test(text) ? Number(text) : null;
}

/** The limit of the group itself; a parent's may be lower. `max` is none. */
function limitOf(text: string | null): number | null {
  const bytes = numberOf(text);
  return bytes === null || bytes >= NO_LIMIT_BYTES ? null : bytes;
}

function field(text: string | null, name: string): number | null {
  const match = new RegExp(`^${name} (\\d+)$`, 'm').exec(text ?? '');
  return match ? Number(match[1]) : null;
}
