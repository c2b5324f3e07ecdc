/** A reading of the session's process, made when the view opens and whenever the user asks for another. */
import { shallowRef } from 'vue';
import type { SessionInfo } from '#shared/model/session.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { useAsync, type AsyncValue } from '../../composables/use-async.ts';
import { useWorkbench, type MemoryClient } from '../../host/workbench.ts';

export interface ReadingOptions {
  session: () => SessionInfo;
  /** False: nothing is asked for, as of a pane that is not shown. */
  wanted?: () => boolean;
  /** A recording answers as well; default: only the living process does. */
  recorded?: boolean;
}

export function isRunning(session: SessionInfo): boolean {
  return session.state === 'attached' || session.state === 'starting';
}

export function useReading<T>(options: ReadingOptions, read: (memory: MemoryClient, signal: AbortSignal) => Promise<T>): AsyncValue<T> {
  const workbench = useWorkbench();
  const turn = shallowRef(0);
  // One string: a session is a new object whenever anything about it changes, and that is no reason to read again.
  const source = () => JSON.stringify([options.session().id, isRunning(options.session()), options.wanted?.() ?? true, workbench.epoch.value, turn.value]);
  const result = useAsync(source, (_key, signal) => {
    if (options.wanted?.() === false) return null;
    if (!isRunning(options.session()) && options.recorded !== true) {
      return Promise.reject(new HeaphouseError('target-gone', 'This is read from the process while it lives and is attached; what was recorded of it stays in the other views.'));
    }
    return read(workbench.memory(options.session().id), signal);
  });
  return { ...result, reload: () => void turn.value++ };
}
