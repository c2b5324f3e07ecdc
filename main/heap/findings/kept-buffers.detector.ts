import { className } from '../class-names.ts';
import { EDGE_KIND } from '../heap.ts';
import type { Heap } from '../heap.ts';
import { nodesOfClasses } from './below.ts';
import type { Detector, RawFinding } from './detector.ts';
import { isWorthwhile } from './detector.ts';
import { amount, bytes, named, percent } from './words.ts';

/** Only Python: a V8 snapshot does not say how much of a buffer a view shows. */
const VIEW = /^(memoryview|numpy\.(ndarray|memmap|matrix|recarray))$/;
const BUFFER = /^(bytes|bytearray|array\.array|mmap\.mmap|numpy\.(ndarray|memmap))$/;
/** Steps from a view to its buffer: memoryview → managedbuffer → bytearray, ndarray → base → base. */
const MAX_STEPS = 4;

export const keptBuffers: Detector = {
  id: 'kept-buffers',
  title: 'Native buffers kept by views',
  only: 'cpython',
  detect(context) {
    const { heap, analysis, wholeBytes } = context;
    const names = (index: number): string => className(heap, index, 60);
    const byBuffer = new Map<number, number[]>();
    for (const view of nodesOfClasses(heap, (name) => VIEW.test(name), names)) {
      const buffer = bufferOf(heap, view, names);
      // A buffer that something else holds as well would stay without the view.
      if (buffer < 0 || !dominates(analysis, view, buffer)) continue;
      const views = byBuffer.get(buffer);
      if (views) views.push(view);
      else byBuffer.set(buffer, [view]);
    }
    const findings: RawFinding[] = [];
    for (const [buffer, views] of byBuffer) {
      const size = heap.shallow[buffer]!;
      if (!isWorthwhile(size, context)) continue;
      findings.push({
        key: String(heap.nodeId[buffer]),
        title: `A view keeps a buffer of ${bytes(size)} alive`,
        saw: `A ${named(heap, buffer)} of ${bytes(size)} (${percent(size, wholeBytes)}) is held only by ${views.length === 1 ? `a ${named(heap, views[0]!)}` : `${amount(views.length)} views`}; nothing else refers to it.`,
        why: 'A view of a few bytes keeps the whole buffer it looks into.',
        advice: 'If only a part is needed, copy it (bytes(view), array.copy()) and let the view go, or release() the memoryview.',
        confidence: 'low',
        bytes: size,
        about: views[0]!,
        links: [{ label: 'View', ordinal: views[0]! }, { label: 'Buffer', ordinal: buffer }],
        ordinals: Uint32Array.from([buffer, ...views]).sort(),
      });
    }
    return Promise.resolve(findings);
  },
};

function bufferOf(heap: Heap, view: number, names: (index: number) => string): number {
  const { firstEdge, edgeTo, edgeKind, kinds } = heap;
  let node = view;
  for (let step = 0; step < MAX_STEPS; step++) {
    let next = -1;
    for (let edge = firstEdge[node]!; edge < firstEdge[node + 1]! && edge < firstEdge[node]! + 16; edge++) {
      const target = edgeTo[edge]!;
      const kind = edgeKind[edge]! & EDGE_KIND;
      if (kind === kinds.edgeWeak || kind === kinds.edgeElement || target === node) continue;
      const name = names(heap.classOf[target]!);
      if (BUFFER.test(name) && heap.shallow[target]! > heap.shallow[view]! * 4) return target;
      if (name === 'managedbuffer' || VIEW.test(name)) next = target;
    }
    if (next < 0) return -1;
    node = next;
  }
  return -1;
}

function dominates({ domPosition, domSize }: { domPosition: Uint32Array; domSize: Uint32Array }, above: number, below: number): boolean {
  const from = domPosition[above]!;
  return domPosition[below]! >= from && domPosition[below]! < from + domSize[above]!;
}
