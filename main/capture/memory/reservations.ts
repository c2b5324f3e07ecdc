/**
 * What Chromium and Electron keep where: their allocators reserve address space of a fixed size at their start and live in
 * it, so a mapping tells by its place whose it is. Pure. Sizes: PartitionAlloc's pools (partition_alloc_constants.h,
 * kPoolMaxSize), Blink's heap (cppgc, kCagedHeapMaxReservationSize), V8's sandbox, pointer compression cage, trusted range and
 * code range (include/v8-internal.h, src/common/globals.h). A region of another shape is left unexplained, never guessed.
 */
import type { PlacedMapping } from './segment-names.ts';

/** Resident bytes without a file, by who lives there. */
export interface Reservations {
  /** Heaps of all isolates: objects, code, trusted data, tables. */
  v8: number;
  /** Array buffers and WebAssembly memories: in V8's sandbox, outside of its cage. */
  buffers: number;
  /** Blink's objects (DOM nodes and the like). */
  blink: number;
  /** malloc, strings and vectors: PartitionAlloc with its own tables. */
  partition: number;
}

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
const PARTITION_POOLS_BYTES = 32 * GIB;
const PARTITION_TABLES_BYTES = 16 * GIB;
const SANDBOX_LEAST_BYTES = 64 * GIB;
const V8_CAGE_BYTES = 4 * GIB;
const V8_TRUSTED_BYTES = GIB;
/** Of machine code: 128 MiB on small machines, 512 MiB else. */
const V8_CODE_BYTES = [128 * MIB, 256 * MIB, 512 * MIB];

interface Run {
  start: number;
  end: number;
  parts: PlacedMapping[];
}

/** Null in a process that reserves nothing of the kind (Node.js). */
export function readReservations(mappings: readonly PlacedMapping[]): Reservations | null {
  const found: Reservations = { v8: 0, buffers: 0, blink: 0, partition: 0 };
  let isKnown = false;
  for (const run of runsWithoutFile(mappings)) {
    const bytes = run.end - run.start;
    const isAligned = run.start % bytes === 0;
    const resident = run.parts.reduce((sum, part) => sum + residentOf(part), 0);
    if (bytes === PARTITION_POOLS_BYTES && isAligned) found.partition += resident;
    else if (bytes === PARTITION_TABLES_BYTES && !isAligned) found.partition += resident;
    else if (isAligned && bytes >= V8_CAGE_BYTES && bytes <= PARTITION_TABLES_BYTES) found.blink += resident;
    else if (bytes >= SANDBOX_LEAST_BYTES) {
      const cage = cageOf(run);
      const inCage = run.parts.reduce((sum, part) => sum + (part.start < cage + V8_CAGE_BYTES ? residentOf(part) : 0), 0);
      found.v8 += inCage;
      found.buffers += resident - inCage;
    } else if (bytes === V8_TRUSTED_BYTES && isAligned) found.v8 += resident;
    else if (V8_CODE_BYTES.includes(bytes) && run.parts.some(({ permissions }) => permissions[2] === 'x')) found.v8 += resident;
    else continue;
    if (bytes >= V8_CAGE_BYTES) isKnown = true;
  }
  return isKnown ? found : null;
}

function residentOf({ segment, residentBytes }: PlacedMapping): number {
  return segment === 'anonymous' ? residentBytes : 0;
}

/** V8's heap comes first in its sandbox, at a multiple of its size; before it there are only guards. */
function cageOf({ start, parts }: Run): number {
  const first = parts.find((part) => residentOf(part) > 0)?.start ?? start;
  return first - (first % V8_CAGE_BYTES);
}

/** Mappings without a file that follow each other without a gap: a reservation, whatever was made of its parts. */
function runsWithoutFile(mappings: readonly PlacedMapping[]): Run[] {
  const runs: Run[] = [];
  for (const mapping of mappings) {
    if (mapping.inode !== '0' || (mapping.name !== '' && !mapping.name.startsWith('[anon:')) || mapping.permissions[3] === 's') continue;
    const last = runs.at(-1);
    if (last?.end === mapping.start) {
      last.end = mapping.end;
      last.parts.push(mapping);
    } else runs.push({ start: mapping.start, end: mapping.end, parts: [mapping] });
  }
  return runs;
}
