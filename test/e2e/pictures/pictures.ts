/**
 * Makes the pictures of docs/images: every view of a session with a planted leak, in light and in dark. Run by
 * `npm run pictures`, not by `npm test`. A picture is for people: look at them after a change to a view.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testId } from '../driver/app-driver.ts';
import { projectRoot } from '../driver/browser-path.ts';
import { HOSTS, startApp, suiteOn, type App } from '../pages/app.ts';

const THEMES = ['light', 'dark'] as const;
const WIDTH_PX = 1_440;
const HEIGHT_PX = 900;
const images = join(projectRoot, 'docs', 'images');
const chromium = HOSTS.find(({ name }) => name === 'Chromium')!;

const SAMPLES = [
  { name: 'python', command: 'python3 test/samples/leaky.py', className: '__main__.Session' },
  { name: 'node', command: 'node test/samples/leaky.js', className: 'Session' },
];

describe.skipIf(chromium.missing !== null)(suiteOn(chromium, 'pictures'), () => {
  let app: App;
  let dir: string;
  beforeAll(async () => {
    mkdirSync(images, { recursive: true });
    dir = mkdtempSync(join(tmpdir(), 'heaphouse-pictures-'));
    app = await startApp('Chromium', { env: { HEAPHOUSE_DATA_DIR: join(dir, 'data') } });
    await app.driver.resize(WIDTH_PX, HEIGHT_PX);
  });
  afterAll(async () => {
    await app?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const settle = (ms = 900) => new Promise<void>((resolve) => setTimeout(resolve, ms));

  /** The same view in both themes; an address brings back everything that is not a selection. */
  async function picture(name: string, prepare: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    for (const theme of THEMES) {
      // The colours are a setting of the workbench: the button goes through them.
      await app.driver.waitUntil(`the ${theme} colours`, async () => {
        if ((await app.driver.attribute(testId('theme-button'), 'aria-label')) === `Colours: ${theme}`) return true;
        await app.driver.click(testId('theme-button'));
        return false;
      });
      await app.driver.reload();
      await app.driver.waitFor(testId('status-bar'));
      await settle();
      await prepare();
      await settle();
      copyFileSync(await app.driver.screenshot(`${name}-${theme}`), join(images, `${name}-${theme}.png`));
    }
  }

  test('start', async () => {
    await app.start.show();
    await picture('start');
  });

  describe.each(SAMPLES)('$name', ({ name, command, className }) => {
    test('session', async () => {
      const trigger = join(dir, `${name}.trigger`);
      await app.start.show();
      await app.start.launch(`${command} --churn --trigger '${trigger}'`, { cwd: projectRoot });
      await app.session.waitForState('attached');
      await app.session.waitForOutput('phase ready begin');
      await settle(3_000);
      await app.session.takeSnapshot();
      writeFileSync(trigger, '');
      await app.session.waitForOutput('phase leak end');
      await settle(2_000);
      await app.session.takeSnapshot();
      await picture(`${name}-output`);
      await app.session.show('timeline');
      await picture(`${name}-timeline`);
    });

    test('snapshot', async () => {
      await app.session.showSnapshot(1);
      await app.snapshot.waitForAnalysis();
      await picture(`${name}-summary`, async () => {
        await app.snapshot.waitForAnalysis();
        await app.snapshot.selectFirstObject(className);
      });
      const tabs = await app.driver.evaluate<string[]>(`[...document.querySelectorAll('[data-testid^="snapshot-tab-"]')].map((tab) => tab.dataset.testid)`);
      for (const tab of tabs.filter((id) => !id.endsWith('summary'))) {
        await app.driver.click(testId(tab));
        await picture(`${name}-${tab.replace('snapshot-tab-', '')}`, () => settle(1_500));
      }
    });

    test('compare', async () => {
      await app.session.show('compare');
      await app.compare.waitUntilReady();
      const holders = await app.compare.holdersOf(className);
      expect(holders.length).toBeGreaterThan(0);
      await picture(`${name}-compare`, async () => {
        await app.compare.waitUntilReady();
        await app.compare.holdersOf(className);
      });
      const tabs = await app.driver.evaluate<string[]>(`[...document.querySelectorAll('[data-testid^="compare-tab-"]')].map((tab) => tab.dataset.testid)`);
      for (const tab of tabs.filter((id) => !id.endsWith('classes'))) {
        await app.driver.click(testId(tab));
        await picture(`${name}-${tab.replace('compare-tab-', 'compare-')}`, () => settle(1_500));
      }
    });

    test('memory', async () => {
      const views = await app.driver.evaluate<string[]>(`[...document.querySelectorAll('[data-testid^="view-"]')].map((tab) => tab.dataset.testid)`);
      for (const view of views.filter((id) => /^view-(gc|allocators|segments)$/.test(id))) {
        await app.driver.click(testId(view));
        await picture(`${name}-${view.replace('view-', '')}`, () => settle(2_500));
      }
    });
  });
});
