import { describe, expect, it } from 'vitest';
import { readPageCollections, rendererOf } from '#main/capture/page-gc-recorder.ts';

const event = (name: string, args: object, more: object = {}) => ({ name, cat: 'devtools.timeline,v8', ph: 'X', pid: 7, tid: 7, ts: 5_000, dur: 1_500, args, ...more });

describe('collections in a trace', () => {
  it('are read with pause, used heap and reason', () => {
    const events = [
      event('MajorGC', { type: 'finalize incremental marking via task', usedHeapSizeBefore: 900, usedHeapSizeAfter: 100 }, { ts: 9_000, dur: 20_000 }),
      event('MinorGC', { type: 'allocation failure', usedHeapSizeBefore: 500, usedHeapSizeAfter: 300 }),
      event('V8.GCIncrementalMarking', { epoch: 3 }, { ts: 8_000, dur: 400 }),
      event('V8.GCIncrementalMarking', { epoch: 3 }, { ts: 8_500, dur: 20 }),
      event('MinorGC', { type: 'task', usedHeapSizeBefore: 1, usedHeapSizeAfter: 1 }, { pid: 8 }),
      event('RunTask', {}),
    ];
    expect(readPageCollections(events, 7)).toMatchObject([
      { at: 5, pauseMs: 1.5, kind: 'scavenge', generation: 0, details: { trigger: 'allocation', reason: 'allocation failure', heapBeforeBytes: 500, heapAfterBytes: 300 } },
      { at: 8, pauseMs: 0.4, kind: 'incremental step', generation: 2 },
      { at: 9, pauseMs: 20, kind: 'mark-sweep-compact', generation: 2, details: { reason: 'finalize incremental marking via task', heapBeforeBytes: 900, heapAfterBytes: 100 } },
    ]);
  });

  it('may be told as a beginning and an end', () => {
    const begin = event('MinorGC', { type: 'task', usedHeapSizeBefore: 500 }, { ph: 'B', dur: 0 });
    const end = event('MinorGC', { usedHeapSizeAfter: 300 }, { ph: 'E', ts: 7_000, dur: 0 });
    expect(readPageCollections([end, begin, end, end], 7)).toMatchObject([{ at: 5, pauseMs: 2, details: { reason: 'task', heapBeforeBytes: 500, heapAfterBytes: 300 } }]);
  });

  it.each([[null], ['x'], [{}], [{ name: 'MinorGC' }], [{ name: 'MinorGC', ts: -1, ph: 'X' }], [{ name: 'MinorGC', ts: 1, ph: 'Q' }], [{ name: 'MajorGC', ts: 1, ph: 'X', dur: -5 }]])('pass over %j', (bad) => {
    expect(readPageCollections([bad], null)).toEqual([]);
  });

  it('tell whose they are', () => {
    const started = { name: 'TracingStartedInBrowser', args: { data: { frames: [{ frame: 'A', processId: 3 }, { frame: 'B', processId: 4 }] } } };
    expect(rendererOf([{}, started], 'B')).toBe(4);
    expect(rendererOf([started], null)).toBe(3);
    expect(rendererOf([{ name: 'TracingStartedInBrowser', args: {} }], 'B')).toBeNull();
  });
});
