import { describe, expect, it } from 'vitest';
import { readReport } from '#main/capture/gc-recorder.ts';
import { readGcBatch, readGcEvent, readGcSummary } from '#main/capture/python-target.ts';

const plain = (_now: number, start: number) => start;

describe('reports of the V8 observer', () => {
  it('reads kinds, starts and pauses', () => {
    const events = readReport('[100,1,10,2.5,4,20,30]', plain);
    expect(events).toEqual([
      { at: 10, pauseMs: 2.5, kind: 'scavenge', generation: 0, collected: null, uncollectable: null, details: { trigger: 'allocation', heapBeforeBytes: null, heapAfterBytes: null } },
      { at: 20, pauseMs: 30, kind: 'mark-sweep-compact', generation: 2, collected: null, uncollectable: null, details: { trigger: 'allocation', heapBeforeBytes: null, heapAfterBytes: null } },
    ]);
  });

  it('reads from the flags what started it', () => {
    // GCCallbackFlags: 4 forced, 16 collect all available garbage; above the type in one number.
    expect(readReport('[1,4,1,1]', plain)[0].details?.trigger).toBe('allocation');
    expect(readReport(`[1,${4 + 256 * 4},1,1]`, plain)[0]).toMatchObject({ kind: 'mark-sweep-compact', details: { trigger: 'explicit' } });
    expect(readReport(`[1,${4 + 256 * 16},1,1]`, plain)[0].details?.trigger).toBe('memory-pressure');
  });

  it('names kinds it does not know', () => {
    expect(readReport('[1,64,1,1]', plain)[0].kind).toBe('V8 type 64');
  });

  it.each(['', 'no json', '{}', '[]', 'null', '["x",1,2,3]', '[1,"a",2,3]', '[1,1,-5,3]', '[1,1,5,-3]', '[1,1,5]', '[1,1,5,1e300]', '[1,[1],{},null]'])(
    'gives nothing for %s',
    (payload) => expect(readReport(payload, plain)).toEqual([]),
  );
});

describe('events of the Python agent', () => {
  it('reads generation, start, pause and what was found', () => {
    expect(readGcEvent({ generation: 2, startedAt: 5, pauseMs: 1.5, collected: 7, uncollectable: 0 })).toEqual({
      at: 5,
      pauseMs: 1.5,
      kind: 'generation 2',
      generation: 2,
      collected: 7,
      uncollectable: 0,
      details: { trigger: 'unknown', triggerAt: null, counts: null, thresholds: null, trackedBefore: null, trackedAfter: null },
    });
  });

  it('reads many in one message, and leaves out what makes no sense', () => {
    const pack = (rows: [at: number, pause: number, generation: number, collected: number, uncollectable: number, candidates: number, survivors: number, ...counts: number[]][]) => {
      const data = Buffer.alloc(rows.length * 40);
      rows.forEach(([at, pause, generation, collected, uncollectable, candidates, survivors, ...counts], row) => {
        let place = data.writeFloatLE(pause, data.writeDoubleLE(at, row * 40));
        for (const value of [collected, uncollectable, candidates, survivors, counts[0]!]) place = data.writeInt32LE(value, place);
        data.writeInt32LE(generation, data.writeUInt16LE(counts[2]!, data.writeUInt16LE(counts[1]!, place)));
      });
      return data.toString('base64');
    };
    const rows = pack([
      [1000, 0.5, 0, 12, 0, -1, -1, 701, 3, 4],
      [1001, 2, 1, 0, 1, 900, -1, 705, 11, 4],
      [1001, 2, 2, 30, 1, -1, 500, 705, 11, 4],
      [NaN, 2, 1, 0, 1, -1, -1, 0, 0, 0],
      [1002, -1, 1, 0, 1, -1, -1, 0, 0, 0],
    ]);
    const events = readGcBatch({ rows: `${rows}AAAA`, thresholds: [700, 10, 10] });
    expect(events).toHaveLength(3);
    expect(events[0]).toEqual({
      at: 1000,
      pauseMs: 0.5,
      kind: 'generation 0',
      generation: 0,
      collected: 12,
      uncollectable: 0,
      details: { trigger: 'allocation', triggerAt: null, counts: [701, 3, 4], thresholds: [700, 10, 10], trackedBefore: null, trackedAfter: null },
    });
    expect(events[1].details).toMatchObject({ trackedBefore: 900, trackedAfter: 899 });
    expect(events[2].details).toMatchObject({ trackedBefore: 531, trackedAfter: 500 });
    expect(readGcBatch(null)).toEqual([]);
  });

  it('reads sums of what came too fast as a row for each generation', () => {
    const sums = { fromAt: 1000, toAt: 2000, thresholds: [700, 10, 10], generations: [{ collections: 300, collected: 9, uncollectable: 0, meanPauseMs: 0.5 }, { collections: 0 }, { collections: 2, collected: 4, uncollectable: 1, meanPauseMs: null }, { collections: 7 }] };
    const events = readGcSummary(sums);
    expect(events.map(({ generation, pauseMs, details }) => [generation, pauseMs, details?.merged])).toEqual([[0, 0.5, { count: 300, totalPauseMs: 150 }], [2, 0, { count: 2, totalPauseMs: 0 }]]);
    expect(events[0]).toMatchObject({ at: 1000, collected: 9, details: { trigger: 'unknown', thresholds: [700, 10, 10] } });
    for (const wrong of [null, {}, { fromAt: 1, generations: 7 }, { fromAt: 1, generations: [null, { collections: -3 }] }]) expect(readGcSummary(wrong)).toEqual([]);
  });

  it('reads what started it', () => {
    const asked = { generation: 2, startedAt: 5, pauseMs: 1.5, collected: 7, uncollectable: 0, trigger: 'explicit', triggerAt: 'app.py:8', counts: [3, 1, 0], thresholds: [700, 10, 10], candidates: 900 };
    expect(readGcEvent(asked)?.details).toEqual({ trigger: 'explicit', triggerAt: 'app.py:8', counts: [3, 1, 0], thresholds: [700, 10, 10], trackedBefore: 900, trackedAfter: 893 });
    expect(readGcEvent({ ...asked, trigger: 'x', triggerAt: 7, counts: ['a'], thresholds: 'b' })?.details).toMatchObject({ trigger: 'unknown', triggerAt: null, counts: null, thresholds: null });
  });

  it.each([null, {}, { generation: 77, startedAt: 1, pauseMs: 1 }, { generation: 1, startedAt: 'x', pauseMs: 1 }, { generation: 1, startedAt: 1, pauseMs: -1 }])(
    'gives nothing for %j',
    (params) => expect(readGcEvent(params)).toBeNull(),
  );
});
