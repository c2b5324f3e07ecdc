import { inSlices } from '../run.ts';
import { visibleChildren } from './accumulation.ts';
import { isClaimedAbove } from './claimed.ts';
import { collectionTest, entriesOf } from './collections.ts';
import type { Detector, RawFinding } from './detector.ts';
import { isWorthwhile } from './detector.ts';
import { amount, bytes, named, percent } from './words.ts';

const ENTRIES = 50_000;
const SHARE = 0.05;
const BYTES = 1 << 20;

export const oversizedCollections: Detector = {
  id: 'oversized-collections',
  title: 'Oversized collections',
  async detect(context) {
    const { heap, analysis, wholeBytes, claimed, run } = context;
    const isCollection = collectionTest(heap);
    const findings: RawFinding[] = [];
    await inSlices(run, 'aggregates', heap.nodeCount, 1 << 14, (from, to) => {
      for (let node = from; node < to; node++) {
        if (!isWorthwhile(analysis.retained[node]!, context, SHARE, BYTES) || claimed.has(node) || !isCollection(node) || isClaimedAbove(context, node)) continue;
        const entries = entriesOf(heap, node);
        if (entries < ENTRIES) continue;
        const held = analysis.retained[node]!;
        findings.push({
          key: String(heap.nodeId[node]),
          title: `${named(heap, node)} with ${amount(entries)} entries`,
          saw: `One collection has ${amount(entries)} entries and keeps ${bytes(held)} alive (${percent(held, wholeBytes)} of the heap); its own table takes ${bytes(heap.shallow[node]!)}.`,
          why: 'Collections of this size are slow to search if they are lists, and cost memory twice whenever they grow.',
          advice: 'Ask whether all of it must be in memory at once: a database, a file, an array of numbers or a bounded cache may do.',
          confidence: 'low',
          bytes: held,
          about: node,
          links: [{ label: 'Collection', ordinal: node }],
          ordinals: Uint32Array.from([node, ...visibleChildren(heap, analysis, node)]).sort(),
        });
      }
    });
    return findings;
  },
};
