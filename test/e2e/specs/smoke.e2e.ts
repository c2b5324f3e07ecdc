/** The application starts, shows its start page, is accessible, and ends without a trace. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testId } from '../driver/app-driver.ts';
import { HOSTS, startApp, suiteOn, type App } from '../pages/app.ts';

describe.each(HOSTS)('$name', (host) => {
  describe.skipIf(host.missing !== null)(suiteOn(host, 'start'), () => {
    let app: App;
    beforeAll(async () => {
      app = await startApp(host.name);
    });
    // Fails if a process is left: of the browser, of the application, or of what it started.
    afterAll(() => app?.stop());

    test('shows the start page, connected', async () => {
      await app.driver.waitFor(testId('start-page'));
      expect(await app.driver.title()).toContain('Heaphouse');
      await app.driver.waitForText(testId('connection-state'), /\S/);
      expect(await app.driver.windows()).toHaveLength(1);
      await app.driver.screenshot(`start-${host.name.toLowerCase()}`);
    });

    test('the address no longer shows the token', async () => {
      expect(await app.driver.url()).not.toContain('token');
    });

    test('the page has nothing of Node.js or Electron, and one bridge at most', async () => {
      const globals = await app.driver.evaluate<string[]>(`['require', 'process', 'module', 'Buffer', 'electron', 'ipcRenderer'].filter((name) => name in window)`);
      expect(globals).toEqual([]);
      const bridge = await app.driver.evaluate<string[] | null>(`window.heaphouse ? Object.keys(window.heaphouse).sort() : null`);
      expect(bridge).toEqual(host.name === 'Electron' ? ['connect', 'pathForFile'] : null);
    });

    test('lists the running processes, this one among them', async () => {
      expect(await app.start.process(process.pid)).toContain(String(process.pid));
    });

    test('is accessible', async () => {
      await app.expectAccessible();
    });

    test('comes back after a reload', async () => {
      await app.driver.reload();
      await app.driver.waitFor(testId('start-page'));
      await app.start.process(process.pid);
    });

    test('nothing was stopped by the policy, nothing went wrong in the console', async () => {
      await app.expectCleanConsole();
    });
  });
});
