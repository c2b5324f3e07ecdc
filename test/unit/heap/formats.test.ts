import { gzipSync, zstdCompressSync } from 'node:zlib';

import { describe, expect, it } from 'vitest';

import type { Heap } from '#main/heap/heap.ts';
import { classRows } from '#main/heap/classes.ts';
import { openHeap } from '#main/heap/open.ts';
import { edgeName } from '#main/heap/node-names.ts';
import { stringOf } from '#main/heap/strings.ts';
import { parseNodes, snapshotText, tempFile } from '#test/fixtures/heap/build.ts';
import type { BuildOptions } from '#test/fixtures/heap/build.ts';

const TEXT = `root -> !app; app:10 (object App) -> .list list, ~old old, {table} t;
  list:20 (object Array) -> [0] a, [1] b; a@4294967294:3 (string) "text \u00e9 \u{1f600}"; b:4 (object B) -> $v a; old:5; t:6 (array)`;

/** All that a file says, in one comparable value. */
function contents(heap: Heap): unknown {
  const nodes = Array.from({ length: heap.nodeCount }, (_, node) => [
    heap.header.nodeKinds[heap.nodeKind[node]!],
    stringOf(heap, heap.nodeName[node]!),
    heap.nodeId[node],
    heap.shallow[node],
    Array.from({ length: heap.firstEdge[node + 1]! - heap.firstEdge[node]! }, (_, i) => {
      const edge = heap.firstEdge[node]! + i;
      return [heap.header.edgeKinds[heap.edgeKind[edge]! & 31], edgeName(heap, edge), heap.edgeTo[edge]];
    }),
  ]);
  return nodes;
}

async function open(options: BuildOptions, wrap = (text: string): string | Uint8Array => text): Promise<Heap> {
  return openHeap(tempFile(wrap(snapshotText(parseNodes(TEXT), options))));
}

describe('the same heap in every format', () => {
  const seven = ['type', 'name', 'id', 'self_size', 'edge_count', 'trace_node_id', 'detachedness'];
  const cases: [name: string, options: BuildOptions, wrap?: (text: string) => string | Uint8Array][] = [
    ['six fields on one line (V8 now)', {}],
    ['seven fields, a line per record (Node.js 20)', { fields: seven, layout: 'node20' }],
    ['five fields', { fields: ['type', 'name', 'id', 'self_size', 'edge_count'] }],
    ['fields in another order', { fields: ['edge_count', 'self_size', 'type', 'id', 'name'], edgeFields: ['to_node', 'type', 'name_or_index'] }],
    ['fields that nobody knows', { fields: [...seven, 'color'], edgeFields: ['type', 'name_or_index', 'to_node', 'weight'] }],
    ['pretty-printed with spaces everywhere (Julia)', { layout: 'pretty' }],
    ['strings first, header in the middle', { sections: ['strings', 'snapshot', 'edges', 'nodes'] }],
    ['header last', { sections: ['nodes', 'edges', 'locations', 'strings', 'snapshot'] }],
    ['no counts in the header', { header: { node_count: undefined, edge_count: undefined } }],
    ['a byte order mark', {}, (text) => `\ufeff${text}`],
    ['white space around', { layout: 'pretty' }, (text) => `\n \t${text}\r\n\n`],
    ['gzip', {}, (text) => gzipSync(text)],
    ['zstd', {}, (text) => zstdCompressSync(text)],
    ['gzip without counts', { header: { node_count: undefined, edge_count: undefined } }, (text) => gzipSync(text)],
  ];
  it.each(cases)('%s', async (_name, options, wrap) => {
    expect(contents(await open(options, wrap))).toEqual(contents(await open({})));
  });

  it('reads sections that it does not know, however deep', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const text = snapshotText(parseNodes(TEXT)).replace('"nodes":', `"scopes":[1,-2.5e3,{"a":"]}\\"["}],"deep":${deep},"flag":true,"nodes":`);
    expect(contents(await openHeap(tempFile(text)))).toEqual(contents(await open({})));
  });

  it('keeps extra node fields as columns', async () => {
    const heap = await open({ fields: ['type', 'name', 'id', 'self_size', 'edge_count', 'refcount', 'color'] });
    expect([...heap.extra.keys()]).toEqual(['refcount', 'color']);
    expect([...heap.extra.get('color')!]).toEqual(new Array(heap.nodeCount).fill(7));
  });

  it('does not wrap ids and sizes beyond 32 bits', async () => {
    const heap = await openHeap(tempFile(snapshotText(parseNodes('root -> a, b; a@281474976710655:8589934592; b:1'))));
    expect([...heap.nodeId]).toEqual([1, 281_474_976_710_655, 5]);
    expect([...heap.shallow]).toEqual([0, 8_589_934_592, 1]);
    expect(heap.shallowBytes).toBe(8_589_934_593);
  });
});

describe('strings', () => {
  const strings = ['', 'plain', 'quote " and \\ back', 'line\nbreak\u0000', '\u00e9\u{1f600}', 'x'.repeat(5_000), '\ud800 alone', '/\b\f\r\t'];
  const text = (list: readonly string[]): string =>
    snapshotText(parseNodes('root -> a')).replace(/"strings":\[.*\]/s, () => `"strings":${JSON.stringify(list)}`);

  it('come back as they were', async () => {
    const heap = await openHeap(tempFile(text(['<dummy>', '', 'a', ...strings])));
    expect(strings.map((_, i) => stringOf(heap, i + 3, 10_000))).toEqual(strings);
  });

  it('are cut with a mark, never within a pair', async () => {
    const heap = await openHeap(tempFile(text(['', 'abcdef', 'abc\u{1f600}def', 'a'])));
    expect(stringOf(heap, 1, 6)).toBe('abcdef');
    expect(stringOf(heap, 1, 4)).toBe('abc…');
    expect(stringOf(heap, 2, 5)).toBe('abc…');
    expect(stringOf(heap, 2, 6)).toBe('abc\u{1f600}…');
  });

  it('may be longer than a page of the table and than any buffer', async () => {
    const long = 'ab\\'.repeat(3_000_000);
    const heap = await openHeap(tempFile(text(['<dummy>', '', 'a', long, 'after'])));
    expect(stringOf(heap, 4)).toBe('after');
    expect(stringOf(heap, 3, 20)).toBe(`${long.slice(0, 19)}…`);
    expect(stringOf(heap, 3, 10_000_000)).toBe(long);
  });

  it('has no string beyond the last', async () => {
    const heap = await openHeap(tempFile(text(['', 'a', 'a'])));
    expect(() => stringOf(heap, 3)).toThrow(RangeError);
    expect(() => stringOf(heap, -1)).toThrow(RangeError);
  });

  it('stays fast with millions of small ones in a page', async () => {
    const many = Array.from({ length: 300_000 }, (_, i) => `n${i}`);
    const heap = await openHeap(tempFile(text(['<dummy>', '', 'a', ...many])));
    for (const i of [0, 1, 131_071, 299_999]) expect(stringOf(heap, i + 3)).toBe(`n${i}`);
  });
});

describe('what a snapshot of Python adds', () => {
  it('takes classes and sizes as the agent gives them', async () => {
    const heap = await openHeap(
      tempFile(
        snapshotText(
          parseNodes(`root -> [0] mods; mods:0 (synthetic) "(modules)" -> .m m; m:80 (object module) "module __main__" -> {__dict__} d;
            d:200 (object dict) -> .s s, .t t; s:48 (object __main__.Session) "__main__.Session object"; t:50 (string str) "text"`),
          { python: true },
        ),
      ),
    );
    expect(heap.producer).toBe('cpython');
    const { rows } = await classRows(heap, { start: 0, end: 10, sort: { by: 'name', order: 'ascending' } });
    expect(rows.map(({ name, objects, shallowBytes }) => [name, objects, shallowBytes])).toEqual([
      ['__main__.Session', 1, 48],
      ['dict', 1, 200],
      ['module', 1, 80],
      ['str', 1, 50],
    ]);
  });
});
