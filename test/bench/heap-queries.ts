/**
 * First pages of what the views ask for, on an open and analysed snapshot: `node heap-queries.ts FILE…`. Each query is
 * asked once, as a person does, and once more for the next page. Milliseconds of processor time of the thread that
 * answers, which a busy machine does not stretch.
 */
import { basename } from 'node:path';

import { analyseHeap } from '#main/heap/analyse.ts';
import { classRows, nodesOfClass } from '#main/heap/classes.ts';
import { instanceRows, nodeSetRows, searchNodes } from '#main/heap/nodes.ts';
import { dominatedRows, fieldRows, retainerRows } from '#main/heap/object.ts';
import { openHeap } from '#main/heap/open.ts';
import { pathsToRoot } from '#main/heap/paths.ts';

const files = process.argv.slice(2);
if (files.length === 0) throw new Error('usage: heap-queries.ts FILE…');

function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

for (const file of files) {
  const heap = await openHeap(file);
  const analysis = await analyseHeap(heap);
  const { classes, nodeCount } = heap;
  const most = (count: number, value: (i: number) => number): number => {
    let best = 0;
    for (let i = 1; i < count; i++) if (value(i) > value(best)) best = i;
    return best;
  };
  const largestClass = most(classes.count, (i) => classes.objects[i]!);
  const mostRetainers = most(nodeCount, (i) => analysis.firstRetainer[i + 1]! - analysis.firstRetainer[i]!);
  const mostFields = most(nodeCount, (i) => heap.firstEdge[i + 1]! - heap.firstEdge[i]!);
  const everything = Uint32Array.from({ length: nodeCount }, (_, i) => i);
  const last = nodesOfClass(heap, largestClass).at(-1)!;

  const queries: Record<string, (start: number) => Promise<unknown>> = {
    classes: (start) => classRows(heap, { start, end: start + 100 }),
    'instances, by retained size': (start) => instanceRows(heap, largestClass, { start, end: start + 100 }),
    'instances, by shallow size': (start) => instanceRows(heap, largestClass, { start, end: start + 100, sort: { by: 'shallowBytes', order: 'ascending' } }),
    'instances, by distance': (start) => instanceRows(heap, largestClass, { start, end: start + 100, sort: { by: 'distance', order: 'ascending' } }),
    'instances, by id': (start) => instanceRows(heap, largestClass, { start, end: start + 100, sort: { by: 'id', order: 'descending' } }),
    'instances, by name': (start) => instanceRows(heap, largestClass, { start, end: start + 100, sort: { by: 'name', order: 'ascending' } }),
    'all objects, by retained size': (start) => nodeSetRows(heap, everything, { start, end: start + 100 }),
    'text search': (start) => searchNodes(heap, 'session', { start, end: start + 100 }),
    'regex search, end': (start) => searchNodes(heap, '/token$/', { start, end: start + 100 }),
    'regex search': (start) => searchNodes(heap, '/se[rs]s?/i', { start, end: start + 100 }),
    'most retainers': (start) => retainerRows(heap, mostRetainers, { start, end: start + 100 }),
    'most fields': (start) => fieldRows(heap, mostFields, { start, end: start + 100 }),
    'dominated by the root': (start) => dominatedRows(heap, heap.root, { start, end: start + 100 }),
    'paths to the root': () => pathsToRoot(heap, last, { limit: 10 }),
  };
  const rows: Record<string, Record<string, number>> = {};
  for (const [name, ask] of Object.entries(queries)) {
    const times: number[] = [];
    for (const start of [0, 100]) {
      const before = threadMs();
      await ask(start);
      times.push(Math.round((threadMs() - before) * 10) / 10);
    }
    rows[name] = { 'first page ms': times[0]!, 'next page ms': times[1]! };
  }
  console.log(`${basename(file)}: ${nodeCount.toLocaleString('en-US')} nodes, ${classes.objects[largestClass]!.toLocaleString('en-US')} of the largest class`);
  console.table(rows);
}
