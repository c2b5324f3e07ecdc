/**
 * The snapshots an analysis host knows, and which of them are open. A heap is opened when first asked for, shared by
 * everybody, and given back when memory is needed for another and nobody uses it.
 */
import { analyseHeap } from '#main/heap/analyse.ts';
import type { Heap } from '#main/heap/heap.ts';
import { readIndex, writeIndex } from '#main/heap/index-file.ts';
import { closeHeap, openHeap } from '#main/heap/open.ts';
import type { HeapProgress } from '#shared/model/heap.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { toHeaphouseError } from './heap-errors.ts';
import { bufferBytesOf } from './heap-memory.ts';
import { createSharedTask, type SharedTask, type TaskRun } from './shared-task.ts';

export interface SnapshotFile {
  snapshotId: string;
  path: string;
  name: string;
  /** Epoch ms. */
  takenAt: number;
  /** Ids of two snapshots are comparable only where this is the same; null when not known. */
  idEpoch: string | null;
}

interface Entry {
  file: SnapshotFile;
  opening: SharedTask<Heap, HeapProgress>;
  analysing: SharedTask<Heap, HeapProgress>;
  uses: number;
  usedAt: number;
}

export interface HeapStore {
  register(file: SnapshotFile): void;
  /** Throws `not-found` for an unknown id. */
  file(snapshotId: string): SnapshotFile;
  /** Forgets the snapshot; work under way on it ends with what it holds. */
  unregister(snapshotId: string): void;
  /** Drops the open heap, keeps the entry. */
  close(snapshotId: string): void;
  /** Runs `body` with the open (and if wanted analysed) heap, which is not given back meanwhile. */
  use<R>(snapshotId: string, need: 'open' | 'analysed', run: TaskRun<HeapProgress>, body: (heap: Heap) => Promise<R> | R): Promise<R>;
  openBytes(): number;
}

export interface HeapStoreOptions {
  budgetBytes: number;
  onDropped?: (snapshotId: string) => void;
  /** Folder for indexes of analysed snapshots, which then open at once the next time; null: none. Asked each time. */
  indexDir?: () => string | null;
}

export function createHeapStore(options: HeapStoreOptions): HeapStore {
  const entries = new Map<string, Entry>();
  let clock = 0;
  let indexing: Promise<void> = Promise.resolve();

  function createEntry(file: SnapshotFile): Entry {
    let indexed = false;
    const opening = createSharedTask<Heap, HeapProgress>(async (run) => {
      const folder = options.indexDir?.() ?? null;
      const heap = folder === null ? null : await readIndex(file.path, { folder }, run);
      indexed = heap !== null;
      return heap ?? openHeap(file.path, run);
    });
    const analysing = createSharedTask<Heap, HeapProgress>(async (run) => {
      const heap = await opening.join(run);
      await analyseHeap(heap, run);
      const folder = options.indexDir?.() ?? null;
      // Beside everything else and one at a time; nobody waits for it, and without it the file is read again.
      if (folder !== null && !indexed) indexing = indexing.then(() => writeIndex(heap, { folder })).then(() => undefined);
      return heap;
    });
    return { file, opening, analysing, uses: 0, usedAt: 0 };
  }

  function entryOf(snapshotId: string): Entry {
    const entry = entries.get(snapshotId);
    if (!entry) {
      throw new HeaphouseError('not-found', `There is no snapshot "${snapshotId}" in this session.`, {
        advice: 'It was removed, or is still being written.',
      });
    }
    return entry;
  }

  function drop(snapshotId: string): void {
    const entry = entries.get(snapshotId);
    if (entry) entries.set(snapshotId, createEntry(entry.file));
    forget(entry);
    options.onDropped?.(snapshotId);
  }

  /** Nobody gets this entry's heap any more; who has it keeps it. */
  function forget(entry: Entry | undefined): void {
    if (entry?.opening.value) closeHeap(entry.opening.value);
  }

  function openBytes(): number {
    return bufferBytesOf(...[...entries.values()].map((entry) => entry.opening.value));
  }

  /** Gives back the heaps used longest ago until the rest fits. One heap alone may exceed the budget: it is wanted now. */
  function makeRoom(): void {
    const idle = [...entries.values()].filter((entry) => entry.uses === 0 && entry.opening.value);
    idle.sort((a, b) => a.usedAt - b.usedAt);
    while (idle.length > 0 && openBytes() > options.budgetBytes) {
      const oldest = idle.shift()!;
      if (oldest.usedAt === clock) return;
      drop(oldest.file.snapshotId);
    }
  }

  return {
    register(file) {
      const known = entries.get(file.snapshotId);
      if (known && known.file.path === file.path && known.file.takenAt === file.takenAt) {
        known.file = file;
        return;
      }
      entries.set(file.snapshotId, createEntry(file));
      forget(known);
      if (known) options.onDropped?.(file.snapshotId);
    },
    file: (snapshotId) => entryOf(snapshotId).file,
    unregister(snapshotId) {
      forget(entries.get(snapshotId));
      if (entries.delete(snapshotId)) options.onDropped?.(snapshotId);
    },
    close(snapshotId) {
      entryOf(snapshotId);
      drop(snapshotId);
    },
    async use(snapshotId, need, run, body) {
      const entry = entryOf(snapshotId);
      entry.uses++;
      entry.usedAt = ++clock;
      try {
        const heap = await (need === 'open' ? entry.opening : entry.analysing).join(run);
        makeRoom();
        return await body(heap);
      } catch (error) {
        throw toHeaphouseError(error, entry.file.path);
      } finally {
        entry.uses--;
        makeRoom();
      }
    },
    openBytes,
  };
}
