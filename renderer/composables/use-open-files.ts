/** Opening snapshot files that the user chose, dropped or named. Failures are kept for the place that asked. */
import { ref, shallowRef } from 'vue';
import { isCancelled, toWireError, type WireError } from '#shared/rpc/errors.ts';
import { pathOfFile } from '../host/files.ts';
import { useSessionsStore } from '../stores/sessions.ts';
import { useTasksStore } from '../stores/tasks.ts';

export function useOpenFiles() {
  const sessions = useSessionsStore();
  const tasks = useTasksStore();
  const busy = ref(false);
  const error = shallowRef<WireError | null>(null);

  async function guarded(work: () => Promise<void>): Promise<void> {
    busy.value = true;
    error.value = null;
    try {
      await work();
    } catch (failure) {
      if (!isCancelled(failure)) error.value = toWireError(failure);
    } finally {
      busy.value = false;
    }
  }

  /** Into the current session where it takes files and `addTo` names it, else as a new one. */
  async function openFiles(files: readonly File[], addTo: string | null = null): Promise<void> {
    if (files.length === 0) return;
    await guarded(async () => {
      const label = files.length === 1 ? `Opening ${files[0]?.name ?? 'a file'}` : `Opening ${files.length} files`;
      const paths = await tasks.run({ kind: 'upload', label }, async ({ signal, onProgress }) => {
        const result: string[] = [];
        for (const [index, file] of files.entries()) {
          onProgress({ phase: 'Files', done: index, total: files.length, unit: 'steps' });
          result.push(await pathOfFile(file, signal));
        }
        return result;
      });
      if (addTo !== null) await sessions.addFiles(addTo, paths);
      else await sessions.openPaths(paths);
    });
  }

  const openPaths = (paths: string[]) => guarded(() => sessions.openPaths(paths));

  return { busy, error, openFiles, openPaths };
}
