/** The end: targets are left clean and recordings closed before the application goes. */
import type { App } from 'electron';

/** A target that does not answer may not hold the application for ever. */
const QUIT_LIMIT_MS = 10_000;

export function quitAfter(app: Pick<App, 'on' | 'quit'>, dispose: () => Promise<void>, log: (line: string) => void): void {
  let disposed = false;
  app.on('will-quit', (event) => {
    if (disposed) return;
    event.preventDefault();
    const limit = new Promise<void>((resolve) => setTimeout(resolve, QUIT_LIMIT_MS));
    void Promise.race([dispose().catch((error: unknown) => log(String(error))), limit]).then(() => {
      disposed = true;
      app.quit();
    });
  });
}
