import { describe, expect, it, vi } from 'vitest';
import { createSharedTask } from '#main/hosts/analysis/shared-task.ts';

function controlled() {
  const runs: { resolve: (value: number) => void; reject: (error: Error) => void; onProgress: (n: number) => void; signal: AbortSignal }[] = [];
  const task = createSharedTask<number, number>(
    ({ signal, onProgress }) =>
      new Promise((resolve, reject) => {
        runs.push({ resolve, reject, onProgress, signal });
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      }),
  );
  return { task, runs };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('createSharedTask', () => {
  it('runs once for all and keeps the result', async () => {
    const { task, runs } = controlled();
    const both = Promise.all([task.join({}), task.join({})]);
    await settle();
    expect(runs).toHaveLength(1);
    runs[0]!.resolve(7);
    expect(await both).toEqual([7, 7]);
    expect(await task.join({})).toBe(7);
    expect(task.value).toBe(7);
    expect(runs).toHaveLength(1);
  });

  it('tells everybody of the progress, who comes late of the last one', async () => {
    const { task, runs } = controlled();
    const first = vi.fn();
    const late = vi.fn();
    void task.join({ onProgress: first });
    await settle();
    runs[0]!.onProgress(1);
    void task.join({ onProgress: late });
    runs[0]!.onProgress(2);
    expect(first.mock.calls).toEqual([[1], [2]]);
    expect(late.mock.calls).toEqual([[1], [2]]);
  });

  it('goes on when one of two callers leaves, stops when the last one leaves', async () => {
    const { task, runs } = controlled();
    const [a, b] = [new AbortController(), new AbortController()];
    const first = task.join({ signal: a.signal });
    const second = task.join({ signal: b.signal });
    await settle();
    a.abort();
    await expect(first).rejects.toThrow(/abort/i);
    expect(runs[0]!.signal.aborted).toBe(false);
    b.abort();
    await expect(second).rejects.toThrow(/abort/i);
    expect(runs[0]!.signal.aborted).toBe(true);
  });

  it('starts anew after a stop or a failure, after the old run has ended', async () => {
    const { task, runs } = controlled();
    const gone = new AbortController();
    const stopped = task.join({ signal: gone.signal });
    await settle();
    gone.abort();
    await expect(stopped).rejects.toThrow();
    const failed = task.join({});
    await settle();
    expect(runs).toHaveLength(2);
    runs[1]!.reject(new Error('no disk'));
    await expect(failed).rejects.toThrow('no disk');
    const good = task.join({});
    await settle();
    runs[2]!.resolve(1);
    expect(await good).toBe(1);
  });

  it('refuses a caller who has left already', async () => {
    const { task, runs } = controlled();
    await expect(task.join({ signal: AbortSignal.abort() })).rejects.toThrow();
    await settle();
    expect(runs).toHaveLength(0);
  });
});
