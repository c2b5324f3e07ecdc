import { describe, expect, it } from 'vitest';

import { analyseHeap } from '#main/heap/analyse.ts';
import { classRows } from '#main/heap/classes.ts';
import type { Heap } from '#main/heap/heap.ts';
import { openHeap } from '#main/heap/open.ts';
import { pathsToRoot } from '#main/heap/paths.ts';
import { tempFile } from '#test/fixtures/heap/build.ts';

/**
 * Small files in the shape that other producers' own sources write: the fields, kinds and sections, the white space
 * between them, and what they leave out. Each holds one object of 100 bytes that keeps one of 50.
 */
const V8_NODE_KINDS = '"hidden","array","string","object","code","closure","regexp","number","native","synthetic","concatenated string","sliced string","symbol","bigint"';
const V8_EDGE_KINDS = '"context","element","property","internal","hidden","shortcut","weak"';

/** src/gc-heap-snapshot.cpp: kinds in the order they were met, addresses as ids, a line per record, three sections only. */
const JULIA = `{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count","trace_node_id","detachedness"],"node_types":[["synthetic","object","symbol","jl_task_t","array"],"string", "number", "number", "number", "number", "number"],"edge_fields":["type","name_or_index","to_node"],"edge_types":[["internal","property","element","hidden"],"string_or_number","from_node"]},
"node_count":5,"edge_count":5},
"nodes":[0,0,0,0,1,0,0
,3,1,140234567890128,64,1,0,0
,1,2,140234567890432,100,2,0,0
,4,3,140234567894528,50,0,0,0
,1,4,140234567898624,30,1,0,0
],
"edges":[0,5,7
,0,6,14
,1,7,21
,3,4,28
,2,0,21
],
"strings":["GC roots",
"Task",
"Main.Session",
"Array{UInt8, 1}",
"<malloc>",
"root",
"<internal>",
"data"]}`;

/** The same, taken apart while it is taken (the streaming writer), and put together by a script that indents. */
const JULIA_INDENTED = JSON.stringify(JSON.parse(JULIA), null, 2);

/** BunV8HeapSnapshotBuilder: V8's layout with seven fields, an empty string first, a space in one of the empty sections. */
const BUN = `{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count","trace_node_id","detachedness"],"node_types":[[${V8_NODE_KINDS},"object shape"],"string","number","number","number","number","number"],"edge_fields":["type","name_or_index","to_node"],"edge_types":[[${V8_EDGE_KINDS}],"string_or_number","node"],"trace_function_info_fields":["function_id","name","script_name","script_id","line","column"],"trace_node_fields":["id","function_info_index","count","size","children"],"sample_fields":["timestamp_us","last_assigned_id"],"location_fields":["object_index","script_id","line","column"]},"node_count":4,"edge_count":4,"trace_function_count":0},"nodes":[9,0,0,0,1,0,0,3,1,1,64,1,0,0,3,2,2,100,2,0,0,3,3,3,50,0,0,0],
"edges":[1,1,7,2,4,14,2,5,21,3,6,21],
"trace_function_infos":[],
"trace_tree": [],
"samples":[],
"locations":[],
"strings":["","GlobalObject","Session","Uint8Array","session","data","butterfly"]
}
`;

/** V8HeapSnapshot of Hermes: six fields without detachedness, counts of 0, no fields of traces, samples and locations. */
const HERMES = `{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count","trace_node_id"],"node_types":[[${V8_NODE_KINDS}],"string","number","number","number","number"],"edge_fields":["type","name_or_index","to_node"],"edge_types":[[${V8_EDGE_KINDS}],"string_or_number","node"],"trace_function_info_fields":[],"trace_node_fields":[],"sample_fields":[],"location_fields":[]},"node_count":0,"edge_count":0,"trace_function_count":0},"nodes":[9,0,1,0,1,0,9,1,3,0,1,0,3,2,24,100,1,0,1,3,26,50,0,0],"edges":[1,1,6,1,0,12,2,4,18],"trace_function_infos":[],"trace_tree":[],"samples":[],"locations":[],"strings":["(GC Roots)","(Registers)","Session","ArrayStorage","data"]}`;

async function rows(heap: Heap): Promise<Record<string, number[]>> {
  const page = await classRows(heap, { start: 0, end: 100 });
  return Object.fromEntries(page.rows.map(({ name, objects, shallowBytes, retainedBytes }) => [name, [objects, shallowBytes, retainedBytes ?? -1]]));
}

describe('snapshots of other producers', () => {
  it.each([
    ['Julia', JULIA, 'other', { 'Main.Session': [1, 100, 180], '(array)': [1, 50, 50] }],
    ['Julia, indented', JULIA_INDENTED, 'other', { 'Main.Session': [1, 100, 180], '(array)': [1, 50, 50] }],
    ['Bun', BUN, 'v8', { Session: [1, 100, 150], Uint8Array: [1, 50, 50] }],
    ['Hermes', HERMES, 'v8', { Session: [1, 100, 150], '(array)': [1, 50, 50] }],
  ] as const)('%s', async (_name, text, producer, expected) => {
    for (const helper of ['never', 'always'] as const) {
      const heap = await openHeap(tempFile(text), { helper, edgeBlockBytes: 16 });
      expect(heap.producer).toBe(producer);
      const analysis = await analyseHeap(heap);
      expect(analysis.retained[heap.root]).toBe(heap.shallowBytes);
      expect(await rows(heap)).toMatchObject(expected);
      expect((await pathsToRoot(heap, heap.nodeCount - 1, { limit: 10 })).paths.length).toBeGreaterThan(0);
    }
  });
});

describe('sizes beyond 4 GiB', () => {
  it('do not wrap, neither one nor their sum', async () => {
    const large = HERMES.replace(',100,1,0', ',4294967295,1,0').replace(',50,0,0', ',4294967294,0,0');
    const heap = await openHeap(tempFile(large));
    const { retained } = await analyseHeap(heap);
    expect(heap.shallowBytes).toBe(8_589_934_589);
    expect([...retained]).toEqual([8_589_934_589, 8_589_934_589, 8_589_934_589, 4_294_967_294]);
    expect(await rows(heap)).toMatchObject({ Session: [1, 4_294_967_295, 8_589_934_589] });
  });

  it('take 32 bits while the sum fits, the last byte included', async () => {
    const full = HERMES.replace(',100,1,0', ',4294967000,1,0').replace(',50,0,0', ',295,0,0');
    const { retained } = await analyseHeap(await openHeap(tempFile(full)));
    expect(retained).toBeInstanceOf(Uint32Array);
    expect(retained[0]).toBe(4_294_967_295);
    const over = HERMES.replace(',100,1,0', ',4294967000,1,0').replace(',50,0,0', ',296,0,0');
    expect((await analyseHeap(await openHeap(tempFile(over)))).retained[0]).toBe(4_294_967_296);
  });
});
