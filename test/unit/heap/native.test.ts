import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, describe, expect, it } from 'vitest';

import { analyseHeap } from '#main/heap/analyse.ts';
import { isHeapFormatError } from '#main/heap/errors.ts';
import { matchStrings, textFilter } from '#main/heap/filter.ts';
import { native, useNative } from '#main/heap/native.ts';
import { openHeap } from '#main/heap/open.ts';
import type { OpenOptions } from '#main/heap/open.ts';
import { cutAt } from '#main/heap/strings.ts';
import { snapshotText, parseNodes, tempFile } from '#test/fixtures/heap/build.ts';
import { mulberry32, writeSyntheticSnapshot } from '#test/fixtures/heap/generate.ts';
import { largeSnapshot } from '#test/fixtures/heap/large.ts';
import { mutant } from '#test/fixtures/heap/mutate.ts';

/** The native loops beside the TypeScript they stand for: the same columns, the same errors, and nothing on bad arguments. */
const available = useNative(true);
const folder = mkdtempSync(join(tmpdir(), 'heaphouse-native-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  useNative(true);
});

/** Every column, or the error that the file is refused with. */
async function outcome(file: string, natively: boolean, options: OpenOptions): Promise<Record<string, unknown>> {
  useNative(natively);
  try {
    const heap = await openHeap(file, options);
    const analysis = await analyseHeap(heap);
    const { nodeKind, nodeName, nodeId, shallow, detachedness, firstEdge, edgeKind, edgeName, edgeTo, classOf, classes, extra, strings } = heap;
    const nodes = { nodeKind, nodeName, nodeId, nodeShallow: shallow, detachedness, firstEdge, edgeKind, edgeName, edgeTo, classOf };
    return { ...analysis, ...nodes, ...classes, extra, starts: strings.starts };
  } catch (error) {
    if (!isHeapFormatError(error)) throw error;
    return { code: error.code, byteOffset: error.byteOffset, message: error.message };
  }
}

async function expectSame(file: string, options: OpenOptions = { helper: 'never' }): Promise<void> {
  const mine = await outcome(file, true, options);
  const reference = await outcome(file, false, options);
  expect(Object.keys(mine)).toEqual(Object.keys(reference));
  for (const [name, column] of Object.entries(reference)) expect(sameBytes(mine[name], column) || mine[name], name).toEqual(sameBytes(mine[name], column) || column);
}

/** Quicker than to compare columns number by number. */
function sameBytes(one: unknown, other: unknown): boolean {
  if (!ArrayBuffer.isView(one) || !ArrayBuffer.isView(other)) return false;
  const bytes = (view: ArrayBufferView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return one.constructor === other.constructor && Buffer.compare(bytes(one), bytes(other)) === 0;
}

const EDGE_KINDS = ['context', 'element', 'property', 'internal', 'hidden', 'shortcut', 'weak'];
const NODE_KINDS = ['hidden', 'array', 'string', 'object', 'code', 'closure', 'native', 'synthetic', 'object shape'];
const NAMES = ['', 'Object', '__proto__', 'sloppy_function_map', 'system / NativeContext', '(map descriptors)', '4', '7', '<div id="a">', 'Widget', 'a', 'b', 'c',
  '12 / part of key (K @3) -> value (V @5) pair in WeakMap (table @7)', '34 / part of key (K @3) -> value (V @5) pair in WeakMap (table @7)', 'long "quoted" \\ name é'];

/** Anything that is a snapshot: all kinds, unreachable parts, cycles, self edges, sizes beyond 32 bits now and then. */
function randomSnapshot(random: () => number): string {
  const below = (limit: number): number => Math.floor(random() * limit);
  const nodes = 1 + below(60);
  const detachedness = random() < 0.5;
  const fields = ['type', 'name', 'id', 'self_size', 'edge_count', ...(detachedness ? ['trace_node_id', 'detachedness'] : [])];
  const wide = random() < 0.2;
  const lines = random() < 0.5;
  const out = Array.from({ length: nodes }, () => [] as number[][]);
  for (let i = below(nodes * 6); i > 0; i--) {
    const kind = below(EDGE_KINDS.length);
    const numbered = kind === 1 || kind === 4;
    out[below(nodes)]!.push([kind, numbered ? below(40) : below(NAMES.length), below(nodes) * fields.length]);
  }
  const records = out.map((edges, node) => [
    node === 0 ? 7 : below(NODE_KINDS.length), below(NAMES.length), 2 * node + 1, wide && random() < 0.3 ? 2 ** 33 : below(200), edges.length, ...(detachedness ? [0, below(4)] : []),
  ]);
  const located = out.map((_, node) => node).filter(() => random() < 0.3);
  const locations = located.map((node) => [node * fields.length, below(2), below(3), below(3)]);
  const list = (rows: readonly (readonly number[])[]): string => rows.map((row) => row.join(',')).join(lines ? '\n,' : ',');
  const meta = {
    node_fields: fields, node_types: [NODE_KINDS], edge_fields: ['type', 'name_or_index', 'to_node'], edge_types: [EDGE_KINDS],
    location_fields: ['object_index', 'script_id', 'line', 'column'],
  };
  const snapshot = JSON.stringify({ meta, node_count: nodes, edge_count: out.flat().length });
  return `{"snapshot":${snapshot},\n"nodes":[${list(records)}],\n"edges":[${list(out.flat())}],\n"locations":[${list(locations)}],\n"strings":[${NAMES.map((name) => JSON.stringify(name)).join(',\n')}]}`;
}

describe.skipIf(!available)(`native loops${available ? '' : ' (skipped: not built on this system)'}`, () => {
  it('are in use', () => {
    expect(native()?.layout()).toBe(1);
  });

  it.each([1, 2, 3, 4])('do what TypeScript does on random graphs (%i)', async (seed) => {
    const random = mulberry32(seed);
    const file = join(folder, `random-${seed}.heapsnapshot`);
    for (let i = 0; i < 40; i++) {
      writeFileSync(file, randomSnapshot(random));
      await expectSame(file);
    }
  });

  it('do it on what Node.js writes, alone and with a second thread', async () => {
    const file = join(folder, 'node.heapsnapshot');
    execFileSync(process.execPath, ['-e', 'class A { constructor(i) { this.i = i; this.o = { a: i, b: 1 }; } } globalThis.all = Array.from({ length: 2000 }, (_, i) => new A(i)); require("v8").writeHeapSnapshot(process.argv[1])', file]);
    await expectSame(file);
    await expectSame(file, { helper: 'always', edgeBlockBytes: 1 << 14 });
  });

  it.each(['node20', 'node24'] as const)('do it on a service as %s writes it', async (style) => {
    const file = tempFile('');
    await writeSyntheticSnapshot(file, { nodes: 20_000, seed: 5, style });
    await expectSame(file);
    await expectSame(file, { helper: 'always', edgeBlockBytes: 4096 });
  });

  it.each(['list', 'double list', 'star'] as const)('do it on a %s of 100,000 nodes', async (shape) => {
    await expectSame(largeSnapshot({ nodes: 100_000, shape }));
  });

  it('refuse damaged files with the same words', async () => {
    const file = join(folder, 'damaged.heapsnapshot');
    for (let i = 0; i < 150; i++) {
      writeFileSync(file, mutant(11, i));
      await expectSame(file);
    }
  });

  it('decode what is searched: escapes, other alphabets, long texts', async () => {
    const pieces = ['a', 'token', '"', '\\', '\n', '\u0001', 'é', 'ÿ', 'ж', '漢', '😀', ' ', 'x'.repeat(600), '/'];
    const random = mulberry32(3);
    const texts = Array.from({ length: 3_000 }, () => Array.from({ length: Math.floor(random() * 6) }, () => pieces[Math.floor(random() * pieces.length)]!).join(''));
    const nodes = texts.map((_, i) => [3, i, 2 * i + 1, 8, i === 0 ? texts.length - 1 : 0].join(',')).join('\n,');
    const edges = texts.slice(1).map((_, i) => [1, i, 5 * (i + 1)].join(',')).join('\n,');
    const meta = { node_fields: ['type', 'name', 'id', 'self_size', 'edge_count'], node_types: [NODE_KINDS], edge_fields: ['type', 'name_or_index', 'to_node'], edge_types: [EDGE_KINDS] };
    const file = join(folder, 'texts.heapsnapshot');
    const escaped = texts.map((text, i) => (i % 3 === 0 ? JSON.stringify(text).replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`) : JSON.stringify(text)));
    writeFileSync(file, `{"snapshot":${JSON.stringify({ meta, node_count: texts.length, edge_count: texts.length - 1 })},"nodes":[${nodes}],"edges":[${edges}],"strings":[${escaped.join(',\n')}]}`);
    const heap = await openHeap(file);
    for (const text of ['/token$/', '/^a/', '/[^ -~]/', '/x{600}/', '/"|\\\\/', '/^$/', '/[ж漢]/', '/^.{3,9}$/s', 'token', '/é+x/']) {
      const pattern = /^\/(.*)\/(s?)$/.exec(text);
      const expected = texts.flatMap((name, i) => ((pattern ? new RegExp(pattern[1]!, pattern[2]) : /token/).test(cutAt(name, 1_000)) ? [i] : []));
      const ask = async (): Promise<number[]> => {
        const kept = await matchStrings(heap, textFilter(text)!);
        return [...kept.keys()].filter((i) => kept[i] === 1);
      };
      useNative(true);
      expect(await ask(), text).toEqual(expected);
      useNative(false);
      expect(await ask(), text).toEqual(expected);
    }
  });

  it('throw on arrays that do not fit, and touch nothing beyond them', () => {
    const loops = native()!;
    const four = new Uint32Array(4);
    expect(() => loops.scatter(four, four, new Uint32Array(2), 0, 9)).toThrow(RangeError);
    expect(() => loops.scatter(Uint32Array.of(7), four, new Uint32Array(2), 0, 1)).toThrow(RangeError);
    expect(() => loops.scatter(new Uint8Array(4) as never, four, four, 0, 4)).toThrow(TypeError);
    expect(() => loops.scatter(four, four, four, Number.NaN, 4)).toThrow(RangeError);
    expect(() => loops.retainers(Uint32Array.of(0, 9), new Uint8Array(1), Uint32Array.of(0), new Uint32Array(2), new Uint32Array(1), 0, 1)).toThrow(RangeError);
    expect(() => loops.retainers(Uint32Array.of(0, 1), new Uint8Array(1), Uint32Array.of(5), new Uint32Array(2), new Uint32Array(1), 0, 1)).toThrow(RangeError);
    expect(() => (loops.scatter as unknown as () => void)()).toThrow(TypeError);
  });

  it('are not there when they are turned off', async () => {
    useNative(false);
    expect(native()).toBeNull();
    const heap = await openHeap(tempFile(snapshotText(parseNodes('root -> a; a -> b'))));
    expect((await analyseHeap(heap)).retained.length).toBe(3);
  });
});
