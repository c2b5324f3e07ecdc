/** The window's background before and between paints. The page's own colours follow `prefers-color-scheme`. */
import type { BrowserWindow, NativeTheme } from 'electron';
import type { Dispose } from '#shared/rpc/channel.ts';

/** `--surface-0` of renderer/styles/light.css and dark.css; a test compares them. */
export const BACKGROUND = { light: '#ffffff', dark: '#15181d' } as const;

export function backgroundFor(theme: Pick<NativeTheme, 'shouldUseDarkColors'>): string {
  return theme.shouldUseDarkColors ? BACKGROUND.dark : BACKGROUND.light;
}

export function followTheme(
  theme: Pick<NativeTheme, 'shouldUseDarkColors' | 'on' | 'removeListener'>,
  window: Pick<BrowserWindow, 'setBackgroundColor' | 'isDestroyed'>,
): Dispose {
  const onUpdated = () => {
    if (!window.isDestroyed()) window.setBackgroundColor(backgroundFor(theme));
  };
  theme.on('updated', onUpdated);
  return () => theme.removeListener('updated', onUpdated);
}
