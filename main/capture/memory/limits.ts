/** What bounds the memory of a process: control group, limits of its own, the machine; and who is killed first. */
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import type { MemoryLimits } from '#shared/model/memory.ts';
import { readProc } from './segments.ts';

/** Version 1 writes "no limit" as the largest multiple of the page size in 63 bits. */
const NO_LIMIT_BYTES = 2 ** 60;
const UNIFIED_ROOT = '/sys/fs/cgroup';
const MEMORY_ROOT = '/sys/fs/cgroup/memory';
const MAX_PARENTS = 64;

const EVENTS: Record<string, string> = {
  low: 'Pages were taken although the group was below its protected amount.',
  high: 'The group went over memory.high and was slowed down.',
  max: 'The group hit its limit and the kernel had to make room first.',
  oom: 'No room could be made: an allocation failed or a process was killed.',
  oom_kill: 'Processes of this group that were killed for want of memory.',
  oom_group_kill: 'Times the whole group was killed at once.',
  failcnt: 'Times the limit was hit (control groups of version 1).',
  sock_throttled: 'Times network sockets of the group were held back to save memory.',
};

/** Errors: `unsupported`, `permission`, `target-gone`. */
export function readLimits(pid: number): MemoryLimits {
  const limits = readProc(pid, 'limits', false) ?? '';
  return {
    at: Date.now(),
    cgroup: readCgroup(readProc(pid, 'cgroup', true) ?? ''),
    oomScore: integer(readProc(pid, 'oom_score', true)),
    oomScoreAdjustment: integer(readProc(pid, 'oom_score_adj', true)),
    addressSpaceLimitBytes: softLimit(limits, 'Max address space'),
    stackLimitBytes: softLimit(limits, 'Max stack size'),
    machine: parseMeminfo(readText('/proc/meminfo') ?? ''),
  };
}

export function parseMeminfo(text: string): MemoryLimits['machine'] {
  const read = (name: string): number | null => {
    const match = new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text);
    return match ? Number(match[1]) * 1_024 : null;
  };
  return { totalBytes: read('MemTotal') ?? 0, availableBytes: read('MemAvailable'), swapTotalBytes: read('SwapTotal'), swapFreeBytes: read('SwapFree') };
}

/** Soft limit of a line of /proc/PID/limits; null for unlimited. */
export function softLimit(text: string, name: string): number | null {
  const line = text.split('\n').find((each) => each.startsWith(name));
  const match = /^\s+(\d+|unlimited)/.exec(line?.slice(name.length) ?? '');
  return match && match[1] !== 'unlimited' ? Number(match[1]) : null;
}

type Cgroup = NonNullable<MemoryLimits['cgroup']>;

function readCgroup(text: string): Cgroup | null {
  for (const line of text.split('\n')) {
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === '' && path !== '') {
      const found = readUnified(join(UNIFIED_ROOT, normalize(path))) ?? readUnified(join(UNIFIED_ROOT, 'unified', normalize(path)));
      if (found) return found;
    }
    if (controllers.split(',').includes('memory')) {
      // In a container the path is the host's, the mount shows the container's own group at its root.
      const found = readVersion1(join(MEMORY_ROOT, normalize(path))) ?? readVersion1(MEMORY_ROOT);
      if (found) return found;
    }
  }
  return null;
}

function readUnified(dir: string): Cgroup | null {
  const read = (name: string) => readText(join(dir, name));
  const current = read('memory.current');
  if (current === null) return null;
  return {
    path: dir,
    currentBytes: integer(current),
    limitBytes: lowestLimit(dir, UNIFIED_ROOT, 'memory.max'),
    highBytes: limitOf(read('memory.high')),
    peakBytes: integer(read('memory.peak')),
    swapCurrentBytes: integer(read('memory.swap.current')),
    swapLimitBytes: limitOf(read('memory.swap.max')),
    events: parseEvents(read('memory.events') ?? ''),
  };
}

function readVersion1(dir: string): Cgroup | null {
  const read = (name: string) => readText(join(dir, name));
  const current = integer(read('memory.usage_in_bytes'));
  if (current === null) return null;
  const both = integer(read('memory.memsw.usage_in_bytes'));
  const control = parseEvents(read('memory.oom_control') ?? '').filter(({ name }) => name === 'oom_kill');
  const failures = integer(read('memory.failcnt'));
  return {
    path: dir,
    currentBytes: current,
    limitBytes: lowestLimit(dir, MEMORY_ROOT, 'memory.limit_in_bytes'),
    highBytes: limitOf(read('memory.soft_limit_in_bytes')),
    peakBytes: integer(read('memory.max_usage_in_bytes')),
    swapCurrentBytes: both === null ? null : Math.max(0, both - current),
    swapLimitBytes: null,
    events: [...(failures === null ? [] : [{ name: 'failcnt', count: failures, explanation: EVENTS['failcnt'] ?? '' }]), ...control],
  };
}

export function parseEvents(text: string): Cgroup['events'] {
  return text.split('\n').flatMap((line) => {
    const match = /^(\w+) (\d+)$/.exec(line);
    return match ? [{ name: match[1] ?? '', count: Number(match[2]), explanation: EVENTS[match[1] ?? ''] ?? '' }] : [];
  });
}

/** A group may not use more than any of its parents. */
function lowestLimit(dir: string, root: string, name: string): number | null {
  let lowest: number | null = null;
  for (let at = dir, steps = 0; at.startsWith(root) && steps < MAX_PARENTS; at = dirname(at), steps++) {
    const limit = limitOf(readText(join(at, name)));
    if (limit !== null) lowest = lowest === null ? limit : Math.min(lowest, limit);
    if (at === root) break;
  }
  return lowest;
}

/** `max` and version 1's huge number are none. */
function limitOf(text: string | null): number | null {
  const bytes = integer(text);
  return bytes === null || bytes >= NO_LIMIT_BYTES ? null : bytes;
}

function integer(text: string | null): number | null {
  return text !== null && /^-?\d+\s*$/.test(text) ? Number(text) : null;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return null;
  }
}
