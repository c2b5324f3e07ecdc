import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';

import { startHelper } from './helper.ts';
import type { Helper } from './helper.ts';
import { prepareAnalysis } from './prepared.ts';
import { float64, uint32 } from './columns.ts';
import type { Column } from './columns.ts';
import { nameClasses } from './class-names.ts';
import { spreadDetachedness } from './detachedness.ts';
import { heapFormatError } from './errors.ts';
import { kindNumbers } from './heap.ts';
import type { Heap, LocationTable } from './heap.ts';
import type { HeapHeader } from './header.ts';
import { moveOwnedSizes } from './ownership.ts';
import { orderByNumber } from './order.ts';
import { readHeapFile } from './reader.ts';
import type { RawHeap } from './raw-heap.ts';
import type { RunOptions } from './run.ts';

export type { Heap } from './heap.ts';
export type { RunOptions } from './run.ts';

/**
 * Opens a `.heapsnapshot` file, plain, gzip or zstd. When it resolves, counts, classes and shallow sizes are final;
 * `analyseHeap` adds the rest. Throws HeapFormatError, or the reason of the signal.
 */
export async function openHeap(path: string, run?: OpenOptions): Promise<Heap> {
  const helper = await helperFor(path, run);
  try {
    const heap = await open(path, run, helper);
    if (helper) unused.register(heap, helper);
    return heap;
  } catch (error) {
    helper?.close();
    throw error;
  }
}

/**
 * Says that a heap is no longer wanted: ends what a second thread does for it ahead of its analysis. The heap stays whole;
 * an analysis after this, or one under way, does everything by itself.
 */
export function closeHeap(heap: Heap): void {
  heap.prepared?.close();
  heap.prepared = null;
}

/** The same for heaps that were dropped without a word. */
const unused = new FinalizationRegistry<Helper>((helper) => {
  helper.close();
});

export interface OpenOptions extends RunOptions {
  /** Whether a second thread takes part; `auto`: where the file is large enough to gain by it. */
  readonly helper?: 'auto' | 'always' | 'never';
  /** For tests: size of the blocks in which two threads read edges. */
  readonly edgeBlockBytes?: number;
}

/** Smaller files are read before a thread has started. */
const HELPER_FROM_BYTES = 32 * 2 ** 20;

async function helperFor(path: string, options: OpenOptions | undefined): Promise<Helper | null> {
  if (options?.helper === 'never') return null;
  if (options?.helper === 'always') return startHelper();
  const bytes = await stat(path).then(
    ({ size }) => size,
    () => 0, // reading says what is wrong
  );
  return bytes >= HELPER_FROM_BYTES && availableParallelism() > 1 ? startHelper() : null;
}

async function open(path: string, run: OpenOptions | undefined, helper: Helper | null): Promise<Heap> {
  const raw = await readHeapFile(path, run, helper, run?.edgeBlockBytes);
  const { header } = raw;
  const notices: string[] = [];
  const kinds = kindNumbers(header);
  const fromAgent = raw.extra.has('class_name') || header.declaredProducer === 'cpython';
  const { known } = raw;
  const prepared = helper ? prepareAnalysis(helper, raw, kinds) : null;
  await spreadDetachedness(raw, kinds, run);
  const shallow = fromAgent ? raw.selfSize : await moveOwnedSizes(raw, kinds, known, run);
  const locations = await readLocationTable(raw, notices, run);
  const { classes, classOf } = await nameClasses(raw, kinds, known, shallow, locations, run);
  let shallowBytes = 0;
  for (let index = 0; index < classes.count; index++) shallowBytes += classes.shallow[index]!;
  return {
    path,
    fileBytes: raw.fileBytes,
    producer: fromAgent ? 'cpython' : kinds.hidden >= 0 && kinds.closure >= 0 ? 'v8' : 'other',
    header,
    root: header.root,
    nodeCount: raw.nodeCount,
    edgeCount: raw.edgeCount,
    nodeKind: raw.nodeKind,
    nodeName: raw.nodeName,
    nodeId: raw.nodeId,
    shallow,
    detachedness: raw.detachedness,
    firstEdge: raw.firstEdge,
    edgeKind: raw.edgeKind,
    edgeName: raw.edgeName,
    edgeTo: raw.edgeTo,
    strings: raw.strings,
    extra: raw.extra,
    locations,
    kinds,
    known,
    classes,
    classOf,
    shallowBytes,
    notices,
    analysis: null,
    analysing: null,
    prepared,
  };
}

/** The locations section by node. Later entries for the same node win, as in DevTools. */
async function readLocationTable(
  raw: RawHeap,
  notices: string[],
  run: RunOptions | undefined,
): Promise<LocationTable | null> {
  const fields = raw.header.locationFields;
  const flat = raw.locations;
  if (flat.length === 0) return null;
  const at = locationOffsets(raw.header);
  if (!at) {
    notices.push('The locations section has fields that are not known; source positions are left out.');
    return null;
  }
  const rows = flat.length / fields.length;
  const nodeWidth = raw.header.nodeFields.length;
  let ordinals = new Uint32Array(rows);
  let sorted = true;
  for (let row = 0, at0 = at.node; row < rows; row++, at0 += fields.length) {
    const position = flat[at0]!;
    const ordinal = Math.floor(position / nodeWidth);
    if (ordinal * nodeWidth !== position || ordinal >= raw.nodeCount) {
      throw heapFormatError('corrupt', `Location ${row} belongs to no node (${position})`);
    }
    ordinals[row] = ordinal;
    if (row > 0 && ordinals[row - 1]! >= ordinal) sorted = false;
  }
  let order: Uint32Array | null = null;
  if (!sorted) {
    const all = await orderByNumber(rows, (row) => ordinals[row]!, false, run); // stable
    const last = all.filter((row, i) => i + 1 === rows || ordinals[row] !== ordinals[all[i + 1]!]);
    ordinals = last.map((row) => ordinals[row]!);
    order = last;
  }
  const pick = (offset: number): Column => {
    const count = ordinals.length;
    const column = flat instanceof Uint32Array ? uint32(count) : float64(count);
    if (offset < 0) return column;
    for (let i = 0; i < count; i++) column[i] = flat[(order ? order[i]! : i) * fields.length + offset]!;
    return column;
  };
  return { node: ordinals, scriptId: pick(at.scriptId), line: pick(at.line), column: pick(at.column) };
}

function locationOffsets(
  header: HeapHeader,
): { node: number; scriptId: number; line: number; column: number } | null {
  const at = (field: string): number => header.locationFields.indexOf(field);
  const node = at('object_index');
  if (node < 0) return null;
  return { node, scriptId: at('script_id'), line: at('line'), column: at('column') };
}
