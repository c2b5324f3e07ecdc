/** axe-core on every view of a session with two snapshots, in light and in dark. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testId } from '../driver/app-driver.ts';
import { projectRoot } from '../driver/browser-path.ts';
import { HOSTS, startApp, suiteOn, type App } from '../pages/app.ts';

const THEMES = ['light', 'dark'] as const;
const SERIOUS = ['serious', 'critical'];

const SAMPLES = [
  { name: 'Python', program: 'python3', file: 'leaky.py' },
  { name: 'Node.js', program: process.execPath, file: 'leaky.js' },
];
const chromium = HOSTS.find(({ name }) => name === 'Chromium')!;

describe.skipIf(chromium.missing !== null)(suiteOn(chromium, 'accessibility'), () => {
  let app: App;
  let dir: string;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'heaphouse-axe-'));
    app = await startApp('Chromium');
    await app.driver.resize(1_440, 900);
  });
  afterAll(async () => {
    await app?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  /** The theme alone, at once: a colour on its way to another one is neither. */
  async function setTheme(theme: (typeof THEMES)[number]): Promise<void> {
    await app.driver.evaluate(`(() => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync('*, *::before, *::after { transition: none !important; animation: none !important; }');
      document.adoptedStyleSheets = [sheet];
      document.documentElement.dataset.theme = '${theme}';
    })()`);
  }

  /** Serious findings of the view as it stands, in both themes. */
  async function findings(view: string): Promise<string[]> {
    const found: string[] = [];
    await app.driver.settle();
    for (const theme of THEMES) {
      await setTheme(theme);
      // Between two themes only colours differ.
      const violations = await app.driver.audit(theme === 'light' ? {} : { rules: ['color-contrast'] });
      const serious = violations.filter(({ impact }) => SERIOUS.includes(impact));
      found.push(...serious.flatMap(({ id, elements }) => elements.slice(0, 6).map((element) => `${view} (${theme}): ${id}: ${element}`)));
    }
    await setTheme('light');
    return found;
  }

  /** Tabs and switches, not the buttons that do something. */
  const testIds = (prefix: string) =>
    app.driver.evaluate<string[]>(`[...document.querySelectorAll('button[data-testid^="${prefix}"]')]
      .filter((item) => item.offsetParent && !item.disabled && item.matches('[role="tab"], [aria-pressed], [aria-current], [aria-selected]'))
      .map((item) => item.dataset.testid)`);

  /** Goes through everything a row of tabs offers. */
  async function through(prefix: string, view: string): Promise<string[]> {
    const found: string[] = [];
    for (const id of await testIds(prefix)) {
      await app.driver.click(testId(id));
      found.push(...(await findings(`${view} ${id}`)));
    }
    return found;
  }

  test('start', async () => {
    await app.start.show();
    expect(await findings('start')).toEqual([]);
  });

  describe.each(SAMPLES)('$name', ({ name, program, file }) => {
    test('views of the session', async () => {
      const trigger = join(dir, `${name}.trigger`);
      await app.start.show();
      await app.start.launch(`'${program}' test/samples/${file} --churn --trigger '${trigger}'`, { cwd: projectRoot });
      await app.session.waitForState('attached');
      await app.session.waitForOutput('phase ready begin');
      await app.session.takeSnapshot();
      writeFileSync(trigger, '');
      await app.session.waitForOutput('phase leak end');
      await app.session.takeSnapshot();
      const views = (await testIds('view-')).filter((id) => !/^view-(snapshot|compare)/.test(id));
      expect(views.length).toBeGreaterThan(3);
      const found: string[] = [];
      for (const id of views) {
        await app.driver.click(testId(id));
        found.push(...(await findings(`${name} ${id}`)));
        if (id === 'view-allocators') found.push(...(await through('allocators-', name)));
        if (id === 'view-segments') found.push(...(await through('segments-', name)));
      }
      expect(found).toEqual([]);
    });

    test('snapshot', async () => {
      await app.session.showSnapshot(1);
      await app.snapshot.waitForAnalysis();
      const found = await through('snapshot-tab-', name);
      await app.driver.click(testId('snapshot-tab-query'));
      await app.driver.click(testId('query-run'));
      await app.driver.waitFor(testId('query-row'), { timeoutMs: 30_000 });
      found.push(...(await findings(`${name} query results`)));
      await app.driver.click(testId('snapshot-tab-dominators'));
      found.push(...(await through('dominators-', name)));
      await app.driver.click(testId('snapshot-tab-summary'));
      found.push(...(await through('group-', name)));
      expect(found).toEqual([]);
    });

    test('object', async () => {
      await app.driver.click(testId('snapshot-tab-summary'));
      await app.snapshot.selectFirstObject(name === 'Python' ? '__main__.Session' : 'Session');
      const found = await through('pane-', name);
      await app.driver.key('Enter');
      await app.driver.doubleClick(`${testId('object-row')} ${testId('cell-name')}`);
      await app.driver.waitFor(testId('object-header'));
      found.push(...(await through('object-tab-', name)));
      expect(found).toEqual([]);
    });

    test('compare', async () => {
      await app.session.show('compare');
      await app.compare.waitUntilReady();
      expect(await through('compare-tab-', name)).toEqual([]);
    });
  });
});
