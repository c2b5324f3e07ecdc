import { MAX_NODES } from './analysis.ts';
import { edgeLane, MAX_RECORD_BYTES, takeEdges } from './edge-records.ts';
import { bytes, columnWriter, reserve, scratch, uint32, widen } from './columns.ts';
import type { ColumnWriter } from './columns.ts';
import { heapFormatError } from './errors.ts';
import type { HeapHeader } from './header.ts';
import { COMMA_OR_END, integerScan, scanIntegers, VALUE, wholeTokens } from './integers.ts';
import type { IntegerScan } from './integers.ts';
import { peek, truncated } from './json-scan.ts';
import { native } from './native.ts';
import type { Pacer } from './run.ts';
import type { ByteSource } from './source.ts';
import { finishStrings, scanStrings, stringScan } from './string-section.ts';
import type { StringTable } from './strings.ts';

/** The sections that become columns: nodes, edges, locations, strings. */

/** Records per block: a block of any section stays below 256 KiB. */
const BLOCK_RECORDS = 2048;

/** Best compression that is believed when room is set aside by the header's counts; beyond it columns grow. */
const BELIEVED_RATIO = 16;

/** Node fields the engine has columns for; the rest is `extra`. trace_node_id belongs to allocation traces. */
const KNOWN_NODE_FIELDS = new Set(['type', 'name', 'id', 'self_size', 'edge_count', 'detachedness', 'trace_node_id']);

export interface NodeColumns {
  count: number;
  kind: Uint8Array;
  name: Uint32Array;
  id: ColumnWriter;
  selfSize: ColumnWriter;
  edgeCount: ColumnWriter;
  detachedness: Uint8Array | null;
  extra: Map<string, ColumnWriter>;
}

export interface EdgeColumns {
  count: number;
  kind: Uint8Array;
  name: Uint32Array;
  to: Uint32Array;
  /** Largest name that is a string, and largest target, where reading noted them. */
  maxName?: number;
  maxTo?: number;
}

/** Drives the tokeniser over a section; `flush` gets whole records. */
async function readIntegers(
  source: ByteSource,
  section: string,
  fields: number,
  pacer: Pacer,
  flush: (scan: IntegerScan, records: number, offset: number) => void,
  /** Takes what it can from the window, at the beginning of a record only. */
  fastLane?: () => void,
  /** Longest record that it takes. */
  recordBytes: number = MAX_RECORD_BYTES,
): Promise<void> {
  await expectListStart(source, section);
  const scan = integerScan(section, fields * BLOCK_RECORDS);
  for (;;) {
    if (fastLane && scan.count === 0 && scan.expect !== COMMA_OR_END) {
      const from = source.pos;
      fastLane();
      if (source.pos > from) scan.expect = VALUE;
      if (source.end - source.pos <= 2 * recordBytes) {
        if (pacer.due()) await pacer.pause(source.consumed());
        if (await source.refill()) continue;
      }
    }
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

export async function readNodes(source: ByteSource, header: HeapHeader, pacer: Pacer): Promise<NodeColumns> {
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
  }, ...nodeLane(source, header, columns, numbers));
  return columns;
}

/** Bytes of a field that the native lane takes, and of a record beyond its fields (native/reading.c). */
const LANE_FIELD_BYTES = 18;
const LANE_RECORD_BYTES = 4;
const LANE_FIELDS = 12;
const LANE_COLUMNS = 8;

/**
 * The native lane of nodes: plain records from bytes into their columns. It stops at whatever is unusual and at the end of
 * the columns' room, which the scanner then deals with. Empty where there is none.
 */
function nodeLane(
  source: ByteSource,
  header: HeapHeader,
  columns: NodeColumns,
  numbers: readonly (readonly [number, ColumnWriter])[],
): [fastLane?: () => void, recordBytes?: number] {
  const loops = native();
  const fields = header.nodeFields;
  const width = fields.length;
  if (!loops || width > LANE_FIELDS || numbers.length > LANE_COLUMNS) return [];
  const roles = new Uint8Array(width);
  const role = (at: number, value: number): void => {
    if (at >= 0) roles[at] = value;
  };
  role(fields.indexOf('type'), 1);
  role(fields.indexOf('name'), 2);
  if (columns.detachedness) role(fields.indexOf('detachedness'), 3);
  numbers.forEach(([at], i) => role(at, 4 + i));
  const state = new Uint32Array(1);
  const kinds = header.nodeKinds.length;
  const lane = (): void => {
    const { kind, name, detachedness } = columns;
    const room = numbers.map(([, writer]) => writer.values);
    while (room.length < LANE_COLUMNS) room.push(NO_COLUMN);
    state[0] = columns.count;
    const limit = wholeTokens(source.bytes, source.pos, source.end);
    source.pos = loops.takeNodes(source.bytes, source.pos, limit, state, kinds, width, roles, kind, name, detachedness, ...room);
    columns.count = state[0];
    for (const [, writer] of numbers) writer.length = columns.count;
  };
  return [lane, width * LANE_FIELD_BYTES + LANE_RECORD_BYTES];
}

const NO_COLUMN = new Uint32Array(0);

export async function readEdges(source: ByteSource, header: HeapHeader, pacer: Pacer): Promise<EdgeColumns> {
  const fields = header.edgeFields;
  const width = fields.length;
  const nodeWidth = header.nodeFields.length;
  checkDeclared(source, header.edgeCount, width, 'edges');
  let capacity = plausible(source, header.edgeCount, width);
  const columns: EdgeColumns = { count: 0, kind: bytes(capacity), name: uint32(capacity), to: uint32(capacity) };
  const kindAt = fields.indexOf('type');
  const nameAt = fields.indexOf('name_or_index');
  const toAt = fields.indexOf('to_node');
  const plain = width === 3 && kindAt === 0 && nameAt === 1 && toAt === 2 && header.edgeKinds.length <= 10;
  const lane = edgeLane(header.edgeKinds, nodeWidth);
  const fastLane = (): void => {
    const limit = wholeTokens(source.bytes, source.pos, source.end);
    source.pos = takeEdges(columns, lane, source.bytes, source.pos, limit);
  };
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
  }, plain ? fastLane : undefined);
  return columns;
}

export async function readLocations(source: ByteSource, header: HeapHeader, pacer: Pacer): Promise<ColumnWriter> {
  // Needed only until the table by node is made (open.ts).
  const writer: ColumnWriter = { values: scratch(1 << 16), length: 0 };
  await readIntegers(source, 'locations', header.locationFields.length, pacer, (scan) => {
    reserve(writer, scan.count);
    appendNumbers(scan, 0, 1, scan.count, writer);
  });
  return writer;
}

/** `nodes` are those read before, for a guess of how many strings there will be. */
export async function readStrings(source: ByteSource, nodes: number, pacer: Pacer): Promise<StringTable> {
  await expectListStart(source, 'strings');
  const scan = stringScan(Math.max(1024, Math.ceil(nodes / 4)));
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

