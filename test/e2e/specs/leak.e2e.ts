/**
 * The main job through the window: launch a program with a planted leak, photograph its heap before and after, compare,
 * read what grew and what holds it, and take the page along.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testId } from '../driver/app-driver.ts';
import { projectRoot } from '../driver/browser-path.ts';
import { processesWith } from '../driver/processes.ts';
import { HOSTS, startApp, suiteOn, type App } from '../pages/app.ts';

const OBJECTS = '10,000';

interface Sample {
  name: string;
  program: string;
  file: string;
  className: string;
  /** What the line under "Held by" has to name. */
  holder: RegExp;
  /** Steps of a path from the root to one of the objects. */
  path: RegExp;
  /** Where they are allocated, for targets whose allocations are recorded here. */
  site: RegExp | null;
}

const SAMPLES: Sample[] = [
  { name: 'Python', program: 'python3', file: 'leaky.py', className: '__main__.Session', holder: /__main__[\s\S]*_cache/, path: /_cache/, site: /leak \(.*leaky\.py:\d+\)/ },
  { name: 'Node.js', program: process.execPath, file: 'leaky.js', className: 'Session', holder: /cache/i, path: /cache/i, site: null },
];

const has = (program: string) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;

describe.each(HOSTS)('$name', (host) => {
  describe.skipIf(host.missing !== null)(suiteOn(host, 'a planted leak'), () => {
    let app: App;
    let dir: string;
    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), 'heaphouse-leak-'));
      app = await startApp(host.name);
    });
    afterAll(async () => {
      await app?.stop();
      rmSync(dir, { recursive: true, force: true });
      expect(processesWith(dir), 'targets that are still running').toEqual([]);
    });

    describe.each(SAMPLES.map((sample) => ({ ...sample, missing: has(sample.program) ? '' : `(skipped: ${sample.program} is not installed)` })))(
      '$name $missing',
      ({ name, program, file, className, holder, path, site, missing }) => {
        const picture = `${host.name}-${name}`.toLowerCase().replace(/[^a-z]+/g, '-');
        const live = test.skipIf(missing !== '');
        let trigger: string;
        let pid = 0;

        live('launches it and watches it', async () => {
          trigger = join(dir, `${name}.trigger`);
          await app.start.show();
          await app.start.launch(`'${program}' test/samples/${file} --churn --trigger '${trigger}'`, { cwd: projectRoot });
          await app.session.waitForState('attached');
          pid = await app.session.pid();
          expect(pid).toBeGreaterThan(0);
          await app.session.waitForOutput('phase ready begin');
          await app.driver.waitUntil('the timeline to have samples', async () => (await app.session.timelineCounts()).samples > 5);
          await app.driver.screenshot(`timeline-${picture}`);
        });

        live('photographs the heap before and after', async () => {
          if (site) {
            await app.driver.click(testId('record-stacks'));
            await app.driver.waitFor(`${testId('record-stacks')}[data-recording="true"]`);
          }
          await app.session.takeSnapshot();
          writeFileSync(trigger, '');
          await app.session.waitForOutput('phase leak end');
          await app.session.takeSnapshot();
        });

        live('names the class and counts its new objects exactly', async () => {
          await app.session.show('compare');
          await app.compare.waitUntilReady();
          // Without a filter, as it is sorted when one comes: the leak stands first.
          expect((await app.compare.firstRow()).name).toBe(className);
          const row = await app.compare.classRow(className);
          expect(row).toMatchObject({ 'new.objects': OBJECTS, 'dead.objects': '0' });
        });

        live('names what holds them, on one line', async () => {
          const holders = await app.compare.holdersOf(className);
          expect(holders[0]).toMatch(holder);
          expect(holders[0]).toContain(OBJECTS);
          await app.driver.screenshot(`compare-${picture}`);
        });

        test.skipIf(missing !== '' || site === null)('names where they were allocated', async () => {
          await app.driver.waitFor(testId('site-row'));
          const first = await app.driver.text(testId('site-row'));
          expect(first.trim()).toMatch(site!);
          expect(first).toContain(`${OBJECTS} (100 %)`);
        });

        live('compares accessibly', async () => {
          await app.expectAccessible();
        });

        test.skipIf(missing !== '' || host.name === 'Electron')('exports the page, complete in itself and escaped', async () => {
          const html = readFileSync(await app.compare.exportAs('html'), 'utf8');
          expect(html).toContain(className);
          expect(html).toContain(OBJECTS);
          expect(html).toMatch(holder);
          expect(html).not.toMatch(/<script[^>]+src=|<link[^>]+href="?http|<img[^>]+src="?http/i);
          const json = JSON.parse(readFileSync(await app.compare.exportAs('json'), 'utf8')) as { classes: { name: string; new: { objects: number } }[] };
          expect(json.classes.find((one) => one.name === className)?.new.objects).toBe(10_000);
        });

        live('shows one object with its path to a root', async () => {
          await app.session.showSnapshot(1);
          await app.snapshot.waitForAnalysis();
          expect((await app.snapshot.classRow(className)).objects).toBe(OBJECTS);
          await app.snapshot.selectFirstObject(className);
          expect((await app.snapshot.path()).join(' ')).toMatch(path);
          await app.driver.screenshot(`snapshot-${picture}`);
        });

        test.skipIf(missing !== '' || site === null)('groups the objects by where they were allocated', async () => {
          await app.driver.click(testId('group-site'));
          await app.driver.waitForText(testId('group-row'), site!);
          await app.driver.click(testId('group-class'));
          await app.snapshot.selectFirstObject(className);
        });

        live('shows objects accessibly', async () => {
          await app.expectAccessible();
        });

        live('shows the object in the living target, pins it there and lets it go', async () => {
          await app.driver.doubleClick(`${testId('object-row')} ${testId('cell-name')}`);
          await app.object.waitUntilShown();
          const now = await app.object.showLive();
          expect(now.description).toMatch(/Session/);
          // Its own field, read in the program now: the same that the snapshot has.
          expect(now.properties['number']).toMatch(/^\d+$/);
          const name = await app.object.pin();
          expect(name).toMatch(/^\$?\w+$/);
          await app.driver.screenshot(`object-${picture}`);
          await app.object.unpin();
        });

        live('closes the tab of the object and is back where it was opened', async () => {
          expect(await app.object.openTabs()).toHaveLength(1);
          await app.object.closeTab(0);
          await app.driver.waitFor(testId('snapshot-view'));
          expect(await app.object.openTabs()).toEqual([]);
        });

        live('terminates it and says how it ended', async () => {
          await app.session.terminate();
          await app.session.waitForState('exited');
          expect(await app.session.exit()).toMatch(/SIGTERM|143|terminated/i);
          expect(() => process.kill(pid, 0)).toThrow();
        });
      },
    );

    test('nothing was stopped by the policy, nothing went wrong in the console', async () => {
      await app.expectCleanConsole();
    });
  });
});
