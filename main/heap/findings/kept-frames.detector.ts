import { className } from '../class-names.ts';
import { nodesOfClasses, unionBytes } from './below.ts';
import type { Detector } from './detector.ts';
import { isWorthwhile } from './detector.ts';
import { amount, bytes, percent, plural } from './words.ts';

export const keptFrames: Detector = {
  id: 'kept-frames',
  title: 'Tracebacks and frames that keep locals alive',
  only: 'cpython',
  detect(context) {
    const { heap, analysis, wholeBytes } = context;
    const names = (index: number): string => className(heap, index, 40);
    // Frames of running threads are no objects of class `frame` here; these are kept by tracebacks, generators or hand.
    const tracebacks = nodesOfClasses(heap, (name) => name === 'traceback', names);
    const held = unionBytes(analysis, tracebacks);
    if (tracebacks.length === 0 || !isWorthwhile(held, context)) return Promise.resolve([]);
    const set = new Set(tracebacks);
    const tops = tracebacks.filter((node) => !set.has(analysis.dominator[node]!));
    tops.sort((a, b) => analysis.retained[b]! - analysis.retained[a]!);
    return Promise.resolve([
      {
        key: 'tracebacks',
        title: `Tracebacks keep ${bytes(held)} alive`,
        saw: `${plural(tracebacks.length, 'traceback')} in ${plural(tops.length, 'chain')} keep the local variables of ${amount(tracebacks.length)} frames: ${bytes(held)} (${percent(held, wholeBytes)}).`,
        why: 'An exception that is kept (in a list of errors, on self, in sys.last_exc) keeps its traceback, and that every local variable of every frame it went through.',
        advice: 'Keep the text (traceback.format_exc()) instead of the exception, or cut it: exception.with_traceback(None), traceback.clear_frames(tb).',
        confidence: 'high',
        bytes: held,
        about: tops[0] ?? -1,
        links: tops.slice(0, 8).map((ordinal) => ({ label: 'Traceback', ordinal })),
        ordinals: Uint32Array.from(tracebacks),
      },
    ]);
  },
};
