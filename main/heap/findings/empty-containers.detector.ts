import { className } from '../class-names.ts';
import { inSlices } from '../run.ts';
import { entriesOf } from './collections.ts';
import type { Detector, RawFinding } from './detector.ts';
import { isWorthwhile } from './detector.ts';
import { amount, bytes, percent, plural } from './words.ts';

/** An empty dict takes 64 bytes, a list 56, a set 216 with its first table; more is room left from before. */
const PYTHON = /^(dict|list|set|collections\.(deque|OrderedDict|defaultdict))$/;
/** A table is sparse when it takes this many bytes per entry (a full dict: about 100, a list: 8 to 9). */
const SPARSE_BYTES: Record<string, number> = { dict: 400, list: 64, set: 400 };
const SPARSE_LEAST = 16 * 1024;
const SHARE = 0.02;
/** Every interpreter has a thousand or two of its own. */
const MANY = 5_000;

export const emptyContainers: Detector = {
  id: 'empty-containers',
  title: 'Empty and sparse containers',
  only: 'cpython',
  async detect(context) {
    const { heap, wholeBytes, run } = context;
    const names = Array.from({ length: heap.classes.count }, (_, i) => className(heap, i, 80));
    const isContainer = Uint8Array.from(names, (name) => (PYTHON.test(name) ? 1 : 0));
    const empty: number[] = [];
    const sparse: number[] = [];
    let emptyBytes = 0;
    let sparseBytes = 0;
    await inSlices(run, 'aggregates', heap.nodeCount, 1 << 14, (from, to) => {
      for (let node = from; node < to; node++) {
        if (isContainer[heap.classOf[node]!] === 0 || heap.shallow[node] === 0) continue;
        const size = heap.shallow[node]!;
        const edges = heap.firstEdge[node + 1]! - heap.firstEdge[node]!;
        if (edges === 0) {
          empty.push(node);
          emptyBytes += size;
        } else if (size >= SPARSE_LEAST) {
          const most = SPARSE_BYTES[names[heap.classOf[node]!]!];
          const entries = most === undefined ? 0 : Math.max(1, entriesOf(heap, node));
          if (most === undefined || size / entries < most) continue;
          sparse.push(node);
          sparseBytes += size;
        }
      }
    });
    const largest = (nodes: number[]): number[] => [...nodes].sort((a, b) => heap.shallow[b]! - heap.shallow[a]!).slice(0, 5);
    const findings: RawFinding[] = [];
    if (empty.length >= MANY && isWorthwhile(emptyBytes, context, SHARE)) {
      findings.push({
        key: 'empty',
        title: `${plural(empty.length, 'empty container')} take ${bytes(emptyBytes)}`,
        saw: `${amount(empty.length)} dicts, lists and sets hold nothing and take ${bytes(emptyBytes)} (${percent(emptyBytes, wholeBytes)}).`,
        why: 'Each object that makes a container before it needs one pays for it: 56 to 216 bytes.',
        advice: 'Make the container when the first thing is put in (None until then), or share one empty tuple.',
        confidence: 'medium',
        bytes: emptyBytes,
        about: -1,
        links: largest(empty).map((ordinal) => ({ label: 'Empty', ordinal })),
        ordinals: Uint32Array.from(empty),
      });
    }
    if (isWorthwhile(sparseBytes, context, SHARE)) {
      findings.push({
        key: 'sparse',
        title: `${plural(sparse.length, 'container')} with ${bytes(sparseBytes)} of mostly empty tables`,
        saw: `${plural(sparse.length, 'dict, list or set', 'dicts, lists and sets')} take ${bytes(sparseBytes)} (${percent(sparseBytes, wholeBytes)}) for few entries: the tables were made for many more.`,
        why: 'Tables of dicts and sets do not shrink when entries are removed; only when the next one is added.',
        advice: 'Copy what is left into a new container (d = dict(d)) after most of it was removed.',
        confidence: 'medium',
        bytes: sparseBytes,
        about: -1,
        links: largest(sparse).map((ordinal) => ({ label: 'Sparse', ordinal })),
        ordinals: Uint32Array.from(sparse),
      });
    }
    return findings;
  },
};
