import type { HeapAnalysis } from './analysis.ts';
import type { Column } from './columns.ts';
import type { Heap } from './heap.ts';
import type { HeapHeader } from './header.ts';
import { knownStrings, knownTexts } from './known-strings.ts';
import { PAGE_BYTES } from './strings.ts';

/** An analysed heap as a list of typed arrays and a small rest, and back. What index-file.ts writes and reads. */

export type AnyColumn = Column | Uint8Array;

/** Everything that is no column. Plain JSON. */
export interface HeapRest {
  readonly fileBytes: number;
  readonly producer: Heap['producer'];
  readonly header: HeapHeader;
  readonly nodeCount: number;
  readonly edgeCount: number;
  readonly shallowBytes: number;
  readonly notices: readonly string[];
  readonly kinds: Heap['kinds'];
  readonly known: readonly (readonly [text: string, index: number])[];
  readonly classCount: number;
  readonly classNames: readonly string[];
  readonly extra: readonly string[];
  readonly hasDetachedness: boolean;
  readonly hasLocations: boolean;
  readonly stringCount: number;
  readonly stringBytes: number;
}

type AnalysisColumn = keyof HeapAnalysis;

const ANALYSIS: readonly AnalysisColumn[] = [
  'firstRetainer', 'retainer', 'dominator', 'retained', 'distance', 'domOrder', 'domPosition', 'domSize',
  'classRetained', 'classDistance',
];
const COLUMNS = ['nodeKind', 'nodeName', 'nodeId', 'shallow', 'firstEdge', 'edgeKind', 'edgeName', 'edgeTo', 'classOf'] as const;
const CLASS_COLUMNS = ['label', 'location', 'kind', 'objects', 'shallow'] as const;
const LOCATION_COLUMNS = ['node', 'scriptId', 'line', 'column'] as const;
const WEAK_COLUMNS = ['string', 'pair', 'tableId'] as const;

/** Columns by name. Pages of strings follow each other as `page 0`, `page 1`, … */
export function columnsOf(heap: Heap, analysis: HeapAnalysis): { rest: HeapRest; columns: Map<string, AnyColumn> } {
  const columns = new Map<string, AnyColumn>();
  for (const name of COLUMNS) columns.set(name, heap[name]);
  if (heap.detachedness) columns.set('detachedness', heap.detachedness);
  for (const [field, column] of heap.extra) columns.set(`extra ${field}`, column);
  for (const name of CLASS_COLUMNS) columns.set(`class ${name}`, heap.classes[name]);
  if (heap.locations) for (const name of LOCATION_COLUMNS) columns.set(`location ${name}`, heap.locations[name]);
  for (const name of WEAK_COLUMNS) columns.set(`weak ${name}`, heap.known.weakMaps[name]);
  columns.set('string starts', heap.strings.starts);
  heap.strings.pages.forEach((page, i) => columns.set(`page ${i}`, page.subarray(0, heap.strings.bytes - i * PAGE_BYTES)));
  for (const name of ANALYSIS) columns.set(`analysis ${name}`, analysis[name]);
  const { fileBytes, producer, header, nodeCount, edgeCount, shallowBytes, notices, kinds, classes } = heap;
  const rest: HeapRest = {
    fileBytes, producer, header, nodeCount, edgeCount, shallowBytes, notices, kinds,
    known: knownTexts(header.nodeKinds).map((text) => [text, heap.known.indexOf(text)] as const),
    classCount: classes.count,
    classNames: classes.extraNames,
    extra: [...heap.extra.keys()],
    hasDetachedness: heap.detachedness !== null,
    hasLocations: heap.locations !== null,
    stringCount: heap.strings.count,
    stringBytes: heap.strings.bytes,
  };
  return { rest, columns };
}

/** The heap again; throws when a column is missing or of another length than the rest says. */
export function heapOfColumns(path: string, rest: HeapRest, columns: ReadonlyMap<string, AnyColumn>): Heap {
  const { nodeCount, edgeCount, classCount, stringCount } = rest;
  const any = (name: string, length: number | null): AnyColumn => {
    const column = columns.get(name);
    if (!column || (length !== null && column.length !== length)) throw new Error(`The index lacks ${name}`);
    return column;
  };
  const bytes = (name: string, length: number | null): Uint8Array => {
    const column = any(name, length);
    if (!(column instanceof Uint8Array)) throw new Error(`${name} is not of bytes`);
    return column;
  };
  const narrow = (name: string, length: number | null): Uint32Array => {
    const column = any(name, length);
    if (!(column instanceof Uint32Array)) throw new Error(`${name} is not of 32 bits`);
    return column;
  };
  const wide = (name: string, length: number | null): Float64Array => {
    const column = any(name, length);
    if (!(column instanceof Float64Array)) throw new Error(`${name} is not of 64 bits`);
    return column;
  };
  const numbers = (name: string, length: number | null): Column => {
    const column = any(name, length);
    if (column instanceof Uint8Array) throw new Error(`${name} is of bytes`);
    return column;
  };
  const analysis: HeapAnalysis = {
    firstRetainer: narrow('analysis firstRetainer', nodeCount + 1),
    retainer: narrow('analysis retainer', edgeCount),
    dominator: narrow('analysis dominator', nodeCount),
    retained: numbers('analysis retained', nodeCount),
    distance: narrow('analysis distance', nodeCount),
    domOrder: narrow('analysis domOrder', nodeCount),
    domPosition: narrow('analysis domPosition', nodeCount),
    domSize: narrow('analysis domSize', nodeCount),
    classRetained: wide('analysis classRetained', classCount),
    classDistance: narrow('analysis classDistance', classCount),
  };
  const pages = Math.ceil(rest.stringBytes / PAGE_BYTES);
  const locationRows = rest.hasLocations ? narrow('location node', null) : null;
  const weakNames = narrow('weak string', null);
  return {
    path,
    fileBytes: rest.fileBytes,
    producer: rest.producer,
    header: rest.header,
    root: rest.header.root,
    nodeCount,
    edgeCount,
    nodeKind: bytes('nodeKind', nodeCount),
    nodeName: narrow('nodeName', nodeCount),
    nodeId: numbers('nodeId', nodeCount),
    shallow: numbers('shallow', nodeCount),
    detachedness: rest.hasDetachedness ? bytes('detachedness', nodeCount) : null,
    firstEdge: narrow('firstEdge', nodeCount + 1),
    edgeKind: bytes('edgeKind', edgeCount),
    edgeName: narrow('edgeName', edgeCount),
    edgeTo: narrow('edgeTo', edgeCount),
    strings: {
      pages: Array.from({ length: pages }, (_, i) => wholePage(bytes(`page ${i}`, null))),
      starts: numbers('string starts', stringCount),
      count: stringCount,
      bytes: rest.stringBytes,
    },
    extra: new Map(rest.extra.map((field) => [field, numbers(`extra ${field}`, nodeCount)])),
    locations: locationRows && {
      node: locationRows,
      scriptId: numbers('location scriptId', locationRows.length),
      line: numbers('location line', locationRows.length),
      column: numbers('location column', locationRows.length),
    },
    kinds: rest.kinds,
    known: knownStrings(new Map(rest.known), {
      string: weakNames,
      pair: narrow('weak pair', weakNames.length),
      tableId: wide('weak tableId', weakNames.length),
    }),
    classes: {
      count: classCount,
      label: narrow('class label', classCount),
      extraNames: rest.classNames,
      location: narrow('class location', classCount),
      kind: bytes('class kind', classCount),
      objects: narrow('class objects', classCount),
      shallow: wide('class shallow', classCount),
    },
    classOf: narrow('classOf', nodeCount),
    shallowBytes: rest.shallowBytes,
    notices: rest.notices,
    analysis,
    analysing: null,
    prepared: null,
  };
}

/** All pages but the last one are full; the last one has the room it had when it was read. */
function wholePage(part: Uint8Array): Uint8Array {
  if (part.length === PAGE_BYTES) return part;
  const page = new Uint8Array(PAGE_BYTES);
  page.set(part);
  return page;
}
