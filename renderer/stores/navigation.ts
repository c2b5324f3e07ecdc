/** The current view, mirrored in the address bar; the browser's own history gives back and forward. */
import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import { fromHash, sessionIdOf, toHash, type NavState } from '../navigation/nav-state.ts';

export const useNavigationStore = defineStore('navigation', () => {
  const current = shallowRef<NavState>(fromHash(location.hash));
  /** Last view of each session, so that its tab returns to where the user was. */
  const lastOfSession = new Map<string, NavState>();
  const position = ref(positionOf(history.state));
  const furthest = ref(position.value);
  const sessionId = computed(() => sessionIdOf(current.value));

  remember(current.value);

  function remember(nav: NavState): void {
    const id = sessionIdOf(nav);
    if (id !== null) lastOfSession.set(id, nav);
  }

  /** A new step in the history; the same address again is no step. */
  function go(nav: NavState): void {
    const hash = toHash(nav);
    if (hash === toHash(current.value)) return;
    position.value++;
    furthest.value = position.value;
    history.pushState({ position: position.value }, '', hash);
    current.value = nav;
    remember(nav);
  }

  /** Changes the address without a new step: selections and filters while they are typed. */
  function amend(nav: NavState): void {
    const hash = toHash(nav);
    if (hash === toHash(current.value)) return;
    history.replaceState({ position: position.value }, '', hash);
    current.value = nav;
    remember(nav);
  }

  window.addEventListener('popstate', (event) => {
    position.value = positionOf(event.state);
    current.value = fromHash(location.hash);
    remember(current.value);
  });

  return {
    current,
    sessionId,
    go,
    amend,
    lastOf: (id: string) => lastOfSession.get(id) ?? null,
    forget: (id: string) => lastOfSession.delete(id),
    canGoBack: computed(() => position.value > 0),
    canGoForward: computed(() => position.value < furthest.value),
    back: () => history.back(),
    forward: () => history.forward(),
  };
});

function positionOf(state: unknown): number {
  const position = (state as { position?: unknown } | null)?.position;
  return typeof position === 'number' ? position : 0;
}
