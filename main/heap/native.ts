import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, workerData } from 'node:worker_threads';

import type { Column } from './columns.ts';

/**
 * The one seam to the native loops (`native/*.c`): everything that calls one asks `native()` and does the same in
 * TypeScript where it is null. They exist where a C compiler was found at build time; HEAPHOUSE_HEAP_NATIVE=off turns them
 * off. A call does the work of one slice and throws RangeError or TypeError, never more, on arrays that do not fit.
 */
export interface NativeLoops {
  layout(): number;
  /** Asks the system for large pages for an array that will be written whole. */
  largePages(array: Uint8Array): void;
  takeEdges(bytes: Uint8Array, pos: number, end: number, stop: number, kind: Uint8Array, name: Uint32Array, to: Uint32Array, state: Uint32Array, kinds: number, nodeWidth: number, named: Uint8Array): number;
  takeEdgesBack(bytes: Uint8Array, floor: number, pos: number, kind: Uint8Array, name: Uint32Array, to: Uint32Array, state: Uint32Array, kinds: number, nodeWidth: number, named: Uint8Array): number;
  takeNodes(bytes: Uint8Array, pos: number, end: number, state: Uint32Array, kinds: number, width: number, roles: Uint8Array, kind: Uint8Array, name: Uint32Array, detachedness: Uint8Array | null, ...columns: readonly (Column | null)[]): number;
  scanStrings(bytes: Uint8Array, pos: number, end: number, starts: Column, state: Float64Array): number;
  pageOwned(firstEdge: Uint32Array, edgeKind: Uint8Array, edgeTo: Uint32Array, owned: Uint8Array, stack: Uint32Array, state: Float64Array, weak: number, budget: number): number;
  countIncoming(edgeTo: Uint32Array, incoming: Uint32Array, from: number, to: number): void;
  essential(firstEdge: Uint32Array, edgeKind: Uint8Array, edgeName: Uint32Array, edgeTo: Uint32Array, nodeId: Column, owned: Uint8Array, incoming: Uint32Array | null, entryNames: Uint32Array, entryTables: Float64Array, from: number, to: number, root: number, weak: number, shortcut: number, internal: number): void;
  beginOwners(nodeKind: Uint8Array, nodeName: Uint32Array, selfSize: Column, owners: Uint32Array, from: number, to: number, hidden: number, array: number, native: number, externalString: number): number;
  spreadOwners(firstEdge: Uint32Array, edgeKind: Uint8Array, edgeTo: Uint32Array, owners: Uint32Array, stack: Uint32Array, from: number, to: number, weak: number): void;
  moveSizes(nodeKind: Uint8Array, owners: Uint32Array, sizes: Column, from: number, to: number, synthetic: number, root: number): void;
  retainers(firstEdge: Uint32Array, edgeKind: Uint8Array, edgeTo: Uint32Array, firstRetainer: Uint32Array, retainer: Uint32Array, from: number, to: number): void;
  depthFirst(firstEdge: Uint32Array, edgeKind: Uint8Array, edgeTo: Uint32Array, held: Uint8Array, number: Uint32Array, vertex: Uint32Array, parent: Uint32Array, stack: Uint32Array, cursor: Uint32Array, visited: Uint32Array, state: Float64Array, root: number, orphans: number, budget: number): number;
  semidominators(number: Uint32Array, vertex: Uint32Array, link: Uint32Array, semi: Uint32Array, firstRetainer: Uint32Array, retainer: Uint32Array, path: Uint32Array, state: Float64Array, budget: number, reached: number): number;
  beginLinks(parent: Uint32Array, link: Uint32Array, from: number, to: number): void;
  immediate(semi: Uint32Array, idom: Uint32Array, from: number, to: number): void;
  treeSizes(idom: Uint32Array, vertex: Uint32Array, size: Uint32Array, retained: Column, reached: number, from: number, to: number): void;
  treePositions(idom: Uint32Array, size: Uint32Array, next: Uint32Array, from: number, to: number): void;
  scatterDominators(vertex: Uint32Array, idom: Uint32Array, dominator: Uint32Array, from: number, to: number): void;
  scatter(index: Uint32Array, values: Uint32Array, target: Uint32Array, from: number, to: number): void;
  scatterOrder(position: Uint32Array, order: Uint32Array, from: number, to: number): void;
  spreadDistances(firstEdge: Uint32Array, edgeKind: Uint8Array, edgeName: Uint32Array, edgeTo: Uint32Array, nodeKind: Uint8Array, nodeName: Uint32Array, distance: Uint32Array, queue: Uint32Array, visited: Uint32Array, state: Float64Array, entryNames: Uint32Array, entryPairs: Uint32Array, pending: Uint8Array, skipped: Uint8Array, rules: Float64Array, budget: number): number;
  retainedByClass(domOrder: Uint32Array, domSize: Uint32Array, retained: Column, classOf: Uint32Array, shallow: Column, totals: Float64Array, coveredTo: Uint32Array, from: number, to: number): void;
  classDistances(classOf: Uint32Array, shallow: Column, distance: Uint32Array, least: Uint32Array, from: number, to: number): void;
  nameClasses(nodeKind: Uint8Array, nodeName: Uint32Array, detachedness: Uint8Array | null, byKind: Uint32Array, byName: Uint32Array, byDetached: Uint32Array, table: Uint32Array, locationNode: Uint32Array, locationRow: Uint32Array, plainNode: Uint32Array, interfaceOf: Uint32Array, state: Float64Array, classOf: Uint32Array, from: number, to: number, object: number, native: number, detached: number, plainName: number, strings: number): number;
  firstRows(scriptId: Column, line: Column, column: Column, locationNode: Uint32Array, nodeKind: Uint8Array, row: Uint32Array, table: Uint32Array, used: Uint32Array, from: number, to: number, object: number): number;
  sequences(firstEdge: Uint32Array, edgeKind: Uint8Array, edgeName: Uint32Array, plain: Uint32Array, sequence: Uint32Array, table: Uint32Array, parents: Uint32Array, names: Uint32Array, state: Uint32Array, from: number, to: number, property: number, proto: number, maxProperties: number, maxSequences: number): number;
  decodeStrings(page: Uint8Array, pageStart: number, starts: Column, wanted: Uint8Array, from: number, to: number, maxChars: number, out: Uint8Array, ends: Uint32Array): number;
  markMatches(page: Uint8Array, end: number, pageStart: number, starts: Column, first: number, limit: number, needle: Uint8Array, found: Uint8Array, mostBytes: number): void;
  namedNodes(nodeName: Uint32Array, marked: Uint8Array, found: Uint32Array, from: number, to: number): number;
  indexIds(nodeId: Column, table: Uint32Array, from: number, to: number): void;
  matchIds(nodeId: Column, table: Uint32Array, baseClass: Uint32Array, comparedClass: Uint32Array, baseNumber: Uint32Array, comparedNumber: Uint32Array, baseOf: Uint32Array, survivesFromBase: Uint8Array, survivesInCompared: Uint8Array, state: Float64Array, from: number, to: number): void;
  classTotals(nodeKind: Uint8Array, classOf: Uint32Array, shallow: Column, kind: Uint8Array, named: Uint8Array, objects: Uint32Array, totals: Float64Array, from: number, to: number): void;
}

const FILE = join(`${process.platform}-${process.arch}`, 'heap-loops.node');
/** Beside the sources, and beside the archive of a packaged application: nothing can be loaded from inside it. */
const FOLDERS = [join('main', 'heap', 'native', 'bin'), 'heap-native'];

/** Where the library is; null where it was not built. */
function findLibrary(): string | null {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; ) {
    for (const inner of FOLDERS) {
      const path = join(folder, inner, FILE);
      if (existsSync(path)) return path;
    }
    const above = dirname(folder);
    if (above === folder) return null;
    folder = above;
  }
}

interface HelperData {
  /** What the thread that started this one uses: a thread that runs from text has no place to search from. */
  readonly heapLoops: string | null;
}

function isHelperData(data: unknown): data is HelperData {
  return typeof data === 'object' && data !== null && 'heapLoops' in data;
}

/** Path of the library in use, for a helper thread; null for none. */
export function nativePath(): string | null {
  native();
  return library;
}

let loops: NativeLoops | null | undefined;
let library: string | null = null;

/** The native loops, or null. */
export function native(): NativeLoops | null {
  if (loops === undefined) loops = load();
  return loops;
}

/** For tests: goes on without the native loops, or with them again. Says what there was. */
export function useNative(wanted: boolean): boolean {
  const had = native() !== null;
  loops = wanted ? load() : null;
  if (!wanted) library = null;
  return had;
}

function load(): NativeLoops | null {
  library = null;
  if (process.env.HEAPHOUSE_HEAP_NATIVE === 'off') return null;
  const path = !isMainThread && isHelperData(workerData) ? workerData.heapLoops : findLibrary();
  if (path === null) return null;
  const module: { exports: Partial<NativeLoops> } = { exports: {} };
  try {
    process.dlopen(module, path);
  } catch {
    return null; // for another system, or an older build
  }
  if (module.exports.layout?.() !== LAYOUT) return null;
  library = path;
  return module.exports as NativeLoops;
}

/** Of the calls below, as in native/text.c. */
const LAYOUT = 1;
