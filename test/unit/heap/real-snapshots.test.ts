import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { analyseHeap } from '#main/heap/analyse.ts';
import { classIndexOf, classRow, nodesOfClass } from '#main/heap/classes.ts';
import { compareHeaps, comparisonNodes, comparisonRows } from '#main/heap/compare.ts';
import { holdersOf } from '#main/heap/holders.ts';
import type { Heap } from '#main/heap/heap.ts';
import { openHeap } from '#main/heap/open.ts';
import { pathsToRoot } from '#main/heap/paths.ts';

/** A program with known truth that photographs itself before and after it leaks. */
const PROGRAM = `
const v8 = require('node:v8');
class Session { constructor(i) { this.id = i; this.label = 'session number ' + i; this.next = null; } }
class Pair { constructor() { this.other = null; this.ballast = null; } }
class Churn { constructor(i) { this.text = 'churn ' + i; } }
const cache = new Map();
const owner = { pair: null };
let churn = [];
function leak(n) { for (let i = 0; i < n; i++) cache.set('key-' + i, new Session(i)); }
function turn() { churn = []; for (let i = 0; i < 500; i++) churn.push(new Churn(i)); }
const a = new Pair(), b = new Pair();
a.other = b; b.other = a; b.ballast = new Float64Array(1_250_000);
owner.pair = a;
globalThis.leakSessions = leak;
globalThis.turn = turn;
globalThis.ownerOfPair = () => owner;
turn();
v8.writeHeapSnapshot(process.argv[2]);
leak(10_000);
turn();
v8.writeHeapSnapshot(process.argv[3]);
`;

const folder = mkdtempSync(join(tmpdir(), 'heaphouse-real-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Node.js of this test, and the one on the PATH when it is another one. */
function runtimes(): { version: string; command: string }[] {
  const own = { version: process.version, command: process.execPath };
  try {
    const version = execFileSync('node', ['--version'], { encoding: 'utf8' }).trim();
    return version === own.version ? [own] : [own, { version, command: 'node' }];
  } catch {
    return [own];
  }
}

describe.each(runtimes())('snapshots of Node.js $version', ({ version, command }) => {
  const files = ['base', 'compared'].map((name) => join(folder, `${version}-${name}.heapsnapshot`)) as [string, string];
  let heaps: Promise<[Heap, Heap]> | null = null;
  const open = (): Promise<[Heap, Heap]> => {
    heaps ??= (async () => {
      const program = join(folder, `${version}.cjs`);
      writeFileSync(program, PROGRAM);
      execFileSync(command, [program, ...files]);
      return [await openHeap(files[0]), await openHeap(files[1])];
    })();
    return heaps;
  };

  it('open with everything accounted for', async () => {
    const [, heap] = await open();
    const analysis = await analyseHeap(heap);
    expect(heap.producer).toBe('v8');
    expect(analysis.retained[heap.root]).toBe(heap.shallowBytes);
    const unreached = analysis.distance.filter((distance) => distance === 0xffffffff).length;
    expect(unreached).toBeLessThan(heap.nodeCount / 10);
  }, 60_000);

  it('show the two-cycle that holds 10 MB', async () => {
    const [, heap] = await open();
    const { retained } = await analyseHeap(heap);
    const pairs = nodesOfClass(heap, classIndexOf(heap, 'Pair'));
    expect(pairs).toHaveLength(2);
    for (const node of pairs) expect(retained[node]).toBeGreaterThan(10_000_000);
  }, 60_000);

  it('name the leak, its count and its holder', async () => {
    const [base, compared] = await open();
    const comparison = await compareHeaps(base, compared);
    const { rows } = await comparisonRows(comparison, { start: 0, end: 1_000 });
    const sessions = rows.find((row) => row.name === 'Session')!;
    expect(sessions.new.objects).toBe(10_000);
    expect(sessions.delta.objects).toBe(10_000);
    expect(rows.slice(0, 5).map(({ name }) => name)).toContain('Session');
    const churn = rows.find((row) => row.name === 'Churn')!;
    expect(churn.delta.objects).toBe(0);
    expect([churn.new.objects, churn.dead.objects]).toEqual([500, 500]);
    const fresh = comparisonNodes(comparison, sessions.classIndex, 'new');
    const groups = await holdersOf(fresh.heap, fresh.ordinals);
    expect(groups[0]).toMatchObject({ objects: 10_000, owner: { className: 'Map' } });
    expect(groups[0]!.holder).toMatch(/cache \(Map\)$/);
  }, 60_000);

  it('give a path from the root to a leaked object', async () => {
    const [, heap] = await open();
    const [session] = nodesOfClass(heap, classIndexOf(heap, 'Session'));
    const { paths } = await pathsToRoot(heap, session!);
    expect(paths.length).toBeGreaterThan(0);
    expect(paths[0]!.steps[0]!.node.ordinal).toBe(heap.root);
    expect(paths[0]!.steps.some((step) => step.edgeName === 'cache')).toBe(true);
  }, 60_000);

  it('have classes that add up', async () => {
    const [, heap] = await open();
    let shallow = 0;
    let objects = 0;
    for (let index = 0; index < heap.classes.count; index++) {
      const row = classRow(heap, index);
      shallow += row.shallowBytes;
      objects += row.objects;
    }
    expect(shallow).toBe(heap.shallowBytes);
    expect(objects).toBe(heap.shallow.filter((bytes) => bytes > 0).length);
  }, 60_000);
});
