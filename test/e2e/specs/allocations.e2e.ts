/** Sampling through the window: start, watch it live, mark, stop, and read the kept profile as flame graph and lines. */
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testId } from '../driver/app-driver.ts';
import { projectRoot } from '../driver/browser-path.ts';
import { HOSTS, startApp, suiteOn, type App } from '../pages/app.ts';

const SAMPLES = [
  { name: 'Python', program: 'python3', file: 'allocating.py', keeper: /load_profile/, place: /allocating\.py:9/ },
  { name: 'Node.js', program: process.execPath, file: 'allocating.js', keeper: /loadProfile/, place: /allocating\.js/ },
];
const has = (program: string) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
const wait = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));
const view = testId('allocations-view');

describe.each(HOSTS)('$name', (host) => {
  describe.skipIf(host.missing !== null)(suiteOn(host, 'allocations'), () => {
    let app: App;
    let dir: string;
    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), 'heaphouse-allocations-'));
      app = await startApp(host.name, { env: { HEAPHOUSE_DATA_DIR: dir } });
    });
    afterAll(async () => {
      await app?.stop();
      rmSync(dir, { recursive: true, force: true });
    });

    describe.each(SAMPLES.map((sample) => ({ ...sample, missing: has(sample.program) ? '' : `(skipped: ${sample.program} is not installed)` })))('$name $missing', ({ name, program, file, keeper, place, missing }) => {
      const live = test.skipIf(missing !== '');

      live('shows a running profile, since a mark as well', async () => {
        await app.start.show();
        await app.start.launch(`'${program}' test/samples/${file}`, { cwd: projectRoot });
        await app.session.waitForState('attached');
        await app.driver.click(testId('view-allocations'));
        await app.driver.waitFor(`${view}[data-state="empty"]`);
        await app.driver.click(testId('sampling-start'));
        await app.driver.waitFor(`${view}[data-running="allocations"]`);
        await app.driver.waitUntil('samples', async () => Number(await app.driver.evaluate<string>(`document.querySelector('${view}').dataset.samples`)) > 20, { timeoutMs: 30_000 });
        await app.driver.waitFor(testId('flame-graph'));
        const before = await app.driver.text(testId('figure-live'));
        await app.driver.click(testId('sampling-mark'));
        await app.driver.waitFor(`${testId('since-mark')}[aria-pressed="true"]`);
        await app.driver.waitForText(testId('figure-live'), /since the mark/);
        await app.driver.click(testId('since-mark'));
        await app.driver.waitFor(`${testId('since-mark')}[aria-pressed="false"]`);
        expect(before).toMatch(/\d/);
      });

      live('keeps it, and names the line that holds the memory', async () => {
        await wait(1_500);
        await app.driver.click(testId('sampling-stop'));
        await app.driver.waitFor(`${view}[data-running=""]`);
        await app.driver.waitFor(`${view}[data-state="ready"]`);
        await app.driver.click(testId('allocations-lines'));
        await app.driver.waitFor(testId('line-row'));
        const rows = await app.driver.evaluate<string[]>(`[...document.querySelectorAll('${testId('line-row')}')].map((row) => row.textContent)`);
        expect(rows[0]).toMatch(keeper);
        expect(rows[0]).toMatch(place);
        await app.driver.type(testId('allocations-search'), 'no such function');
        await app.driver.waitForGone(testId('line-row'));
        await app.driver.type(testId('allocations-search'), file);
        await app.driver.waitFor(testId('line-row'));
        if (process.env['HEAPHOUSE_PICTURES']) copyFileSync(await app.driver.screenshot(`allocations-lines-${name}`), join(process.env['HEAPHOUSE_PICTURES'], `lines-${host.name}-${name}.png`));
        await app.driver.click(testId('allocations-flame'));
        await app.driver.waitFor(`${testId('flame-graph')}:not([data-boxes="0"])`);
        if (process.env['HEAPHOUSE_PICTURES']) copyFileSync(await app.driver.screenshot(`allocations-flame-${name}`), join(process.env['HEAPHOUSE_PICTURES'], `flame-${host.name}-${name}.png`));
        await app.expectAccessible();
      });

      live('samples the CPU', async () => {
        await app.driver.click(testId('cpu-start'));
        await app.driver.waitFor(`${view}[data-running="cpu"]`);
        await wait(1_500);
        await app.driver.click(testId('sampling-stop'));
        await app.driver.waitForText(testId('figure-time'), /\d/);
        await app.driver.click(testId('allocations-lines'));
        // A program that mostly waits is seen waiting.
        await app.driver.type(testId('allocations-search'), name === 'Python' ? 'main' : '(');
        await app.driver.waitFor(testId('line-row'));
        await app.session.terminate();
        await app.session.waitForState('exited');
        await app.driver.waitFor(`${view}[data-state="ready"]`);
        const sessions = readdirSync(join(dir), { recursive: true, encoding: 'utf8' }).filter((path) => /\.(heapprofile|cpuprofile)$/.test(path));
        expect(sessions.map((path) => path.replace(/.*[\\/]/, ''))).toEqual(expect.arrayContaining(['allocations-1.heapprofile', 'cpu-1.cpuprofile']));
        expect(existsSync(join(dir, sessions[0] as string))).toBe(true);
      });
    });
  });
});
