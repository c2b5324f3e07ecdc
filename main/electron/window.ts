/** The window's options. Electron itself keeps position, size and display mode under the window's name. */
import type { BrowserWindowConstructorOptions } from 'electron';

export interface WindowFacts {
  /** Absolute path of the bundled preload script. */
  preloadPath: string;
  /** Colour until the page has painted, so that a dark theme does not begin with a white flash. */
  backgroundColor: string;
  /** Linux and Windows when not packaged; a packaged app carries its icon. */
  iconPath?: string;
}

export function windowOptions({ preloadPath, backgroundColor, iconPath }: WindowFacts): BrowserWindowConstructorOptions {
  return {
    name: 'workbench',
    windowStatePersistence: true,
    title: 'Heaphouse',
    width: 1_280,
    height: 820,
    minWidth: 720,
    minHeight: 480,
    show: false,
    backgroundColor,
    ...(iconPath === undefined ? {} : { icon: iconPath }),
    webPreferences: {
      preload: preloadPath,
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
    },
  };
}
