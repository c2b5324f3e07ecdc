/**
 * What a process of a browser tells of its memory when it is asked for a dump (category `memory-infra`, level
 * `background`): figures of its allocators, no addresses. Pure: from the events of a trace, checked field by field.
 */
import type { AllocatorFigure, AllocatorReport, V8Report } from '#shared/model/memory.ts';
import { asRecord, countField, stringField } from '../../cdp/read-field.ts';
import { explainSpace } from './v8-report.ts';

export interface ProcessDump {
  v8UsedBytes: number;
  v8TotalBytes: number;
  /** Obtained from malloc, beside the heap. */
  v8MallocBytes: number;
  v8MallocPeakBytes: number;
  blinkUsedBytes: number;
  blinkTotalBytes: number;
  /** Blocks of malloc and new in use. */
  mallocUsedBytes: number;
  /** Blink's strings, vectors and tables in partitions of their own. */
  blinkPartitionsUsedBytes: number;
  bufferUsedBytes: number;
  spaces: V8Report['spaces'];
  figures: AllocatorFigure[];
}

const MAX_ENTRIES = 20_000;
const BUFFERS = 'partition_alloc/partitions/array_buffer';

/** Null when the trace holds no dump of this process. */
export function readProcessDump(events: readonly unknown[], pid: number): ProcessDump | null {
  const entries = new Map<string, Record<string, unknown>>();
  for (const event of events) {
    if (stringField(event, 'ph', 4) !== 'v' || countField(event, 'pid') !== pid) continue;
    const allocators = asRecord(asRecord(asRecord(event)['args'])['dumps'])['allocators'];
    for (const [name, entry] of Object.entries(asRecord(allocators)).slice(0, MAX_ENTRIES)) entries.set(name, asRecord(asRecord(entry)['attrs']));
  }
  if (entries.size === 0) return null;
  const at = (name: string, attribute: string) => scalar(entries.get(name), attribute);
  const spaces = readSpaces(entries);
  const partitions = [...entries.keys()].filter((name) => /^partition_alloc\/partitions\/[^/]+$/.test(name) && name !== BUFFERS);
  const sum = (names: readonly string[], attribute: string) => names.reduce((total, name) => total + at(name, attribute), 0);
  const isolates = (leaf: string) => [...entries.keys()].filter((name) => name.startsWith('v8/') && name.endsWith(`/${leaf}`));
  return {
    spaces,
    v8UsedBytes: spaces.reduce((total, { usedBytes }) => total + usedBytes, 0),
    v8TotalBytes: spaces.reduce((total, { committedBytes }) => total + committedBytes, 0),
    v8MallocBytes: sum(isolates('malloc'), 'size'),
    v8MallocPeakBytes: sum(isolates('malloc'), 'peak_size'),
    blinkUsedBytes: sum([...entries.keys()].filter((name) => /^blink_gc\/[^/]+\/heap$/.test(name)), 'allocated_objects_size'),
    blinkTotalBytes: at('blink_gc', 'size'),
    mallocUsedBytes: at('malloc/partitions', 'allocated_objects_size') || at('malloc', 'allocated_objects_size'),
    blinkPartitionsUsedBytes: sum(partitions, 'allocated_objects_size'),
    bufferUsedBytes: at(BUFFERS, 'allocated_objects_size'),
    figures: FIGURES.flatMap(([name, attribute, label, unit, explanation]) => {
      const value = entries.has(name) ? at(name, attribute) : 0;
      return value > 0 ? [{ id: `${name}.${attribute}`, label, value, unit, explanation }] : [];
    }),
  };
}

const FIGURES: readonly (readonly [entry: string, attribute: string, label: string, unit: AllocatorFigure['unit'], explanation: string])[] = [
  ['malloc/partitions', 'allocated_objects_size', 'malloc, in use', 'bytes', 'Blocks of malloc and new.'],
  ['malloc/allocated_objects', 'object_count', 'malloc, blocks', 'count', 'How many of them.'],
  ['malloc/partitions', 'virtual_committed_size', 'malloc, committed', 'bytes', 'Pages behind them; not all have been touched.'],
  ['malloc/partitions', 'virtual_size', 'malloc, reserved', 'bytes', 'Address space of its super pages.'],
  ['partition_alloc/partitions/buffer', 'allocated_objects_size', 'Strings and vectors of Blink, in use', 'bytes', 'A partition of their own: what text and tables of a page take.'],
  ['partition_alloc/partitions/buffer', 'virtual_committed_size', 'Strings and vectors of Blink, committed', 'bytes', 'Pages behind them.'],
  [BUFFERS, 'allocated_objects_size', 'Array buffers, in use', 'bytes', "In a partition inside of V8's sandbox."],
  [BUFFERS, 'virtual_committed_size', 'Array buffers, committed', 'bytes', 'Pages behind them.'],
  ['blink_gc/main/heap', 'allocated_objects_size', "Blink's heap, in use", 'bytes', 'DOM nodes, styles and the like, garbage that was not collected yet included.'],
  ['blink_gc', 'size', "Blink's heap, committed", 'bytes', "DOM nodes and other objects of Blink, collected together with V8's."],
  ['canvas', 'size', 'Of these: canvases', 'bytes', 'Pixels of canvas elements, in malloc or in shared memory.'],
  ['skia', 'size', 'Of these: drawing', 'bytes', 'Caches of glyphs and pictures.'],
  ['web_cache', 'size', 'Of these: resources', 'bytes', 'Pictures, scripts and styles that the page has loaded.'],
];

/** `v8/main/heap/old_space`, `v8/workers/isolate_0x…/heap/old_space`: of all isolates together. */
function readSpaces(entries: ReadonlyMap<string, Record<string, unknown>>): V8Report['spaces'] {
  const spaces = new Map<string, V8Report['spaces'][number]>();
  for (const [entry, attributes] of entries) {
    const name = /^v8\/.+\/heap(?:\/isolate_\w+)?\/(\w+_space)$/.exec(entry)?.[1] ?? /^v8\/shared\/(read_only_space)$/.exec(entry)?.[1];
    if (name === undefined) continue;
    const usedBytes = scalar(attributes, 'allocated_objects_size');
    const committedBytes = scalar(attributes, 'size');
    if (committedBytes === 0 && usedBytes === 0) continue;
    const space = spaces.get(name) ?? { name, explanation: explainSpace(name), usedBytes: 0, committedBytes: 0, availableBytes: 0, physicalBytes: 0 };
    space.usedBytes += Math.min(usedBytes, committedBytes);
    space.committedBytes += committedBytes;
    space.availableBytes = space.committedBytes - space.usedBytes;
    space.physicalBytes = space.committedBytes;
    spaces.set(name, space);
  }
  return [...spaces.values()];
}

/** Numbers are hexadecimal texts there. 0 for what is missing or no number. */
function scalar(attributes: Record<string, unknown> | undefined, attribute: string): number {
  const found = attributes?.[attribute];
  if (stringField(found, 'type', 20) !== 'scalar') return 0;
  const text = stringField(found, 'value', 20) ?? '';
  const value = /^[0-9a-f]{1,13}$/i.test(text) ? parseInt(text, 16) : 0;
  return Number.isSafeInteger(value) ? value : 0;
}

export function dumpedAllocators(dump: ProcessDump): AllocatorReport['other'] {
  return dump.figures.length > 0 ? [{ kind: 'partition-alloc', name: 'PartitionAlloc and Blink', figures: dump.figures, bins: [] }] : [];
}

export function dumpedV8(dump: ProcessDump): V8Report | null {
  if (dump.spaces.length === 0) return null;
  return {
    spaces: dump.spaces,
    heapLimitBytes: null,
    mallocedBytes: dump.v8MallocBytes,
    peakMallocedBytes: dump.v8MallocPeakBytes || null,
    externalBytes: null,
    arrayBuffersBytes: dump.bufferUsedBytes,
    codeBytes: null,
    bytecodeBytes: null,
    globalHandlesBytes: null,
    nativeContexts: null,
    detachedContexts: null,
  };
}
