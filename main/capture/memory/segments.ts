/** The segments of a living process, read from /proc. Linux only. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import type { Page } from '#shared/model/heap.ts';
import type { MAPPING_COLUMNS, MappingRow, SegmentKind, SegmentList } from '#shared/model/memory.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { bssBytesOf } from './elf-bss.ts';
import { placeMappings, sumSegments, type PlacedMapping, type ThreadStack } from './segment-names.ts';
import { addAmounts, noAmounts, parseRollup, parseSmaps } from './smaps.ts';

/** Threads whose stack is looked for. */
const MAX_THREADS = 4_096;

export interface SegmentReading {
  list: SegmentList;
  mappings: PlacedMapping[];
}

/** Errors: `unsupported` (no Linux), `permission`, `target-gone`. */
export function readSegments(pid: number): SegmentReading {
  const startedAt = performance.now();
  const mappings = readMappings(pid);
  const kernelTotal = parseRollup(readProc(pid, 'smaps_rollup', true) ?? '');
  const at = Date.now();
  const total = noAmounts();
  for (const mapping of mappings.placed) addAmounts(total, mapping);
  return {
    mappings: mappings.placed,
    list: {
      at,
      pid,
      total,
      kernelTotal,
      segments: sumSegments(mappings.placed),
      threads: mappings.threads,
      elapsedMs: performance.now() - startedAt,
    },
  };
}

/** All mappings with their segment. Errors as above. */
export function readMappings(pid: number): { placed: PlacedMapping[]; threads: number | null } {
  const threads = readThreads(pid);
  const parsed = parseSmaps(readProc(pid, 'smaps', false) ?? '');
  if (parsed.length === 0) throw new HeaphouseError('target-gone', 'The process has ended.');
  return { placed: placeMappings(parsed, readExecutable(pid), threads ?? [], pid, (path, inode) => bssBytesOf(pid, path, inode)), threads: threads?.length ?? null };
}

/** Text of a file of /proc/PID. Null when optional and absent. */
export function readProc(pid: number, name: string, optional: boolean): string | null {
  if (process.platform !== 'linux') {
    throw new HeaphouseError('unsupported', 'Segments are read from /proc, which only Linux has.', {
      advice: 'The timeline and snapshots work on this system as well.',
    });
  }
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch (error) {
    if (optional) return null;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM') {
      throw new HeaphouseError('permission', `The system does not let us read the memory map of process ${pid}.`, {
        advice: 'Run Heaphouse as the user of that process, or as root.',
        cause: error,
      });
    }
    throw new HeaphouseError('target-gone', 'The process has ended.', { cause: error });
  }
}

function readExecutable(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '');
  } catch {
    return null;
  }
}

/** Where each thread's stack is, as far as the kernel tells: only of threads that wait. */
function readThreads(pid: number): ThreadStack[] | null {
  let tids: number[];
  try {
    tids = readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return null;
  }
  return tids.map((tid, index) => ({
    tid,
    name: index < MAX_THREADS ? (readTask(pid, tid, 'comm')?.trim() ?? '') : '',
    stackPointer: index < MAX_THREADS ? parseStackPointer(readTask(pid, tid, 'syscall')) : null,
  }));
}

function readTask(pid: number, tid: number, name: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/task/${tid}/${name}`, 'latin1');
  } catch {
    return null;
  }
}

/** `nr 0x… (six arguments) 0xSP 0xPC`, `-1 0xSP 0xPC`, or `running` (proc(5)). */
export function parseStackPointer(text: string | null): number | null {
  const fields = text?.trim().split(' ') ?? [];
  const pointer = fields.length >= 3 ? Number(fields.at(-2)) : NaN;
  return Number.isSafeInteger(pointer) && pointer > 0 ? pointer : null;
}

export interface MappingQuery {
  start: number;
  end: number;
  sort?: { by: (typeof MAPPING_COLUMNS)[number]; order: 'ascending' | 'descending' } | undefined;
  filter?: string | undefined;
}

/** A window of the mappings of one segment, or of all; default order is by address. */
export function pageOfMappings(mappings: readonly PlacedMapping[], segment: SegmentKind | undefined, query: MappingQuery): Page<MappingRow> {
  const inSegment = segment === undefined ? [...mappings] : mappings.filter((mapping) => mapping.segment === segment);
  const wanted = query.filter?.toLowerCase() ?? '';
  const rows = wanted === '' ? inSegment : inSegment.filter(({ label, startHex, permissions }) => `${label} ${startHex} ${permissions}`.toLowerCase().includes(wanted));
  if (query.sort) {
    const { by, order } = query.sort;
    const sign = order === 'ascending' ? 1 : -1;
    rows.sort((a, b) => sign * compareBy(by, a, b) || a.start - b.start);
  }
  return { rows: rows.slice(query.start, query.end).map(toRow), start: query.start, total: rows.length, unfiltered: inSegment.length };
}

function compareBy(by: (typeof MAPPING_COLUMNS)[number], a: PlacedMapping, b: PlacedMapping): number {
  if (by === 'address') return a.start - b.start;
  if (by === 'name') return a.label < b.label ? -1 : a.label > b.label ? 1 : 0;
  if (by === 'permissions') return a.permissions < b.permissions ? -1 : a.permissions > b.permissions ? 1 : 0;
  return a[by] - b[by];
}

function toRow({ startHex, segment, label, permissions, ...mapping }: PlacedMapping): MappingRow {
  const { virtualBytes, residentBytes, proportionalBytes, privateDirtyBytes, privateCleanBytes, sharedBytes, swappedBytes } = mapping;
  return { address: startHex, segment, name: label, permissions, virtualBytes, residentBytes, proportionalBytes, privateDirtyBytes, privateCleanBytes, sharedBytes, swappedBytes };
}
