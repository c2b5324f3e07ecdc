import { NONE } from '../heap.ts';
import { edgeName, rawNodeName } from '../node-names.ts';
import { unionBytes } from './below.ts';
import type { Detector, RawFinding } from './detector.ts';
import { isWorthwhile } from './detector.ts';
import { bytes, percent, plural } from './words.ts';

const GROUP = '(unreachable garbage)';

export const uncollectableCycles: Detector = {
  id: 'uncollectable-cycles',
  title: 'Cycles that are not collected',
  only: 'cpython',
  detect(context) {
    const { heap, analysis, wholeBytes } = context;
    const findings: RawFinding[] = [];
    const targetsOf = (node: number): number[] =>
      Array.from(heap.edgeTo.subarray(heap.firstEdge[node]!, heap.firstEdge[node + 1]!)).filter((target) => heap.shallow[target] !== 0);

    const list = garbageList();
    const stuck = list === NONE ? [] : targetsOf(list);
    if (stuck.length > 0) {
      const held = Math.max(unionBytes(analysis, stuck), analysis.retained[list]!);
      findings.push({
        key: 'gc.garbage',
        title: `gc.garbage holds ${plural(stuck.length, 'object')}`,
        saw: `The list gc.garbage has ${plural(stuck.length, 'object')}, ${bytes(held)} in all.`,
        why: 'What is in gc.garbage was found unreachable and could not be freed (or gc.DEBUG_SAVEALL is set); it stays for ever.',
        advice: 'Look at the classes: an extension type without tp_clear, or a debug flag left on. gc.garbage.clear() frees them.',
        confidence: 'high',
        bytes: held,
        about: list,
        links: [{ label: 'gc.garbage', ordinal: list }, ...stuck.slice(0, 8).map((ordinal) => ({ label: 'In it', ordinal }))],
        ordinals: Uint32Array.from(new Set(stuck)).sort(),
      });
    }

    const group = groupNode();
    const heads = group === NONE ? [] : targetsOf(group);
    const held = unionBytes(analysis, heads);
    if (heads.length > 0 && isWorthwhile(held, context)) {
      heads.sort((a, b) => analysis.retained[b]! - analysis.retained[a]!);
      findings.push({
        key: 'unreachable',
        title: `${bytes(held)} in cycles that wait for the collector`,
        saw: `${plural(heads.length, 'object')} in reference cycles that nothing refers to any more, with all they hold, take ${bytes(held)} (${percent(held, wholeBytes)}).`,
        why: 'Cycles are freed only when the cyclic collector runs. If it is off (gc.disable(), gc.freeze()) or runs rarely, they pile up.',
        advice: 'Run gc.collect() and take another snapshot. If they come back, break the cycles (weakref for the way back) or let the collector run more often.',
        confidence: 'medium',
        bytes: held,
        about: -1,
        links: heads.slice(0, 8).map((ordinal) => ({ label: 'In a cycle', ordinal })),
        ordinals: Uint32Array.from(new Set(heads)).sort(),
      });
    }
    return Promise.resolve(findings);

    function garbageList(): number {
      const module = find((node) => heap.nodeKind[node] === heap.kinds.object && rawNodeName(heap, node, 12) === 'module gc');
      if (module === NONE) return NONE;
      for (let edge = heap.firstEdge[module]!; edge < heap.firstEdge[module + 1]!; edge++) {
        if (edgeName(heap, edge, 12) === 'garbage') return heap.edgeTo[edge]!;
      }
      return NONE;
    }

    function groupNode(): number {
      return find((node) => heap.nodeKind[node] === heap.kinds.synthetic && rawNodeName(heap, node, 40) === GROUP);
    }

    function find(test: (node: number) => boolean): number {
      const string = new Map<number, boolean>();
      for (let node = 0; node < heap.nodeCount; node++) {
        const kind = heap.nodeKind[node];
        if (kind !== heap.kinds.synthetic && kind !== heap.kinds.object) continue;
        const key = heap.nodeName[node]! * 2 + (kind === heap.kinds.object ? 1 : 0);
        let matches = string.get(key);
        if (matches === undefined) string.set(key, (matches = test(node)));
        if (matches) return node;
      }
      return NONE;
    }
  },
};
