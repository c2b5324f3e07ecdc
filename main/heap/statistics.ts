import type { HeapStatistics, StatisticsPart } from '#shared/model/heap-explore.ts';

import { className } from './class-names.ts';
import { quiet } from './filter.ts';
import type { Heap } from './heap.ts';
import { inSlices } from './run.ts';
import type { RunOptions } from './run.ts';

/** Composition of a heap by kind. Every byte is in exactly one part. */

const LABELS: Record<StatisticsPart, string> = {
  objects: 'Objects',
  strings: 'Strings',
  arrays: 'Arrays and tables',
  containers: 'Dicts, lists, tuples, sets',
  code: 'Functions and code',
  numbers: 'Numbers',
  native: 'Buffers and native objects',
  system: 'The runtime itself',
  external: 'Other native memory',
};

const PYTHON_CONTAINERS = new Set(['dict', 'list', 'tuple', 'set', 'frozenset', 'collections.deque', 'collections.OrderedDict', 'collections.defaultdict']);
const PYTHON_SYSTEM = new Set(['type', 'module', 'getset_descriptor', 'member_descriptor', 'wrapper_descriptor', 'method_descriptor', 'weakref.ReferenceType', 'cell', 'frame', 'builtin_function_or_method']);

/** O(nodes). */
export async function heapStatistics(heap: Heap, run?: RunOptions): Promise<HeapStatistics> {
  const parts = new Map<StatisticsPart, { objects: number; bytes: number }>();
  const kinds = heap.header.nodeKinds.map((kind) => ({ kind, objects: 0, bytes: 0 }));
  const add = (part: StatisticsPart, bytes: number): void => {
    const entry = parts.get(part) ?? { objects: 0, bytes: 0 };
    entry.objects++;
    entry.bytes += bytes;
    parts.set(part, entry);
  };
  const partOfClass = new Map<number, StatisticsPart>();
  const partOf = (node: number): StatisticsPart => {
    const kind = heap.header.nodeKinds[heap.nodeKind[node]!]!;
    if (kind !== 'object') return KINDS[kind] ?? 'objects';
    const index = heap.classOf[node]!;
    let part = partOfClass.get(index);
    if (!part) partOfClass.set(index, (part = objectPart(heap, className(heap, index))));
    return part;
  };
  await inSlices(quiet(run), 'aggregates', heap.nodeCount, 1 << 15, (from, to) => {
    for (let node = from; node < to; node++) {
      const bytes = heap.shallow[node]!;
      if (bytes === 0) continue;
      const kind = kinds[heap.nodeKind[node]!]!;
      kind.objects++;
      kind.bytes += bytes;
      add(partOf(node), bytes);
    }
  });
  const external = heap.header.extraNativeBytes;
  const rows = [...parts].map(([part, entry]) => ({ part, label: LABELS[part], ...entry }));
  if (external > 0) rows.push({ part: 'external', label: LABELS.external, objects: 0, bytes: external });
  return {
    totalBytes: heap.shallowBytes + external,
    rows: rows.sort((a, b) => b.bytes - a.bytes),
    kinds: kinds.filter(({ objects }) => objects > 0).sort((a, b) => b.bytes - a.bytes),
  };
}

const KINDS: Partial<Record<string, StatisticsPart>> = {
  string: 'strings',
  'concatenated string': 'strings',
  'sliced string': 'strings',
  symbol: 'strings',
  array: 'arrays',
  code: 'code',
  closure: 'code',
  regexp: 'code',
  number: 'numbers',
  bigint: 'numbers',
  native: 'native',
  hidden: 'system',
  'object shape': 'system',
  synthetic: 'system',
};

function objectPart(heap: Heap, name: string): StatisticsPart {
  if (heap.producer !== 'cpython') {
    if (name.startsWith('system / ')) return 'system';
    return name === 'Array' || name === 'Map' || name === 'Set' ? 'arrays' : 'objects';
  }
  if (PYTHON_CONTAINERS.has(name)) return 'containers';
  return PYTHON_SYSTEM.has(name) ? 'system' : 'objects';
}
