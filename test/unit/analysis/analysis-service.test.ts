import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAnalysisService } from '#main/hosts/analysis/analysis-service.ts';
import { analysisContract } from '#main/hosts/analysis-contract.ts';
import { heapContract } from '#shared/contracts/heap.ts';
import type { HeapProgress } from '#shared/model/heap.ts';
import { createChannelPair } from '#shared/rpc/channel.ts';
import { createRpcClient } from '#shared/rpc/client.ts';
import { createRpcServer } from '#shared/rpc/server.ts';
import { comparisonPair } from '#test/fixtures/comparison-pair.ts';
import { largeSnapshot } from '#test/fixtures/heap/large.ts';
import { tempFile } from '#test/fixtures/heap/build.ts';

const files = comparisonPair({ sessions: 300 });
const exportsDir = join(tmpdir(), `heaphouse-analysis-test-${process.pid}`);
const all = { start: 0, end: 100 };
const pair = { baseId: 'base', comparedId: 'compared' };

async function connect(options?: Parameters<typeof createAnalysisService>[0]) {
  const service = createAnalysisService(options);
  const server = createRpcServer();
  server.provide(analysisContract, service.analysis);
  server.provide(heapContract, service.heap);
  const [near, far] = createChannelPair();
  server.serve(far);
  const client = createRpcClient(near);
  const analysis = client.service(analysisContract);
  await analysis.configure({ exportsDir, sessionTitle: 'leaky' });
  await analysis.register({ snapshotId: 'base', path: files.base, name: 'Snapshot 1', takenAt: 1 });
  await analysis.register({ snapshotId: 'compared', path: files.compared, name: 'Snapshot 2', takenAt: 2 });
  return { heap: client.service(heapContract, 'any-session'), analysis, close: () => client.close() };
}

let host: Awaited<ReturnType<typeof connect>>;
beforeEach(async () => {
  host = await connect();
});
afterEach(() => host.close());

describe('one snapshot', () => {
  it('opens, then analyses, with progress', async () => {
    const seen: HeapProgress[] = [];
    const opened = await host.heap.open({ snapshotId: 'compared' }, { onProgress: (value) => seen.push(value) });
    expect(opened).toMatchObject({ producer: 'cpython', analysed: false });
    expect(seen.map(({ phase }) => phase)).toContain('reading');
    expect((await host.heap.analyse({ snapshotId: 'compared' })).analysed).toBe(true);
  });

  it('answers about classes, objects, fields, retainers, paths and holders', async () => {
    const snapshotId = 'compared';
    await host.heap.analyse({ snapshotId });
    const classes = await host.heap.classes({ snapshotId, query: { ...all, filter: '__main__.Session' } });
    expect(classes.rows).toMatchObject([{ name: '__main__.Session', objects: 300, shallowBytes: 300 * 48, retainedBytes: 300 * 100 }]);
    const { classIndex } = classes.rows[0]!;
    const instances = await host.heap.instances({ snapshotId, classIndex, query: all });
    const session = instances.rows[0]!;
    expect(instances.total).toBe(300);
    expect(await host.heap.object({ snapshotId, ordinal: session.ordinal })).toMatchObject({ id: session.id, retainedBytes: 100 });
    expect(await host.heap.byId({ snapshotId, id: session.id })).toMatchObject({ ordinal: session.ordinal });
    expect(await host.heap.byId({ snapshotId, id: 999_999_999 })).toBeNull();
    expect((await host.heap.fields({ snapshotId, ordinal: session.ordinal, query: all })).rows).toMatchObject([{ edgeName: 'user' }]);
    const retainers = await host.heap.retainers({ snapshotId, ordinal: session.ordinal, query: all });
    expect(retainers.rows[0]!.node.className).toBe('dict');
    const paths = await host.heap.paths({ snapshotId, ordinal: session.ordinal, limit: 3 });
    expect(paths.paths[0]!.steps.map(({ edgeName }) => edgeName)).toContain('_cache');
    expect(await host.heap.holders({ snapshotId, classIndex, limit: 5 })).toMatchObject([{ objects: 300, holder: 'module __main__ → _cache (dict)' }]);
    expect((await host.heap.search({ snapshotId, text: 'user-secret-7', query: all })).total).toBeGreaterThan(0);
    expect((await host.heap.dominated({ snapshotId, ordinal: session.ordinal, query: all })).total).toBe(1);
  });

  it('opens by itself when asked a question, and again after close', async () => {
    expect((await host.heap.classes({ snapshotId: 'base', query: all })).total).toBeGreaterThan(2);
    await host.heap.close({ snapshotId: 'base' });
    expect((await host.heap.classes({ snapshotId: 'base', query: all })).rows[0]!.retainedBytes).toBeNull();
  });

  it('goes on for others when one caller cancels, and stops within milliseconds when all do', async () => {
    const path = largeSnapshot({ nodes: 400_000, shape: 'double list' });
    await host.analysis.register({ snapshotId: 'large', path, name: 'large', takenAt: 3 });
    const leaves = new AbortController();
    const left = host.heap.analyse({ snapshotId: 'large' }, { signal: leaves.signal, onProgress: () => leaves.abort() });
    const stays = host.heap.analyse({ snapshotId: 'large' });
    await expect(left).rejects.toMatchObject({ code: 'cancelled' });
    expect((await stays).analysed).toBe(true);

    await host.heap.close({ snapshotId: 'large' });
    const alone = new AbortController();
    let abortedAt = 0;
    const cancelled = host.heap.analyse(
      { snapshotId: 'large' },
      {
        signal: alone.signal,
        onProgress() {
          abortedAt ||= performance.now();
          alone.abort();
        },
      },
    );
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
    expect(performance.now() - abortedAt).toBeLessThan(500);
  });

  it('gives back what was used longest ago when memory is short', async () => {
    host.close();
    host = await connect({ heapBudgetBytes: 1 });
    await host.heap.analyse({ snapshotId: 'base' });
    await host.heap.analyse({ snapshotId: 'compared' });
    // Not analysed any more: the heap was given back and is opened again.
    expect((await host.heap.open({ snapshotId: 'base' })).analysed).toBe(false);
    expect((await host.heap.compare(pair)).totals.new.objects).toBe(600);
  });
});

describe('what cannot be answered', () => {
  it.each([
    ['empty.heapsnapshot', '', 'bad-file'],
    ['text.heapsnapshot', 'hello', 'bad-file'],
    ['other.heapsnapshot', '{"traceEvents":[]}', 'bad-file'],
  ])('%s', async (name, content, code) => {
    await host.analysis.register({ snapshotId: 'bad', path: tempFile(content, name), name, takenAt: 1 });
    const error = await host.heap.open({ snapshotId: 'bad' }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code, message: expect.stringContaining(name) as string, advice: expect.any(String) as string });
  });

  it('says where a truncated file ends', async () => {
    const bytes = readFileSync(files.compared).subarray(0, 20_000);
    await host.analysis.register({ snapshotId: 'cut', path: tempFile(bytes), name: 'cut', takenAt: 1 });
    await expect(host.heap.open({ snapshotId: 'cut' })).rejects.toMatchObject({
      code: 'bad-file',
      message: expect.stringMatching(/at byte [\d,]+/) as string,
      detail: expect.stringMatching(/byte offset \d+/) as string,
      advice: expect.stringContaining('not complete') as string,
    });
  });

  it('names unknown snapshots, files, objects, classes and bad filters', async () => {
    await expect(host.heap.open({ snapshotId: 'nope' })).rejects.toMatchObject({ code: 'not-found' });
    await host.analysis.register({ snapshotId: 'gone', path: '/nowhere/x.heapsnapshot', name: 'gone', takenAt: 1 });
    await expect(host.heap.open({ snapshotId: 'gone' })).rejects.toMatchObject({ code: 'not-found' });
    await expect(host.heap.object({ snapshotId: 'base', ordinal: 99_999_999 })).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(host.heap.instances({ snapshotId: 'base', classIndex: 99_999, query: all })).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(host.heap.classes({ snapshotId: 'base', query: { ...all, filter: '/(/' } })).rejects.toMatchObject({ code: 'invalid-argument' });
    await host.analysis.unregister({ snapshotId: 'base' });
    await expect(host.heap.open({ snapshotId: 'base' })).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('two snapshots', () => {
  it('sums up, lists classes, objects and holders', async () => {
    const summary = await host.heap.compare(pair);
    expect(summary.base).toMatchObject({ id: 'base', name: 'Snapshot 1', takenAt: 1 });
    expect(summary.totals.new).toEqual({ objects: 600, shallowBytes: 300 * 100, retainedBytes: 300 * 100 });
    expect(summary.totals.delta).toMatchObject({ objects: 600, shallowBytes: 300 * 100 });
    expect(summary.identityNote).toContain('CPython');
    const { rows } = await host.heap.comparisonClasses({
      ...pair,
      query: { ...all, sort: { by: 'delta.retainedBytes', order: 'descending' }, filter: 'Session' },
    });
    expect(rows).toMatchObject([{ name: '__main__.Session', new: { objects: 300 }, dead: { objects: 0 }, survived: { objects: 0 } }]);
    const of = { ...pair, classIndex: rows[0]!.classIndex, side: 'new' as const };
    expect((await host.heap.comparisonObjects({ ...of, query: all })).total).toBe(300);
    expect(await host.heap.comparisonHolders({ ...of, limit: 5 })).toMatchObject([{ objects: 300, holder: 'module __main__ → _cache (dict)' }]);
  });

  it('exports all formats into the session, private and with a proper name', async () => {
    for (const format of ['json', 'csv', 'html'] as const) {
      const file = await host.heap.exportComparison({ ...pair, format, includeValues: false });
      expect(file.path).toBe(join(exportsDir, `comparison Snapshot 1 to Snapshot 2.${format}`));
      expect(readFileSync(file.path)).toHaveLength(file.bytes);
      expect(readFileSync(file.path, 'utf8')).not.toContain('user-secret');
    }
  });
});
