import { EDGE_KIND } from '../heap.ts';
import { edgeName, nodeName, rawNodeName } from '../node-names.ts';
import { inSlices } from '../run.ts';
import { isClaimedBelow } from './claimed.ts';
import type { Detector, RawFinding } from './detector.ts';
import { isWorthwhile } from './detector.ts';
import { bytes, percent } from './words.ts';

const SHARE = 0.1;
const BYTES = 1 << 20;

/**
 * Functions whose closed-over variables alone keep much. In V8 variables are in a context that all functions of a scope
 * share; in Python in the cells of one function.
 */
export const heavyClosures: Detector = {
  id: 'heavy-closures',
  title: 'Closures that hold much',
  async detect(context) {
    const { heap, analysis, wholeBytes, run } = context;
    const { kinds, nodeKind, firstEdge, edgeKind, edgeTo } = heap;
    const findings: RawFinding[] = [];
    await inSlices(run, 'aggregates', heap.nodeCount, 1 << 15, (from, to) => {
      for (let node = from; node < to; node++) {
        if (nodeKind[node] !== kinds.closure || !isWorthwhile(analysis.retained[node]!, context, SHARE, BYTES)) continue;
        if (isClaimedBelow(context, node)) continue;
        const variable = largestVariable(node);
        if (variable === null || analysis.retained[variable.node]! < analysis.retained[node]! / 2) continue;
        const held = analysis.retained[node]!;
        const name = rawNodeName(heap, node, 80) || 'anonymous';
        findings.push({
          key: String(heap.nodeId[node]),
          title: `The function ${name} keeps ${bytes(held)} alive`,
          saw: `Only the function ${name} keeps ${bytes(held)} (${percent(held, wholeBytes)}) alive, most of it in the variable “${variable.name}” it closes over (${nodeName(heap, variable.node, 60)}).`,
          why: 'A function keeps every variable it closes over for as long as anybody holds the function itself.',
          advice: 'Pass in what is needed instead of closing over all of it, set the variable to null or None when it is done, or drop the function.',
          confidence: 'medium',
          bytes: held,
          about: node,
          links: [{ label: 'Function', ordinal: node }, { label: `Variable ${variable.name}`, ordinal: variable.node }],
          ordinals: Uint32Array.of(node),
        });
      }
    });
    return findings;

    function largestVariable(closure: number): { node: number; name: string } | null {
      let best: { node: number; name: string } | null = null;
      const consider = (target: number, name: string): void => {
        if (!best || analysis.retained[target]! > analysis.retained[best.node]!) best = { node: target, name };
      };
      const end = firstEdge[closure + 1]!;
      for (let edge = firstEdge[closure]!; edge < end; edge++) {
        const kind = edgeKind[edge]! & EDGE_KIND;
        const target = edgeTo[edge]!;
        if (kind === kinds.edgeInternal && edgeName(heap, edge, 8) === 'context') {
          for (let at = firstEdge[target]!; at < firstEdge[target + 1]!; at++) {
            if ((edgeKind[at]! & EDGE_KIND) === kinds.edgeContext) consider(edgeTo[at]!, edgeName(heap, at, 80));
          }
        } else if (heap.producer === 'cpython' && kind === kinds.edgeInternal && edgeName(heap, edge, 12) === '__closure__') {
          for (let at = firstEdge[target]!; at < firstEdge[target + 1]!; at++) {
            const cell = edgeTo[at]!;
            for (let inner = firstEdge[cell]!; inner < firstEdge[cell + 1]!; inner++) consider(edgeTo[inner]!, edgeName(heap, at, 80));
          }
        } else if (kind === kinds.edgeContext) consider(target, edgeName(heap, edge, 80));
      }
      return best;
    }
  },
};
