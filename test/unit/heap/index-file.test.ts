import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { analyseHeap } from '#main/heap/analyse.ts';
import { classRows } from '#main/heap/classes.ts';
import type { Heap } from '#main/heap/heap.ts';
import { columnsOf } from '#main/heap/index-columns.ts';
import { readIndex, snapshotKey, writeIndex } from '#main/heap/index-file.ts';
import { makeRoomForIndex } from '#main/heap/index-policy.ts';
import { searchNodes } from '#main/heap/nodes.ts';
import { openHeap } from '#main/heap/open.ts';
import { pathsToRoot } from '#main/heap/paths.ts';
import { heapOf, tempFile } from '#test/fixtures/heap/build.ts';
import { writeSyntheticSnapshot } from '#test/fixtures/heap/generate.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heaphouse-index-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const options = (): { folder: string; minFileBytes: number } => ({ folder, minFileBytes: 0 });

async function synthetic(nodes = 20_000): Promise<Heap> {
  const file = tempFile('');
  await writeSyntheticSnapshot(file, { nodes, style: 'node20' });
  const heap = await openHeap(file);
  await analyseHeap(heap);
  return heap;
}

const onlyIndex = (): string => join(folder, readdirSync(folder).find((name) => name.endsWith('.heapindex'))!);

function sameColumns(a: Heap, b: Heap): boolean {
  const other = columnsOf(b, b.analysis!).columns;
  return [...columnsOf(a, a.analysis!).columns].every(([name, column]) => {
    const expected = other.get(name)!;
    return column.length === expected.length && column.every((value, i) => value === expected[i]);
  });
}

/** Everything a view can ask for. */
async function answers(heap: Heap): Promise<unknown> {
  const page = { start: 0, end: 50 };
  return {
    classes: await classRows(heap, page),
    found: await searchNodes(heap, 'session', page),
    paths: await pathsToRoot(heap, heap.nodeCount - 3),
    summary: [heap.producer, heap.nodeCount, heap.edgeCount, heap.shallowBytes, heap.notices, heap.header],
  };
}

describe('an index', () => {
  it('gives the same heap: every column and every answer', async () => {
    const heap = await synthetic();
    expect(await writeIndex(heap, options())).toBe(true);
    const again = (await readIndex(heap.path, options()))!;
    const before = columnsOf(heap, heap.analysis!);
    const after = columnsOf(again, again.analysis!);
    expect(after.rest).toEqual(before.rest);
    expect([...after.columns.keys()]).toEqual([...before.columns.keys()]);
    for (const [name, column] of before.columns) {
      expect(after.columns.get(name)!.constructor, name).toBe(column.constructor);
    }
    expect(sameColumns(again, heap)).toBe(true);
    expect(await answers(again)).toEqual(await answers(heap));
  });

  it('is the same when two threads read it, and as strict', async () => {
    const heap = await synthetic(100_000);
    await writeIndex(heap, options());
    const both = { ...options(), helperFromBytes: 0 };
    expect(sameColumns((await readIndex(heap.path, both))!, heap)).toBe(true);
    const bytes = readFileSync(onlyIndex());
    bytes[bytes.length - 5_000]! ^= 1;
    writeFileSync(onlyIndex(), bytes);
    expect(await readIndex(heap.path, both)).toBeNull();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('keeps the fields of Python', async () => {
    const { heap } = await heapOf('root -> .a a; a:10 (object app.A) -> .b b; b:20 (object app.B)', { python: true });
    expect(await writeIndex(heap, options())).toBe(true);
    const again = (await readIndex(heap.path, options()))!;
    expect(again.producer).toBe('cpython');
    expect([...again.extra.keys()]).toEqual([...heap.extra.keys()]);
    expect((await classRows(again, { start: 0, end: 9 })).rows).toEqual((await classRows(heap, { start: 0, end: 9 })).rows);
  });

  it('is not there before it is written, nor for a small file, nor before the analysis', async () => {
    const heap = await synthetic(1_000);
    expect(await readIndex(heap.path, options())).toBeNull();
    expect(await writeIndex(heap, { folder })).toBe(false);
    expect(await writeIndex(await openHeap(heap.path), options())).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is not used when the snapshot has changed: its size, its time, its samples', async () => {
    const heap = await synthetic(1_000);
    await writeIndex(heap, options());
    const key = await snapshotKey(heap.path);
    const text = readFileSync(heap.path);
    utimesSync(heap.path, 1_000, 1_000);
    expect(await snapshotKey(heap.path)).not.toBe(key);
    expect(await readIndex(heap.path, options())).toBeNull();
    const dated = await snapshotKey(heap.path);
    text[100] = text[100]! ^ 1;
    writeFileSync(heap.path, text);
    utimesSync(heap.path, 1_000, 1_000);
    expect(await snapshotKey(heap.path)).not.toBe(dated);
    rmSync(heap.path);
    expect(await readIndex(heap.path, options())).toBeNull();
  });

  it('is passed over and removed when it is damaged, wherever that is', async () => {
    const heap = await synthetic(1_000);
    await writeIndex(heap, options());
    const file = onlyIndex();
    const sound = readFileSync(file);
    const tried: string[] = [];
    const places = Array.from({ length: 60 }, (_, i) => Math.floor((sound.length * (i + 0.5)) / 60));
    for (const at of [0, 8, 12, 44, 60, sound.length - 9, ...places]) {
      const damaged = Buffer.from(sound);
      damaged[at] = damaged[at]! ^ 0x10;
      writeFileSync(file, damaged);
      const found = await readIndex(heap.path, options());
      // The up to seven bytes between columns mean nothing.
      if (found && !sameColumns(found, heap)) tried.push(`byte ${at}`);
      if (!found) expect(readdirSync(folder), `byte ${at}`).toEqual([]);
    }
    for (const length of [0, 7, 43, 100, sound.length >> 1, sound.length - 1]) {
      writeFileSync(file, sound.subarray(0, length));
      if (await readIndex(heap.path, options())) tried.push(`${length} bytes`);
    }
    writeFileSync(file, Buffer.concat([sound, Buffer.from('more')]));
    if (await readIndex(heap.path, options())) tried.push('a longer one');
    expect(tried).toEqual([]);
  });

  it('leaves nothing behind when it is cancelled, and says so', async () => {
    const heap = await synthetic(1_000);
    const signal = AbortSignal.abort(new Error('stop'));
    await expect(writeIndex(heap, options(), { signal })).rejects.toThrow('stop');
    await expect(readIndex(heap.path, options(), { signal })).rejects.toThrow('stop');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('makes room: those used longest ago go, one that is larger than the folder may be is not written', async () => {
    for (const [i, name] of ['a', 'b', 'c'].entries()) {
      const file = join(folder, `${name}.heapindex`);
      writeFileSync(file, Buffer.alloc(1_000));
      utimesSync(file, 1_000 + i, 1_000 + i);
    }
    writeFileSync(join(folder, 'other.txt'), 'not ours');
    writeFileSync(join(folder, 'old.tmp'), 'abandoned');
    utimesSync(join(folder, 'old.tmp'), 1_000, 1_000);
    expect(await makeRoomForIndex(folder, 5_000, 4_000)).toBe(false);
    expect(readdirSync(folder)).toContain('a.heapindex');
    await makeRoomForIndex(folder, 1_500, 3_000);
    expect(readdirSync(folder).sort()).toEqual(['c.heapindex', 'other.txt']);
  });
});
