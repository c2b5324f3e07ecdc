/** The application with its pages, as the specs use it. Starts on the host asked for; adds what every spec has to check. */
import { expect } from 'vitest';
import { testId, type AppDriver } from '../driver/app-driver.ts';
import { whyNoBrowser, whyNoElectron } from '../driver/browser-path.ts';
import { createChromiumHost } from '../driver/chromium-host.ts';
import { createElectronHost } from '../driver/electron-host.ts';
import { createSpectronDriver } from '../driver/spectron-driver.ts';
import { comparePage, type ComparePage } from './compare-page.ts';
import { objectPage, type ObjectPage } from './object-page.ts';
import { sessionPage, type SessionPage } from './session-page.ts';
import { snapshotPage, type SnapshotPage } from './snapshot-page.ts';
import { startPage, type StartPage } from './start-page.ts';

export interface App {
  driver: AppDriver;
  start: StartPage;
  session: SessionPage;
  snapshot: SnapshotPage;
  compare: ComparePage;
  object: ObjectPage;
  /** Nothing on the page breaks WCAG A or AA as far as axe-core can tell. */
  expectAccessible(): Promise<void>;
  /** No error in the console and nothing that the content security policy had to stop. */
  expectCleanConsole(): Promise<void>;
  stop(): Promise<void>;
}

export interface Host {
  name: 'Chromium' | 'Electron';
  /** Why the host cannot run here; null when it can. */
  missing: string | null;
}

export const HOSTS: readonly Host[] = [
  { name: 'Chromium', missing: whyNoBrowser() },
  { name: 'Electron', missing: whyNoElectron() },
];

/** Title of a suite on a host, with the reason when it is skipped. */
export function suiteOn({ name, missing }: Host, what: string): string {
  return `${what} in ${name}${missing ? ` (skipped: ${missing})` : ''}`;
}

export async function startApp(host: Host['name'], options: { args?: string[]; env?: NodeJS.ProcessEnv } = {}): Promise<App> {
  const driver = createSpectronDriver(host === 'Electron' ? createElectronHost(options) : createChromiumHost(options));
  await driver.start();
  // Under Electron the window may still be loading its page when the driver has it.
  await driver.waitFor(testId('status-bar'), { timeoutMs: 20_000 });
  return {
    driver,
    start: startPage(driver),
    session: sessionPage(driver),
    snapshot: snapshotPage(driver),
    compare: comparePage(driver),
    object: objectPage(driver),
    async expectAccessible() {
      const violations = await driver.audit();
      expect(violations.map(({ id, elements }) => `${id}: ${elements.join(' | ')}`)).toEqual([]);
    },
    async expectCleanConsole() {
      const logs = await driver.logs();
      const bad = logs.filter(({ level, message }) => level === 'SEVERE' || /content security policy/i.test(message));
      expect(bad.map(({ source, message }) => `${source}: ${message}`)).toEqual([]);
    },
    stop: () => driver.stop(),
  };
}
