/** A value that is fetched whenever its inputs change; an older answer never overwrites a newer one. */
import { onScopeDispose, shallowRef, watch, type Ref, type WatchSource } from 'vue';
import { isCancelled, toWireError, type WireError } from '#shared/rpc/errors.ts';

export interface AsyncValue<T> {
  readonly value: Readonly<Ref<T | null>>;
  readonly error: Readonly<Ref<WireError | null>>;
  readonly loading: Readonly<Ref<boolean>>;
  reload(): void;
}

/** `fetch` returns null where there is nothing to ask for. The old value stays until the new one is there. */
export function useAsync<S, T>(source: WatchSource<S>, fetch: (source: S, signal: AbortSignal) => Promise<T> | null): AsyncValue<T> {
  const value = shallowRef<T | null>(null);
  const error = shallowRef<WireError | null>(null);
  const loading = shallowRef(false);
  let controller: AbortController | null = null;
  let latest: S;

  async function load(): Promise<void> {
    controller?.abort();
    const mine = new AbortController();
    controller = mine;
    const promise = fetch(latest, mine.signal);
    error.value = null;
    if (promise === null) {
      value.value = null;
      loading.value = false;
      return;
    }
    loading.value = true;
    try {
      const result = await promise;
      if (controller === mine) value.value = result;
    } catch (failure) {
      if (controller !== mine || isCancelled(failure)) return;
      value.value = null;
      error.value = toWireError(failure);
    } finally {
      if (controller === mine) loading.value = false;
    }
  }

  watch(
    source,
    (now) => {
      latest = now;
      void load();
    },
    { immediate: true },
  );
  onScopeDispose(() => controller?.abort());
  return { value, error, loading, reload: () => void load() };
}
