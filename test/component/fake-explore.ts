/** Answers of the explore service for component tests: made-up rows behind the real contract. */
import { exploreContract } from '#shared/contracts/explore.ts';
import type { ContainmentRow, DominatorRow, Finding, GrowthLine, GrownRow, GroupRow, StringRow, TrioRow } from '#shared/model/heap-explore.ts';
import type { AllocationSource, NodeRef, Page } from '#shared/model/heap.ts';
import type { RpcServer } from '#shared/rpc/server.ts';

export interface FakeExploreParts {
  /** Notes the call; holds or fails it as the test asked. */
  enter(name: string, params: unknown): Promise<void>;
  node(ordinal: number, more?: Partial<NodeRef>): NodeRef;
  hostileName: string;
  classNames: readonly string[];
}

export function provideFakeExplore(server: RpcServer, { enter, node, hostileName, classNames }: FakeExploreParts): void {
  const pageOf = <Row>(rows: readonly Row[], { start, end }: { start: number; end: number }): Page<Row> => ({ rows: rows.slice(start, end), start, total: rows.length, unfiltered: rows.length });
  const line = (lineId: number, more: Partial<GrowthLine> = {}): GrowthLine => ({
    lineId,
    parentId: null,
    depth: 0,
    edge: '_cache',
    node: 'dict',
    steps: [{ edge: '', node: 'module app.handlers' }, { edge: '_cache', node: 'dict' }],
    text: 'module app.handlers → _cache (dict)',
    objects: 10_000,
    shallowBytes: 560_000,
    retainedBytes: 11_440_000,
    grownObjects: 1,
    grownBytes: 294_912,
    children: 1,
    ownObjects: 0,
    holder: node(3, { name: 'dict', className: 'dict' }),
    holderSurvived: true,
    first: node(100),
    last: node(199),
    ...more,
  });
  const lines = [line(0), line(1, { steps: [{ edge: '', node: hostileName }], text: hostileName, objects: 2, shallowBytes: 112, retainedBytes: 112, children: 0, ownObjects: 2 })];
  const below = [line(2, { parentId: 0, depth: 1, edge: '[*]', node: 'app.Session', steps: [{ edge: '[*]', node: 'app.Session' }], text: '[*] (app.Session)', children: 0, ownObjects: 10_000 })];
  const group = (groupId: number, name: string): GroupRow => ({ groupId, name, kind: 'object', classes: 2, objects: 100, shallowBytes: 10_000 - groupId, retainedBytes: 20_000 - groupId, distance: 3, estimate: null });
  const fakeSource: AllocationSource = { by: 'recording', samplingInterval: null, unsureClasses: ['dict', hostileName], missing: null };
  const finding = (id: string, more: Partial<Finding> = {}): Finding => ({
    id,
    detector: 'growing-collections',
    title: 'A dict keeps growing',
    saw: 'The dict _cache grew from 10 to 10,010 entries.',
    why: 'Nothing removes from it.',
    advice: 'Bound it, or use functools.lru_cache(maxsize=…).',
    confidence: 'high',
    bytes: 11_440_000,
    objects: 10_000,
    path: [{ edge: '', node: 'module app.handlers' }, { edge: '_cache', node: 'dict' }],
    links: [{ label: 'the dict', node: node(3, { name: 'dict', className: 'dict' }) }],
    ...more,
  });
  const dominator = (ordinal: number): DominatorRow => ({ node: node(ordinal, { retainedBytes: 1_000_000 }), children: ordinal < 10 ? 2 : 0, share: 0.06 });
  const contained = (ordinal: number): ContainmentRow => ({ edge: ordinal, edgeName: 'app.handlers', edgeKind: 'property', weak: false, system: false, node: node(ordinal, { name: hostileName }), fields: ordinal < 10 ? 1 : 0 });
  const string = (stringId: number): StringRow => ({ stringId, text: `${hostileName} ${stringId}`, objects: 40, shallowBytes: 4_000, largestBytes: 100, wastedBytes: 3_900, cutInFile: stringId === 0, example: node(400 + stringId, { kind: 'string', className: 'str' }) });
  const trioRow = (classIndex: number): TrioRow => ({ classIndex, name: classNames[classIndex] ?? '', kind: 'object', objects: 50, shallowBytes: 2_800, retainedBytes: 57_200, goneObjects: 3 });
  const grown: GrownRow = { node: node(3, { name: 'dict', className: 'dict', retainedBytes: 12_000_000 }), baseShallowBytes: 232, baseRetainedBytes: 20_000, grownShallowBytes: 294_912, grownRetainedBytes: 11_980_000, newObjects: 10_000, newBytes: 560_000, addedFields: 10_000, accumulates: true };

  server.provide(exploreContract, {
    methods: {
      async groups(params) {
        await enter('explore.groups', params);
        const names = params.grouping === 'class' ? classNames : params.grouping === 'kind' ? ['object', 'string'] : ['app.handlers', hostileName];
        return pageOf(names.map((name, index) => group(index, name)), params.query);
      },
      async objects(params) {
        await enter('explore.objects', params);
        return pageOf([node(100), node(101)], params.query);
      },
      totals: () => ({ objects: 2, shallowBytes: 112, retainedBytes: 2_288 }),
      holders: () => [],
      async sites(params) {
        await enter('explore.sites', params);
        return {
        source: fakeSource,
        objects: 10_000,
        known: 9_000,
        unsure: false,
        groups: [
          { site: 'handle (/app/handlers.py:88)', frame: { functionName: 'handle', script: '/app/handlers.py', line: 88, column: 0 }, objects: 8_000, shallowBytes: 448_000, samples: 8_000, share: 8 / 9, example: node(100), stack: [{ functionName: 'handle', script: '/app/handlers.py', line: 88, column: 0 }, { functionName: hostileName, script: '/app/main.py', line: 3, column: 0 }] },
          { site: `<i>warm</i> (/app/${hostileName})`, frame: { functionName: '<i>warm</i>', script: `/app/${hostileName}`, line: 0, column: 0 }, objects: 1_000, shallowBytes: 56_000, samples: 1_000, share: 1 / 9, example: node(101), stack: [] },
        ],
        };
      },
      async immediate(params) {
        await enter('explore.immediate', params);
        return pageOf([{ classIndex: 0, name: 'dict', objects: 1, shallowBytes: 232, retainedBytes: 11_000_000, setObjects: 10_000, setShallowBytes: 560_000, example: node(3, { name: 'dict', className: 'dict' }) }], params.query);
      },
      async query(params) {
        await enter('explore.query', params);
        const column = { type: 'VARCHAR', numeric: false, objects: null } as const;
        return { answerId: 1, columns: [{ ...column, name: 'node', type: 'UINTEGER', numeric: true, objects: 'this' as const }, { ...column, name: hostileName }], rows: 2, cut: true, elapsedMs: 12, loadedMs: 0 };
      },
      queryRows: ({ query }) => pageOf([0, 1].map((index) => ({ index, values: [100 + index, hostileName], links: [node(100 + index), null] })), query),
      exportQuery: () => ({ path: '/tmp/query.csv', suggestedName: 'query.csv', bytes: 10, cuts: [] }),
      async dominators(params) {
        await enter('explore.dominators', params);
        return pageOf(params.ordinal === null ? [dominator(1), dominator(2)] : [dominator(params.ordinal * 10)], params.query);
      },
      dominatorClasses: ({ query, lineId }) =>
        pageOf([{ lineId: (lineId ?? 0) + 1, classIndex: 0, name: 'dict', objects: 10, shallowBytes: 1_000, retainedBytes: 10_000, share: 0.1, children: lineId === null ? 1 : 0, example: node(5) }], query),
      async treemap(params) {
        await enter('explore.treemap', params);
        const cell = (parent: number, depth: number, ordinal: number | null, bytes: number, role: 'object' | 'own' | 'rest' = 'object') => ({ parent, depth, ordinal, role, name: hostileName, className: 'dict', bytes, objects: 10 });
        return { root: node(0, { name: '(root)', retainedBytes: 1_000 }), above: [], cells: [cell(-1, 0, 0, 1_000), cell(0, 1, 3, 700), cell(0, 1, 4, 200), cell(0, 1, null, 100, 'rest')] };
      },
      async containment(params) {
        await enter('explore.containment', params);
        return pageOf([contained(params.ordinal === null ? 1 : 50)], params.query);
      },
      async strings(params) {
        await enter('explore.strings', params);
        return pageOf([string(0), string(1)], params.query);
      },
      async statistics(params) {
        await enter('explore.statistics', params);
        return { totalBytes: 100_000, rows: [{ part: 'objects' as const, label: 'Objects', objects: 90, bytes: 60_000 }, { part: 'strings' as const, label: 'Strings', objects: 10, bytes: 40_000 }], kinds: [{ kind: 'object', objects: 100, bytes: 100_000 }] };
      },
      async findings(params) {
        await enter('explore.findings', params);
        return {
          findings: params.baseId === null ? [] : [finding('growing/1'), finding('growing/2', { title: hostileName, confidence: 'low' as const, path: [], links: [] })],
          detectors: [
            { id: 'growing-collections', title: 'Growing collections', found: params.baseId === null ? 0 : 2, skipped: params.baseId === null ? 'needs an earlier snapshot' : null },
            { id: 'detached-nodes', title: 'Detached DOM nodes', found: 0, skipped: 'only for V8' },
          ],
        };
      },
      async paths(params) {
        await enter('explore.paths', params);
        return { complete: true, distance: null, paths: [] };
      },
      allocation: () => ({ source: fakeSource, unsure: true, frames: [{ functionName: 'remember', script: '/app/cache.js', line: 12, column: 7 }, { functionName: '<b>main</b>', script: '/app/main.js', line: 3, column: 1 }] }),
      expression: () => ({ expression: 'app.handlers._cache[42]', language: 'python' as const, note: 'import app.handlers' }),
      growthSummary: () => ({ lines: 2, newObjects: 10_002, newShallowBytes: 560_112, grownObjects: 1, grownBytes: 294_912, unreachedObjects: 4 }),
      async growthLines(params) {
        await enter('explore.growthLines', params);
        return pageOf(params.lineId === null ? lines : below, params.query);
      },
      async grownSurvivors(params) {
        await enter('explore.grownSurvivors', params);
        return pageOf([grown], params.query);
      },
      grownAdded: () => [{ classIndex: 1, name: 'app.Session', objects: 10_000, shallowBytes: 560_000, example: node(100) }],
      trio: () => ({ classes: 2, born: { objects: 106, shallowBytes: 6_000, retainedBytes: 6_000 }, stayed: { objects: 100, shallowBytes: 5_600, retainedBytes: 5_600 }, idsComparable: true }),
      async trioClasses(params) {
        await enter('explore.trioClasses', params);
        return pageOf([trioRow(1), trioRow(2)], params.query);
      },
    },
    events: {},
  });
}
