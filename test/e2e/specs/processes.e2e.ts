/** A program with workers: they appear under it, are attached by hand or as they appear, and share one time axis; threads are captured one by one. */
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testId } from '../driver/app-driver.ts';
import { projectRoot } from '../driver/browser-path.ts';
import { processesWith } from '../driver/processes.ts';
import { HOSTS, startApp, suiteOn, type App } from '../pages/app.ts';

const SAMPLES = [
  { name: 'multiprocessing', program: 'python3', args: 'test/samples/workers.py fork' },
  { name: 'cluster', program: process.execPath, args: 'test/samples/workers.js cluster' },
];
const has = (program: string) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;

describe.each(HOSTS)('$name', (host) => {
  describe.skipIf(host.missing !== null)(suiteOn(host, 'a program with workers'), () => {
    let app: App;
    beforeAll(async () => {
      app = await startApp(host.name);
    });
    afterAll(async () => {
      await app?.stop();
      expect([...processesWith('test/samples/workers'), ...processesWith('test/samples/threads')], 'targets that are still running').toEqual([]);
    });

    test.each(SAMPLES)('$name', async ({ name, program, args }) => {
      if (!has(program)) return;
      await app.start.show();
      await app.start.launch(`'${program}' ${args}`, { cwd: projectRoot });
      await app.session.waitForState('attached');
      await app.session.waitForOutput('workers');
      await app.session.show('processes');
      const lines = async () => Number(await app.driver.attribute(testId('family-chart'), 'data-lines'));
      await app.driver.waitUntil('two workers', async () => (await app.driver.count(testId('family-attach'))) === 2, { timeoutMs: 20_000 });

      await app.driver.click(testId('family-attach'));
      await app.driver.waitUntil('the first worker on the axis', async () => (await lines()) === 2, { timeoutMs: 45_000 });
      await app.driver.click(testId('family-follow'));
      await app.driver.waitUntil('the second worker on the axis', async () => (await lines()) === 3, { timeoutMs: 45_000 });
      expect(await app.driver.count(testId('family-open'))).toBe(2);
      await app.expectAccessible();
      await app.driver.screenshot(`processes-${name}`);

      // A worker is a whole session of its own.
      await app.driver.click(testId('family-open'));
      await app.session.waitForState('attached');
      await app.session.takeSnapshot();
      await app.session.detach();
      await app.session.waitForState('detached');
      await app.expectCleanConsole();
    });

    test('worker threads', async () => {
      const threads = `${testId('processes-view')} ${testId('thread-snapshot')}`;
      const names = () => app.driver.evaluate<string[]>(`[...document.querySelectorAll('${testId('artefact-snapshot')}')].map((item) => item.textContent)`);
      await app.start.show();
      await app.start.launch(`'${process.execPath}' test/samples/threads.js`, { cwd: projectRoot });
      await app.session.waitForState('attached');
      await app.session.waitForOutput('threads');
      await app.session.show('processes');
      await app.driver.waitUntil('two threads', async () => (await app.driver.count(threads)) === 2, { timeoutMs: 20_000 });
      expect(await app.driver.text(testId('family-thread'))).toMatch(/worker 1 \(threads\.js\).*MiB/s);

      // Twice the thread that leaks, once the other.
      for (const [count, thread] of [1, 1, 2].entries()) {
        const before = await names();
        await app.driver.waitUntil('the button to be ready', () => app.driver.isEnabled(`[data-thread="${thread}"] ${testId('thread-snapshot')}`));
        await app.driver.click(`[data-thread="${thread}"] ${testId('thread-snapshot')}`);
        await app.driver.waitUntil(`snapshot ${count + 1}`, async () => (await names()).length === before.length + 1, { timeoutMs: 60_000 });
        await app.driver.waitUntil('it to be complete', async () => /MiB|KiB/.test((await names()).at(-1)!), { timeoutMs: 60_000 });
      }
      expect((await names()).slice(-3).map((name) => /#\d worker \d \(threads\.js\)/.exec(name)?.[0])).toEqual([
        '#1 worker 1 (threads.js)',
        '#2 worker 1 (threads.js)',
        '#3 worker 2 (threads.js)',
      ]);
      await app.expectAccessible();
      await app.driver.screenshot('processes-threads');

      // The last one's heap has no earlier snapshot: two threads are compared, and that is said.
      await app.session.show('compare');
      await app.driver.waitForText(testId('compare-view'), /heaps of two threads, worker 1 \(threads\.js\) and worker 2/, { timeoutMs: 60_000 });
      await app.driver.screenshot('compare-threads');
      await app.session.terminate();
      await app.session.waitForState('exited');
      await app.expectCleanConsole();
    });
  });
});
