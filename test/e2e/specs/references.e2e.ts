/** Reference counts and cyclic garbage of a running service, through the window. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testId } from '../driver/app-driver.ts';
import { projectRoot } from '../driver/browser-path.ts';
import { HOSTS, startApp, suiteOn, type App } from '../pages/app.ts';

const sample = join(projectRoot, 'test', 'samples', 'counted.py');

describe.each(HOSTS)('$name', (host) => {
  describe.skipIf(host.missing !== null)(suiteOn(host, 'references'), () => {
    let app: App;
    beforeAll(async () => {
      app = await startApp(host.name);
      await app.driver.resize(1_440, 900);
      await app.start.launch(`python3 ${sample} --cycles 300`, { cwd: projectRoot });
      await app.session.waitForState('attached');
      await app.session.waitForOutput('serving');
    });
    // Fails if anything that the application started is left.
    afterAll(() => app?.stop());

    const rows = async (): Promise<string[]> => app.driver.texts(testId('trace-count'));

    test('the textbook example, line by line', async () => {
      await app.driver.click(testId('view-references'));
      await app.driver.waitFor(testId('references-view'));
      await app.driver.click(testId('trace-run'));
      await app.driver.waitFor(testId('trace-result'));
      expect(await rows()).toEqual(['1', '2', '1']);
      expect(await app.driver.texts(testId('trace-gained'))).toEqual(['+ a_string', '+ reference_a_string']);
      expect(await app.driver.texts(testId('trace-lost'))).toEqual(['− reference_a_string']);
      expect(await app.driver.text(testId('trace-subtracted'))).toMatch(/kept by Heaphouse/);
      await app.expectAccessible();
      await app.driver.screenshot('references-textbook');
    });

    test('the next call of a function of the service', async () => {
      await app.driver.click(testId('trace-way-function'));
      await app.driver.waitUntil('the functions to be listed', async () => (await app.driver.texts(`${testId('trace-function')} option`)).some((text) => text.startsWith('handle')));
      await app.driver.select(testId('trace-function'), 'handle');
      await app.driver.select(testId('trace-local'), 'node');
      await app.driver.click(testId('trace-run'));
      await app.driver.waitUntil('six steps', async () => (await app.driver.attribute(testId('trace-result'), 'data-steps')) === '6');
      const counts = (await rows()).map(Number);
      expect(counts.map((count) => count - counts[0]!)).toEqual([0, 1, 2, 1, 0, 0]);
      expect(await app.driver.texts(testId('trace-gained'))).toEqual(expect.arrayContaining(['+ node', '+ other']));
      await app.driver.screenshot('references-function');
    });

    test('who holds an object', async () => {
      await app.driver.click(testId('references-object'));
      await app.driver.type(testId('holders-expression'), 'held');
      await app.driver.click(testId('holders-look'));
      await app.driver.waitFor(testId('holders-result'));
      expect(await app.driver.text(testId('holders-count'))).toBe('6 references');
      expect(await app.driver.count(testId('holder-row'))).toBe(6);
      expect(await app.driver.count(testId('holders-from-c'))).toBe(0);
      await app.expectAccessible();
      await app.driver.screenshot('references-object');
    });

    test('cyclic garbage before it is freed', async () => {
      await app.driver.click(testId('view-gc'));
      await app.driver.click(testId('gc-pane-garbage'));
      await app.driver.click(testId('garbage-explore'));
      await app.driver.waitFor(testId('garbage-picture'));
      expect(await app.driver.text(testId('garbage-cycle'))).toMatch(/300 ×[\s\S]*__main__\.Pair/);
      expect(await app.driver.text(testId('garbage-picture'))).toMatch(/right|left/);
      expect(await app.driver.text(testId('garbage-uncollectable'))).toMatch(/1 object/);
      await app.driver.type(testId('garbage-filter'), 'nothing of that name');
      await app.driver.waitForGone(testId('garbage-cycle'));
      await app.driver.type(testId('garbage-filter'), 'pair');
      await app.driver.waitFor(testId('garbage-cycle'));
      await app.expectAccessible();
      await app.driver.screenshot('garbage');
      await app.driver.click(testId('garbage-explore'));
      await app.driver.waitUntil('the garbage to be gone', async () => !(await app.driver.texts(testId('garbage-cycle'))).join().includes('__main__.Pair'));
    });

    test('nothing went wrong in the console', async () => {
      await app.expectCleanConsole();
    });
  });
});
