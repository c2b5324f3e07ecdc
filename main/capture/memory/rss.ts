/**
 * Resident memory as a sum. Pure. Every mapping goes into exactly one summand and what is split further is split by
 * subtraction, so the parts add up by construction; what nobody accounts for is the last one and says so.
 */
import type { PymallocReport, RssPart, SegmentKind, V8Report } from '#shared/model/memory.ts';
import type { ProcessDump } from './browser-dump.ts';
import type { Mallinfo } from './malloc-figures.ts';
import type { Reservations } from './reservations.ts';

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
  /** A page: what its process tells of its allocators; null where the browser does not give it. */
  dump: ProcessDump | null;
  /** Chromium and Electron: resident bytes of the address space that each allocator has reserved; null for other processes. */
  reservations: Reservations | null;
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
/** What is still to be shared out: the heap, mappings without a file, and those of known owners. */
type Place = 'heap' | 'mapped' | keyof Reservations;
type Left = Record<Place, number>;
const PLACES: readonly Place[] = ['v8', 'buffers', 'blink', 'partition', 'mapped', 'heap'];

export function explainRss(input: RssInput): { rssBytes: number; parts: RssPart[] } {
  const parts: RssPart[] = [];
  const resident = (...kinds: SegmentKind[]) => kinds.reduce((sum, kind) => sum + (input.segments.get(kind) ?? 0), 0);
  // Memory without a file that programs ask for: what the allocators share among themselves.
  const owned = input.reservations ?? { v8: 0, buffers: 0, blink: 0, partition: 0 };
  const left: Left = { ...owned, heap: resident('heap'), mapped: resident('anonymous') - owned.v8 - owned.buffers - owned.blink - owned.partition };

  function take(id: string, group: Group, label: string, bytes: Partial<Left>, source: string, explanation: string, estimated = false): void {
    let taken = 0;
    for (const place of PLACES) {
      const part = Math.max(0, Math.min(bytes[place] ?? 0, left[place]));
      left[place] -= part;
      taken += part;
    }
    if (taken > 0) parts.push({ id, label, bytes: taken, group, source, explanation, estimated });
  }

  if (input.arenas) takeArenas(input.arenas, take);
  // Before the buffers, of which only the size is known: where they are is not.
  if (!input.native && (input.v8 || input.jsHeap)) {
    take('thread-arenas', 'native', 'C heap of threads', { mapped: input.threadArenaBytes }, 'smaps', "Mappings of the shape of malloc's arenas for threads: where they begin and how much they reserve.", true);
  }
  if (input.v8) takeV8(input.v8, input.reservations ? owned.v8 : input.v8PageBytes, left, take);
  else if (input.jsHeap) takePage(input.jsHeap, input.dump, left, take);
  if (input.reservations) takePartitions(input.dump, left, take);
  if (input.native) {
    takeNative(input.native, input.objectsInMalloc, left, take);
  } else if (input.v8 || input.jsHeap) {
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
    bytes: PLACES.reduce((sum, place) => sum + left[place], 0),
    group: 'unexplained',
    source: 'smaps',
    explanation: 'Memory without a file that no allocator we can ask accounts for: other allocators, memory that libraries map themselves, stacks of threads that could not be told.',
    estimated: false,
  });
  return { rssBytes: parts.reduce((sum, { bytes }) => sum + bytes, 0), parts };
}

type Take = (id: string, group: Group, label: string, bytes: Partial<Left>, source: string, explanation: string, estimated?: boolean) => void;

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

function takeNative({ name, source, heap, mapped, either, isWhole }: NativeFigures, holdsObjects: boolean, left: Left, take: Take): void {
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

function takeV8(v8: V8Report, pageBytes: number, left: Left, take: Take): void {
  const physical = v8.spaces.reduce((sum, space) => sum + space.physicalBytes, 0);
  const used = v8.spaces.reduce((sum, space) => sum + Math.min(space.usedBytes, space.physicalBytes), 0);
  const inHeap = heapPlaces(left);
  take('v8-used', 'objects', 'V8 heap, in use', inHeap(used), 'v8.getHeapSpaceStatistics', 'JavaScript objects, garbage that was not collected yet included.');
  take('v8-free', 'allocator-free', 'V8 heap, free', inHeap(physical - used), 'v8.getHeapSpaceStatistics', 'In memory and not in use: room for new objects, holes between old ones.');
  // Each worker has a heap of its own, of which only its own thread could tell more.
  take('v8-workers', 'objects', left.v8 > 0 ? "V8 heaps of workers, and V8's tables" : 'V8 heaps of workers', inHeap(pageBytes - physical), 'smaps', "Mappings of the shape of V8's pages beyond those of the main thread's heap.", true);
  take('blink', 'native', 'Objects collected together with those of V8 (cppgc)', { blink: left.blink }, 'smaps', 'What lies in the address space that its heap has reserved.');
  // Large buffers are mappings, small ones lie in the heap: nobody tells which.
  const either = (bytes: number) => {
    const buffers = Math.min(bytes, left.buffers);
    const mapped = Math.min(bytes - buffers, left.mapped);
    return { buffers, mapped, heap: Math.max(0, bytes - buffers - mapped) };
  };
  take('external', 'native', 'External memory and array buffers', either(v8.externalBytes ?? 0), 'process.memoryUsage', 'Buffers and what objects hold outside of the heap.', true);
  take('v8-malloc', 'native', "V8's own memory", either(v8.mallocedBytes ?? 0), 'v8.getHeapStatistics', 'What the compiler and the parser obtained from malloc.', true);
}

/** In the address space reserved for it where that is known, else among all mappings. */
function heapPlaces(left: Left): (bytes: number) => Partial<Left> {
  const isReserved = left.v8 > 0;
  return (bytes) => (isReserved ? { v8: bytes } : { mapped: bytes });
}

const DUMP = 'memory dump';
const DUMP_AND_SMAPS = 'smaps and memory dump';

/** A page: V8, Blink and their buffers. Where each lives is known by what it has reserved, else its own figures stand alone. */
function takePage(jsHeap: NonNullable<RssInput['jsHeap']>, dump: ProcessDump | null, left: Left, take: Take): void {
  const rest = (place: keyof Reservations, otherwise: number) => (left[place] > 0 ? { [place]: left[place] } : { mapped: otherwise });
  const within = (place: keyof Reservations, bytes: number) => (left[place] > 0 ? { [place]: bytes } : { mapped: bytes });
  const isReserved = left.v8 > 0;
  const used = dump && dump.v8UsedBytes > 0 ? dump.v8UsedBytes : jsHeap.usedBytes;
  const total = Math.max(used, dump ? dump.v8TotalBytes : 0, jsHeap.totalBytes);
  const source = dump ? DUMP : 'Runtime.getHeapUsage';
  take('js-heap-used', 'objects', 'JavaScript heap, in use', within('v8', used), source, 'What V8 has handed out, garbage that was not collected yet included.', !isReserved);
  take('js-heap-free', 'allocator-free', 'JavaScript heap, free', isReserved ? rest('v8', 0) : { mapped: total - used }, isReserved ? DUMP_AND_SMAPS : source, 'In memory and not in use: room for new objects, holes between old ones, tables of V8.', !isReserved);
  if (dump) {
    const inReserved = left.blink > 0;
    take('blink-used', 'objects', 'DOM and other objects of Blink, in use', within('blink', dump.blinkUsedBytes), DUMP, 'Nodes, styles, layout: what the page is made of, as far as it is collected as garbage.', !inReserved);
    take('blink-free', 'allocator-free', 'Heap of Blink, free', inReserved ? rest('blink', 0) : { mapped: dump.blinkTotalBytes - dump.blinkUsedBytes }, inReserved ? DUMP_AND_SMAPS : DUMP, 'In memory and not in use.', !inReserved);
  } else take('blink', 'objects', 'DOM and other objects of Blink', { blink: left.blink }, 'smaps', "What lies in the address space that Blink's heap has reserved.", true);
  const external = dump ? dump.bufferUsedBytes : (jsHeap.externalBytes ?? 0);
  const hasBuffers = left.buffers > 0;
  take('external', 'native', 'Array buffers', within('buffers', external), source, 'ArrayBuffer and typed arrays; without the dump also what the browser keeps for the DOM.', !hasBuffers);
  take('buffers-free', 'allocator-free', 'Buffers, free, and WebAssembly memory', { buffers: left.buffers }, 'smaps', 'What else lies in the sandbox of V8 outside of its heap.');
}

/** Chromium and Electron: malloc and new. */
function takePartitions(dump: ProcessDump | null, left: Left, take: Take): void {
  if (!dump) {
    take('partition', 'native', 'PartitionAlloc', { partition: left.partition }, 'smaps', "What lies in the address space that Chromium's allocator has reserved: malloc, strings and tables of Blink, canvases; used and free are not told apart.");
    return;
  }
  take('malloc-used', 'native', 'malloc (PartitionAlloc), in use', { partition: dump.mallocUsedBytes }, DUMP, 'Blocks of malloc and new: styles and layout, fonts, caches, pixels of canvases, code of the browser.', left.partition === 0);
  take('blink-partitions', 'native', 'Strings and tables of Blink, in use', { partition: dump.blinkPartitionsUsedBytes }, DUMP, 'Text of the page, vectors and hash tables, in partitions of their own.');
  take('malloc-free', 'allocator-free', 'PartitionAlloc, free', { partition: left.partition }, DUMP_AND_SMAPS, 'Free blocks and holes, and its own tables.');
}
