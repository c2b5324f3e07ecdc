import type { Dispose } from '#shared/rpc/channel.ts';

/** Listeners of one kind of event. */
export interface Emitter<T> {
  emit(value: T): void;
  on(listener: (value: T) => void): Dispose;
}

export function createEmitter<T>(): Emitter<T> {
  const listeners = new Set<(value: T) => void>();
  return {
    emit(value) {
      for (const listener of [...listeners]) listener(value);
    },
    on(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}
