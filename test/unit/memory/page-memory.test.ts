/** The memory of a page's process: whose a mapping is by what has been reserved, the browser's dump, and the sum of both. */
import { describe, expect, it } from 'vitest';
import { dumpedAllocators, dumpedV8, readProcessDump } from '#main/capture/memory/browser-dump.ts';
import { readReservations } from '#main/capture/memory/reservations.ts';
import { explainRss, type RssInput } from '#main/capture/memory/rss.ts';
import { placeMappings } from '#main/capture/memory/segment-names.ts';
import { noAmounts, type Mapping } from '#main/capture/memory/smaps.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const PID = 70;

function mapping(start: number, bytes: number, permissions: string, residentMib = 0, name = ''): Mapping {
  return { ...noAmounts(), start, end: start + bytes, startHex: start.toString(16), permissions, inode: name.startsWith('/') ? '7' : '0', name, anonymousBytes: 0, virtualBytes: bytes, residentBytes: residentMib * MIB };
}

/** Reserved space with pieces of it in use: `[offset, bytes, resident MiB]`. */
function reservation(start: number, bytes: number, pieces: [number, number, number][], permissions = 'rw-p'): Mapping[] {
  const found: Mapping[] = [];
  let at = start;
  for (const [offset, size, resident] of pieces) {
    if (start + offset > at) found.push(mapping(at, start + offset - at, '---p'));
    found.push(mapping(start + offset, size, permissions, resident));
    at = start + offset + size;
  }
  if (at < start + bytes) found.push(mapping(at, start + bytes - at, '---p'));
  return found;
}

const sandbox = 0x2700000000;
const renderer = [
  ...reservation(sandbox, 1376 * GIB, [[64 * GIB + 256 * 1024, 8 * MIB, 7], [65 * GIB, 2 * MIB, 1], [68 * GIB + 16 * 1024, 64 * MIB, 64]]),
  ...reservation(0x16fc00000000, 16 * GIB, [[32 * MIB, 20 * MIB, 19]]),
  ...reservation(0x1ab300000000, GIB, [[0, MIB, 1]]),
  ...reservation(0x2000a7c30000, 16 * GIB, [[4096, 64 * 1024, 0.0625]]),
  ...reservation(0x38f800000000, 32 * GIB, [[16 * 1024, 4 * MIB, 2], [16 * GIB, 18 * MIB, 16]]),
  mapping(0x5555bf700000, 512 * MIB, 'rwxp', 0.5),
  mapping(0x7f0000000000, 3 * MIB, 'rw-p', 1),
  mapping(0x7f0001000000, 100 * MIB, 'r-xp', 90, '/usr/lib/chromium/chromium'),
];
const placed = placeMappings(renderer, '/usr/lib/chromium/chromium', [], PID);

const entry = (attributes: Record<string, number>) => ({ guid: 'x', attrs: Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, { type: 'scalar', units: 'bytes', value: value.toString(16) }])) });
const dumpEvent = (pid: number, allocators: Record<string, unknown>) => ({ ph: 'v', pid, name: 'periodic_interval', args: { dumps: { allocators, level_of_detail: 'background' } } });
const events = [
  dumpEvent(PID + 1, { 'blink_gc/main/heap': entry({ allocated_objects_size: 1 }) }),
  { ph: 'v', pid: PID, args: { dumps: { process_totals: { private_footprint_bytes: '7be9000' } } } },
  dumpEvent(PID, {
    'v8/main/heap': entry({ size: 9 * MIB }),
    'v8/main/heap/old_space': entry({ size: 6 * MIB, allocated_objects_size: 5 * MIB }),
    'v8/main/heap/new_space': entry({ size: 2 * MIB, allocated_objects_size: MIB }),
    'v8/main/heap/map_space': entry({ allocated_objects_size: 0 }),
    'v8/workers/heap/isolate_0x38fc000/old_space': entry({ size: MIB, allocated_objects_size: MIB / 2 }),
    'v8/main/malloc': entry({ size: 1000 }),
    blink_gc: entry({ size: 20 * MIB }),
    'blink_gc/main/heap': entry({ size: 20 * MIB, allocated_objects_size: 8 * MIB }),
    malloc: entry({ size: 17 * MIB, allocated_objects_size: 15 * MIB }),
    'malloc/partitions': entry({ size: 17 * MIB, allocated_objects_size: 15 * MIB, virtual_committed_size: 18 * MIB }),
    'partition_alloc/partitions/buffer': entry({ size: MIB, allocated_objects_size: MIB }),
    'partition_alloc/partitions/array_buffer': entry({ size: 64 * MIB, allocated_objects_size: 64 * MIB }),
    'malloc/evil': { attrs: { allocated_objects_size: { type: 'scalar', value: 'not a number' } } },
    nothing: null,
  }),
];

describe('what a process of a browser has reserved', () => {
  it('is told by the size and place of each reservation', () => {
    expect(readReservations(placed)).toEqual({ v8: (7 + 1 + 1 + 0.5) * MIB, buffers: 64 * MIB, blink: 19 * MIB, partition: 18.0625 * MIB });
  });

  it('is nothing in a process that reserves nothing, and memory of another shape is nobody\'s', () => {
    expect(readReservations(placeMappings([mapping(0x7f0000000000, 512 * MIB, 'rw-p', 3), mapping(0x16fc00000000, GIB, 'rw-p', 5)], null, [], PID))).toBeNull();
    const other = readReservations(placeMappings([...renderer, mapping(0x600000000000, 3 * GIB, 'rw-p', 9)], null, [], PID));
    expect(other?.partition).toBe(18.0625 * MIB);
  });
});

describe('a memory dump of the browser', () => {
  it('is read for one process, all isolates together', () => {
    const dump = readProcessDump(events, PID);
    expect(dump).toMatchObject({ v8UsedBytes: 6.5 * MIB, v8TotalBytes: 9 * MIB, v8MallocBytes: 1000, blinkUsedBytes: 8 * MIB, blinkTotalBytes: 20 * MIB, mallocUsedBytes: 15 * MIB, blinkPartitionsUsedBytes: MIB, bufferUsedBytes: 64 * MIB });
    expect(dump?.spaces.map(({ name, usedBytes, committedBytes }) => [name, usedBytes, committedBytes])).toEqual([['old_space', 5.5 * MIB, 7 * MIB], ['new_space', MIB, 2 * MIB]]);
    expect(dumpedAllocators(dump!)[0]).toMatchObject({ kind: 'partition-alloc', bins: [] });
    expect(dumpedV8(dump!)?.arrayBuffersBytes).toBe(64 * MIB);
  });

  it('of another process, or of none, is none', () => {
    expect(readProcessDump(events, 1)).toBeNull();
    for (const wrong of [[], [null], [{ ph: 'v', pid: PID, args: { dumps: { allocators: 'x' } } }], [7]]) expect(readProcessDump(wrong, PID)).toBeNull();
  });
});

describe('resident memory of a page as a sum', () => {
  const segments = new Map<'anonymous' | 'text', number>([['anonymous', placed.reduce((sum, { segment, residentBytes }) => sum + (segment === 'anonymous' ? residentBytes : 0), 0)], ['text', 90 * MIB]]);
  const base: RssInput = { segments, arenas: null, native: null, v8: null, jsHeap: { usedBytes: 5 * MIB, totalBytes: 9 * MIB, externalBytes: 70 * MIB }, v8PageBytes: 0, threadArenaBytes: 0, objectsInMalloc: false, dump: null, reservations: null };
  const total = segments.get('anonymous')! + 90 * MIB;
  const partsOf = (input: RssInput) => {
    const { rssBytes, parts } = explainRss(input);
    expect(rssBytes).toBe(total);
    expect(new Set(parts.map(({ id }) => id)).size).toBe(parts.length);
    return new Map(parts.map(({ id, bytes }) => [id, bytes / MIB]));
  };

  it('is split by where memory lies and what its allocator says is in use', () => {
    const parts = partsOf({ ...base, dump: readProcessDump(events, PID), reservations: readReservations(placed) });
    expect(Object.fromEntries(parts)).toEqual({
      'js-heap-used': 6.5, 'js-heap-free': 3, 'blink-used': 8, 'blink-free': 11, external: 64, 'malloc-used': 15, 'blink-partitions': 1, 'malloc-free': 2.0625, program: 90, unexplained: 1,
    });
  });

  it('without a dump names whose memory it is, without the reservations trusts the figures', () => {
    const places = partsOf({ ...base, reservations: readReservations(placed) });
    expect(places.get('partition')).toBe(18.0625);
    expect(places.get('blink')).toBe(19);
    expect(places.get('unexplained')).toBe(1);
    const figures = partsOf({ ...base, dump: readProcessDump(events, PID) });
    expect(figures.get('blink-used')).toBe(8);
    expect(partsOf(base).get('js-heap-used')).toBe(5);
  });
});
