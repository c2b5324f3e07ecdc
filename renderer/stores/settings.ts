/**
 * Settings of the workbench (settings.json, the same in every window) and the layout of this page (localStorage). The
 * theme is kept in both: the page has its colours before the workbench has answered.
 */
import { defineStore } from 'pinia';
import { computed, ref, shallowRef, watch } from 'vue';
import type { SettingsState } from '#shared/contracts/settings.ts';
import { DEFAULT_SETTINGS, THEMES, type Settings, type Theme } from '#shared/model/settings.ts';
import { useWorkbench } from '../host/workbench.ts';
import { useNoticesStore } from './notices.ts';

const STORAGE_KEY = 'heaphouse.settings';

interface Saved {
  theme: Theme;
  railWidth: number;
  lowerPaneShare: number;
  sidePanelShare: number;
  queryResultsShare: number;
}

const DEFAULTS: Saved = { theme: 'system', railWidth: 236, lowerPaneShare: 0.36, sidePanelShare: 0.32, queryResultsShare: 0.64 };

export const useSettingsStore = defineStore('settings', () => {
  const workbench = useWorkbench();
  const notices = useNoticesStore();
  const saved = load();
  const theme = ref(saved.theme);
  const railWidth = ref(saved.railWidth);
  const lowerPaneShare = ref(saved.lowerPaneShare);
  const sidePanelShare = ref(saved.sidePanelShare);
  const queryResultsShare = ref(saved.queryResultsShare);
  /** Null until the workbench has answered. */
  const state = shallowRef<SettingsState | null>(null);
  const values = computed<Settings>(() => state.value?.settings ?? DEFAULT_SETTINGS);

  workbench.settings.on('changed', {}, (next) => {
    state.value = next;
    theme.value = next.settings.theme;
  });

  const darkPreference = typeof matchMedia === 'function' ? matchMedia('(prefers-color-scheme: dark)') : null;
  const systemDark = ref(darkPreference?.matches ?? false);
  darkPreference?.addEventListener('change', (event) => (systemDark.value = event.matches));
  const dark = computed(() => (theme.value === 'system' ? systemDark.value : theme.value === 'dark'));

  watch(dark, (isDark) => (document.documentElement.dataset['theme'] = isDark ? 'dark' : 'light'), { immediate: true });
  watch([theme, railWidth, lowerPaneShare, sidePanelShare, queryResultsShare], () => {
    const values: Saved = {
      theme: theme.value,
      railWidth: railWidth.value,
      lowerPaneShare: lowerPaneShare.value,
      sidePanelShare: sidePanelShare.value,
      queryResultsShare: queryResultsShare.value,
    };
    try {
      localStorage.setItem(STORAGE_KEY, JSON.stringify(values));
    } catch {
      // Storage may be full or forbidden; the setting then lasts as long as the page.
    }
  });

  /** Throws for the form to show the reason beside the field. */
  async function change(values: Partial<Settings>): Promise<void> {
    state.value = await workbench.settings.set({ change: values });
    theme.value = state.value.settings.theme;
  }

  async function reset(): Promise<void> {
    state.value = await workbench.settings.reset({});
    theme.value = state.value.settings.theme;
  }

  /** Takes effect at once, also where it cannot be saved. */
  function nextTheme(): Theme {
    theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'system';
    change({ theme: theme.value }).catch((error: unknown) => notices.failed('The colours were not saved', error));
    return theme.value;
  }

  return { theme, dark, railWidth, lowerPaneShare, sidePanelShare, queryResultsShare, state, values, change, reset, nextTheme, dismissNotice: () => workbench.settings.dismissNotice({}) };
});

function load(): Saved {
  try {
    const value = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? '{}') as Partial<Saved>;
    return {
      theme: THEMES.find((theme) => theme === value.theme) ?? DEFAULTS.theme,
      railWidth: within(value.railWidth, 160, 480, DEFAULTS.railWidth),
      lowerPaneShare: within(value.lowerPaneShare, 0.1, 0.9, DEFAULTS.lowerPaneShare),
      sidePanelShare: within(value.sidePanelShare, 0.1, 0.8, DEFAULTS.sidePanelShare),
      queryResultsShare: within(value.queryResultsShare, 0.1, 0.9, DEFAULTS.queryResultsShare),
    };
  } catch {
    return DEFAULTS;
  }
}

function within(value: unknown, low: number, high: number, otherwise: number): number {
  return typeof value === 'number' && value >= low && value <= high ? value : otherwise;
}
