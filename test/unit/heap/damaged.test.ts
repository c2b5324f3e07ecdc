import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { gzipSync } from 'node:zlib';

import { describe, expect, it } from 'vitest';

import { isHeapFormatError } from '#main/heap/errors.ts';
import type { HeapFormatError } from '#main/heap/errors.ts';
import { openHeap } from '#main/heap/open.ts';
import { parseNodes, snapshotText, tempFile } from '#test/fixtures/heap/build.ts';
import { mutant, tryFile } from '#test/fixtures/heap/mutate.ts';
import type { HeapErrorCode } from '#shared/model/heap.ts';

const TEXT = 'root -> !a, b; a:10 (object A) -> .x c, [1] b, ~w c; b:20 -> c; c:30 (string) "some text"';
const GOOD = snapshotText(parseNodes(TEXT), { locations: { a: [3, 4, 5] } });

/** A whole gzip file with a byte changed in the middle: its checksum no longer holds. */
function brokenGzip(): Uint8Array {
  const bytes = gzipSync(GOOD, { level: 0 });
  bytes[bytes.length >> 1]! ^= 1;
  return bytes;
}

async function failure(content: string | Uint8Array): Promise<HeapFormatError> {
  try {
    await openHeap(tempFile(content));
  } catch (error) {
    if (isHeapFormatError(error)) return error;
    throw error;
  }
  throw new Error('The file was opened');
}

describe('files that are no good', () => {
  const header = (change: object): string => snapshotText(parseNodes(TEXT), { header: change as Record<string, unknown> });
  const cases: [name: string, content: string | Uint8Array, code: HeapErrorCode, message: RegExp][] = [
    ['nothing', '', 'empty', /is empty/],
    ['white space', ' \n\n ', 'empty', /white space/],
    ['no JSON', 'hello', 'not-json', /begins with "h"/],
    ['binary', new Uint8Array([0, 1, 2, 3]), 'not-json', /byte 0x00/],
    ['a list', '[1,2,3]', 'not-a-snapshot', /JSON list/],
    ['another object', '{"a":1,"b":[{"c":"]"}]}', 'not-a-snapshot', /no "snapshot" section/],
    ['a CPU profile', '{"nodes":[{"id":1,"children":[2]}],"samples":[1,2]}', 'not-a-snapshot', /no "snapshot" section/],
    ['an empty object', '{}', 'not-a-snapshot', /no "snapshot" section/],
    ['a snapshot without meta', '{"snapshot":{},"nodes":[],"edges":[],"strings":[]}', 'not-a-snapshot', /no "meta"/],
    ['a snapshot that is a number', '{"snapshot":5}', 'not-a-snapshot', /not an object/],
    ['missing edges', GOOD.replace('"edges":', '"wedges":'), 'not-a-snapshot', /"edges" is missing/],
    ['missing fields', GOOD.replace('"self_size"', '"size"'), 'unsupported', /lacks "self_size"/],
    ['no types', GOOD.replace(/"node_types":\[\[/, '"node_types":[["x"],['), 'corrupt', /type/],
    ['a billion nodes declared', header({ node_count: 1e9 }), 'truncated', /1,000,000,000 nodes/],
    ['1e15 nodes declared', header({ node_count: 1e15 }), 'too-large', /1,000,000,000,000,000 nodes/],
    ['1e15 edges declared', header({ edge_count: 1e15 }), 'too-large', /edges/],
    ['a negative count', header({ node_count: -4 }), 'corrupt', /not a count/],
    ['a count that is text', header({ node_count: '4' }), 'corrupt', /not a count/],
    ['fewer nodes declared', header({ node_count: 2 }), 'corrupt', /more nodes than the 2/],
    ['more nodes declared', header({ node_count: 5 }), 'corrupt', /declares 5 nodes, but there are 4/],
    ['more edges declared', header({ edge_count: 7 }), 'corrupt', /declares 7 edges, but there are 6/],
    ['a root that is no node', header({ root_index: 600 }), 'corrupt', /root is node 100/],
    ['a root within a node', header({ root_index: 1 }), 'corrupt', /not the start of a node/],
    ['an edge to nowhere', GOOD.replace(/"edges":\[\d+,\d+,\d+/, '"edges":[2,1,600'), 'corrupt', /target of edge 0/],
    ['an edge into a node', GOOD.replace(/"edges":\[\d+,\d+,\d+/, '"edges":[2,1,7'), 'corrupt', /middle of a node/],
    ['an unknown edge type', GOOD.replace(/"edges":\[\d+/, '"edges":[7'), 'corrupt', /type 7 of edge 0/],
    ['a name beyond the strings', GOOD.replace(/"edges":\[\d+,\d+/, '"edges":[2,99'), 'corrupt', /name of edge 0/],
    ['a node name beyond the strings', GOOD.replace(/"nodes":\[9,\d+/, '"nodes":[9,99'), 'corrupt', /name of node 0/],
    ['an unknown node type', GOOD.replace('"nodes":[9', '"nodes":[99'), 'corrupt', /type 99 of node 0/],
    ['a negative number', GOOD.replace('"nodes":[9', '"nodes":[-9'), 'corrupt', /negative/],
    ['a fraction', GOOD.replace('"nodes":[9', '"nodes":[9.5'), 'corrupt', /whole numbers/],
    ['a string among numbers', GOOD.replace('"nodes":[9', '"nodes":["9"'), 'corrupt', /whole numbers/],
    ['two commas', GOOD.replace('"nodes":[9,', '"nodes":[9,,'), 'corrupt', /whole numbers/],
    ['a comma at the end', GOOD.replace(/(\d)\],"edges"/, '$1,],"edges"'), 'corrupt', /whole numbers/],
    ['no comma', GOOD.replace('"nodes":[9,', '"nodes":[9 '), 'corrupt', /whole numbers/],
    ['a number without end', GOOD.replace('"nodes":[9', `"nodes":[${'9'.repeat(100)}`), 'corrupt', /beyond 2\^53/],
    ['a number of a megabyte', GOOD.replace('"nodes":[9', `"nodes":[${'9'.repeat(3e6)}`), 'corrupt', /64 KiB|2\^53/],
    ['half a record', GOOD.replace(/,\d+\],"edges"/, '],"edges"'), 'corrupt', /within a record/],
    ['nodes twice', GOOD.replace('"samples"', '"nodes"'), 'corrupt', /comes twice/],
    ['nodes that are an object', GOOD.replace(/"nodes":\[[^\]]*\]/, '"nodes":{}'), 'corrupt', /not a list/],
    ['strings that are numbers', GOOD.replace('"strings":[', '"strings":[1,'), 'corrupt', /list of strings/],
    ['something behind the end', `${GOOD} {}`, 'corrupt', /follows the end/],
    ['a location of no node', GOOD.replace(/"locations":\[\d+/, '"locations":[5'), 'corrupt', /Location 0/],
    ['half a gzip file', gzipSync(GOOD).subarray(0, 300), 'truncated', /gzip/],
    ['a broken gzip file', brokenGzip(), 'corrupt', /gzip/],
    ['gzip of something else', gzipSync('hello'), 'not-json', /begins with "h"/],
  ];
  it.each(cases)('%s', async (_name, content, code, message) => {
    const error = await failure(content);
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  it('says where', async () => {
    const at = GOOD.indexOf('"nodes":[') + 9;
    expect((await failure(GOOD.replace('"nodes":[9', '"nodes":[x'))).byteOffset).toBe(at);
  });

  it('names a file that is not there, and a folder', async () => {
    await expect(openHeap('/nowhere/at/all.heapsnapshot')).rejects.toMatchObject({ code: 'io' });
    await expect(openHeap(mkdtempSync(`${tmpdir()}/heaphouse-test-`))).rejects.toMatchObject({ code: 'io' });
  });
});

describe('truncated files', () => {
  it('are refused at every byte, as truncated wherever the snapshot had begun', async () => {
    const start = GOOD.indexOf('"nodes"');
    for (let length = 1; length < GOOD.length; length += length < start ? 37 : 3) {
      const error = await failure(GOOD.slice(0, length));
      expect(error.code, `${length} bytes`).toMatch(/^truncated$/);
    }
  });
});

describe('mutated files', () => {
  /** The beginning of what `npm run fuzz` does at length. */
  it('open as JSON.parse reads them or are refused, whatever is in them (fixed seed, some seconds)', async () => {
    const deadline = performance.now() + 8_000;
    let cases = 0;
    let opened = 0;
    for (; cases < 3_000 && performance.now() < deadline; cases++) {
      const content = mutant(7, cases);
      const started = performance.now();
      try {
        if (await tryFile(tempFile(content), content)) opened++;
      } catch (error) {
        throw new Error(`npm run fuzz -- --seed 7 --case ${cases}: ${String(error)}`, { cause: error });
      }
      expect(performance.now() - started).toBeLessThan(2_000);
    }
    expect(cases).toBeGreaterThan(500);
    expect(opened).toBeGreaterThan(0);
  }, 20_000);
});
