/** What the menu of a row offers for an object, the same in every table. */
import { copyText } from '../../composables/clipboard.ts';
import type { RowAction } from '../../components/tree-table/row-action.ts';
import { keyLabel } from '../../commands/keys.ts';
import { objectNav, snapshotNav, toHash } from '../../navigation/nav-state.ts';
import { useNavigationStore } from '../../stores/navigation.ts';
import { useNoticesStore } from '../../stores/notices.ts';
import { useObjectTabsStore } from '../../stores/object-tabs.ts';
import type { NodeRef } from '#shared/model/heap.ts';

export interface NodeActions {
  open(snapshotId: string, node: NodeRef): void;
  /** In a tab of its own, without leaving what is shown. */
  openAside(snapshotId: string, node: NodeRef): void;
  menu(snapshotId: string, node: NodeRef): readonly RowAction[];
}

export function useNodeActions(sessionId: () => string): NodeActions {
  const navigation = useNavigationStore();
  const notices = useNoticesStore();
  const tabs = useObjectTabsStore();

  async function copy(text: string, what: string): Promise<void> {
    if (await copyText(text)) notices.done(`${what} copied`);
  }
  const open = (snapshotId: string, node: NodeRef) => navigation.go(objectNav(sessionId(), snapshotId, node.id));
  const openAside = (snapshotId: string, node: NodeRef) => tabs.openAside(sessionId(), snapshotId, node);

  return {
    open,
    openAside,
    menu(snapshotId, node) {
      const go = (more: Parameters<typeof snapshotNav>[2]) => navigation.go(snapshotNav(sessionId(), snapshotId, { object: node.id, ...more }));
      return [
        { id: 'open-object', label: 'Open the object', key: 'Enter', run: () => open(snapshotId, node) },
        { id: 'open-aside', label: 'Open in a new tab', key: keyLabel('Mod+Enter'), aside: true, run: () => openAside(snapshotId, node) },
        { id: 'show-retained', label: 'Show what it retains', run: () => go({ focus: { kind: 'set', set: { by: 'retainedBy', ordinal: node.ordinal } } }) },
        { id: 'show-treemap', label: 'Show in the treemap', run: () => go({ tab: 'dominators', shape: 'treemap', zoom: node.id }) },
        { id: 'copy-id', label: `Copy @${node.id}`, divider: true, run: () => void copy(`@${node.id}`, 'Id') },
        { id: 'copy-link', label: 'Copy link', run: () => void copy(`${location.href.split('#')[0]}${toHash(objectNav(sessionId(), snapshotId, node.id))}`, 'Link') },
      ];
    },
  };
}
