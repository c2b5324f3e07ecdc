/** One reading of all arenas with its pages: read on request, drawn while the pages come. */
import { onScopeDispose, shallowRef, type Ref } from 'vue';
import { MAX_ARENAS_PER_PAGE } from '#shared/contracts/memory.ts';
import type { ArenaMapSummary } from '#shared/model/memory.ts';
import { isCancelled, toWireError, type WireError } from '#shared/rpc/errors.ts';
import type { MemoryClient } from '../../host/workbench.ts';
import type { TaskProgress } from '../../stores/tasks.ts';
import { createPoolStore, writePage, type PoolStore } from './pool-store.ts';

/** Pages asked for at the same time. */
const PARALLEL = 3;

export interface ArenaReading {
  summary: ArenaMapSummary;
  store: PoolStore;
}

export interface ArenaMapHandle {
  readonly reading: Readonly<Ref<ArenaReading | null>>;
  /** Grows with every page written into the store. */
  readonly version: Readonly<Ref<number>>;
  /** All pages are there. */
  readonly complete: Readonly<Ref<boolean>>;
  readonly progress: Readonly<Ref<TaskProgress | null>>;
  readonly error: Readonly<Ref<WireError | null>>;
  readonly busy: Readonly<Ref<boolean>>;
  read(): Promise<void>;
  cancel(): void;
}

export function useArenaMap(memory: () => MemoryClient): ArenaMapHandle {
  const reading = shallowRef<ArenaReading | null>(null);
  const version = shallowRef(0);
  const complete = shallowRef(false);
  const progress = shallowRef<TaskProgress | null>(null);
  const error = shallowRef<WireError | null>(null);
  const busy = shallowRef(false);
  let controller: AbortController | null = null;

  async function read(): Promise<void> {
    controller?.abort();
    const mine = new AbortController();
    controller = mine;
    const { signal } = mine;
    const client = memory();
    busy.value = true;
    error.value = null;
    progress.value = null;
    try {
      const summary = await client.readArenas({}, { signal, onProgress: (value) => void (controller === mine && (progress.value = value)) });
      if (controller !== mine) return;
      const store = createPoolStore(summary);
      complete.value = false;
      reading.value = { summary, store };
      version.value++;
      let next = 0;
      const worker = async (): Promise<void> => {
        while (next < summary.arenas && !signal.aborted) {
          const start = next;
          next += MAX_ARENAS_PER_PAGE;
          const page = await client.arenas({ readingId: summary.readingId, start, end: Math.min(next, summary.arenas, start + MAX_ARENAS_PER_PAGE) }, { signal });
          if (controller !== mine) return;
          writePage(store, page);
          version.value++;
        }
      };
      await Promise.all(Array.from({ length: PARALLEL }, worker));
      if (controller === mine) complete.value = true;
    } catch (failure) {
      mine.abort();
      if (controller === mine && !isCancelled(failure)) error.value = toWireError(failure);
    } finally {
      if (controller === mine) {
        busy.value = false;
        progress.value = null;
      }
    }
  }

  onScopeDispose(() => controller?.abort());
  return { reading, version, complete, progress, error, busy, read, cancel: () => controller?.abort() };
}
