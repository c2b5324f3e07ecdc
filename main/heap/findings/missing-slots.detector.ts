import { className } from '../class-names.ts';
import { EDGE_KIND, NONE } from '../heap.ts';
import type { Heap } from '../heap.ts';
import { edgeName } from '../node-names.ts';
import { nodesOfClass } from '../classes.ts';
import type { Detector, RawFinding } from './detector.ts';
import { amount, bytes, percent } from './words.ts';

const INSTANCES = 10_000;
const SHARE = 0.02;
const BYTES = 512 * 1024;
/**
 * Saved per instance without a dict of its own in the heap (CPython 3.11 on keeps values beside the object): the two
 * pointers for dict and weak references, and the head of the values. A low estimate.
 */
const INLINE_BYTES = 32;
/** Instances looked at for a dict of their own. */
const SAMPLE = 1_000;

export const missingSlots: Detector = {
  id: 'missing-slots',
  title: 'Instances where __slots__ would save most',
  only: 'cpython',
  detect({ heap, wholeBytes }) {
    const findings: RawFinding[] = [];
    for (let index = 0; index < heap.classes.count; index++) {
      const instances = heap.classes.objects[index]!;
      if (instances < INSTANCES || heap.header.nodeKinds[heap.classes.kind[index]!] !== 'object') continue;
      const nodes = nodesOfClass(heap, index);
      const type = typeOf(heap, nodes[0]!);
      if (type === NONE || !hasInstanceDict(heap, type)) continue;
      const saved = Math.round(savedPerInstance(heap, nodes) * instances);
      if (saved < BYTES || saved < wholeBytes * SHARE) continue;
      const name = className(heap, index, 160);
      findings.push({
        key: name,
        title: `__slots__ on ${name} would save about ${bytes(saved)}`,
        saw: `There are ${amount(instances)} instances of ${name}, each with room for any attribute. Without that room they would take about ${bytes(saved)} less (${percent(saved, wholeBytes)}).`,
        why: 'An instance without __slots__ carries a dict, or a table of values that can become one. For thousands of small objects that is a large part of them.',
        advice: `Declare __slots__ with the names of the attributes in ${name} (and in its base classes), or use @dataclass(slots=True). Instances then take no other attributes.`,
        confidence: 'medium',
        bytes: saved,
        about: -1,
        links: [{ label: 'Class', ordinal: type }, { label: 'An instance', ordinal: nodes[0]! }],
        ordinals: nodes,
      });
    }
    return Promise.resolve(findings);
  },
};

function typeOf(heap: Heap, node: number): number {
  for (let edge = heap.firstEdge[node]!; edge < heap.firstEdge[node + 1]!; edge++) {
    if ((heap.edgeKind[edge]! & EDGE_KIND) === heap.kinds.edgeInternal && edgeName(heap, edge, 16) === '__class__') return heap.edgeTo[edge]!;
  }
  return NONE;
}

/** A class whose instances take any attribute has the descriptor `__dict__`; one with __slots__ only has not. */
function hasInstanceDict(heap: Heap, type: number): boolean {
  for (let edge = heap.firstEdge[type]!; edge < heap.firstEdge[type + 1]!; edge++) {
    if ((heap.edgeKind[edge]! & EDGE_KIND) !== heap.kinds.edgeProperty || edgeName(heap, edge, 16) !== '__dict__') continue;
    return className(heap, heap.classOf[heap.edgeTo[edge]!]!, 40) === 'getset_descriptor';
  }
  return false;
}

function savedPerInstance(heap: Heap, nodes: Uint32Array): number {
  let saved = 0;
  const step = Math.max(1, Math.floor(nodes.length / SAMPLE));
  let looked = 0;
  for (let i = 0; i < nodes.length; i += step, looked++) {
    let own = INLINE_BYTES;
    const node = nodes[i]!;
    for (let edge = heap.firstEdge[node]!; edge < heap.firstEdge[node + 1]!; edge++) {
      if ((heap.edgeKind[edge]! & EDGE_KIND) === heap.kinds.edgeInternal && edgeName(heap, edge, 16) === '__dict__') own = heap.shallow[heap.edgeTo[edge]!]!;
    }
    saved += own;
  }
  return saved / Math.max(1, looked);
}
