/** Preferences of this page, kept in localStorage. */
import { defineStore } from 'pinia';
import { computed, ref, watch } from 'vue';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const STORAGE_KEY = 'heaphouse.settings';

interface Saved {
  theme: Theme;
  railWidth: number;
  lowerPaneShare: number;
  sidePanelShare: number;
}

const DEFAULTS: Saved = { theme: 'system', railWidth: 236, lowerPaneShare: 0.36, sidePanelShare: 0.32 };

export const useSettingsStore = defineStore('settings', () => {
  const saved = load();
  const theme = ref(saved.theme);
  const railWidth = ref(saved.railWidth);
  const lowerPaneShare = ref(saved.lowerPaneShare);
  const sidePanelShare = ref(saved.sidePanelShare);

  const darkPreference = typeof matchMedia === 'function' ? matchMedia('(prefers-color-scheme: dark)') : null;
  const systemDark = ref(darkPreference?.matches ?? false);
  darkPreference?.addEventListener('change', (event) => (systemDark.value = event.matches));
  const dark = computed(() => (theme.value === 'system' ? systemDark.value : theme.value === 'dark'));

  watch(dark, (isDark) => (document.documentElement.dataset['theme'] = isDark ? 'dark' : 'light'), { immediate: true });
  watch([theme, railWidth, lowerPaneShare, sidePanelShare], () => {
    const values: Saved = {
      theme: theme.value,
      railWidth: railWidth.value,
      lowerPaneShare: lowerPaneShare.value,
      sidePanelShare: sidePanelShare.value,
    };
    try {
      localStorage.setItem(STORAGE_KEY, JSON.stringify(values));
    } catch {
      // Storage may be full or forbidden; the setting then lasts as long as the page.
    }
  });

  function nextTheme(): Theme {
    theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'system';
    return theme.value;
  }

  return { theme, dark, railWidth, lowerPaneShare, sidePanelShare, nextTheme };
});

function load(): Saved {
  try {
    const value = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? '{}') as Partial<Saved>;
    return {
      theme: THEMES.find((theme) => theme === value.theme) ?? DEFAULTS.theme,
      railWidth: within(value.railWidth, 160, 480, DEFAULTS.railWidth),
      lowerPaneShare: within(value.lowerPaneShare, 0.1, 0.9, DEFAULTS.lowerPaneShare),
      sidePanelShare: within(value.sidePanelShare, 0.1, 0.8, DEFAULTS.sidePanelShare),
    };
  } catch {
    return DEFAULTS;
  }
}

function within(value: unknown, low: number, high: number, otherwise: number): number {
  return typeof value === 'number' && value >= low && value <= high ? value : otherwise;
}
