import { EventEmitter } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import { describeGone, startCrashReporter, watchPage } from '#main/electron/crash.ts';
import { rememberFiles } from '#main/electron/recent.ts';

describe('a page whose process has ended', () => {
  test('is nothing to speak of when it was in order', () => {
    expect(describeGone({ reason: 'clean-exit', exitCode: 0 })).toBeNull();
  });

  test('is told with the reason', () => {
    expect(describeGone({ reason: 'oom', exitCode: 5 })?.detail).toContain('out of memory');
  });

  test.each([
    [0, 'reloads'],
    [1, 'quits'],
  ])('answer %i %s', async (response, what) => {
    const webContents = new EventEmitter();
    const window = { webContents, isDestroyed: () => false, loadURL: vi.fn(() => Promise.resolve()) };
    const app = { quit: vi.fn() };
    watchPage({ window: window as never, dialog: { showMessageBox: () => Promise.resolve({ response, checkboxChecked: false }) } as never, app, url: 'app://workbench/' });
    webContents.emit('render-process-gone', {}, { reason: 'crashed', exitCode: 11 });
    await vi.waitFor(() => expect(what === 'quits' ? app.quit : window.loadURL).toHaveBeenCalledTimes(1));
    expect(what === 'quits' ? window.loadURL : app.quit).not.toHaveBeenCalled();
  });
});

test('crash dumps are sent nowhere', () => {
  const start = vi.fn();
  startCrashReporter({ start });
  expect(start).toHaveBeenCalledWith({ uploadToServer: false });
});

test('recent documents only where the system keeps such a list', () => {
  const addRecentDocument = vi.fn();
  rememberFiles({ addRecentDocument }, ['/a/b.heapsnapshot'], 'linux');
  expect(addRecentDocument).not.toHaveBeenCalled();
  rememberFiles({ addRecentDocument }, ['/a/b.heapsnapshot'], 'darwin');
  expect(addRecentDocument).toHaveBeenCalledWith('/a/b.heapsnapshot');
});
