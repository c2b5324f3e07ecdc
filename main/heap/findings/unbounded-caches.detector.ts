import { NONE, EDGE_KIND } from '../heap.ts';
import { edgeName } from '../node-names.ts';
import { RETAINER_SOURCE } from '../analysis.ts';
import { retainerEdge } from '../object.ts';
import { className } from '../class-names.ts';
import { inSlices } from '../run.ts';
import { visibleChildren } from './accumulation.ts';
import { collectionTest, entriesOf } from './collections.ts';
import type { Detector, RawFinding } from './detector.ts';
import { isWorthwhile } from './detector.ts';
import { amount, bytes, named, percent } from './words.ts';

const ENTRIES = 1_000;
const SHARE = 0.02;
const BYTES = 512 * 1024;
/** With an earlier snapshot: a cache whose entries grew by less than this is bounded, as far as was seen. */
const GROWN = 0.05;
const CACHE_NAME = /cache|memo(?!ry)|lookup/i;
/** Holders whose edge is looked at for a name. */
const MAX_HOLDERS = 8;
const MAX_EDGES = 5_000;

export const unboundedCaches: Detector = {
  id: 'unbounded-caches',
  title: 'Caches without a bound',
  async detect(context) {
    const { heap, analysis, comparison, wholeBytes, claimed, run } = context;
    const isCollection = collectionTest(heap);
    const findings: RawFinding[] = [];
    const nameOf = (node: number): string | null => {
      const { firstRetainer, retainer } = analysis;
      const end = Math.min(firstRetainer[node + 1]!, firstRetainer[node]! + MAX_HOLDERS);
      for (let at = firstRetainer[node]!; at < end; at++) {
        const source = retainer[at]! & RETAINER_SOURCE;
        if (heap.producer === 'cpython' && className(heap, heap.classOf[source]!, 40) === 'functools._lru_cache_wrapper') return 'the cache of functools.lru_cache';
        if (heap.firstEdge[source + 1]! - heap.firstEdge[source]! > MAX_EDGES) continue;
        const edge = retainerEdge(heap, analysis, node, at);
        const kind = heap.edgeKind[edge]! & EDGE_KIND;
        if (kind !== heap.kinds.edgeProperty && kind !== heap.kinds.edgeContext) continue;
        const name = edgeName(heap, edge, 80);
        if (CACHE_NAME.test(name)) return `“${name}”`;
      }
      return null;
    };
    await inSlices(run, 'aggregates', heap.nodeCount, 1 << 13, (from, to) => {
      for (let node = from; node < to; node++) {
        if (!isWorthwhile(analysis.retained[node]!, context, SHARE, BYTES) || claimed.has(node) || !isCollection(node)) continue;
        const entries = entriesOf(heap, node);
        if (entries < ENTRIES) continue;
        const name = nameOf(node);
        if (name === null) continue;
        const old = comparison ? comparison.baseOf[node]! : NONE;
        const more = comparison && old !== NONE ? entries - entriesOf(comparison.base, old) : null;
        if (more !== null && more < entries * GROWN) continue;
        const held = analysis.retained[node]!;
        findings.push({
          key: String(heap.nodeId[node]),
          title: `${name} has ${amount(entries)} entries`,
          saw:
            `The ${named(heap, node)} called ${name} has ${amount(entries)} entries and keeps ${bytes(held)} alive (${percent(held, wholeBytes)}).` +
            (more === null ? '' : ` ${amount(more)} of them were added since the earlier snapshot.`),
          why: 'A cache that only adds is a leak with a good intention: it helps at first and then fills the memory.',
          advice: 'Give it a largest size (functools.lru_cache(maxsize=…), an LRU map), an age after which entries go, or weak references.',
          confidence: more === null ? 'low' : 'high',
          bytes: held,
          about: node,
          links: [{ label: 'Cache', ordinal: node }],
          ordinals: Uint32Array.from(visibleChildren(heap, analysis, node)).sort(),
        });
      }
    });
    return findings;
  },
};
