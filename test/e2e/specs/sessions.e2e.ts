/** A session's life beyond its target: notes, a name, one file that carries it, deletion; presets, settings, folders. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testId } from '../driver/app-driver.ts';
import { projectRoot } from '../driver/browser-path.ts';
import { HOSTS, startApp, suiteOn, type App } from '../pages/app.ts';

describe.each(HOSTS)('$name', (host) => {
  describe.skipIf(host.missing !== null)(suiteOn(host, 'sessions'), () => {
    let app: App;
    let dir: string;
    let archive = '';
    const data = () => join(dir, 'data');
    const sessionsIn = (folder: string) => (existsSync(folder) ? readdirSync(folder).filter((name) => existsSync(join(folder, name, 'session.json'))) : []);
    const stored = (name: string) => JSON.parse(readFileSync(join(data(), name), 'utf8')) as Record<string, unknown>;

    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), 'heaphouse-sessions-'));
      app = await startApp(host.name, { env: { HEAPHOUSE_DATA_DIR: data() } });
    });
    afterAll(async () => {
      await app?.stop();
      rmSync(dir, { recursive: true, force: true });
    });

    const menu = async (trigger: string, item: string) => {
      await app.driver.click(testId(trigger));
      await app.driver.click(testId(item));
    };

    test('a launch becomes a preset and is remembered, for its owner only', async () => {
      await app.start.launch(`'${process.execPath}' '${join(projectRoot, 'test/samples/leaky.js')}' --hold-after 120`, { cwd: projectRoot, env: { HEAPHOUSE_TEST_TOKEN: 'secret value' } });
      await app.session.waitForState('attached');
      await app.start.show();
      await app.driver.waitFor(testId('recent-launch'));
      expect(await app.driver.text(testId('recent-launch'))).toContain('leaky.js');
      await menu('launch-menu', 'launch-keep');
      await app.driver.type(testId('preset-dialog-name'), 'The leaky one');
      await app.driver.click(testId('preset-dialog-done'));
      expect(await app.driver.waitForText(testId('launch-preset'), 'The leaky one')).toContain('--hold-after');
      expect(stored('launches.json')).toMatchObject({ format: 'heaphouse-launches', version: 1 });
      expect(JSON.stringify(stored('launches.json'))).toContain('secret value');
      await app.expectAccessible();
    });

    test('a preset fills the form with everything', async () => {
      await app.driver.click(testId('launch-fill'));
      expect(await app.driver.value(testId('launch-command'))).toContain('leaky.js');
      expect(await app.driver.value(testId('launch-cwd'))).toBe(projectRoot);
      expect(await app.driver.value(testId('env-value'))).toBe('secret value');
    });

    test('notes are kept while they are written', async () => {
      await app.driver.click(testId('session-tab'));
      await app.session.waitForState('attached');
      await app.session.takeSnapshot();
      await app.session.takeSnapshot();
      await app.driver.click(testId('notes-button'));
      await app.driver.type(testId('session-notes'), 'Grew after the import at 14:05.');
      const [name] = sessionsIn(join(data(), 'sessions'));
      await app.driver.waitUntil('the notes to be on disk', () => Promise.resolve(readFileSync(join(data(), 'sessions', name, 'session.json'), 'utf8').includes('Grew after the import')));
    });

    test('a comparison is kept with the way it is looked at', async () => {
      await app.session.show('compare');
      await app.compare.waitUntilReady();
      await app.driver.click(testId('compare-tab-growth'));
      await app.driver.click(testId('keep-comparison'));
      await app.driver.type(testId('keep-dialog-name'), 'first and second');
      await app.driver.click(testId('keep-dialog-done'));
      await app.driver.waitForText(testId('artefact-kept-comparison'), 'first and second');
      await app.session.show('timeline');
      await app.driver.click(testId('artefact-kept-comparison'));
      await app.driver.waitFor(testId('growth-table'));
      expect(await app.driver.url()).toContain('tab=growth');
    });

    test('it gets another name, ends, and is closed', async () => {
      await menu('session-menu', 'do-session.rename');
      await app.driver.type(testId('rename-dialog-name'), 'Import job');
      await app.driver.click(testId('rename-dialog-done'));
      await app.driver.waitForText(testId('session-tab'), 'Import job');
      await app.session.terminate();
      await app.session.waitForState('exited');
      await app.driver.click(testId('close-session'));
      await app.driver.waitFor(testId('start-page'));
      expect(await app.driver.waitForText(testId('recent-session'), 'Import job')).toContain('2 snapshots');
    });

    test.skipIf(host.name === 'Electron')('it leaves as one file', async () => {
      await menu('recent-menu', 'recent-export');
      archive = await app.driver.waitForDownload(/\.heaphouse$/, { timeoutMs: 60_000 });
      expect(archive).toContain('import-job');
      expect(readFileSync(archive).subarray(0, 2)).toEqual(Buffer.from([0x1f, 0x8b]));
      const kept = join(dir, 'kept.heaphouse');
      writeFileSync(kept, readFileSync(archive));
      archive = kept;
    });

    test('it is deleted after a question, and nothing else is', async () => {
      const [name] = sessionsIn(join(data(), 'sessions'));
      writeFileSync(join(data(), 'sessions', name, 'mine.txt'), 'mine');
      await menu('recent-menu', 'recent-delete');
      expect(await app.driver.text(testId('delete-dialog'))).toContain(name);
      await app.expectAccessible();
      await app.driver.key('Escape');
      expect(sessionsIn(join(data(), 'sessions'))).toHaveLength(1);
      await menu('recent-menu', 'recent-delete');
      await app.driver.click(testId('delete-yes'));
      await app.driver.waitForText(testId('notice-done'), 'mine.txt');
      await app.driver.waitUntil('an empty list', async () => (await app.driver.count(testId('recent-session'))) === 0);
      expect(readdirSync(join(data(), 'sessions', name))).toEqual(['mine.txt']);
    });

    test.skipIf(host.name === 'Electron')('the file brings it back, with notes, name and comparison', async () => {
      await app.start.open(archive);
      await app.driver.waitForText(testId('session-tab'), 'Import job', { timeoutMs: 20_000 });
      await app.driver.waitForText(testId('artefact-kept-comparison'), 'first and second');
      expect(await app.driver.value(testId('session-notes'))).toBe('Grew after the import at 14:05.');
      await app.session.show('timeline');
      await app.driver.waitUntil('the recording', async () => Number(await app.driver.attribute(testId('timeline-view'), 'data-samples')) > 0);
      await app.driver.click(testId('notes-button'));
      await app.driver.screenshot('session-reopened');
    });

    test('an archive that is none says so', async () => {
      const path = join(dir, 'broken.heaphouse');
      writeFileSync(path, 'no archive');
      await app.start.show();
      await app.start.open(path);
      const { code, text } = await app.start.error('open');
      expect(code).toBe('bad-file');
      expect(text).toContain('broken.heaphouse');
    });

    test.skipIf(host.name === 'Electron')('a folder is chosen without a native dialog', async () => {
      await app.driver.click(testId('launch-choose-folder'));
      await app.driver.type(testId('folder-path'), projectRoot);
      await app.driver.key('Enter');
      await app.driver.waitForText(testId('folder-picker'), 'renderer');
      await app.expectAccessible();
      await app.driver.screenshot('folder-picker');
      await app.driver.click(testId('folder-choose'));
      expect(await app.driver.value(testId('launch-cwd'))).toBe(resolve(projectRoot));
    });

    test('interpreters are listed with version, kind and path', async () => {
      await app.driver.click(testId('launch-interpreter'));
      await app.driver.waitFor(testId('interpreter-item'), { timeoutMs: 20_000 });
      const texts = await app.driver.texts(testId('interpreter-item'));
      expect(texts.some((text) => /Node\.js \d+\.\d+\.\d+/.test(text) && text.includes('/'))).toBe(true);
      await app.driver.screenshot('interpreters');
      await app.driver.key('Escape');
    });

    test('settings are checked where they are typed and are on disk at once', async () => {
      await app.driver.click(testId('settings-button'));
      await app.driver.waitFor(testId('settings-view'));
      await app.driver.type(testId('set-sampleEveryMs'), '5');
      await app.driver.key('Tab');
      expect(await app.driver.waitForText(testId('problem-sampleEveryMs'), /at least 20/)).toBeTruthy();
      expect(existsSync(join(data(), 'settings.json'))).toBe(false);
      await app.driver.type(testId('set-sampleEveryMs'), '250');
      await app.driver.key('Tab');
      await app.driver.waitUntil('the setting to be on disk', () => Promise.resolve(existsSync(join(data(), 'settings.json')) && stored('settings.json')['sampleEveryMs'] === 250));
      await app.driver.waitForGone(testId('problem-sampleEveryMs'));
      await app.driver.type(testId('set-sessionsDir'), '/proc/heaphouse');
      await app.driver.key('Tab');
      await app.driver.waitForText(testId('problem-sessionsDir'), '/proc/heaphouse');
      await app.expectAccessible();
      await app.driver.screenshot('settings-light');
      await app.driver.click(testId('theme-dark'));
      await app.driver.waitUntil('dark colours', () => app.driver.evaluate<boolean>(`document.documentElement.dataset.theme === 'dark'`));
      await app.driver.screenshot('settings-dark');
      await app.driver.reload();
      await app.driver.waitFor(testId('settings-view'));
      expect(await app.driver.evaluate<string>(`document.documentElement.dataset.theme`)).toBe('dark');
    });

    test('the about box tells the versions', async () => {
      await app.driver.click(testId('palette-button'));
      await app.driver.type(testId('palette-input'), 'about');
      await app.driver.key('Enter');
      expect(await app.driver.waitForText(testId('about-versions'), 'Node.js')).toMatch(/V8/);
      await app.expectAccessible();
      await app.driver.screenshot('about-dark');
      await app.driver.key('Escape');
      await app.start.show();
      await app.driver.screenshot('start-dark-full');
    });

    test('one click starts a preset again', async () => {
      await app.driver.click(testId('relaunch'));
      await app.session.waitForState('attached');
      await app.session.terminate();
      await app.session.waitForState('exited');
    });

    test('nothing was stopped by the policy, nothing went wrong in the console', async () => {
      await app.expectCleanConsole();
    });
  });
});
