import { bytes, columnWriter, reserve, uint32, widen } from './columns.ts';
import type { Column, ColumnWriter } from './columns.ts';
import { MAX_NODES } from './analysis.ts';
import { heapFormatError } from './errors.ts';
import { readHeader } from './header.ts';
import type { HeapHeader } from './header.ts';
import { integerScan, scanIntegers, show, wholeTokens } from './integers.ts';
import type { IntegerScan } from './integers.ts';
import { expectByte, peek, readKey, readObject, skipValue, truncated } from './json-scan.ts';
import { createPacer, inSlices } from './run.ts';
import type { Pacer, RunOptions } from './run.ts';
import { openSource } from './source.ts';
import type { ByteSource } from './source.ts';
import { finishStrings, scanStrings, stringScan } from './string-section.ts';
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
}

/** Records per block: a block of any section stays below 256 KiB. */
const BLOCK_RECORDS = 2048;

/** Best compression that is believed when room is set aside by the header's counts; beyond it columns grow. */
const BELIEVED_RATIO = 16;

/** Node fields the engine has columns for; the rest is `extra`. trace_node_id belongs to allocation traces. */
const KNOWN_NODE_FIELDS = new Set(['type', 'name', 'id', 'self_size', 'edge_count', 'detachedness', 'trace_node_id']);

interface Sections {
  header: HeapHeader | null;
  nodes: NodeColumns | null;
  edges: EdgeColumns | null;
  locations: ColumnWriter | null;
  strings: StringTable | null;
}

interface NodeColumns {
  count: number;
  kind: Uint8Array;
  name: Uint32Array;
  id: ColumnWriter;
  selfSize: ColumnWriter;
  edgeCount: ColumnWriter;
  detachedness: Uint8Array | null;
  extra: Map<string, ColumnWriter>;
}

interface EdgeColumns {
  count: number;
  kind: Uint8Array;
  name: Uint32Array;
  to: Uint32Array;
}

/**
 * Reads a whole file. Throws HeapFormatError. Sections may come in any order; when the header comes after what it
 * describes, the file is read twice.
 */
export async function readHeapFile(path: string, run: RunOptions | undefined): Promise<RawHeap> {
  const sections: Sections = { header: null, nodes: null, edges: null, locations: null, strings: null };
  const first = await readPass(path, sections, run);
  if (!sections.header) {
    throw heapFormatError('not-a-snapshot', 'The file is JSON, but has no "snapshot" section');
  }
  if (first.skipped) await readPass(path, sections, run);
  return assemble(sections, first.fileBytes, first.textBytes, run);
}

interface Pass {
  readonly fileBytes: number;
  readonly textBytes: number;
  /** A section was passed over because the header had not been seen. */
  readonly skipped: boolean;
}

async function readPass(path: string, sections: Sections, run: RunOptions | undefined): Promise<Pass> {
  run?.signal?.throwIfAborted();
  const source = await openSource(path);
  try {
    const pacer = createPacer(run, 'reading', source.fileBytes);
    const skipped = await readSections(source, sections, pacer);
    pacer.finish();
    return { fileBytes: source.fileBytes, textBytes: source.base + source.end, skipped };
  } finally {
    await source.close();
  }
}

async function readSections(source: ByteSource, sections: Sections, pacer: Pacer): Promise<boolean> {
  await openText(source);
  const seen = new Set<string>();
  let skipped = false;
  for (let first = true; ; first = false) {
    const next = await peek(source);
    if (next === 0x7d) {
      source.pos++;
      break;
    }
    if (!first) await expectByte(source, ',', 'the list of sections');
    const key = await readKey(source);
    await expectByte(source, ':', 'the list of sections');
    if (seen.has(key)) {
      throw heapFormatError('corrupt', `The section "${key}" comes twice`, source.base + source.pos);
    }
    seen.add(key);
    if (!(await readSection(key, source, sections, pacer))) skipped = true;
  }
  if ((await peek(source)) !== -1) {
    throw heapFormatError('corrupt', 'Something follows the end of the snapshot', source.base + source.pos);
  }
  return skipped;
}

/** Takes a byte order mark and the opening brace. */
async function openText(source: ByteSource): Promise<void> {
  let byte = await peek(source);
  if (byte === 0xef && source.end - source.pos >= 3) {
    if (source.bytes[source.pos + 1] === 0xbb && source.bytes[source.pos + 2] === 0xbf) {
      source.pos += 3;
      byte = await peek(source);
    }
  }
  const offset = source.base + source.pos;
  if (byte === -1) throw heapFormatError('empty', 'The file holds nothing but white space', 0);
  if (byte === 0x5b) throw heapFormatError('not-a-snapshot', 'The file is a JSON list, not a heap snapshot', offset);
  if (byte !== 0x7b) throw heapFormatError('not-json', `The file begins with ${show(byte)}, not with "{",`, offset);
  source.pos++;
}

/** Reads or passes over one section; false when it must be read again because the header is still to come. */
async function readSection(key: string, source: ByteSource, sections: Sections, pacer: Pacer): Promise<boolean> {
  const header = sections.header;
  const passOver = async (): Promise<void> => {
    await skipPaced(source, `"${key}"`, pacer);
  };
  switch (key) {
    case 'snapshot': {
      await peek(source);
      const offset = source.base + source.pos;
      if (header) await passOver();
      else sections.header = readHeader(await readObject(source, 'the "snapshot" section'), offset);
      return true;
    }
    case 'strings':
      if (sections.strings) await passOver();
      else sections.strings = await readStrings(source, sections, pacer);
      return true;
    case 'nodes':
      if (header && !sections.nodes) sections.nodes = await readNodes(source, header, pacer);
      else await passOver();
      return header !== null;
    case 'edges':
      if (header && !sections.edges) sections.edges = await readEdges(source, header, pacer);
      else await passOver();
      return header !== null;
    case 'locations':
      if (header && !sections.locations && header.locationFields.length > 0) {
        sections.locations = await readLocations(source, header, pacer);
      } else await passOver();
      return header !== null;
    default:
      await passOver();
      return true;
  }
}

async function skipPaced(source: ByteSource, where: string, pacer: Pacer): Promise<void> {
  await pacer.pause(source.consumed());
  await skipValue(pacedSource(source, pacer), where);
}

/** The same source, but every refill looks at the event loop. */
function pacedSource(source: ByteSource, pacer: Pacer): ByteSource {
  const refill = source.refill;
  return new Proxy(source, {
    get(target, key) {
      if (key !== 'refill') return Reflect.get(target, key) as unknown;
      return async () => {
        if (pacer.due()) await pacer.pause(source.consumed());
        return refill();
      };
    },
  });
}

/** Drives the tokeniser over a section; `flush` gets whole records. */
async function readIntegers(
  source: ByteSource,
  section: string,
  fields: number,
  pacer: Pacer,
  flush: (scan: IntegerScan, records: number, offset: number) => void,
): Promise<void> {
  await expectListStart(source, section);
  const scan = integerScan(section, fields * BLOCK_RECORDS);
  for (;;) {
    const limit = wholeTokens(source.bytes, source.pos, source.end);
    scanIntegers(scan, source.bytes, source.pos, limit, source.base);
    source.pos = scan.pos;
    if (scan.count === scan.block.length || scan.done) {
      const records = Math.floor(scan.count / fields);
      if (records * fields !== scan.count) {
        const what = `"${section}" ends within a record: ${scan.count % fields} of ${fields} fields`;
        throw heapFormatError('corrupt', what, source.base + source.pos);
      }
      flush(scan, records, source.base + source.pos);
      scan.count = 0;
      if (scan.wide.length > 0) scan.wide = [];
      if (scan.done) return;
      continue;
    }
    if (pacer.due()) await pacer.pause(source.consumed());
    if (!(await source.refill())) throw truncated(source, `"${section}"`);
  }
}

async function expectListStart(source: ByteSource, section: string): Promise<void> {
  const byte = await peek(source);
  if (byte === -1) throw truncated(source, `"${section}"`);
  if (byte !== 0x5b) {
    throw heapFormatError('corrupt', `"${section}" is not a list`, source.base + source.pos);
  }
  source.pos++;
}

/** How many records can be left in the file: what a lying header may reserve. */
function plausible(source: ByteSource, declared: number | null, fields: number): number {
  const left = Math.max(0, source.fileBytes - source.consumed()) + (source.end - source.pos);
  const most = Math.ceil((source.compression === 'none' ? left : left * BELIEVED_RATIO) / (2 * fields)) + 1;
  return Math.min(declared ?? Math.ceil(most / 4), most);
}

/** The header's count against what a plain file can hold. */
function checkDeclared(source: ByteSource, declared: number | null, fields: number, section: string): void {
  if (declared === null) return;
  if (section === 'nodes' && declared > MAX_NODES) {
    throw heapFormatError('too-large', `The header declares ${declared.toLocaleString('en-US')} nodes`);
  }
  if (declared > 0xfffffffe) {
    throw heapFormatError('too-large', `The header declares ${declared.toLocaleString('en-US')} ${section}`);
  }
  if (source.compression === 'none' && declared > plausible(source, declared, fields)) {
    const what = `The header declares ${declared.toLocaleString('en-US')} ${section}, more than the rest of the file can hold,`;
    throw heapFormatError('truncated', what, source.base + source.pos);
  }
}

async function readNodes(source: ByteSource, header: HeapHeader, pacer: Pacer): Promise<NodeColumns> {
  const fields = header.nodeFields;
  const width = fields.length;
  checkDeclared(source, header.nodeCount, width, 'nodes');
  let capacity = plausible(source, header.nodeCount, width);
  const at = (name: string): number => fields.indexOf(name);
  const columns: NodeColumns = {
    count: 0,
    kind: bytes(capacity),
    name: uint32(capacity),
    id: columnWriter(capacity),
    selfSize: columnWriter(capacity),
    edgeCount: columnWriter(capacity + 1),
    detachedness: at('detachedness') < 0 ? null : bytes(capacity),
    extra: new Map(
      fields.filter((field) => !KNOWN_NODE_FIELDS.has(field)).map((field) => [field, columnWriter(capacity)]),
    ),
  };
  const kindAt = at('type');
  const nameAt = at('name');
  const detachedAt = at('detachedness');
  const numbers: [number, ColumnWriter][] = [
    [at('id'), columns.id],
    [at('self_size'), columns.selfSize],
    [at('edge_count'), columns.edgeCount],
    ...[...columns.extra].map(([field, writer]): [number, ColumnWriter] => [at(field), writer]),
  ];
  await readIntegers(source, 'nodes', width, pacer, (scan, records, offset) => {
    const block = scan.block;
    const first = columns.count;
    const last = first + records;
    checkCount('nodes', last, header.nodeCount, offset);
    if (last > capacity) {
      capacity = Math.min(Math.max(last, Math.ceil(capacity * 1.5)), header.nodeCount ?? MAX_NODES);
      columns.kind = grownBytes(columns.kind, capacity);
      columns.name = grownUint32(columns.name, capacity);
      if (columns.detachedness) columns.detachedness = grownBytes(columns.detachedness, capacity);
    }
    for (const [, writer] of numbers) reserve(writer, records);
    rejectWide(scan, width, [kindAt, nameAt, at('edge_count')], offset);
    copyKinds(block, kindAt, width, records, columns.kind, first, header.nodeKinds.length, 'node', offset);
    const name = columns.name;
    for (let r = 0, b = nameAt; r < records; r++, b += width) name[first + r] = block[b]!;
    if (columns.detachedness) {
      const detachedness = columns.detachedness;
      for (let r = 0, b = detachedAt; r < records; r++, b += width) detachedness[first + r] = Math.min(3, block[b]!);
    }
    for (const [field, writer] of numbers) appendNumbers(scan, field, width, records, writer);
    columns.count = last;
  });
  return columns;
}

async function readEdges(source: ByteSource, header: HeapHeader, pacer: Pacer): Promise<EdgeColumns> {
  const fields = header.edgeFields;
  const width = fields.length;
  const nodeWidth = header.nodeFields.length;
  checkDeclared(source, header.edgeCount, width, 'edges');
  let capacity = plausible(source, header.edgeCount, width);
  const columns: EdgeColumns = { count: 0, kind: bytes(capacity), name: uint32(capacity), to: uint32(capacity) };
  const kindAt = fields.indexOf('type');
  const nameAt = fields.indexOf('name_or_index');
  const toAt = fields.indexOf('to_node');
  await readIntegers(source, 'edges', width, pacer, (scan, records, offset) => {
    const block = scan.block;
    const first = columns.count;
    const last = first + records;
    checkCount('edges', last, header.edgeCount, offset);
    if (last > capacity) {
      capacity = Math.min(Math.max(last, Math.ceil(capacity * 1.5)), header.edgeCount ?? 0xfffffffe);
      columns.kind = grownBytes(columns.kind, capacity);
      columns.name = grownUint32(columns.name, capacity);
      columns.to = grownUint32(columns.to, capacity);
    }
    rejectWide(scan, width, [kindAt, nameAt, toAt], offset);
    copyKinds(block, kindAt, width, records, columns.kind, first, header.edgeKinds.length, 'edge', offset);
    const { name, to } = columns;
    for (let r = 0, b = nameAt; r < records; r++, b += width) name[first + r] = block[b]!;
    for (let r = 0, b = toAt; r < records; r++, b += width) {
      const position = block[b]!;
      const ordinal = (position / nodeWidth) >>> 0;
      if (ordinal * nodeWidth !== position) {
        throw heapFormatError('corrupt', `Edge ${first + r} points into the middle of a node (${position})`, offset);
      }
      to[first + r] = ordinal;
    }
    columns.count = last;
  });
  return columns;
}

async function readLocations(source: ByteSource, header: HeapHeader, pacer: Pacer): Promise<ColumnWriter> {
  const writer = columnWriter(1024);
  await readIntegers(source, 'locations', header.locationFields.length, pacer, (scan) => {
    reserve(writer, scan.count);
    appendNumbers(scan, 0, 1, scan.count, writer);
  });
  return writer;
}

async function readStrings(source: ByteSource, sections: Sections, pacer: Pacer): Promise<StringTable> {
  await expectListStart(source, 'strings');
  const scan = stringScan(Math.max(1024, Math.ceil((sections.nodes?.count ?? 0) / 4)));
  for (;;) {
    scanStrings(scan, source.bytes, source.pos, source.end, source.base);
    source.pos = scan.pos;
    if (scan.done) return finishStrings(scan);
    if (pacer.due()) await pacer.pause(source.consumed());
    if (!(await source.refill())) throw truncated(source, '"strings"');
  }
}

function checkCount(section: string, found: number, declared: number | null, offset: number): void {
  if (found <= (declared ?? 0xfffffffe)) return;
  const limit = (declared ?? 0xfffffffe).toLocaleString('en-US');
  throw heapFormatError('corrupt', `There are more ${section} than the ${limit} the header declares`, offset);
}

function rejectWide(scan: IntegerScan, width: number, narrow: readonly number[], offset: number): void {
  for (const { index, value } of scan.wide) {
    if (narrow.includes(index % width)) {
      throw heapFormatError('corrupt', `"${scan.section}" holds ${value}, far beyond any count in the file,`, offset);
    }
  }
}

function copyKinds(
  block: Uint32Array,
  at: number,
  width: number,
  records: number,
  target: Uint8Array,
  first: number,
  kinds: number,
  what: string,
  offset: number,
): void {
  for (let r = 0, b = at; r < records; r++, b += width) {
    const kind = block[b]!;
    if (kind >= kinds) {
      throw heapFormatError('corrupt', `The type ${kind} of ${what} ${first + r} is not one of ${kinds}`, offset);
    }
    target[first + r] = kind;
  }
}

function appendNumbers(scan: IntegerScan, at: number, width: number, records: number, writer: ColumnWriter): void {
  const block = scan.block;
  const first = writer.length;
  const wide = scan.wide.length > 0 ? scan.wide.filter(({ index }) => index % width === at) : [];
  if (wide.length > 0) widen(writer);
  const values = writer.values;
  if (values instanceof Uint32Array) {
    for (let r = 0, b = at; r < records; r++, b += width) values[first + r] = block[b]!;
  } else {
    for (let r = 0, b = at; r < records; r++, b += width) values[first + r] = block[b]!;
    for (const { index, value } of wide) values[first + (index - at) / width] = value;
  }
  writer.length = first + records;
}

function grownBytes(from: Uint8Array, length: number): Uint8Array {
  const grown = bytes(length);
  grown.set(from);
  return grown;
}

function grownUint32(from: Uint32Array, length: number): Uint32Array {
  const grown = uint32(length);
  grown.set(from);
  return grown;
}

/** Checks the sections against each other and cuts the columns to size. */
async function assemble(
  sections: Sections,
  fileBytes: number,
  textBytes: number,
  run: RunOptions | undefined,
): Promise<RawHeap> {
  const { header, nodes, edges, strings } = sections;
  if (!header || !nodes || !edges || !strings) {
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
  await checked(edgeCount, (from, to) => {
    checkBelow(edges.to, from, to, nodeCount, 'target of edge', textBytes);
  });
  const numbered = header.edgeKinds.map((kind) => (kind === 'element' || kind === 'hidden' ? 1 : 0));
  await checked(edgeCount, (from, to) => {
    checkEdgeNames(edges, from, to, Uint8Array.from(numbered), strings.count, textBytes);
  });
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
