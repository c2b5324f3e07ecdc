/**
 * What happens when a part of the application dies. Dumps stay on this machine; a dead page is offered a reload, while
 * recording goes on in the processes that do it. Worker processes are the workbench's business (host-process.ts).
 */
import type { App, BrowserWindow, CrashReporter, Dialog, RenderProcessGoneDetails } from 'electron';

const MEANING: Record<RenderProcessGoneDetails['reason'], string | null> = {
  'clean-exit': null,
  'abnormal-exit': 'It ended with an error.',
  killed: 'It was ended from outside.',
  crashed: 'It crashed.',
  oom: 'It ran out of memory.',
  'launch-failed': 'It could not be started.',
  'integrity-failure': 'Its code did not pass the integrity check.',
  'memory-eviction': 'The system ended it to free memory.',
};

export interface GoneMessage {
  message: string;
  detail: string;
}

/** Words for a page whose process ended, or null when that was in order. */
export function describeGone({ reason, exitCode }: RenderProcessGoneDetails): GoneMessage | null {
  const meaning = MEANING[reason];
  if (meaning === null) return null;
  return {
    message: 'The window’s process has ended.',
    detail: `${meaning ?? 'It ended.'} (${reason}, exit code ${exitCode})\n\nRecordings go on, and everything captured so far is on disk.`,
  };
}

/** Keeps crash dumps in the application's own folder and sends them nowhere. Call before `ready`. */
export function startCrashReporter(crashReporter: Pick<CrashReporter, 'start'>): void {
  crashReporter.start({ uploadToServer: false });
}

export interface PageWatchParts {
  window: Pick<BrowserWindow, 'webContents' | 'isDestroyed' | 'loadURL'>;
  dialog: Pick<Dialog, 'showMessageBox'>;
  app: Pick<App, 'quit'>;
  url: string;
}

/** Asks whether to load a page again whose process has ended. */
export function watchPage({ window, dialog, app, url }: PageWatchParts): void {
  window.webContents.on('render-process-gone', (_event, details) => {
    const gone = describeGone(details);
    if (gone === null) return;
    void dialog
      .showMessageBox({ type: 'error', title: 'Heaphouse', ...gone, buttons: ['Load the window again', 'Quit'], defaultId: 0, cancelId: 0 })
      .then(({ response }) => {
        if (response === 1) app.quit();
        else if (!window.isDestroyed()) void window.loadURL(url);
      });
  });
}
