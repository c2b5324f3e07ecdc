import { describe, expect, it } from 'vitest';
import { createGcProfile } from '#main/capture/gc-profile.ts';
import { readReport } from '#main/capture/gc-recorder.ts';

const known = (heapBeforeBytes: number, heapAfterBytes: number) => ({ heapBeforeBytes, heapAfterBytes });
const unknown = { heapBeforeBytes: null, heapAfterBytes: null };

describe('used heap of collections', () => {
  it('belongs to the collections of the same time, in order', () => {
    const profile = createGcProfile();
    profile.add([0, 100, 1, 2.4, 500, 300, 4, 9.8, 600, 100]);
    profile.add([101, 200, 1, 1, 700, 650]);
    expect(profile.take(1, 10, 2.5)).toEqual(known(500, 300));
    expect(profile.take(4, 50, 10)).toEqual(known(600, 100));
    expect(profile.take(1, 150, 1.1)).toEqual(known(700, 650));
    expect(profile.take(1, 160, 1.1)).toEqual(unknown);
  });

  it('knows nothing of what began while the profiler was being read', () => {
    const profile = createGcProfile();
    profile.add([0, 100, 1, 2, 5, 4]);
    profile.add([101, 200, 1, 2, 7, 6]);
    expect(profile.take(1, 100.5, 2)).toEqual(unknown);
    expect(profile.take(1, 120, 2)).toEqual(known(7, 6));
  });

  it('does not mind the order of a collection and the marking that it ends', () => {
    const profile = createGcProfile();
    profile.add([0, 100, 4, 20, 90, 30, 8, 1, 88, 88]);
    expect(profile.take(8, 10, 1)).toEqual(known(88, 88));
    expect(profile.take(4, 12, 20)).toEqual(known(90, 30));
  });

  it('leaves out what cannot be the same collection', () => {
    const profile = createGcProfile();
    profile.add([0, 100, 1, 50, 5, 4]);
    expect(profile.take(1, 10, 2)).toEqual(unknown);
    expect(profile.take(1, 20, 52)).toEqual(known(5, 4));
  });

  it.each([[[]], [[1]], [[0, 100, 1, 2, 3]], [[0, 100, 'a', 2, 3, 4]], [[0, 100, 1, -2, 3, 4]], [[0, 100, 1, null, 3, 4]]])('passes over %j', (reading) => {
    const profile = createGcProfile();
    profile.add(reading);
    expect(profile.take(1, 10, 2)).toEqual(unknown);
  });

  it('is read with the report it came with, or an earlier one', () => {
    const profile = createGcProfile();
    const plain = (_now: number, start: number) => start;
    expect(readReport('[100,[0,100,1,2.4,500,300]]', plain, profile)).toEqual([]);
    expect(readReport('[200,1,10,2.5,4,120,30,[101,200,4,29,800,200]]', plain, profile)).toMatchObject([
      { kind: 'scavenge', details: known(500, 300) },
      { kind: 'mark-sweep-compact', details: { trigger: 'allocation', ...known(800, 200) } },
    ]);
  });
});
