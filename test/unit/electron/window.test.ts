import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { windowOptions } from '#main/electron/window.ts';
import { BACKGROUND, backgroundFor } from '#main/electron/theme.ts';

describe('window options', () => {
  const options = windowOptions({ preloadPath: '/app/out/preload/preload.cjs', backgroundColor: '#ffffff' });

  test('the page has no Node, is isolated and sandboxed, and nothing is weakened', () => {
    expect(options.webPreferences).toEqual({
      preload: '/app/out/preload/preload.cjs',
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webviewTag: false,
      webSecurity: true,
      allowRunningInsecureContent: false,
      experimentalFeatures: false,
      navigateOnDragDrop: false,
      spellcheck: false,
    });
  });

  test('is shown only when it has something to show, and keeps its place under a name', () => {
    expect(options).toMatchObject({ show: false, name: 'workbench', windowStatePersistence: true, backgroundColor: '#ffffff' });
    expect(options).not.toHaveProperty('icon');
    expect(windowOptions({ preloadPath: 'p', backgroundColor: '#000000', iconPath: '/i.png' }).icon).toBe('/i.png');
  });

  test('background follows the system’s colours', () => {
    expect(backgroundFor({ shouldUseDarkColors: true })).toBe(BACKGROUND.dark);
    expect(backgroundFor({ shouldUseDarkColors: false })).toBe(BACKGROUND.light);
  });

  test.each(['light', 'dark'] as const)('background is that of the page: %s', (theme) => {
    const css = readFileSync(new URL(`../../../renderer/styles/${theme}.css`, import.meta.url), 'utf8');
    expect(/--surface-0:\s*(#[0-9a-f]{6})/.exec(css)?.[1]).toBe(BACKGROUND[theme]);
  });
});
