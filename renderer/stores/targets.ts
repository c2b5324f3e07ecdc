/** The machine's processes (while somebody looks) and its interpreters. */
import { defineStore } from 'pinia';
import { shallowRef } from 'vue';
import type { Interpreter, ProcessInfo } from '#shared/model/target.ts';
import { toWireError, type WireError } from '#shared/rpc/errors.ts';
import { useWorkbench } from '../host/workbench.ts';

export const useTargetsStore = defineStore('targets', () => {
  const { targets } = useWorkbench();
  /** Null until the first list has come. */
  const processes = shallowRef<readonly ProcessInfo[] | null>(null);
  const processError = shallowRef<WireError | null>(null);
  const interpreters = shallowRef<readonly Interpreter[] | null>(null);
  let interpretersOf: string | null = null;
  let watchers = 0;
  let stop: (() => void) | null = null;

  /** The host looks at the process table only while somebody watches; call the result to stop. */
  function watchProcesses(): () => void {
    watchers++;
    stop ??= targets.on(
      'processes',
      {},
      (list) => {
        processes.value = list;
        processError.value = null;
      },
      (error) => (processError.value = toWireError(error)),
    );
    let released = false;
    return () => {
      if (released) return;
      released = true;
      watchers--;
      if (watchers === 0) {
        stop?.();
        stop = null;
      }
    };
  }

  /** Looks again for another folder: its virtual environments come first. */
  async function loadInterpreters(cwd = ''): Promise<void> {
    if (interpreters.value !== null && interpretersOf === cwd) return;
    interpretersOf = cwd;
    interpreters.value = null;
    const found = await targets.interpreters(cwd === '' ? {} : { cwd }).catch(() => []);
    if (interpretersOf === cwd) interpreters.value = found;
  }

  return { processes, processError, interpreters, watchProcesses, loadInterpreters };
});
