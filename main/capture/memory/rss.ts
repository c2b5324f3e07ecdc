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

export interface UsedAndFree {
  usedBytes: number;
  freeBytes: number;
}

/** What an allocator of the whole process says: the C library or one in its place. */
export interface NativeFigures {
  /** `malloc`, `jemalloc` … */
  name: string;
  /** `mallinfo2`, `mallctl` */
  source: string;
  /** In the [heap] segment. */
  heap: UsedAndFree;
  /** In mappings of its own: large blocks, arenas of threads. */
  mapped: UsedAndFree;
  /** In either: allocators other than the C library's take from both. */
  either: UsedAndFree;
  /** The allocator does not tell what is in use: `usedBytes` is all that it has. */
  isWhole: boolean;
}

/** Of an allocator that took the place of the C library's. */
export function nativeFromOther(name: string, source: string, usedBytes: number | null, totalBytes: number): NativeFigures {
  const none = { usedBytes: 0, freeBytes: 0 };
  const either = { usedBytes: usedBytes ?? totalBytes, freeBytes: usedBytes === null ? 0 : Math.max(0, totalBytes - usedBytes) };
  return { name, source, heap: none, mapped: none, either, isWhole: usedBytes === null };
}

export interface RssInput {
  /** Resident bytes of each segment, from smaps. */
  segments: ReadonlyMap<SegmentKind, number>;
  arenas: ArenaResidency | null;
  native: NativeFigures | null;
  v8: V8Report | null;
  /** Where the target tells no more than this (a page). */
  jsHeap: { usedBytes: number; totalBytes: number; externalBytes: number | null } | null;
  /** Resident bytes of mappings that look like pages of V8's heaps. */
  v8PageBytes: number;
  /** Resident bytes of mappings that look like arenas of glibc's malloc for threads. */
  threadArenaBytes: number;
  /** CPython without pymalloc: its objects are blocks of the C library. */
  objectsInMalloc: boolean;
}

/** The first arena of glibc lies in the heap, those of threads and large blocks in mappings. */
export function nativeFromGlibc(info: Mallinfo, arenas: readonly { systemBytes: number; freeBytes: number; fastBytes: number }[]): NativeFigures {
  const [main, ...threads] = arenas;
  const sum = (pick: (arena: (typeof arenas)[number]) => number) => threads.reduce((total, arena) => total + pick(arena), 0);
  const freeOf = ({ freeBytes, fastBytes }: (typeof arenas)[number]) => freeBytes + fastBytes;
  const heap = main ? { usedBytes: main.systemBytes - freeOf(main), freeBytes: freeOf(main) } : { usedBytes: info.usedBytes, freeBytes: info.freeBytes };
  return {
    name: 'malloc',
    isWhole: false,
    either: { usedBytes: 0, freeBytes: 0 },
    source: main ? 'malloc_info and mallinfo2' : 'mallinfo2',
    heap,
    mapped: { usedBytes: info.mmappedBytes + sum((arena) => arena.systemBytes - freeOf(arena)), freeBytes: sum(freeOf) },
  };
}

type Group = RssPart['group'];

export function explainRss(input: RssInput): { rssBytes: number; parts: RssPart[] } {
  const parts: RssPart[] = [];
  const resident = (...kinds: SegmentKind[]) => kinds.reduce((sum, kind) => sum + (input.segments.get(kind) ?? 0), 0);
  // Memory without a file that programs ask for: what the allocators share among themselves.
  const left = { heap: resident('heap'), mapped: resident('anonymous') };

  function take(id: string, group: Group, label: string, bytes: { heap?: number; mapped?: number }, source: string, explanation: string, estimated = false): void {
    let taken = 0;
    for (const place of ['mapped', 'heap'] as const) {
      const part = Math.max(0, Math.min(bytes[place] ?? 0, left[place]));
      left[place] -= part;
      taken += part;
    }
    if (taken > 0) parts.push({ id, label, bytes: taken, group, source, explanation, estimated });
  }

  if (input.arenas) takeArenas(input.arenas, take);
  if (input.v8) takeV8(input.v8, input.v8PageBytes, left, take);
  else if (input.jsHeap) {
    const { usedBytes, totalBytes, externalBytes } = input.jsHeap;
    take('js-heap-used', 'objects', 'JavaScript heap, in use', { mapped: usedBytes }, 'Runtime.getHeapUsage', 'What V8 has handed out, garbage that was not collected yet included.', true);
    take('js-heap-free', 'allocator-free', 'JavaScript heap, free', { mapped: totalBytes - usedBytes }, 'Runtime.getHeapUsage', 'Committed by V8 and not in use.', true);
    take('external', 'native', 'External memory and array buffers', { mapped: externalBytes ?? 0 }, 'Runtime.getHeapUsage', 'Buffers, and what the browser keeps for the DOM.', true);
  }
  if (input.native) {
    takeNative(input.native, input.objectsInMalloc, left, take);
  } else if (input.v8 || input.jsHeap) {
    take('thread-arenas', 'native', 'C heap of threads', { mapped: input.threadArenaBytes }, 'smaps', "Mappings of the shape of malloc's arenas for threads: where they begin and how much they reserve.", true);
    take('c-heap', 'native', 'C heap', { heap: left.heap }, 'smaps', 'The [heap] segment: what the runtime, its libraries and native modules obtained from malloc.', true);
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
    bytes: left.heap + left.mapped,
    group: 'unexplained',
    source: 'smaps',
    explanation: 'Memory without a file that no allocator we can ask accounts for: other allocators, memory that libraries map themselves, thread arenas.',
    estimated: false,
  });
  return { rssBytes: parts.reduce((sum, { bytes }) => sum + bytes, 0), parts };
}

type Take = (id: string, group: Group, label: string, bytes: { heap?: number; mapped?: number }, source: string, explanation: string, estimated?: boolean) => void;

function takeArenas({ totals, residentBytes, usedPoolBytes, isCounted }: ArenaResidency, take: Take): void {
  const source = isCounted ? 'pool headers and pagemap' : 'pool headers';
  const overhead = totals.poolHeaderBytes + totals.quantizationBytes;
  const live = Math.min(totals.usedBytes, usedPoolBytes);
  const headers = Math.min(overhead, usedPoolBytes - live);
  const free = usedPoolBytes - live - headers;
  take('live-blocks', 'objects', 'Live objects in pools', { mapped: live }, source, 'Blocks of pymalloc that hold an object or a part of one.', !isCounted);
  take('free-blocks', 'allocator-free', 'Free blocks in pools', { mapped: free }, source, 'Free, but in a pool that a live block keeps: only blocks of the same size can use them.', !isCounted);
  take('pool-overhead', 'allocator-free', 'Pool headers and ends', { mapped: headers }, source, 'What pymalloc needs for itself in every pool.', !isCounted);
  take('free-pools', 'allocator-free', 'Free pools', { mapped: residentBytes - usedPoolBytes }, source, 'Empty pools in arenas that other pools keep from being returned to the system.', !isCounted);
}

function takeNative({ name, source, heap, mapped, either, isWhole }: NativeFigures, holdsObjects: boolean, left: { heap: number; mapped: number }, take: Take): void {
  // What lies in either goes where there is room once the rest has its place.
  const places = (of: keyof UsedAndFree) => {
    const inMappings = Math.min(either[of], Math.max(0, left.mapped - mapped[of]));
    return { mapped: mapped[of] + inMappings, heap: heap[of] + either[of] - inMappings };
  };
  // Blocks in use first: free ones are what malloc could return, and so the likelier not to be in memory.
  if (isWhole) take('malloc-used', holdsObjects ? 'objects' : 'native', name, places('usedBytes'), source, 'All that it has committed: it does not tell how much of that is in use.', true);
  else if (holdsObjects) take('malloc-used', 'objects', `${name}, in use`, places('usedBytes'), source, 'All objects and their buffers: this interpreter runs without an allocator of its own.', true);
  else take('malloc-used', 'native', `${name}, used elsewhere`, places('usedBytes'), source, 'Blocks above 512 bytes, buffers of extensions (numpy, bytes, lists and dicts of some size) and of the interpreter itself.', true);
  take('malloc-free', 'allocator-free', `${name}, free`, places('freeBytes'), source, 'Blocks that were given back to the allocator and not to the system.', true);
}

function takeV8(v8: V8Report, pageBytes: number, left: { heap: number; mapped: number }, take: Take): void {
  const physical = v8.spaces.reduce((sum, space) => sum + space.physicalBytes, 0);
  const used = v8.spaces.reduce((sum, space) => sum + Math.min(space.usedBytes, space.physicalBytes), 0);
  take('v8-used', 'objects', 'V8 heap, in use', { mapped: used }, 'v8.getHeapSpaceStatistics', 'JavaScript objects, garbage that was not collected yet included.');
  take('v8-free', 'allocator-free', 'V8 heap, free', { mapped: physical - used }, 'v8.getHeapSpaceStatistics', 'In memory and not in use: room for new objects, holes between old ones.');
  // Each worker has a heap of its own, of which only its own thread could tell more.
  take('v8-workers', 'objects', 'V8 heaps of workers', { mapped: pageBytes - physical }, 'smaps', "Mappings of the shape of V8's pages beyond those of the main thread's heap.", true);
  // Large buffers are mappings, small ones lie in the heap: nobody tells which.
  const either = (bytes: number) => ({ mapped: bytes, heap: Math.max(0, bytes - left.mapped) });
  take('external', 'native', 'External memory and array buffers', either(v8.externalBytes ?? 0), 'process.memoryUsage', 'Buffers and what objects hold outside of the heap.', true);
  take('v8-malloc', 'native', "V8's own memory", either(v8.mallocedBytes ?? 0), 'v8.getHeapStatistics', 'What the compiler and the parser obtained from malloc.', true);
}
