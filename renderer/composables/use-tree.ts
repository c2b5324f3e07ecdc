/**
 * A tree model that is made anew whenever its key changes and disposed with the view. The user's order stays while the
 * key changes: filtering is no reason to sort again.
 */
import { onScopeDispose, shallowRef, watch, type Ref } from 'vue';
import type { SortSpec } from '#shared/model/heap.ts';
import { createTreeModel, type TreeModel, type TreeProvider } from '../components/tree-table/tree-model.ts';

export interface UsedTree<Row> {
  readonly model: Readonly<Ref<TreeModel<Row> | null>>;
  /** To be called when the user sorts. */
  sorted(sort: SortSpec): void;
}

/** `key` is compared as JSON; `make` returns null where there is nothing to show yet. */
export function useTree<Row>(key: () => unknown, make: () => TreeProvider<Row> | null, initialSort: () => SortSpec | null): UsedTree<Row> {
  const model = shallowRef<TreeModel<Row> | null>(null);
  let userSort: SortSpec | null = null;
  watch(
    () => JSON.stringify(key()),
    () => {
      model.value?.dispose();
      const provider = make();
      model.value = provider && createTreeModel(provider, { sort: userSort ?? initialSort() });
    },
    { immediate: true },
  );
  onScopeDispose(() => model.value?.dispose());
  return {
    model,
    sorted(sort) {
      userSort = sort;
    },
  };
}
