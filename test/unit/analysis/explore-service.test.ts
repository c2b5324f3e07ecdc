import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAnalysisService } from '#main/hosts/analysis/analysis-service.ts';
import { analysisContract } from '#main/hosts/analysis-contract.ts';
import { exploreContract } from '#shared/contracts/explore.ts';
import type { ObjectSet } from '#shared/model/heap-explore.ts';
import { createChannelPair } from '#shared/rpc/channel.ts';
import { createRpcClient } from '#shared/rpc/client.ts';
import { createRpcServer } from '#shared/rpc/server.ts';
import { comparisonPair } from '#test/fixtures/comparison-pair.ts';
import { largeSnapshot } from '#test/fixtures/heap/large.ts';

const files = comparisonPair({ sessions: 300 });
const query = { start: 0, end: 100 };
const pair = { baseId: 'base', comparedId: 'compared' };
const snapshotId = 'compared';
const all: ObjectSet = { by: 'all' };

async function connect() {
  const service = createAnalysisService();
  const server = createRpcServer();
  server.provide(analysisContract, service.analysis);
  server.provide(exploreContract, service.explore);
  const [near, far] = createChannelPair();
  server.serve(far);
  const client = createRpcClient(near);
  const analysis = client.service(analysisContract);
  for (const [id, path] of [['base', files.base], ['compared', files.compared], ['again', files.compared]] as const) {
    await analysis.register({ snapshotId: id, path, name: id, takenAt: 1 });
  }
  return { explore: client.service(exploreContract, 'any-session'), analysis, close: () => client.close() };
}

let host: Awaited<ReturnType<typeof connect>>;
beforeEach(async () => {
  host = await connect();
});
afterEach(() => host.close());

describe('selections', () => {
  it('are grouped, listed, totalled and held, whatever names them', async () => {
    const { explore } = host;
    const byClass = await explore.groups({ snapshotId, set: all, grouping: 'class', query: { ...query, filter: 'Session' } });
    expect(byClass.rows).toMatchObject([{ name: '__main__.Session', objects: 300, shallowBytes: 14_400 }]);
    const byModule = await explore.groups({ snapshotId, set: all, grouping: 'module', query });
    expect(byModule.rows.map(({ name, objects }) => [name, objects])).toEqual(
      expect.arrayContaining([['settled', 1_200], ['__main__', 300]]),
    );
    const { groupId } = byModule.rows.find(({ name }) => name === '__main__')!;
    const classIndex = byClass.rows[0]!.groupId;
    const { rows: [session] } = await explore.objects({ snapshotId, set: { by: 'class', classIndex }, query });
    const { rows: [line] } = await explore.growthLines({ ...pair, lineId: null, query });
    const sets: [ObjectSet, number][] = [
      [{ by: 'class', classIndex }, 300],
      [{ by: 'group', grouping: 'module', groupId }, 300],
      [{ by: 'ordinals', ordinals: [session!.ordinal, session!.ordinal] }, 1],
      [{ by: 'retainedBy', ordinal: session!.ordinal }, 2],
      [{ by: 'comparison', ...pair, classIndex: null, side: 'new' }, 600],
      [{ by: 'growth', ...pair, lineId: line!.lineId }, 600],
    ];
    for (const [set, count] of sets) {
      expect((await explore.totals({ snapshotId, set })).objects, set.by).toBe(count);
      expect((await explore.objects({ snapshotId, set, query })).total, set.by).toBe(count);
    }
    expect(await explore.holders({ snapshotId, set: sets[1]![0], limit: 3 })).toMatchObject([{ objects: 300, holder: 'module __main__ → _cache (dict)' }]);
  });

  it('are narrowed by size, distance, kind, name, holder and age', async () => {
    const { explore } = host;
    const totals = async (filter: object): Promise<number> => (await explore.totals({ snapshotId, set: all, filter })).objects;
    expect(await totals({ minShallowBytes: 48, maxShallowBytes: 48 })).toBe(300);
    expect(await totals({ kinds: ['string'] })).toBe(300);
    expect(await totals({ text: '/^user-secret-1\\d$/' })).toBe(10);
    expect(await totals({ minRetainedBytes: 100, maxRetainedBytes: 100 })).toBe(300);
    expect(await totals({ notInId: 'base' })).toBe(600);
    expect(await totals({ notInId: 'base', kinds: ['string'], text: 'user-secret-7' })).toBe(11);
    const cache = (await explore.objects({ snapshotId, set: all, filter: { text: '/^dict$/' }, query })).rows[0]!;
    expect(await totals({ retainedBy: cache.ordinal })).toBe(601);
    expect(await totals({ minDistance: cache.distance! + 2 })).toBe(300);
    const grouped = await explore.groups({ snapshotId, set: all, filter: { retainedBy: cache.ordinal }, grouping: 'kind', query });
    expect(grouped.rows.map(({ name, objects }) => [name, objects])).toEqual([['object', 301], ['string', 300]]);
  });

  it('name their immediate dominators and what they dominate', async () => {
    const { explore } = host;
    const strings: ObjectSet = { by: 'all' };
    const above = await explore.immediate({ snapshotId, set: strings, filter: { kinds: ['string'] }, direction: 'dominators', query });
    expect(above.rows).toMatchObject([{ name: '__main__.Session', objects: 300, setObjects: 300, setShallowBytes: 15_600 }]);
    const below = await explore.immediate({ snapshotId, set: all, filter: { text: 'Session' }, direction: 'dominated', query });
    expect(below.rows).toMatchObject([{ name: 'str', objects: 300, setObjects: 300, setShallowBytes: 14_400 }]);
  });

  it('refuse what is of another snapshot or does not exist', async () => {
    const { explore } = host;
    const bad: [ObjectSet, string][] = [
      [{ by: 'growth', ...pair, lineId: 1 }, 'base'],
      [{ by: 'class', classIndex: 99_999 }, 'compared'],
      [{ by: 'string', stringId: 99_999 }, 'compared'],
      [{ by: 'finding', findingId: 'nothing:0', baseId: null }, 'compared'],
      [{ by: 'growth', ...pair, lineId: 99_999 }, 'compared'],
    ];
    for (const [set, id] of bad) await expect(explore.totals({ snapshotId: id, set }), JSON.stringify(set)).rejects.toThrow();
    await expect(explore.totals({ snapshotId, set: { by: 'ordinals', ordinals: [] } })).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(explore.treemap({ snapshotId, ordinal: null, maxCells: 5_000 })).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(explore.groups({ snapshotId, set: all, grouping: 'class', query: { start: 0, end: 5_000 } })).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(explore.totals({ snapshotId, set: all, filter: { text: '/(/' } })).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});

describe('trees', () => {
  it('of dominators by object and by class, as a map, and of references from the roots', async () => {
    const { explore } = host;
    const first = await explore.dominators({ snapshotId, ordinal: null, query });
    expect(first.rows[0]).toMatchObject({ node: { name: 'module __main__' }, children: 4 });
    expect(first.rows[0]!.share).toBeGreaterThan(0.99);
    const inside = await explore.dominators({ snapshotId, ordinal: first.rows[0]!.node.ordinal, query });
    expect(inside.rows[0]).toMatchObject({ node: { name: 'dict', retainedBytes: 30_100 }, children: 300 });
    const { rows: [module] } = await explore.dominatorClasses({ snapshotId, lineId: null, query });
    const { rows: [dict] } = await explore.dominatorClasses({ snapshotId, lineId: module!.lineId, query: { ...query, filter: 'dict' } });
    expect((await explore.dominatorClasses({ snapshotId, lineId: dict!.lineId, query })).rows).toMatchObject([
      { name: '__main__.Session', objects: 300, retainedBytes: 30_000, children: 1 },
    ]);
    const map = await explore.treemap({ snapshotId, ordinal: null, maxCells: 200 });
    expect(map.cells.length).toBeLessThanOrEqual(200);
    expect(map.cells[0]).toMatchObject({ parent: -1, role: 'object', ordinal: 0 });
    for (const parent of new Set(map.cells.map((cell) => cell.parent))) {
      if (parent < 0) continue;
      const sum = map.cells.filter((cell) => cell.parent === parent).reduce((bytes, cell) => bytes + cell.bytes, 0);
      expect(sum).toBe(map.cells[parent]!.bytes);
    }
    const roots = await explore.containment({ snapshotId, ordinal: null, query });
    expect(roots.rows).toMatchObject([{ edgeName: '__main__', node: { name: 'module __main__' }, fields: 3 }]);
  });
});

describe('strings, statistics, findings', () => {
  it('answer', async () => {
    const { explore } = host;
    const longest = await explore.strings({ snapshotId, order: 'longest', query });
    expect(longest.total).toBe(300);
    expect((await explore.totals({ snapshotId, set: { by: 'string', stringId: longest.rows[0]!.stringId } })).objects).toBe(1);
    expect((await explore.strings({ snapshotId, order: 'duplicates', query })).total).toBe(0);
    const statistics = await explore.statistics({ snapshotId });
    expect(statistics.rows.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(statistics.totalBytes);
    const report = await explore.findings({ snapshotId, baseId: 'base' });
    expect(report.detectors.length).toBeGreaterThan(0);
    expect(report.findings).toEqual([]);
  });
});

describe('object page', () => {
  it('has paths without ignored retainers, and an expression', async () => {
    const { explore } = host;
    const { rows } = await explore.objects({ snapshotId, set: all, filter: { text: 'user-secret-7' }, query });
    const user = rows.find(({ name }) => name === 'user-secret-7')!;
    expect(await explore.expression({ snapshotId, ordinal: user.ordinal })).toEqual({
      expression: '__main__._cache[7].user', language: 'python', note: 'After: import __main__',
    });
    const free = await explore.paths({ snapshotId, ordinal: user.ordinal, limit: 5, ignore: [] });
    expect(free.paths).toHaveLength(1);
    const cache = free.paths[0]!.steps.find(({ node }) => node.className === 'dict')!.node.ordinal;
    expect(await explore.paths({ snapshotId, ordinal: user.ordinal, limit: 5, ignore: [cache] })).toEqual({ paths: [], complete: true, distance: null });
  });
});

describe('two and three snapshots', () => {
  it('grow, survive and stay', async () => {
    const { explore } = host;
    expect(await explore.growthSummary(pair)).toMatchObject({ newObjects: 600, newShallowBytes: 30_000 });
    const { rows: [line] } = await explore.growthLines({ ...pair, lineId: null, query });
    expect(line).toMatchObject({ text: 'module __main__ → _cache (dict)', objects: 600, children: 1, holderSurvived: true });
    const grown = await explore.grownSurvivors({ ...pair, query });
    expect(grown.rows).toMatchObject([{ node: { name: 'dict' }, grownRetainedBytes: 30_000, newObjects: 600, addedFields: 300 }]);
    expect(await explore.grownAdded({ ...pair, ordinal: grown.rows[0]!.node.ordinal, limit: 5 })).toMatchObject([
      { name: 'str', objects: 300 }, { name: '__main__.Session', objects: 300 },
    ]);
    const trio = { firstId: 'base', secondId: 'compared', thirdId: 'again' };
    expect(await explore.trio(trio)).toMatchObject({ idsComparable: true, stayed: { objects: 600, shallowBytes: 30_000 } });
    const { rows } = await explore.trioClasses({ ...trio, query });
    expect(rows[0]).toMatchObject({ name: '__main__.Session', objects: 300, goneObjects: 0, retainedBytes: 30_000 });
    const set: ObjectSet = { by: 'trio', ...trio, classIndex: rows[0]!.classIndex };
    expect((await explore.objects({ snapshotId: 'again', set, query })).total).toBe(300);
  });

  it('can be cancelled', async () => {
    const path = largeSnapshot({ nodes: 400_000, shape: 'double list' });
    await host.analysis.register({ snapshotId: 'large', path, name: 'large', takenAt: 3 });
    const controller = new AbortController();
    const call = host.explore.growthSummary({ baseId: 'base', comparedId: 'large' }, { signal: controller.signal });
    setTimeout(() => controller.abort(), 100);
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
  });
});
