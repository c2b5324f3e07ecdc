import type { AllocationSource } from '#shared/model/heap.ts';

import { heapFormatError } from './errors.ts';

/** What the `snapshot` object says: the only thing the reader knows about the layout of the file. */
export interface HeapHeader {
  readonly nodeFields: readonly string[];
  readonly nodeKinds: readonly string[];
  readonly edgeFields: readonly string[];
  readonly edgeKinds: readonly string[];
  readonly locationFields: readonly string[];
  /** Counts as declared; null where the producer declares none, or 0. */
  readonly nodeCount: number | null;
  readonly edgeCount: number | null;
  /** Ordinal of the root. */
  readonly root: number;
  readonly extraNativeBytes: number;
  /** `snapshot.heaphouse.producer`, as our agents write it. */
  readonly declaredProducer: string | null;
  /** `snapshot.heaphouse.allocations`, as our agents write it where they followed allocations. */
  readonly allocations: AllocationSource | null;
}

/** Edge kinds share a byte with flags (see heap.ts), node kinds have a byte of their own. */
const MAX_EDGE_KINDS = 32;
const MAX_NODE_KINDS = 256;
const MAX_FIELDS = 64;

const NODE_FIELDS = ['type', 'name', 'id', 'self_size', 'edge_count'];
const EDGE_FIELDS = ['type', 'name_or_index', 'to_node'];

/** Checks the parsed `snapshot` object. `offset` is where it stands in the text. */
export function readHeader(value: unknown, offset: number): HeapHeader {
  const snapshot = record(value);
  const meta = record(snapshot?.['meta']);
  if (!snapshot || !meta) {
    throw heapFormatError('not-a-snapshot', 'The "snapshot" object has no "meta", so its layout is not known', offset);
  }
  const nodeFields = fields(meta, 'node_fields', NODE_FIELDS, offset);
  const edgeFields = fields(meta, 'edge_fields', EDGE_FIELDS, offset);
  const nodeKinds = kinds(meta, 'node_types', nodeFields.indexOf('type'), MAX_NODE_KINDS, offset);
  const edgeKinds = kinds(meta, 'edge_types', edgeFields.indexOf('type'), MAX_EDGE_KINDS, offset);
  // Hermes writes 0 for both and calls it a hint; a snapshot without nodes is refused when it has been read.
  const nodeCount = count(snapshot, 'node_count', offset) || null;
  const edgeCount = count(snapshot, 'edge_count', offset) || null;
  const rootIndex = count(snapshot, 'root_index', offset) ?? 0;
  if (rootIndex % nodeFields.length !== 0) {
    throw heapFormatError('corrupt', `The root index ${rootIndex} is not the start of a node`, offset);
  }
  const heaphouse = record(snapshot['heaphouse']);
  const producer = heaphouse?.['producer'];
  return {
    nodeFields,
    nodeKinds,
    edgeFields,
    edgeKinds,
    locationFields: strings(meta['location_fields']) ?? [],
    nodeCount,
    edgeCount,
    root: rootIndex / nodeFields.length,
    extraNativeBytes: count(snapshot, 'extra_native_bytes', offset) ?? 0,
    declaredProducer: typeof producer === 'string' ? producer : null,
    allocations: allocationSource(record(heaphouse?.['allocations'])),
  };
}

/** What cannot be understood is left out: the stacks themselves are read without it. */
function allocationSource(value: Record<string, unknown> | null): AllocationSource | null {
  const by = value?.['by'];
  if (!value || (by !== 'recording' && by !== 'sampling')) return null;
  const interval = value['samplingInterval'];
  const missing = value['missing'];
  return {
    by,
    samplingInterval: by === 'sampling' && typeof interval === 'number' && interval > 0 ? interval : null,
    unsureClasses: (strings(value['unsureClasses']) ?? []).slice(0, MAX_FIELDS),
    missing: typeof missing === 'string' ? missing.slice(0, 500) : null,
  };
}

function record(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}

function strings(value: unknown): string[] | null {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string') ? value : null;
}

function fields(meta: Record<string, unknown>, key: string, needed: readonly string[], offset: number): string[] {
  const list = strings(meta[key]);
  if (!list) throw heapFormatError('not-a-snapshot', `The header has no list "${key}"`, offset);
  const missing = needed.filter((field) => !list.includes(field));
  if (missing.length > 0) {
    throw heapFormatError('unsupported', `"${key}" lacks ${missing.map((field) => `"${field}"`).join(', ')}`, offset);
  }
  if (list.length > MAX_FIELDS || new Set(list).size !== list.length) {
    throw heapFormatError('unsupported', `"${key}" has too many or repeated fields`, offset);
  }
  return list;
}

function kinds(meta: Record<string, unknown>, key: string, at: number, limit: number, offset: number): string[] {
  const list: unknown = meta[key];
  const found = Array.isArray(list) ? strings(list[at]) : null;
  if (!found || found.length === 0) throw heapFormatError('unsupported', `"${key}" does not name the types`, offset);
  if (found.length > limit) {
    throw heapFormatError('unsupported', `"${key}" names ${found.length} types, more than ${limit}`, offset);
  }
  return found;
}

function count(snapshot: Record<string, unknown>, key: string, offset: number): number | null {
  const value = snapshot[key];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw heapFormatError('corrupt', `"${key}" in the header is ${JSON.stringify(value)}, not a count`, offset);
  }
  return value;
}
