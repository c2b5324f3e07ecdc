/**
 * The objects that are open in each session, one tab each. A tab follows the address: going from object to object stays
 * in one tab, as in a browser, unless the object has one already or a new one is asked for. Tabs outlive a reload of the
 * page (sessionStorage), not the window.
 */
import { defineStore } from 'pinia';
import { computed, shallowReactive, watch } from 'vue';
import { visibleText } from '#shared/format/visible-text.ts';
import type { NodeRef } from '#shared/model/heap.ts';
import { fromHash, objectNav, snapshotNav, toHash, type NavState, type ObjectNav } from '../navigation/nav-state.ts';
import { useNavigationStore } from './navigation.ts';

export interface OpenObject {
  readonly snapshotId: string;
  readonly id: number;
  /** Of the object; empty until its page has been read. */
  readonly title: string;
  /** Address of the tab, with the part of the object that is shown. */
  readonly nav: ObjectNav;
  /** Where it was opened from: closing the last tab leads there. */
  readonly from: NavState | null;
}

/** More of them are not told apart any more; the one opened first goes. */
const MAX_TABS = 24;
const TITLE_CHARS = 60;
const STORAGE_KEY = 'heaphouse.open-objects';

export const useObjectTabsStore = defineStore('object-tabs', () => {
  const navigation = useNavigationStore();
  const bySession = shallowReactive(new Map<string, readonly OpenObject[]>(load()));
  const of = (sessionId: string): readonly OpenObject[] => bySession.get(sessionId) ?? [];
  const at = (nav: NavState | null): number => (nav?.view === 'object' ? of(nav.sessionId).findIndex((tab) => isOf(tab, nav)) : -1);

  function put(sessionId: string, tabs: readonly OpenObject[]): void {
    if (tabs.length > 0) bySession.set(sessionId, tabs);
    else bySession.delete(sessionId);
    save(bySession);
  }

  watch(
    () => navigation.current,
    (nav, before) => {
      if (nav.view !== 'object') return;
      const tabs = [...of(nav.sessionId)];
      const own = at(nav);
      if (own >= 0) tabs[own] = { ...(tabs[own] as OpenObject), nav };
      else {
        const reused = before?.view === 'object' && before.sessionId === nav.sessionId ? at(before) : -1;
        const tab: OpenObject = { snapshotId: nav.snapshotId, id: nav.id, title: '', nav, from: reused >= 0 ? (tabs[reused]?.from ?? null) : (before ?? null) };
        if (reused >= 0) tabs[reused] = tab;
        else tabs.push(tab);
      }
      put(nav.sessionId, withinLimit(tabs, nav));
    },
    { immediate: true, flush: 'sync' },
  );

  const current = computed<OpenObject | null>(() => {
    const nav = navigation.current;
    return nav.view === 'object' ? (of(nav.sessionId)[at(nav)] ?? null) : null;
  });

  /** In a tab of its own, without leaving what is shown. */
  function openAside(sessionId: string, snapshotId: string, node: Pick<NodeRef, 'id' | 'name' | 'className'>): void {
    const nav = objectNav(sessionId, snapshotId, node.id);
    if (at(nav) >= 0) return;
    const tab: OpenObject = { snapshotId, id: node.id, title: titleOf(node), nav, from: navigation.current };
    put(sessionId, withinLimit([...of(sessionId), tab], navigation.current));
  }

  /** The page of an object has read what it is called. */
  function name(sessionId: string, snapshotId: string, node: Pick<NodeRef, 'id' | 'name' | 'className'>): void {
    const title = titleOf(node);
    const tabs = of(sessionId);
    const index = tabs.findIndex((tab) => tab.snapshotId === snapshotId && tab.id === node.id);
    if (index < 0 || tabs[index]?.title === title) return;
    put(sessionId, tabs.map((tab, place) => (place === index ? { ...tab, title } : tab)));
  }

  /** Closes tabs; where the shown one is among them, its neighbour is shown, else what it was opened from. */
  function close(sessionId: string, closing: (tab: OpenObject) => boolean): void {
    const nav = navigation.current;
    const tabs = of(sessionId);
    const left = tabs.filter((tab) => !closing(tab));
    if (left.length === tabs.length) return;
    const shown = nav.view === 'object' && nav.sessionId === sessionId ? at(nav) : -1;
    const own = tabs[shown];
    put(sessionId, left);
    if (!own || !closing(own)) return;
    const neighbour = tabs.slice(shown + 1).find((tab) => left.includes(tab)) ?? tabs.slice(0, shown).reverse().find((tab) => left.includes(tab));
    if (neighbour) navigation.go(neighbour.nav);
    else if (own.from && own.from.view !== 'object') navigation.go(own.from);
    else navigation.go(snapshotNav(sessionId, own.snapshotId, { object: own.id }));
  }

  return {
    of,
    current,
    openAside,
    name,
    close,
    closeOne: (sessionId: string, tab: OpenObject) => close(sessionId, (other) => isOf(other, tab)),
    closeAll: (sessionId: string) => close(sessionId, () => true),
    /** Of a session that is no longer here, or of snapshots that were deleted. */
    forget: (sessionId: string, gone: (tab: OpenObject) => boolean = () => true) => put(sessionId, of(sessionId).filter((tab) => !gone(tab))),
  };
});

function isOf(tab: OpenObject, { snapshotId, id }: { snapshotId: string; id: number }): boolean {
  return tab.snapshotId === snapshotId && tab.id === id;
}

function withinLimit(tabs: readonly OpenObject[], shown: NavState): readonly OpenObject[] {
  if (tabs.length <= MAX_TABS) return tabs;
  const first = tabs.findIndex((tab) => !(shown.view === 'object' && isOf(tab, shown)));
  return tabs.filter((_, index) => index !== first);
}

function titleOf({ name, className }: Pick<NodeRef, 'name' | 'className'>): string {
  return visibleText(name || className, TITLE_CHARS);
}

function save(bySession: ReadonlyMap<string, readonly OpenObject[]>): void {
  try {
    sessionStorage.setItem(STORAGE_KEY, JSON.stringify([...bySession.values()].flat().map(({ nav, title }) => [toHash(nav), title])));
  } catch {
    // Storage may be full or forbidden; the tabs then last as long as the page.
  }
}

function load(): [string, OpenObject[]][] {
  const found = new Map<string, OpenObject[]>();
  try {
    const value: unknown = JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? '[]');
    for (const entry of Array.isArray(value) ? value : []) {
      const [hash, title] = Array.isArray(entry) ? (entry as unknown[]) : [];
      const nav = typeof hash === 'string' ? fromHash(hash) : null;
      if (nav?.view !== 'object') continue;
      const tabs = found.get(nav.sessionId) ?? [];
      tabs.push({ snapshotId: nav.snapshotId, id: nav.id, title: typeof title === 'string' ? visibleText(title, TITLE_CHARS) : '', nav, from: null });
      found.set(nav.sessionId, tabs.slice(-MAX_TABS));
    }
  } catch {
    return [];
  }
  return [...found];
}
