import { reserve, uint32 } from './columns.ts';
import type { Column, ColumnWriter } from './columns.ts';
import { heapFormatError } from './errors.ts';
import type { HeapHeader } from './header.ts';
import type { KnownStrings } from './known-strings.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';
import type { EdgeColumns, NodeColumns } from './sections.ts';
import type { StringTable } from './strings.ts';

/** The sections of a file as columns, checked against each other, before any rule is applied. */
export interface RawHeap {
  readonly fileBytes: number;
  readonly header: HeapHeader;
  readonly nodeCount: number;
  readonly edgeCount: number;
  /** By node field name; `type` and `detachedness` are bytes, `edge_count` became `firstEdge`. */
  readonly nodeKind: Uint8Array;
  readonly nodeName: Uint32Array;
  readonly nodeId: Column;
  readonly selfSize: Column;
  readonly detachedness: Uint8Array | null;
  readonly extra: Map<string, Column>;
  readonly firstEdge: Uint32Array;
  readonly edgeKind: Uint8Array;
  readonly edgeName: Uint32Array;
  readonly edgeTo: Uint32Array;
  /** The locations section, flat, in the order of `header.locationFields`. */
  readonly locations: Column;
  readonly strings: StringTable;
  readonly known: KnownStrings;
}

/** What has been read so far. */
export interface Sections {
  header: HeapHeader | null;
  nodes: NodeColumns | null;
  edges: EdgeColumns | null;
  locations: ColumnWriter | null;
  strings: StringTable | null;
  known: KnownStrings | null;
}

/** Checks the sections against each other and cuts the columns to size. */
export async function assemble(
  sections: Sections,
  fileBytes: number,
  textBytes: number,
  run: RunOptions | undefined,
): Promise<RawHeap> {
  const { header, nodes, edges, strings, known } = sections;
  if (!header || !nodes || !edges || !strings || !known) {
    const missing = (['nodes', 'edges', 'strings'] as const).filter((key) => sections[key] === null);
    const what = `The section ${missing.map((key) => `"${key}"`).join(', ')} is missing`;
    throw heapFormatError('not-a-snapshot', what, textBytes);
  }
  const nodeCount = nodes.count;
  const edgeCount = edges.count;
  for (const [section, found, declared] of [
    ['nodes', nodeCount, header.nodeCount],
    ['edges', edgeCount, header.edgeCount],
  ] as const) {
    if (declared === null || declared === found) continue;
    const counts = `${declared.toLocaleString('en-US')} ${section}, but there are ${found.toLocaleString('en-US')}`;
    throw heapFormatError('corrupt', `The header declares ${counts}`, textBytes);
  }
  if (nodeCount === 0) throw heapFormatError('corrupt', 'The snapshot has no nodes, not even a root', textBytes);
  if (header.root >= nodeCount) {
    throw heapFormatError('corrupt', `The root is node ${header.root} of ${nodeCount}`, textBytes);
  }
  reserve(nodes.edgeCount, 1);
  const firstEdge = prefixSums(nodes.edgeCount.values, nodeCount, edgeCount, textBytes);
  const quiet = run?.signal ? { signal: run.signal } : undefined;
  const checked = (count: number, check: (from: number, to: number) => void): Promise<void> =>
    inSlices(quiet, 'reading', count, 1 << 21, check);
  await checked(nodeCount, (from, to) => {
    checkBelow(nodes.name, from, to, strings.count, 'name of node', textBytes);
  });
  if (edges.maxTo === undefined || edges.maxTo >= nodeCount) {
    await checked(edgeCount, (from, to) => {
      checkBelow(edges.to, from, to, nodeCount, 'target of edge', textBytes);
    });
  }
  if (edges.maxName === undefined || edges.maxName >= strings.count) {
    const numbered = header.edgeKinds.map((kind) => (kind === 'element' || kind === 'hidden' ? 1 : 0));
    await checked(edgeCount, (from, to) => {
      checkEdgeNames(edges, from, to, Uint8Array.from(numbered), strings.count, textBytes);
    });
  }
  return {
    fileBytes,
    header,
    nodeCount,
    edgeCount,
    nodeKind: nodes.kind.subarray(0, nodeCount),
    nodeName: nodes.name.subarray(0, nodeCount),
    nodeId: nodes.id.values.subarray(0, nodeCount),
    selfSize: nodes.selfSize.values.subarray(0, nodeCount),
    detachedness: nodes.detachedness?.subarray(0, nodeCount) ?? null,
    extra: new Map([...nodes.extra].map(([field, writer]) => [field, writer.values.subarray(0, nodeCount)])),
    firstEdge,
    edgeKind: edges.kind.subarray(0, edgeCount),
    edgeName: edges.name.subarray(0, edgeCount),
    edgeTo: edges.to.subarray(0, edgeCount),
    locations: sections.locations?.values.subarray(0, sections.locations.length) ?? uint32(0),
    strings,
    known,
  };
}

/** Turns edge counts into first edges, in place: `edge_count` is not needed after it. */
function prefixSums(counts: Column, nodeCount: number, edgeCount: number, offset: number): Uint32Array {
  if (!(counts instanceof Uint32Array)) throw heapFormatError('corrupt', 'An edge count is too large', offset);
  let sum = 0;
  for (let node = 0; node < nodeCount; node++) {
    const count = counts[node]!;
    counts[node] = sum;
    sum += count;
    if (sum > edgeCount) break;
  }
  if (sum !== edgeCount) {
    const found = `The nodes claim ${sum > edgeCount ? 'more than ' : ''}${Math.min(sum, edgeCount).toLocaleString('en-US')} edges`;
    throw heapFormatError('corrupt', `${found}, but there are ${edgeCount.toLocaleString('en-US')}`, offset);
  }
  counts[nodeCount] = sum;
  return counts.subarray(0, nodeCount + 1);
}

function checkBelow(
  values: Uint32Array,
  from: number,
  to: number,
  limit: number,
  what: string,
  offset: number,
): void {
  for (let i = from; i < to; i++) {
    if (values[i]! >= limit) throw outOfRange(what, i, values[i]!, limit, offset);
  }
}

/** Names are string indexes, except where the kind has positions. */
function checkEdgeNames(
  edges: EdgeColumns,
  from: number,
  to: number,
  numbered: Uint8Array,
  limit: number,
  offset: number,
): void {
  const { kind, name } = edges;
  for (let i = from; i < to; i++) {
    if (name[i]! >= limit && numbered[kind[i]!] === 0) throw outOfRange('name of edge', i, name[i]!, limit, offset);
  }
}

function outOfRange(what: string, i: number, value: number, limit: number, offset: number): Error {
  return heapFormatError('corrupt', `The ${what} ${i} is number ${value}, but there are only ${limit}`, offset);
}
