import { describe, expect, it } from 'vitest';

import { DETECTORS } from '#main/heap/findings/all.ts';
import { findProblems } from '#main/heap/findings/find.ts';
import type { Finding } from '#shared/model/heap-explore.ts';
import { heapOf } from '#test/fixtures/heap/build.ts';
import type { BuildOptions } from '#test/fixtures/heap/build.ts';
import { builtPair, elements, many } from '#test/fixtures/heap/pair.ts';

const PYTHON = { python: true };

/** Findings of one heap as [detector, confidence, bytes]. */
async function found(text: string, options: BuildOptions = {}): Promise<Finding[]> {
  const { heap } = await heapOf(text, options);
  const { report } = await findProblems(heap, null);
  expect(report.detectors.filter(({ skipped }) => skipped?.startsWith('It failed'))).toEqual([]);
  return [...report.findings];
}

const short = (findings: readonly Finding[]): [string, string, number][] =>
  findings.map(({ detector, confidence, bytes }) => [detector, confidence, bytes]);

/** A module with other things that make up the rest of the heap. */
const module = (edges: string, rest: string, otherBytes = 4_000_000): string =>
  `root@1 -> .app m; m@3:80 (object module) "module app" -> .ballast b, ${edges}; b@5:${otherBytes} (native bytes) "bytes"; ${rest}`;

describe('every detector', () => {
  it('has an id and a title of its own', () => {
    expect(new Set(DETECTORS.map(({ id }) => id)).size).toBe(DETECTORS.length);
    expect(DETECTORS.every(({ id, title }) => /^[a-z-]+$/.test(id) && title !== '')).toBe(true);
  });

  it('says nothing about a heap that is well, and is listed with why it did not run', async () => {
    const { heap } = await heapOf(module('.things l', `l@7:100 (object list) -> ${elements(300, 's')}; ${many(300, 's', 101, ':48 (object app.S)')}`), PYTHON);
    const { report } = await findProblems(heap, null);
    expect(report.findings).toEqual([]);
    expect(report.detectors.map(({ id }) => id)).toEqual(DETECTORS.map(({ id }) => id));
    expect(report.detectors.find(({ id }) => id === 'growing-collections')!.skipped).toMatch(/earlier snapshot/);
    expect(report.detectors.find(({ id }) => id === 'detached-dom')!.skipped).toBe('Only for V8');
  });

  it('that fails does not spoil the others', async () => {
    const { heap } = await heapOf(module('.x x', ''), PYTHON);
    const failing = { id: 'fails', title: 'Fails', detect: () => Promise.reject(new Error('boom')) };
    const { report } = await findProblems(heap, null, {}, [failing, ...DETECTORS]);
    expect(report.detectors[0]).toMatchObject({ found: 0, skipped: 'It failed: boom' });
    expect(report.detectors).toHaveLength(DETECTORS.length + 1);
  });
});

describe('leak suspects', () => {
  const leak = (count: number): string =>
    module('._sessions c', `c@7:${100 + 8 * count} (object dict) -> .k b${count > 0 ? `, ${elements(count, 's')}` : ''}; ${many(count, 's', 101, ':2000 (object app.Session)')}`);

  it('name the accumulation point, what is in it, and where it hangs', async () => {
    const [finding, ...others] = await found(leak(1_000), PYTHON);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      detector: 'leak-suspects', confidence: 'medium', bytes: 2_008_100, objects: 1_000, title: '_sessions (dict) holds 33 % of the heap',
      path: [{ edge: 'app', node: 'module app' }, { edge: '_sessions', node: 'dict' }],
    });
    expect(finding!.links.map(({ label, node }) => [label, node.className])).toEqual([['Holder', 'dict'], ['Example of app.Session', 'app.Session']]);
  });

  it('are sure when it grew, and silent when it did not', async () => {
    const grown = await builtPair(leak(10), leak(1_000), PYTHON);
    expect(short((await findProblems(grown.compared.heap, grown.comparison)).report.findings)).toEqual([['leak-suspects', 'high', 2_008_100]]);
    const steady = await builtPair(leak(1_000), leak(1_000), PYTHON);
    expect((await findProblems(steady.compared.heap, steady.comparison)).report.findings).toEqual([]);
  });

  it('list the objects behind them', async () => {
    const { heap } = await heapOf(leak(1_000), PYTHON);
    const { report, objects } = await findProblems(heap, null);
    expect(objects.get(report.findings[0]!.id)).toHaveLength(1_000);
  });
});

describe('growing collections', () => {
  it('are found below the size of a suspect', async () => {
    const text = (count: number): string =>
      module('.log l', `l@7:${60 + 8 * count} (object list) -> ${elements(count, 's')}; ${many(count, 's', 101, ':1000 (object app.Entry)')}`);
    const { comparison, compared } = await builtPair(text(100), text(300), PYTHON);
    const { report } = await findProblems(compared.heap, comparison);
    expect(short(report.findings)).toEqual([['growing-collections', 'high', 201_600]]);
    expect(report.findings[0]).toMatchObject({ title: 'log (list) grew by 200 entries', objects: 200 });
  });
});

describe('caches and oversized collections', () => {
  it('of many entries are named', async () => {
    const cache = await found(module('._cache c', `c@7:1000 (object dict) -> ${elements(1_500, 's')}; ${many(1_500, 's', 101, ':400 (number int)')}`), PYTHON);
    expect(short(cache)).toEqual([['unbounded-caches', 'low', 601_000]]);
    const large = await found(module('.table t', `t@7:1200000 (object list) -> ${Array.from({ length: 60_000 }, (_, i) => `[${i}] n${i % 10}`).join(', ')}; ${many(10, 'n', 101, ':28 (number int)')}`), PYTHON);
    expect(short(large)).toEqual([['oversized-collections', 'low', 1_200_280]]);
  });
});

describe('strings and containers', () => {
  it('that repeat or are empty are counted', async () => {
    const twice = await found(module('.l l', `l@7:10 (object list) -> ${elements(400, 's')}; ${many(400, 's', 101, ':2000 (string str) "same"')}`), PYTHON);
    expect(short(twice)).toEqual([['duplicate-strings', 'medium', 399 * 2_000]]);
    const empty = await found(module('.l l', `l@7:10 (object tuple) -> ${elements(6_000, 's')}; ${many(6_000, 's', 101, ':100 (object dict)')}`), PYTHON);
    expect(short(empty)).toEqual([['empty-containers', 'medium', 600_000]]);
    const sparse = await found(module('.d d', 'd@7:600000 (object dict) -> .a a'), PYTHON);
    expect(short(sparse)).toEqual([['empty-containers', 'medium', 600_000]]);
  });
});

describe('Python', () => {
  it('tracebacks, garbage, views and missing slots', async () => {
    const traceback = await found(module('.errors e', `e@7:60 (object list) -> [0] x; x@9:80 (object ValueError) -> {__traceback__} t;
      t@11:64 (object traceback) -> .tb_frame f; f@13:400 (object frame) -> $rows r; r@15:500000 (native bytearray)`), PYTHON);
    expect(short(traceback)).toEqual([['kept-frames', 'high', 500_464]]);

    const garbage = await found(`root@1 -> [0] u, .gc g; u@3:0 (synthetic) "(unreachable garbage)" -> [0] a, [1] b; a@5:300000 (object A) -> .b b;
      b@7:10 (object A) -> .a a; g@9:50 (object module) "module gc" -> .garbage l; l@11:64 (object list) -> [0] s; s@13:20 (object Stuck)`, PYTHON);
    expect(short(garbage)).toEqual([['uncollectable-cycles', 'high', 84], ['uncollectable-cycles', 'medium', 300_010]]);

    const view = (other: string): string => module(`.v v${other}`, 'v@7:184 (object memoryview) -> <0> mb; mb@9:128 (object managedbuffer) -> <0> by; by@11:500000 (native bytearray) "bytearray"');
    expect(short(await found(view(''), PYTHON))).toEqual([['kept-buffers', 'low', 500_000]]);
    expect(await found(view(', .buf by'), PYTHON)).toEqual([]);

    const instances = (descriptor: string): string =>
      module('.p p, .P P', `P@7:1000 (object type) "class app.P" -> ${descriptor} d; d@9:64 (object getset_descriptor);
        p@11:8 (object tuple) -> ${elements(20_000, 'i')}; ${many(20_000, 'i', 101, ':20 (object app.P)', () => '{__class__} P')}`);
    expect(short(await found(instances('.__dict__'), PYTHON))).toEqual([['missing-slots', 'medium', 640_000]]);
    expect(await found(instances('.x'), PYTHON)).toEqual([]);
  });
});

describe('JavaScript', () => {
  it('detached DOM nodes, timers, listeners and closures', async () => {
    const dom = await heapOf(`root@1 -> !g; g@3 (object Window) -> .kept k; k@5:20 (object Array) -> ${elements(30, 'n')};
      ${many(30, 'n', 101, ':100 (native Detached <div>)')}`, { fields: ['type', 'name', 'id', 'self_size', 'edge_count'] });
    const { report } = await findProblems(dom.heap, null);
    expect(short(report.findings)).toEqual([['detached-dom', 'medium', 3_000]]);

    const timer = await found(`root@1 -> !g; g@3 (object global) -> .t t; t@5:100 (object Timeout) -> ._onTimeout f; f@7:64 (closure) "tick" -> .big b; b@9:2000000 (native Blob)`);
    expect(short(timer)).toEqual([['listeners-and-timers', 'low', 2_000_164]]);

    const listeners = await found(`root@1 -> !g; g@3:100 (object global) -> .bus e; e@5:50 (object EventEmitter) -> ._events v; v@7:20 (object Object) -> .data a;
      a@9:16 (object Array) -> ${elements(150, 'f')}; ${many(150, 'f', 101, ':64 (closure) "listener"')}`);
    expect(short(listeners)).toEqual([['listeners-and-timers', 'high', 16 + 150 * 64]]);

    const closure = await found(`root@1 -> !g; g@3:100 (object global) -> .f f; f@5:64 (closure) "handler" -> {context} c; c@7:40 (object) "system / Context" -> $big b; b@9:2000000 (native Blob)`);
    expect(short(closure)).toEqual([['heavy-closures', 'medium', 2_000_104]]);
  });
});
