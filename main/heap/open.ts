import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';

import { startHelper } from './helper.ts';
import type { Helper } from './helper.ts';
import { prepareAnalysis } from './prepared.ts';
import { float64, release, uint32 } from './columns.ts';
import type { Column } from './columns.ts';
import { nameClasses } from './class-names.ts';
import { spreadDetachedness } from './detachedness.ts';
import { heapFormatError } from './errors.ts';
import { kindNumbers } from './heap.ts';
import type { Heap, LocationTable } from './heap.ts';
import type { HeapHeader } from './header.ts';
import { moveOwnedSizes } from './ownership.ts';
import { readHeapFile } from './reader.ts';
import type { RawHeap } from './raw-heap.ts';
import { inSlices, quiet } from './run.ts';
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
  const classOf = uint32(raw.nodeCount); // room for others until classes are named
  const shallow = fromAgent ? raw.selfSize : await moveOwnedSizes(raw, kinds, known, run, classOf);
  const locations = await readLocationTable(raw, notices, classOf, run);
  release(raw.locations);
  const classes = await nameClasses(raw, kinds, known, shallow, locations, classOf, run);
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

/**
 * The locations section by node. Later entries for the same node win, as in DevTools. `rowOf` is room that is overwritten:
 * it sorts the rows, whatever their order. O(nodes + locations).
 */
async function readLocationTable(
  raw: RawHeap,
  notices: string[],
  rowOf: Uint32Array,
  run: RunOptions | undefined,
): Promise<LocationTable | null> {
  const { nodeCount } = raw;
  const width = raw.header.locationFields.length;
  const flat = raw.locations;
  if (flat.length === 0) return null;
  const at = locationOffsets(raw.header);
  if (!at) {
    notices.push('The locations section has fields that are not known; source positions are left out.');
    return null;
  }
  const rows = flat.length / width;
  const nodeWidth = raw.header.nodeFields.length;
  rowOf.fill(0); // row + 1
  let count = 0;
  await inSlices(quiet(run), 'classes', rows, 1 << 17, (from, to) => {
    for (let row = from; row < to; row++) {
      const position = flat[row * width + at.node]!;
      const ordinal = Math.floor(position / nodeWidth);
      if (ordinal * nodeWidth !== position || ordinal >= nodeCount) {
        throw heapFormatError('corrupt', `Location ${row} belongs to no node (${position})`);
      }
      if (rowOf[ordinal] === 0) count++;
      rowOf[ordinal] = row + 1;
    }
  });
  const column = (): Column => (flat instanceof Uint32Array ? uint32(count) : float64(count));
  const table = { node: uint32(count), scriptId: column(), line: column(), column: column() };
  let filled = 0;
  await inSlices(quiet(run), 'classes', nodeCount, 1 << 18, (from, to) => {
    for (let node = from; node < to; node++) {
      const found = rowOf[node]!;
      if (found === 0) continue;
      const first = (found - 1) * width;
      table.node[filled] = node;
      if (at.scriptId >= 0) table.scriptId[filled] = flat[first + at.scriptId]!;
      if (at.line >= 0) table.line[filled] = flat[first + at.line]!;
      if (at.column >= 0) table.column[filled] = flat[first + at.column]!;
      filled++;
    }
  });
  return table;
}

function locationOffsets(
  header: HeapHeader,
): { node: number; scriptId: number; line: number; column: number } | null {
  const at = (field: string): number => header.locationFields.indexOf(field);
  const node = at('object_index');
  if (node < 0) return null;
  return { node, scriptId: at('script_id'), line: at('line'), column: at('column') };
}
