/**
 * Resident memory as a sum. Pure. Every mapping goes into exactly one summand and what is split further is split by
 * subtraction, so the parts add up by construction; what nobody accounts for is the last one and says so.
 */
import type { PymallocReport, RssPart, SegmentKind, V8Report } from '#shared/model/memory.ts';
import type { Mallinfo } from './malloc-figures.ts';

/** Resident bytes of pymalloc's arenas, as counted page by page. */
export interface ArenaResidency {
  totals: PymallocReport;
  /** All pages of all arenas. */
  residentBytes: number;
  /** Pages of pools that have blocks in use. */
  usedPoolBytes: number;
  /** False: the system does not tell which pages are resident; all are taken to be. */
  isCounted: boolean;
}

/** What an allocator of the whole process says: the C library or one in its place. */
export interface NativeFigures {
  /** `mallinfo2`, `mallctl` */
  source: string;
  usedBytes: number;
  freeBytes: number;
}

export interface RssInput {
  /** Resident bytes of each segment, from smaps. */
  segments: ReadonlyMap<SegmentKind, number>;
  arenas: ArenaResidency | null;
  native: NativeFigures | null;
  v8: V8Report | null;
  /** Where the target tells no more than this (a page). */
  jsHeap: { usedBytes: number; totalBytes: number } | null;
  /** CPython without pymalloc: its objects are blocks of the C library. */
  objectsInMalloc: boolean;
}

export function nativeFromMallinfo(info: Mallinfo): NativeFigures {
  return { source: 'mallinfo2', usedBytes: info.usedBytes + info.mmappedBytes, freeBytes: info.freeBytes };
}

type Group = RssPart['group'];

export function explainRss(input: RssInput): { rssBytes: number; parts: RssPart[] } {
  const parts: RssPart[] = [];
  const resident = (...kinds: SegmentKind[]) => kinds.reduce((sum, kind) => sum + (input.segments.get(kind) ?? 0), 0);
  /** Memory without a file that programs ask for: what the allocators share among themselves. */
  let left = resident('heap', 'anonymous');

  function take(id: string, group: Group, label: string, bytes: number, source: string, explanation: string, estimated = false): void {
    const taken = Math.max(0, Math.min(bytes, left));
    left -= taken;
    if (taken > 0) parts.push({ id, label, bytes: taken, group, source, explanation, estimated });
  }

  if (input.arenas) takeArenas(input.arenas, take);
  if (input.v8) takeV8(input.v8, take);
  else if (input.jsHeap) {
    const { usedBytes, totalBytes } = input.jsHeap;
    take('js-heap-used', 'objects', 'JavaScript heap, in use', usedBytes, 'Runtime.getHeapUsage', 'What V8 has handed out, garbage that was not collected yet included.', true);
    take('js-heap-free', 'allocator-free', 'JavaScript heap, free', totalBytes - usedBytes, 'Runtime.getHeapUsage', 'Committed by V8 and not in use.', true);
  }
  if (input.native) {
    const { source, usedBytes, freeBytes } = input.native;
    // First what is certain to be no more than it says: kept blocks; then the blocks in use, of which some pages may never have been touched.
    take('malloc-free', 'allocator-free', 'malloc, free', freeBytes, source, 'Blocks that were given back to malloc and not to the system.', true);
    if (input.objectsInMalloc) take('malloc-used', 'objects', 'malloc, in use', usedBytes, source, 'All objects and their buffers: this interpreter runs without an allocator of its own.', true);
    else take('malloc-used', 'native', 'malloc, used elsewhere', usedBytes, source, 'Blocks above 512 bytes, buffers of extensions (numpy, bytes, lists and dicts of some size) and of the interpreter itself.', true);
  } else if (input.v8 || input.jsHeap) {
    take('c-heap', 'native', 'C heap', resident('heap'), 'smaps', 'The [heap] segment: what Node.js, its libraries and native modules obtained from malloc.', true);
  }

  const add = (id: string, group: Group, label: string, bytes: number, explanation: string) => {
    if (bytes > 0) parts.push({ id, label, bytes, group, source: 'smaps', explanation, estimated: false });
  };
  add('program', 'code-and-files', 'Program code and constants', resident('text', 'read-only-data'), 'Pages of the program file that were used; shared with other processes that run it.');
  add('program-data', 'native', 'Program data', resident('initialised-data', 'uninitialised-data'), 'Global variables of the program file.');
  add('shared-libraries', 'code-and-files', 'Shared libraries', resident('shared-libraries'), 'Code and data of libraries and extension modules.');
  add('file-mappings', 'code-and-files', 'Mapped files', resident('file-mappings'), 'Files read through memory.');
  add('shared-memory', 'native', 'Shared memory', resident('shared-memory'), 'Memory that several processes see.');
  add('stacks', 'stacks', 'Stacks', resident('stack', 'thread-stacks'), 'Of the main thread and of the threads that could be told.');
  add('kernel', 'code-and-files', 'Kernel pages', resident('kernel', 'reserved'), 'The vdso and the like.');
  parts.push({
    id: 'unexplained',
    label: 'Unexplained',
    bytes: left,
    group: 'unexplained',
    source: 'smaps',
    explanation: 'Memory without a file that no allocator we can ask accounts for: other allocators, memory that libraries map themselves, thread arenas.',
    estimated: false,
  });
  return { rssBytes: parts.reduce((sum, { bytes }) => sum + bytes, 0), parts };
}

type Take = (id: string, group: Group, label: string, bytes: number, source: string, explanation: string, estimated?: boolean) => void;

function takeArenas({ totals, residentBytes, usedPoolBytes, isCounted }: ArenaResidency, take: Take): void {
  const source = isCounted ? 'pool headers and pagemap' : 'pool headers';
  const overhead = totals.poolHeaderBytes + totals.quantizationBytes;
  const live = Math.min(totals.usedBytes, usedPoolBytes);
  const headers = Math.min(overhead, usedPoolBytes - live);
  take('live-blocks', 'objects', 'Live objects in pools', live, source, 'Blocks of pymalloc that hold an object or a part of one.', !isCounted);
  take('free-blocks', 'allocator-free', 'Free blocks in pools', usedPoolBytes - live - headers, source, 'Free, but in a pool that a live block keeps: only blocks of the same size can use them.', !isCounted);
  take('pool-overhead', 'allocator-free', 'Pool headers and ends', headers, source, 'What pymalloc needs for itself in every pool.', !isCounted);
  take('free-pools', 'allocator-free', 'Free pools', residentBytes - usedPoolBytes, source, 'Empty pools in arenas that other pools keep from being returned to the system.', !isCounted);
}

function takeV8(v8: V8Report, take: Take): void {
  const physical = v8.spaces.reduce((sum, space) => sum + space.physicalBytes, 0);
  const used = v8.spaces.reduce((sum, space) => sum + Math.min(space.usedBytes, space.physicalBytes), 0);
  take('v8-used', 'objects', 'V8 heap, in use', used, 'v8.getHeapSpaceStatistics', 'JavaScript objects, garbage that was not collected yet included.');
  take('v8-free', 'allocator-free', 'V8 heap, free', physical - used, 'v8.getHeapSpaceStatistics', 'In memory and not in use: room for new objects, holes between old ones.');
  take('external', 'native', 'External memory and array buffers', v8.externalBytes ?? 0, 'process.memoryUsage', 'Buffers and what objects hold outside of the heap.', true);
  take('v8-malloc', 'native', "V8's own memory", v8.mallocedBytes ?? 0, 'v8.getHeapStatistics', 'What the compiler and the parser obtained from malloc.', true);
}
