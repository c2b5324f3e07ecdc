/**
 * Where the memory is, through the window: a Python launched with another allocator, its figures and what giving back
 * returns; its segments as a sum; its timeline as a stack, with a mark and a brush that leads to the collections.
 */
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findPreloadLibraries } from '#main/targets/launch/preload-libraries.ts';
import { testId } from '../driver/app-driver.ts';
import { projectRoot } from '../driver/browser-path.ts';
import { HOSTS, startApp, suiteOn, type App } from '../pages/app.ts';

const library = (await findPreloadLibraries()).find(({ kind }) => kind === 'jemalloc') ?? null;
const hasPython = spawnSync('python3', ['--version'], { stdio: 'ignore' }).status === 0;
const missing = [library ? '' : 'jemalloc', hasPython ? '' : 'python3'].filter(Boolean).join(' and ');

describe.each(HOSTS)('$name', (host) => {
  describe.skipIf(host.missing !== null || missing !== '')(suiteOn(host, `memory of a program with jemalloc${missing && ` (skipped: no ${missing})`}`), () => {
    let app: App;
    beforeAll(async () => {
      app = await startApp(host.name);
    });
    afterAll(async () => {
      await app?.stop();
    });
    const shown = (view: string, pane: string) => `${testId(`${view}-view`)}[data-pane-shown="${pane}"][data-state="ready"]`;

    test('is launched with the allocator that was chosen', async () => {
      const { driver } = app;
      await app.start.show();
      await driver.type(testId('launch-command'), 'python3 test/samples/leaky.py --churn --leak-at 600');
      await driver.type(testId('launch-cwd'), projectRoot);
      await driver.click(testId('launch-allocators-toggle'));
      await driver.waitFor(`${testId('launch-preload')} option[value="${library?.path}"]`);
      await driver.select(testId('launch-preload'), library?.path ?? '');
      await driver.screenshot('launch-allocators');
      await driver.click(testId('launch-button'));
      await app.session.waitForState('attached');
    });

    test('tells what jemalloc holds, now and over time, and gives back', async () => {
      const { driver } = app;
      await driver.click(testId('view-allocators'));
      await driver.waitFor(`${testId('allocator')}[data-kind="jemalloc"]`, { timeoutMs: 20_000 });
      await driver.click(testId('allocators-native'));
      await driver.waitForText(`${testId('native-figure')}[data-figure="stats.allocated"]`, /\d/);
      await driver.screenshot('allocators-native');
      await driver.click(testId('trim-malloc'));
      expect(await driver.waitForText(testId('trim-result'), /jemalloc purge/, { timeoutMs: 20_000 })).toMatch(/Resident/);
      await driver.click(testId('allocators-history'));
      // A table while there is one reading, then a chart.
      const text = await driver.waitForText(`${testId('allocators-view')}[data-pane-shown="history"][data-state="ready"]`, /jemalloc, in use/, { timeoutMs: 20_000 });
      expect(text).toContain('pymalloc, in use');
      await driver.screenshot('allocators-history');
    });

    test('adds resident memory up', async () => {
      const { driver } = app;
      await driver.click(testId('view-segments'));
      await driver.waitFor(shown('segments', 'table'), { timeoutMs: 20_000 });
      expect(await driver.count(testId('segment-row'))).toBeGreaterThan(6);
      await driver.click(testId('segments-sum'));
      await driver.waitFor(`${testId('rss-part')}[data-part="malloc-used"]`, { timeoutMs: 20_000 });
      expect(await driver.text(`${testId('rss-part')}[data-part="malloc-used"]`)).toContain('jemalloc');
      await driver.screenshot('segments-sum');
    });

    test('draws memory as a stack, with marks and a brush that leads to the collections', async () => {
      const { driver } = app;
      await app.session.show('timeline');
      await driver.click(testId('timeline-stacked'));
      await driver.waitFor(`${testId('timeline-view')}[data-drawn="stacked"]`);
      const marks = async () => Number(await driver.attribute(testId('timeline-view'), 'data-marks'));
      const before = await marks();
      await driver.click(testId('mark-button'));
      await driver.type(testId('mark-label'), 'after the purge');
      await driver.click(testId('mark-add'));
      await driver.waitUntil('the mark to be there', async () => (await marks()) === before + 1);
      const counted = await app.session.timelineCounts();
      await driver.click(testId('collect-button'));
      await driver.waitUntil('our collection, and some samples after it', async () => {
        const { collections, samples } = await app.session.timelineCounts();
        return collections > counted.collections && samples > counted.samples + 20;
      }, { timeoutMs: 20_000 });
      await driver.evaluate<null>(`(() => {
        const surface = document.querySelector(${JSON.stringify(testId('timeline-surface'))});
        const box = surface.getBoundingClientRect();
        surface.setPointerCapture = () => undefined;
        const send = (type, share) => surface.dispatchEvent(new PointerEvent(type, { bubbles: true, pointerId: 1, button: 0, buttons: 1, clientX: box.left + box.width * share, clientY: box.top + 20 }));
        send('pointerdown', 0.05);
        send('pointermove', 0.5);
        send('pointermove', 0.98);
        send('pointerup', 0.98);
        return null;
      })()`);
      await driver.waitFor(testId('brush-figures'));
      await driver.waitForText(testId('brush-figures'), /[1-9]\d* collection/, { timeoutMs: 20_000 });
      await driver.screenshot('timeline-stacked');
      await driver.click(testId('brush-collections'));
      await driver.waitFor(testId('gc-view'));
      expect(await driver.url()).toMatch(/gc\?from=\d+&to=\d+/);
      await app.expectCleanConsole();
    });
  });
});
