import { describe, expect, it } from 'vitest';
import { createSnapshotEstimates } from '#main/capture/snapshot-estimate.ts';

const MIB = 1024 ** 2;
const sample = (at: number, heapMiB: number | null, rssMiB: number | null = null) => ({ at, heapUsedBytes: heapMiB === null ? null : heapMiB * MIB, rssBytes: rssMiB === null ? null : rssMiB * MIB });

describe('the estimate of a snapshot', () => {
  it('is not made up before anything is known', () => {
    const estimates = createSnapshotEstimates();
    expect(estimates.estimate('v8')).toBeNull();
    estimates.addSample(sample(0, null));
    expect(estimates.estimate('v8')).toBeNull();
  });

  it('of a churning heap is a range from what was left by a collection to what is in use', () => {
    const estimates = createSnapshotEstimates();
    for (let turn = 0; turn < 40; turn++) estimates.addSample(sample(turn * 100, 20 + (turn % 10) * 8));
    const estimate = estimates.estimate('v8')!;
    expect(estimate).toMatchObject({ basis: 'typical', heapBytes: { low: 20 * MIB, high: 92 * MIB } });
    expect(estimate.fileBytes).toEqual({ low: 34 * MIB, high: 92 * 1.7 * MIB });
  });

  it('forgets what was long ago: a heap that has grown is not said to be small', () => {
    const estimates = createSnapshotEstimates();
    for (let second = 0; second < 200; second++) estimates.addSample(sample(second * 1_000, 10 + second));
    expect(estimates.estimate('v8')!.heapBytes).toEqual({ low: 149 * MIB, high: 209 * MIB });
  });

  it('after a snapshot goes by what that one took and what was alive then', () => {
    const estimates = createSnapshotEstimates();
    estimates.addSample(sample(0, 90));
    estimates.addSnapshot({ nodes: 400_000, bytes: 40 * MIB, pauseMs: 500 });
    expect(estimates.estimate('v8')).toBeNull();
    estimates.addSample(sample(1_000, 20));
    expect(estimates.estimate('v8')).toMatchObject({ basis: 'last-snapshot', fileBytes: { low: 32 * MIB, high: 50 * MIB }, pauseMs: { low: 400, high: 625 } });
    estimates.addSample(sample(2_000, 40));
    expect(estimates.estimate('v8')).toMatchObject({ fileBytes: { low: 32 * MIB, high: 100 * MIB }, nodes: { high: 1_000_000 } });
  });

  it('of a copied process goes by what is resident, and says no more than that', () => {
    const estimates = createSnapshotEstimates();
    estimates.addSample(sample(0, 30, 1_024));
    const estimate = estimates.estimate('copy')!;
    expect(estimate.fileBytes).toBeNull();
    expect(estimate.pauseMs).toEqual({ low: 14, high: 66 });
    expect(estimates.estimate(null)).toMatchObject({ pauseMs: null, fileBytes: null });
  });
});
