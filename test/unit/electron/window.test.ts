import { describe, expect, test } from 'vitest';
import { windowOptions } from '#main/electron/window.ts';
import { backgroundFor } from '#main/electron/theme.ts';

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
    expect(backgroundFor({ shouldUseDarkColors: true })).not.toBe(backgroundFor({ shouldUseDarkColors: false }));
  });
});
