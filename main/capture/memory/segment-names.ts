/**
 * From mappings to the segments of a textbook. Pure. A mapping belongs to exactly one segment, so segments add up to
 * the whole address space.
 */
import { SEGMENT_KINDS, type SegmentKind, type SegmentRow } from '#shared/model/memory.ts';
import { addAmounts, noAmounts, type Mapping } from './smaps.ts';

export interface PlacedMapping extends Mapping {
  segment: SegmentKind;
  /** The mapping's own name, or what we know it to be. */
  label: string;
}

export interface ThreadStack {
  tid: number;
  name: string;
  /** Null while the thread runs: only the kernel knows it then. */
  stackPointer: number | null;
}

/** How much uninitialised data a mapped file asks for; null when nobody can tell. */
export type BssBytes = (path: string, inode: string) => number | null;

/** Where it cannot be told: anything larger is likelier to be memory that happens to lie behind the file. */
const LIKELY_BSS_BYTES = 512 * 1024;
/** glibc: one page; musl: two; programs may ask for more. */
const MAX_GUARD_BYTES = 256 * 1024;
/** Default of `ulimit -s`, which both C libraries round to for threads; a thread may ask for another size. */
const USUAL_STACK_BYTES = 8 * 1024 * 1024;

/** `executable`: target of /proc/PID/exe, null if we may not ask. Mappings in address order. */
export function placeMappings(mappings: readonly Mapping[], executable: string | null, threads: readonly ThreadStack[], pid: number, bssBytes: BssBytes = () => null): PlacedMapping[] {
  const code = new Set(mappings.filter(({ permissions, inode }) => permissions[2] === 'x' && inode !== '0').map(({ name }) => withoutDeleted(name)));
  const placed: PlacedMapping[] = [];
  for (const mapping of mappings) {
    const before = placed.at(-1);
    placed.push({ ...mapping, ...place(mapping, before, executable, code, bssBytes) });
  }
  placeThreadStacks(placed, threads.filter(({ tid }) => tid !== pid));
  labelThreadArenas(placed);
  return placed;
}

type Place = Pick<PlacedMapping, 'segment' | 'label'>;

function place(mapping: Mapping, before: PlacedMapping | undefined, executable: string | null, code: ReadonlySet<string>, bssBytes: BssBytes): Place {
  const { name, permissions, inode } = mapping;
  if (name.startsWith('[')) return placeSpecial(mapping);
  if (inode !== '0' || name.startsWith('/')) return placeFile(mapping, executable, code);
  if (permissions.startsWith('---')) return { segment: 'reserved', label: '' };
  if (permissions[3] === 's') return { segment: 'shared-memory', label: name };
  if (before?.end === mapping.start && permissions.startsWith('rw') && before.permissions.startsWith('rw') && before.inode !== '0') {
    // The kernel joins it with other memory of the same kind that lies next to it: then it is counted with that.
    const isBss = mapping.virtualBytes <= (bssBytes(before.name, before.inode) ?? LIKELY_BSS_BYTES);
    if (isBss && before.segment === 'initialised-data') return { segment: 'uninitialised-data', label: `${before.name} (.bss)` };
    if (isBss && before.segment === 'shared-libraries') return { segment: 'shared-libraries', label: `${before.name} (.bss)` };
  }
  return { segment: 'anonymous', label: name };
}

function placeSpecial({ name, permissions }: Mapping): Place {
  if (name === '[heap]') return { segment: 'heap', label: name };
  if (name === '[stack]') return { segment: 'stack', label: name };
  // Linux before 4.5.
  if (name.startsWith('[stack:')) return { segment: 'thread-stacks', label: name };
  if (name.startsWith('[anon_shmem:')) return { segment: 'shared-memory', label: name };
  if (name.startsWith('[anon:')) return { segment: permissions.startsWith('---') ? 'reserved' : 'anonymous', label: name };
  return { segment: 'kernel', label: name };
}

function placeFile({ name, permissions }: Mapping, executable: string | null, code: ReadonlySet<string>): Place {
  const path = withoutDeleted(name);
  if (path === executable) {
    if (permissions[2] === 'x') return { segment: 'text', label: name };
    if (permissions[1] === 'w') return { segment: 'initialised-data', label: name };
    return { segment: permissions.startsWith('---') ? 'reserved' : 'read-only-data', label: name };
  }
  if (/^(\/memfd:|\/dev\/shm\/|\/SYSV|\/dev\/zero)/.test(name)) return { segment: 'shared-memory', label: name };
  return { segment: code.has(path) ? 'shared-libraries' : 'file-mappings', label: name };
}

/** Sure where a thread's stack pointer is known; of the others those that look like one: a guard below, the usual size. */
function placeThreadStacks(placed: PlacedMapping[], threads: readonly ThreadStack[]): void {
  const isStack = (index: number) => placed[index]?.segment === 'anonymous' && placed[index].permissions.startsWith('rw');
  const sizes = new Set<number>([USUAL_STACK_BYTES]);
  let unknown = 0;
  for (const { tid, name, stackPointer } of threads) {
    const index = stackPointer === null ? -1 : findMapping(placed, stackPointer);
    if (index < 0 || !isStack(index)) {
      if (stackPointer === null) unknown++;
      continue;
    }
    sizes.add(placed[index].virtualBytes);
    placed[index] = { ...placed[index], segment: 'thread-stacks', label: `stack of thread ${tid} (${name})` };
  }
  for (let i = 1; i < placed.length && unknown > 0; i++) {
    const guard = placed[i - 1];
    const guarded = guard.permissions.startsWith('---') && guard.end === placed[i].start && guard.virtualBytes <= MAX_GUARD_BYTES;
    if (!guarded || !isStack(i)) continue;
    const { virtualBytes } = placed[i];
    if (!sizes.has(virtualBytes) && !sizes.has(virtualBytes + guard.virtualBytes)) continue;
    placed[i] = { ...placed[i], segment: 'thread-stacks', label: 'stack of a thread that is running' };
    unknown--;
  }
}

/** HEAP_MAX_SIZE of glibc on 64-bit systems (malloc/arena.c): arenas of threads begin at a multiple and reserve as much. */
const GLIBC_ARENA_BYTES = 64 * 1024 * 1024;
export const THREAD_ARENA_LABEL = 'arena of malloc for threads';

/** Size and alignment of V8's pages (src/common/globals.h), and the addresses it asks for: below those of mmap. */
const V8_PAGE_BYTES = 256 * 1024;
const V8_HIGHEST_ADDRESS = 0x4000_0000_0000;

/** Allocators in place of the C library's map pieces of the same shapes (mimalloc: 64 MiB, at such addresses). */
function hasOtherAllocator(placed: readonly PlacedMapping[]): boolean {
  return placed.some(({ name, inode }) => inode !== '0' && /\/lib(jemalloc|mimalloc|tcmalloc)[^/]*\.so/.test(name));
}

/** Resident bytes of mappings that can only be pages of V8's heaps, of all isolates; in a process that runs V8. */
export function v8PageBytes(placed: readonly PlacedMapping[]): number {
  const isPage = ({ segment, label, start, permissions }: PlacedMapping) =>
    segment === 'anonymous' && label === '' && start < V8_HIGHEST_ADDRESS && start % V8_PAGE_BYTES === 0 && permissions !== '---p';
  if (hasOtherAllocator(placed)) return 0;
  return placed.reduce((sum, mapping) => sum + (isPage(mapping) ? mapping.residentBytes : 0), 0);
}

function labelThreadArenas(placed: PlacedMapping[]): void {
  if (hasOtherAllocator(placed)) return;
  for (const [index, mapping] of placed.entries()) {
    if (mapping.segment !== 'anonymous' || mapping.label !== '' || mapping.start % GLIBC_ARENA_BYTES !== 0) continue;
    const rest = placed[index + 1];
    const isReserved = rest?.permissions.startsWith('---') && rest.start === mapping.end && rest.end === mapping.start + GLIBC_ARENA_BYTES;
    if (isReserved && mapping.permissions === 'rw-p') mapping.label = THREAD_ARENA_LABEL;
  }
}

/** Index of the mapping that holds an address, -1 for none. */
export function findMapping(mappings: readonly Mapping[], address: number): number {
  let low = 0;
  let high = mappings.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (mappings[middle].end <= address) low = middle + 1;
    else high = middle;
  }
  return low < mappings.length && mappings[low].start <= address ? low : -1;
}

function withoutDeleted(name: string): string {
  return name.replace(/ \(deleted\)$/, '');
}

const WORDS: Record<SegmentKind, { name: string; explanation: string }> = {
  text: { name: 'Text', explanation: 'Machine code of the program file; shared with every process that runs it and never written.' },
  'read-only-data': { name: 'Read-only data', explanation: 'Constants and tables of the program file, and addresses the loader has filled in and then locked.' },
  'initialised-data': { name: 'Initialised data', explanation: 'Global variables with a value in the program file (.data); pages that were written belong to this process alone.' },
  'uninitialised-data': { name: 'Uninitialised data (.bss)', explanation: 'Global variables that start as zero and take no room in the program file.' },
  heap: { name: 'Heap', explanation: 'The region that grows upward with brk(): what malloc hands out in small pieces from its main arena.' },
  stack: { name: 'Stack', explanation: 'Function calls and local variables of the main thread; grows downward on demand.' },
  'thread-stacks': { name: 'Thread stacks', explanation: 'One region per further thread; only the pages it has reached are resident.' },
  anonymous: {
    name: 'Anonymous mappings',
    explanation: "Memory obtained with mmap and backed by no file: pymalloc's arenas, V8's heap, malloc's large blocks and its arenas for threads.",
  },
  'shared-libraries': { name: 'Shared libraries', explanation: 'Code and data of libraries and extension modules; their code is shared between processes.' },
  'file-mappings': { name: 'File mappings', explanation: 'Files the program reads through memory; clean pages can be dropped and read again.' },
  'shared-memory': { name: 'Shared memory', explanation: 'Memory that several processes see: shm, memfd, MAP_SHARED.' },
  kernel: { name: 'Kernel (vdso, vvar)', explanation: 'Code and data of the kernel that make asking for the time cheap.' },
  reserved: { name: 'Reserved', explanation: 'Addresses kept free or guarded (no access): no memory stands behind them.' },
};

export function segmentWords(kind: SegmentKind): { name: string; explanation: string } {
  return WORDS[kind];
}

/** Rows of the segments that exist, in the order of `SEGMENT_KINDS`. */
export function sumSegments(placed: readonly PlacedMapping[]): SegmentRow[] {
  const rows = new Map<SegmentKind, SegmentRow>();
  for (const mapping of placed) {
    let row = rows.get(mapping.segment);
    if (!row) rows.set(mapping.segment, (row = { kind: mapping.segment, ...WORDS[mapping.segment], mappings: 0, ...noAmounts() }));
    row.mappings++;
    addAmounts(row, mapping);
  }
  return SEGMENT_KINDS.flatMap((kind) => rows.get(kind) ?? []);
}
