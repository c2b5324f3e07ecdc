/** The operating system's list of recent documents. Linux has none; there the start page's own list serves. */
import { resolve } from 'node:path';
import type { App } from 'electron';

export function rememberFiles(app: Pick<App, 'addRecentDocument'>, paths: readonly string[], platform: string = process.platform): void {
  if (platform !== 'darwin' && platform !== 'win32') return;
  for (const path of paths) app.addRecentDocument(resolve(path));
}
