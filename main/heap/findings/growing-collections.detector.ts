import { grownSurvivors } from '../grown-survivors.ts';
import { growthObjectsBelow } from './below.ts';
import { isClaimedAbove } from './claimed.ts';
import { collectionTest, entriesOf } from './collections.ts';
import type { Detector, RawFinding } from './detector.ts';
import { amount, bytes, percent, placed } from './words.ts';

/** A collection grows when it has that many entries more, that share of them is new, and it keeps that many new bytes. */
const MORE_ENTRIES = 100;
const NEW_SHARE = 0.1;
const NEW_BYTES = 64 * 1024;
/** Rows of the list of survivors that are looked at, largest growth first. */
const LOOKED_AT = 500;

export const growingCollections: Detector = {
  id: 'growing-collections',
  title: 'Growing collections',
  needsBase: true,
  async detect(context) {
    const { heap, comparison, wholeBytes, claimed, run } = context;
    if (!comparison) return [];
    const isCollection = collectionTest(heap);
    const { accumulating } = await grownSurvivors(comparison, run);
    const order = Array.from({ length: accumulating.count }, (_, i) => i)
      .sort((a, b) => Number(accumulating.key('grownRetainedBytes', b)) - Number(accumulating.key('grownRetainedBytes', a)))
      .slice(0, LOOKED_AT);
    const findings: RawFinding[] = [];
    for (const row of order.map((i) => accumulating.row(i))) {
      const node = row.node.ordinal;
      if (row.grownRetainedBytes < NEW_BYTES || claimed.has(node) || !isCollection(node) || isClaimedAbove(context, node)) continue;
      const entries = entriesOf(heap, node);
      const more = entries - entriesOf(comparison.base, comparison.baseOf[node]!);
      if (more < MORE_ENTRIES || more < entries * NEW_SHARE) continue;
      const ordinals = await growthObjectsBelow(comparison, node, run);
      const example = ordinals[0];
      findings.push({
        key: String(heap.nodeId[node]),
        title: `${await placed(heap, node, run)} grew by ${amount(more)} entries`,
        saw:
          `It had ${amount(entries - more)} entries and has ${amount(entries)} now. What it keeps alive grew by ` +
          `${bytes(row.grownRetainedBytes)}, to ${bytes(row.node.retainedBytes ?? 0)} (${percent(row.node.retainedBytes ?? 0, wholeBytes)} of the heap).`,
        why: 'A collection that was there before and only gets longer is how most leaks look, in every language.',
        advice:
          'Find what adds to it and what should remove from it. Compare again after the same work was done once more: if it grows ' +
          'by the same number of entries, it is a leak.',
        confidence: 'high',
        bytes: row.grownRetainedBytes,
        about: node,
        links: [{ label: 'Collection', ordinal: node }, ...(example === undefined ? [] : [{ label: 'A new object in it', ordinal: example }])],
        ordinals,
      });
    }
    return findings;
  },
};
