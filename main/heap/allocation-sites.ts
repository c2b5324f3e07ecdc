import type { AllocationFrame } from '#shared/model/heap-explore.ts';
import type { AllocationSource } from '#shared/model/heap.ts';

import { heapFormatError, isHeapFormatError } from './errors.ts';
import type { Groups } from './groups.ts';
import type { Heap } from './heap.ts';
import { integerScan, scanIntegers, wholeTokens } from './integers.ts';
import { expectByte, peek, readKey, readObject, skipValue, truncated } from './json-scan.ts';
import { createPacer, quiet } from './run.ts';
import type { Pacer, RunOptions } from './run.ts';
import { openSource } from './source.ts';
import type { ByteSource } from './source.ts';
import { textOf } from './strings.ts';

/**
 * Where objects were allocated, as V8 writes it while it tracks allocations, and our Python agent while it records or
 * samples them: `trace_function_infos` (functions; of Python a line each), `trace_tree` (calls: id, function, count, size,
 * callees) and `trace_node_id` of each node; of sampled objects `sample_weight`, how many hundredths of an object they
 * stand for. Few files have it and few questions need it, so it is read from the file when first asked for.
 */
export interface AllocationSites {
  readonly source: AllocationSource;
  /** Innermost frame first; empty for an object from before tracking began. */
  stack(node: number): AllocationFrame[];
  /** The frame that `groups` goes by; null where the stack is not known. */
  site(node: number): AllocationFrame | null;
  /** How many objects this one stands for: 1 where all are recorded, 0 where the stack is not known. */
  weight(node: number): number;
  /** Objects by the innermost function outside of the runtime's own scripts; group 0 are those without a stack. */
  readonly groups: Groups;
}

/** Calls that are believed; V8's own tables hold some hundred thousand. */
const MAX_CALLS = 1 << 24;
const MAX_FUNCTIONS = 1 << 22;
const MAX_FRAMES = 200;
const NAME_CHARS = 400;
const NOT_RECORDED = '(not recorded)';
const NOT_SAMPLED = '(not sampled)';
/** Node's own scripts, CPython's standard library and what is frozen into it. What was installed beside it counts. */
const RUNTIME_SCRIPT = /^(node:|internal\/|<frozen )|[\\/]lib(64)?[\\/]python\d+\.\d+[\\/](?!(site|dist)-packages[\\/])/i;
/** V8 says nothing of how it records: it records all. */
const ALL_RECORDED: AllocationSource = { by: 'recording', samplingInterval: null, unsureClasses: [], missing: null };

interface Calls {
  /** Index of a call by its id in the file. */
  readonly byId: Map<number, number>;
  readonly functionOf: number[];
  /** Index of the caller, −1 at the top. */
  readonly parent: number[];
}

const known = new WeakMap<Heap, Promise<AllocationSites | null>>();

/** Null when the snapshot has none. Reads the file a second time, once. Throws HeapFormatError. */
export function allocationSites(heap: Heap, run?: RunOptions): Promise<AllocationSites | null> {
  let reading = known.get(heap);
  if (!reading) {
    known.set(heap, (reading = readSites(heap, run)));
    // A cancelled or failed reading is begun anew by the next question.
    reading.catch(() => known.delete(heap));
  }
  return reading;
}

async function readSites(heap: Heap, run: RunOptions | undefined): Promise<AllocationSites | null> {
  if (!heap.header.nodeFields.includes('trace_node_id')) return null;
  const traceOf = new Uint32Array(heap.nodeCount);
  let infoFields: readonly string[] = [];
  let functions: number[] = [];
  let calls: Calls | null = null;
  const source = await openSource(heap.path);
  try {
    const pacer = createPacer(quiet(run), 'reading', source.fileBytes);
    await expectByte(source, '{', 'the snapshot');
    for (let first = true; (await peek(source)) !== 0x7d; first = false) {
      if (!first) await expectByte(source, ',', 'the list of sections');
      const key = await readKey(source);
      await expectByte(source, ':', 'the list of sections');
      if (key === 'snapshot') infoFields = infoFieldsOf(await readObject(source, 'the "snapshot" section'));
      else if (key === 'nodes') await readTraceColumn(source, heap, traceOf, pacer);
      else if (key === 'trace_function_infos') functions = await readNumbers(source, key, MAX_FUNCTIONS * Math.max(1, infoFields.length), pacer);
      else if (key === 'trace_tree') calls = await readCalls(source, pacer);
      // Strings come last and are in memory already.
      else if (key === 'strings') break;
      else await skipValue(source, `"${key}"`, () => (pacer.due() ? pacer.pause(source.consumed()) : undefined));
    }
  } catch (error) {
    // V8 writes the sections empty while it does not track.
    if (isHeapFormatError(error) && calls === null) return null;
    throw error;
  } finally {
    await source.close();
  }
  return calls === null || calls.byId.size === 0 || infoFields.length === 0 ? null : sitesOf(heap, traceOf, functions, infoFields, calls);
}

function infoFieldsOf(snapshot: unknown): readonly string[] {
  const meta = (snapshot as { meta?: { trace_function_info_fields?: unknown } } | null)?.meta;
  const fields = meta?.trace_function_info_fields;
  return Array.isArray(fields) && fields.length <= 64 && fields.every((field) => typeof field === 'string') ? (fields as string[]) : [];
}

async function readTraceColumn(source: ByteSource, heap: Heap, traceOf: Uint32Array, pacer: Pacer): Promise<void> {
  const width = heap.header.nodeFields.length;
  const at = heap.header.nodeFields.indexOf('trace_node_id');
  let node = 0;
  await eachBlock(source, 'nodes', width * 2_048, pacer, (block, count) => {
    for (let i = at; i < count && node < traceOf.length; i += width) traceOf[node++] = block[i]!;
  });
}

async function readNumbers(source: ByteSource, section: string, most: number, pacer: Pacer): Promise<number[]> {
  const numbers: number[] = [];
  await eachBlock(source, section, 8_192, pacer, (block, count) => {
    if (numbers.length + count > most) throw heapFormatError('too-large', `"${section}" has more than ${most} numbers`, source.base + source.pos);
    for (let i = 0; i < count; i++) numbers.push(block[i]!);
  });
  return numbers;
}

/** A list of whole numbers, a block at a time; every block but the last is full. */
async function eachBlock(source: ByteSource, section: string, blockLength: number, pacer: Pacer, take: (block: Uint32Array, count: number) => void): Promise<void> {
  await expectByte(source, '[', `"${section}"`);
  const scan = integerScan(section, blockLength);
  for (;;) {
    scanIntegers(scan, source.bytes, source.pos, wholeTokens(source.bytes, source.pos, source.end), source.base);
    source.pos = scan.pos;
    if (scan.done || scan.count === blockLength) {
      take(scan.block, scan.count);
      scan.count = 0;
      scan.wide = [];
      if (scan.done) return;
      continue;
    }
    if (pacer.due()) await pacer.pause(source.consumed());
    if (!(await source.refill())) throw truncated(source, `"${section}"`);
  }
}

/** `[id, function, count, size, [callees…], id, …]`, to any depth. */
async function readCalls(source: ByteSource, pacer: Pacer): Promise<Calls> {
  const calls: Calls = { byId: new Map(), functionOf: [], parent: [] };
  const above: number[] = [];
  let last = -1;
  let field = 0;
  let id = 0;
  let value = -1;
  const take = (): void => {
    if (value < 0) return;
    if (field === 0) id = value;
    if (field === 1) {
      last = calls.functionOf.push(value) - 1;
      calls.parent.push(above.at(-1) ?? -1);
      if (!calls.byId.has(id)) calls.byId.set(id, last);
      if (last > MAX_CALLS) throw heapFormatError('too-large', `"trace_tree" has more than ${MAX_CALLS} calls`, source.base + source.pos);
    }
    field++;
    value = -1;
  };
  await expectByte(source, '[', '"trace_tree"');
  above.push(-1);
  while (above.length > 0) {
    if (source.pos >= source.end) {
      if (pacer.due()) await pacer.pause(source.consumed());
      if (!(await source.refill())) throw truncated(source, '"trace_tree"');
    }
    const byte = source.bytes[source.pos++]!;
    if (byte >= 0x30 && byte <= 0x39) value = Math.max(0, value) * 10 + byte - 0x30;
    else {
      take();
      if (byte === 0x5b) {
        above.push(last);
        field = 0;
      } else if (byte === 0x5d) {
        above.pop();
        field = 0;
      } else if (byte !== 0x2c && byte > 0x20) throw heapFormatError('corrupt', '"trace_tree" must be lists of whole numbers', source.base + source.pos);
    }
  }
  return calls;
}

function sitesOf(heap: Heap, traceOf: Uint32Array, functions: readonly number[], fields: readonly string[], { byId, functionOf, parent }: Calls): AllocationSites {
  const width = fields.length;
  const field = (info: number, name: string): number => {
    const at = fields.indexOf(name);
    return at < 0 ? 0 : (functions[info * width + at] ?? 0);
  };
  const text = (string: number): string => (string < heap.strings.count ? textOf(heap.strings, string, NAME_CHARS) : '');
  const frames = new Map<number, AllocationFrame>();
  const frameOf = (info: number): AllocationFrame => {
    let frame = frames.get(info);
    if (!frame) {
      // Line and column are counted from 1 in the file; 0: not known.
      frames.set(info, (frame = { functionName: text(field(info, 'name')) || '(anonymous)', script: text(field(info, 'script_name')), line: field(info, 'line'), column: field(info, 'column') }));
    }
    return frame;
  };
  /** Function 0 is the root of all calls. */
  const infosOf = (trace: number): number[] => {
    const found: number[] = [];
    for (let at = byId.get(trace) ?? -1; at >= 0 && found.length < MAX_FRAMES; at = parent[at]!) {
      const info = functionOf[at]!;
      if (info > 0 && (info + 1) * width <= functions.length) found.push(info);
    }
    return found;
  };

  const source = heap.header.allocations ?? ALL_RECORDED;
  const hundredths = source.by === 'sampling' ? heap.extra.get('sample_weight') : undefined;
  const names = [source.by === 'sampling' ? NOT_SAMPLED : NOT_RECORDED];
  const frameOfGroup: (AllocationFrame | null)[] = [null];
  const numbers = new Map<string, number>();
  const groupOfTrace = new Map<number, number>([[0, 0]]);
  const groupOf = (trace: number): number => {
    let group = groupOfTrace.get(trace);
    if (group === undefined) {
      const stack = infosOf(trace).map(frameOf);
      const frame = stack.find(({ script }) => script !== '' && !RUNTIME_SCRIPT.test(script)) ?? stack[0];
      const name = frame ? siteName(frame) : null;
      group = name === null ? 0 : numbers.get(name);
      if (group === undefined) {
        group = names.push(name!) - 1;
        frameOfGroup.push(frame!);
        numbers.set(name!, group);
      }
      groupOfTrace.set(trace, group);
    }
    return group;
  };
  // All names have to be there before anybody counts.
  for (const trace of traceOf) groupOf(trace);
  const groupOfNode = (node: number): number => groupOf(traceOf[node] ?? 0);
  const weight = (node: number): number => (groupOfNode(node) === 0 ? 0 : hundredths ? hundredths[node]! / 100 : 1);
  return {
    source,
    stack: (node) => infosOf(traceOf[node] ?? 0).map(frameOf),
    site: (node) => frameOfGroup[groupOfNode(node)]!,
    weight,
    groups: { names, of: groupOfNode, ...(hundredths ? { weight } : {}) },
  };
}

/** `handle (/app/server.js:12:7)`; a Python frame has no column. */
export function siteName({ functionName, script, line, column }: AllocationFrame): string {
  if (script === '' && /^\(.*\)$/.test(functionName)) return functionName;
  const place = line > 0 ? `:${line}${column > 0 ? `:${column}` : ''}` : '';
  return `${functionName} (${script === '' ? 'no script' : `${script}${place}`})`;
}
