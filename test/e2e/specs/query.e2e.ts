/** Questions in SQL in the window: an example, an own statement, a wrong one, one that is stopped; results lead to objects. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { comparisonPair } from '#test/fixtures/comparison-pair.ts';
import { testId } from '../driver/app-driver.ts';
import { HOSTS, startApp, suiteOn, type App } from '../pages/app.ts';
import { shownRows } from '../pages/table.ts';

describe.each(HOSTS)('$name', (host) => {
  describe.skipIf(host.missing !== null)(suiteOn(host, 'query'), () => {
    let app: App;
    let dir: string;
    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), 'heaphouse-query-'));
      app = await startApp(host.name);
      const { base, compared } = comparisonPair({ sessions: 300 });
      await app.start.show();
      await app.start.open(base);
      await app.driver.waitFor(`${testId('session-view')}`);
      await app.start.show();
      await app.start.open(compared);
      await app.snapshot.waitForAnalysis();
    });
    afterAll(async () => {
      await app?.stop();
      rmSync(dir, { recursive: true, force: true });
    });

    const state = (name: string) => app.driver.waitFor(`${testId('query-tab')}[data-state="${name}"]`, { timeoutMs: 30_000 });
    async function run(sql: string): Promise<void> {
      await app.driver.type(testId('query-sql'), sql);
      await app.driver.key(['Control', 'Enter']);
    }

    test('the example that is there runs with one click', async () => {
      await app.driver.click(testId('snapshot-tab-query'));
      await app.driver.click(testId('query-run'));
      await state('answered');
      await app.driver.waitFor(testId('query-row'));
      const [first] = await shownRows(app.driver, 'query-row');
      expect(Object.keys(first!)).toEqual(['c0', 'c1', 'c2', 'c3']);
      await app.driver.screenshot(`query-${host.name.toLowerCase()}`);
    });

    test('an own statement, sorted and filtered, and its objects open', async () => {
      await run("SELECT node, class, shallow_bytes FROM nodes WHERE class LIKE '%Session' ORDER BY node");
      await app.driver.waitForText(testId('query-outcome'), /^300 rows/);
      await app.driver.type(testId('query-filter'), 'no such text');
      await app.driver.waitForText(testId('query-outcome'), /^0 of 300 rows/);
      await app.driver.type(testId('query-filter'), 'Session');
      await app.driver.waitForText(testId('query-outcome'), /^300 rows/);
      await app.driver.click(`${testId('query-row')} ${testId('cell-c0')}`);
      await app.driver.waitForText(testId('object-name'), /Session/);
      await app.driver.click(testId('nav-back'));
      await app.driver.waitForText(testId('query-outcome'), /^300 rows/);
      expect(await app.driver.value(testId('query-sql'))).toContain("LIKE '%Session'");
    });

    test('a wrong statement is explained with its place', async () => {
      await run('SELECT nmae FROM nodes');
      await app.driver.waitForText(testId('error-card'), /"nmae" not found/);
      await app.driver.waitForText(testId('query-error-place'), /LINE 1: SELECT nmae/);
      await app.expectAccessible();
      await app.driver.screenshot(`query-error-${host.name.toLowerCase()}`);
    });

    test('a long one can be stopped', async () => {
      await run('SELECT count(*) FROM range(1000000000) a(i), range(1000000) b(j) WHERE (i * j) % 7 = 3');
      await state('running');
      await app.driver.click(testId('query-cancel'));
      await app.driver.waitForGone(testId('query-cancel'));
      await run('SELECT 1 AS one');
      await app.driver.waitForText(testId('query-outcome'), /^1 row /);
    });

    test.skipIf(host.name === 'Electron')('the results go into a file', async () => {
      await run('SELECT class, count(*) AS n FROM nodes GROUP BY class ORDER BY n DESC LIMIT 2');
      await app.driver.waitForText(testId('query-outcome'), /^2 rows/);
      await app.driver.click(testId('query-csv'));
      const csv = readFileSync(await app.driver.waitForDownload(/\.csv$/), 'utf8');
      expect(csv.split('\r\n')[0]).toBe('class,n');
      expect(csv.split('\r\n')).toHaveLength(4);
    });

    test('leaves no error in the console', () => app.expectCleanConsole());
  });
});
