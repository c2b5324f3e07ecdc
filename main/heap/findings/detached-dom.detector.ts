import { DETACHED } from '../detachedness.ts';
import { rawNodeName } from '../node-names.ts';
import { inSlices } from '../run.ts';
import { unionBytes } from './below.ts';
import type { Detector } from './detector.ts';
import { amount, bytes, plural } from './words.ts';

/** Fewer are ordinary: an element that is about to be shown. */
const NODES = 20;
const BYTES = 64 * 1024;

export const detachedDom: Detector = {
  id: 'detached-dom',
  title: 'Detached DOM nodes',
  only: 'v8',
  async detect({ heap, analysis, run }) {
    const detached: number[] = [];
    await inSlices(run, 'aggregates', heap.nodeCount, 1 << 15, (from, to) => {
      for (let node = from; node < to; node++) {
        if (heap.nodeKind[node] !== heap.kinds.native || heap.shallow[node] === 0) continue;
        const isDetached = heap.detachedness ? heap.detachedness[node] === DETACHED : rawNodeName(heap, node, 10).startsWith('Detached ');
        if (isDetached) detached.push(node);
      }
    });
    const held = unionBytes(analysis, detached);
    if (detached.length < NODES && held < BYTES) return [];
    // Those nothing detached dominates: the tops of what hangs in the air, and what holds each.
    const set = new Set(detached);
    const tops = detached.filter((node) => !set.has(analysis.dominator[node]!));
    tops.sort((a, b) => analysis.retained[b]! - analysis.retained[a]!);
    return [
      {
        key: 'all',
        title: `${plural(detached.length, 'DOM node')} cut off from the page ${detached.length === 1 ? 'is' : 'are'} kept`,
        saw: `${amount(detached.length)} DOM nodes are no longer part of a document, but scripts still hold them: ${bytes(held)} in ${plural(tops.length, 'tree')}.`,
        why: 'One reference to one node of a removed tree keeps the whole tree, and everything its listeners close over.',
        advice: 'Follow what holds the top of each tree: a variable, a listener or an array that should have been cleared when the element was removed.',
        confidence: detached.length >= 100 || held >= 1 << 20 ? 'high' : 'medium',
        bytes: held,
        about: tops[0] ?? -1,
        links: tops.slice(0, 8).map((ordinal) => ({ label: 'Top of a tree', ordinal })),
        ordinals: Uint32Array.from(detached),
      },
    ];
  },
};
