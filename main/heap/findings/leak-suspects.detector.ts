import { NONE } from '../heap.ts';
import type { Heap } from '../heap.ts';
import { isSystemNode } from '../node-names.ts';
import { inSlices } from '../run.ts';
import { accumulationBelow, visibleChildren } from './accumulation.ts';
import { isClaimedAbove } from './claimed.ts';
import type { Detector, RawFinding } from './detector.ts';
import { isWorthwhile } from './detector.ts';
import { amount, bytes, percent, placed } from './words.ts';

/** Share of the heap below one object that makes it a suspect (as in Eclipse MAT), and the least bytes. */
const SUSPECT_SHARE = 0.1;
const SUSPECT_BYTES = 1 << 20;
/** Objects of one class below the accumulation point, and their share of what it retains. */
const MANY = 500;
const MOSTLY = 0.5;
/** With an earlier snapshot: growth below this share of what is retained is none. */
const GROWN = 0.05;

/** Classes that every program has thousands of: code and types, which modules keep for good reason. */
const RUNTIME_PYTHON = /^(function|code|type|module|cell|property|classmethod|staticmethod|builtin_function_or_method|method_descriptor|wrapper_descriptor|getset_descriptor|member_descriptor|abc\.ABCMeta|enum\.\w+)$/;
const RUNTIME_V8 = /^(Function|\(compiled code\)|\(system\)|\(object shape\)|\(code\)|BuiltinModule|system \/ .*|Module|Node \/ .*)$/;

/** Many numbers in one list are data, not a leak of objects. */
function isNumber(heap: Heap, node: number): boolean {
  return heap.nodeKind[node] === heap.kinds.number;
}

export const leakSuspects: Detector = {
  id: 'leak-suspects',
  title: 'Leak suspects',
  async detect(context) {
    const { heap, analysis, comparison, wholeBytes, run } = context;
    const large: number[] = [];
    await inSlices(run, 'aggregates', heap.nodeCount, 1 << 16, (from, to) => {
      for (let node = from; node < to; node++) {
        if (node === heap.root || !isWorthwhile(analysis.retained[node]!, context, SUSPECT_SHARE, SUSPECT_BYTES)) continue;
        if (heap.shallow[node] !== 0 && !isSystemNode(heap, node)) large.push(node);
      }
    });
    const runtime = heap.producer === 'cpython' ? RUNTIME_PYTHON : RUNTIME_V8;
    large.sort((a, b) => analysis.retained[b]! - analysis.retained[a]!);
    const seen = new Set<number>();
    const walked = new Set<number>();
    const findings: RawFinding[] = [];
    for (const start of large) {
      if (walked.has(start)) continue;
      const { node, most } = accumulationBelow(heap, analysis, start, walked);
      if (seen.has(node) || isSystemNode(heap, node) || analysis.retained[node]! < wholeBytes * SUSPECT_SHARE) continue;
      seen.add(node);
      const held = analysis.retained[node]!;
      if (!most || most.objects < MANY || most.bytes < held * MOSTLY || runtime.test(most.name)) continue;
      if (isNumber(heap, most.example) || isClaimedAbove(context, node)) continue;
      const old = comparison ? comparison.baseOf[node]! : NONE;
      const grown = comparison && old !== NONE ? held - comparison.base.analysis!.retained[old]! : null;
      if (grown !== null && grown < held * GROWN) continue;
      const ordinals = Uint32Array.from(visibleChildren(heap, analysis, node).filter((child) => heap.classOf[child] === most.classIndex)).sort();
      const place = await placed(heap, node, run);
      findings.push({
        key: String(heap.nodeId[node]),
        title: `${place} holds ${percent(held, wholeBytes)} of the heap`,
        saw:
          `${place} keeps ${bytes(held)} alive (${percent(held, wholeBytes)}): ${amount(most.objects)} objects of ${most.name} ` +
          `with ${bytes(most.bytes)}.` +
          (grown === null ? '' : ` Since the earlier snapshot it has grown by ${bytes(grown)}.`),
        why: 'Many objects of one class that only one container holds are what a leak looks like: something is put in and never taken out.',
        advice:
          'Look at what adds to it and what should remove from it. If it is a cache, give it a bound; if objects should go with ' +
          'something else (a request, a connection), remove them when that ends.' +
          (comparison ? '' : ' Take a second snapshot later and compare: a leak grows, a table of constant data does not.'),
        confidence: grown === null ? 'medium' : 'high',
        bytes: held,
        about: node,
        links: [
          { label: 'Holder', ordinal: node },
          { label: `Example of ${most.name}`, ordinal: most.example },
        ],
        ordinals,
      });
    }
    return findings;
  },
};
