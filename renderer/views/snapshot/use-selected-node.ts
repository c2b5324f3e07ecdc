/** The object selected in a view of a snapshot, kept in the address by its heap id. */
import { shallowRef, watch, type Ref } from 'vue';
import type { NodeRef } from '#shared/model/heap.ts';
import { useWorkbench } from '../../host/workbench.ts';
import type { SnapshotNav } from '../../navigation/nav-state.ts';
import { useNavigationStore } from '../../stores/navigation.ts';

export interface SelectedNode {
  readonly node: Ref<NodeRef | null>;
  select(node: NodeRef | null): void;
}

export function useSelectedNode(nav: () => SnapshotNav): SelectedNode {
  const workbench = useWorkbench();
  const navigation = useNavigationStore();
  const node = shallowRef<NodeRef | null>(null);
  watch(
    () => nav().object,
    async (id) => {
      if (id === null || node.value?.id === id) return;
      const { sessionId, snapshotId } = nav();
      const found = await workbench
        .heap(sessionId)
        .byId({ snapshotId, id })
        .catch(() => null);
      if (nav().object === id) node.value = found;
    },
    { immediate: true },
  );
  return {
    node,
    select(next) {
      node.value = next;
      navigation.amend({ ...nav(), object: next?.id ?? null });
    },
  };
}
