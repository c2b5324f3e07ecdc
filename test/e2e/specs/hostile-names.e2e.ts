/** A target whose names are markup, control characters, formulas and paths: every view shows them as text, and every export too. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testId } from '../driver/app-driver.ts';
import { projectRoot } from '../driver/browser-path.ts';
import { HOSTS, startApp, suiteOn, type App } from '../pages/app.ts';

const TITLE = '<img src=x class=hh-injected onerror="window.hhInjected=1">\u202egnp';
const hasPython = spawnSync('python3', ['--version']).status === 0;

/** What must not be on the page: elements or scripts of the target's, characters that reorder or control text. */
const LOOK = `(() => {
  const text = document.body.innerText;
  return {
    injected: document.querySelectorAll('.hh-injected, body script:not([src])').length + (window.hhInjected === undefined ? 0 : 100),
    raw: [...text].filter((character) => /[\\u202a-\\u202e\\u2066-\\u2069\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f]/.test(character)).length,
    longest: Math.max(0, ...text.split('\\n').map((line) => line.length)),
    hash: location.hash,
  };
})()`;

interface Look {
  injected: number;
  raw: number;
  longest: number;
  hash: string;
}

describe.each(HOSTS)('$name', (host) => {
  const missing = host.missing ?? (hasPython ? null : 'python3 is not installed');
  describe.skipIf(missing !== null)(suiteOn({ ...host, missing }, 'hostile names'), () => {
    let app: App;
    let dir: string;
    let base: string;
    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), 'heaphouse-hostile-'));
      app = await startApp(host.name);
      const trigger = join(dir, 'grow');
      await app.start.show();
      await app.start.launch(`python3 test/samples/hostile_names.py '${trigger}' '${TITLE}'`, { cwd: projectRoot });
      await app.session.waitForState('attached');
      await app.session.waitForOutput('phase ready');
      await app.session.takeSnapshot();
      writeFileSync(trigger, '');
      await app.session.waitForOutput('phase grown');
      await app.session.takeSnapshot();
      const id = await app.driver.attribute(testId('session-view'), 'data-session-id');
      base = `#/session/${id}`;
    });
    afterAll(async () => {
      await app?.stop();
      rmSync(dir, { recursive: true, force: true });
    });

    async function look(): Promise<Look> {
      // Rows come a moment after their view; analyses show their progress before.
      await app.driver.settle();
      await app.driver.waitForGone('[role="progressbar"]', { timeoutMs: 60_000 });
      await app.driver.settle();
      return app.driver.evaluate<Look>(LOOK);
    }
    async function expectHarmless(where: string): Promise<void> {
      const seen = await look();
      expect({ where, injected: seen.injected, raw: seen.raw }).toEqual({ where, injected: 0, raw: 0 });
      expect(seen.longest, `${where}: one line of ${seen.longest} characters`).toBeLessThan(20_000);
    }

    test('in the views of the target', async () => {
      for (const view of ['timeline', 'gc', 'allocators', 'segments', 'output', 'processes', 'compare', 'compare?tab=growth', 'compare?tab=survivors']) {
        await app.driver.evaluate(`location.hash = ${JSON.stringify(`${base}/${view}`)}`);
        await expectHarmless(view);
      }
      await app.driver.screenshot('hostile-growth');
    });

    test('in the views of a snapshot and of an object', async () => {
      await app.session.showSnapshot(1);
      const snapshot = (await look()).hash.replace(/\?.*/, '');
      for (const tab of ['summary', 'containment', 'dominators', 'statistics', 'strings', 'findings']) {
        await app.driver.evaluate(`location.hash = ${JSON.stringify(`${snapshot}?tab=${tab}`)}`);
        await expectHarmless(tab);
      }
      for (const query of ['tab=dominators&shape=treemap', 'tab=dominators&shape=classes', 'group=module', 'group=package', 'find=hh-injected', 'find=Base']) {
        await app.driver.evaluate(`location.hash = ${JSON.stringify(`${snapshot}?${query}`)}`);
        await expectHarmless(query);
      }
      await app.driver.evaluate(`location.hash = ${JSON.stringify(`${snapshot}?tab=strings`)}`);
      await app.driver.screenshot('hostile-strings');
    });

    test('on the start page, and in the title of the window', async () => {
      await app.start.show();
      await app.driver.type(testId('process-filter'), 'hostile_names');
      await app.driver.waitFor(testId('process-row'), { timeoutMs: 15_000 });
      await expectHarmless('start');
      expect(await app.driver.title()).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/);
    });

    test('without an error on the console', () => app.expectCleanConsole());
  });
});

/** Exports of the same target through the command line: what a spreadsheet, a browser and a terminal would make of them. */
describe.skipIf(!hasPython)(`hostile names in exports${hasPython ? '' : ' (skipped: python3 is not installed)'}`, () => {
  let dir: string;
  const run = (...args: string[]) => spawnSync(process.execPath, [join(projectRoot, 'build/heaphouse.mjs'), ...args], { cwd: projectRoot, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, timeout: 120_000 });
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'heaphouse-hostile-'));
    const recorded = run('record', '--quiet', '--out', join(dir, 'out'), '--snapshot-at', '1,2.5', '--duration', '3', '--', 'python3', 'test/samples/hostile_names.py', join(dir, 'out', 'session.json'), TITLE);
    expect(recorded.status, recorded.stderr).toBe(0);
  }, 120_000);
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const CONTROL = /[\u202a-\u202e\u2066-\u2069\u0000-\u0008\u000b\u000c\u000e-\u001f]/;

  test.each(['csv', 'md', 'html', 'json', 'table'])('%s', (format) => {
    const file = join(dir, `report.${format}`);
    const made = run('compare', join(dir, 'out', 'snapshot-1.heapsnapshot'), join(dir, 'out', 'snapshot-2.heapsnapshot'), '--format', format, '--out', file);
    expect(made.status, made.stderr).toBe(0);
    const text = readFileSync(file, 'utf8');
    expect(text.length).toBeLessThan(5_000_000);
    // JSON keeps what it was given; its escapes keep it harmless.
    if (format === 'json') expect(JSON.stringify(JSON.parse(text)).length).toBeGreaterThan(1_000);
    expect(CONTROL.exec(text)).toBeNull();
    if (format === 'html') expect(text).not.toMatch(/<img\s|<script>window\.hhInjected/);
    if (format === 'md') expect(text).not.toMatch(/^(?!.*`).*<img\s/m);
    if (format === 'csv') for (const line of text.split('\n').slice(1)) expect(line).not.toMatch(/(^|,)"?[=@]/);
  });
});
