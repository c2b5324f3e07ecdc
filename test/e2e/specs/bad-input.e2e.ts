/** What goes wrong is said where the user is, with what to do about it, and the application goes on. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testId } from '../driver/app-driver.ts';
import { projectRoot } from '../driver/browser-path.ts';
import { HOSTS, startApp, suiteOn, type App } from '../pages/app.ts';

const HOSTILE_NAME = '<img src=x onerror=alert(1)>\u202egnp.heapsnapshot';

describe.each(HOSTS)('$name', (host) => {
  describe.skipIf(host.missing !== null)(suiteOn(host, 'bad input'), () => {
    let app: App;
    let dir: string;
    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), 'heaphouse-bad-'));
      app = await startApp(host.name);
    });
    afterAll(async () => {
      await app?.stop();
      rmSync(dir, { recursive: true, force: true });
    });

    test('a command that does not exist', async () => {
      await app.start.show();
      await app.start.launch('no-such-program-here --fast');
      const { code, text } = await app.start.error('launch');
      expect(text).toContain('no-such-program-here');
      expect(code).toBe('not-found');
    });

    test('a working directory that does not exist', async () => {
      await app.start.launch(`'${process.execPath}' -e 0`, { cwd: join(dir, 'gone') });
      await app.driver.waitForText(`section:has(> ${testId('launch-form')}) ${testId('error-card')}`, 'gone', { timeoutMs: 20_000 });
    });

    test('a program that ends at once is a session that says so', async () => {
      await app.start.launch(`'${process.execPath}' '${join(projectRoot, 'test/samples/exits_at_once.js')}'`, { cwd: projectRoot });
      await app.driver.waitUntil('an end or an error', async () => (await app.driver.count(testId('exit-card'))) + (await app.driver.count(testId('error-card'))) > 0, {
        timeoutMs: 45_000,
      });
      await app.driver.screenshot(`exits-at-once-${host.name.toLowerCase()}`);
      await app.start.show();
    });

    test('an address where nobody listens', async () => {
      await app.start.connect('ws://127.0.0.1:9/none');
      expect((await app.start.error('connect')).text).toMatch(/127\.0\.0\.1:9/);
    });

    test('a port that is not DevTools', async () => {
      const server = createServer((_request, response) => response.end('<h1>It works</h1>'));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      try {
        await app.start.connect(`http://127.0.0.1:${port}`);
        await app.driver.waitForText(`section:has(> ${testId('connect-form')}) ${testId('error-card')}`, String(port), { timeoutMs: 20_000 });
        expect((await app.start.error('connect')).code).toBe('unsupported');
      } finally {
        server.close();
      }
    });

    test('another machine is asked about first', async () => {
      await app.start.connect('ws://192.0.2.1:9229/x');
      await app.driver.waitFor(testId('confirm-remote'));
      await app.expectAccessible();
      await app.driver.key('Escape');
      await app.driver.waitForGone(testId('confirm-remote'));
    });

    test.each([
      ['empty', '', /empty|no bytes/i],
      ['not-json', 'this is no snapshot', /JSON|no heap snapshot|not a heap snapshot/i],
      ['other', '{"hello":"world"}', /snapshot/i],
      ['truncated', '{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count"],"node_types":[["object"],"string","number","number","number"],"edge_fields":["type","name_or_index","to_node"],"edge_types":[["property"],"string_or_number","node"]},"node_count":1000,"edge_count":0},"nodes":[0,0,1,', /truncated|incomplete|ends/i],
    ])('a snapshot file that is %s', async (name, content, words) => {
      const path = join(dir, `${name}.heapsnapshot`);
      writeFileSync(path, content);
      await app.start.show();
      await app.start.open(path);
      const text = await app.driver.waitForText(testId('error-card'), words, { timeoutMs: 20_000 });
      expect(text).not.toMatch(/undefined|\[object/);
    });

    test('a hostile file name is text and nothing else', async () => {
      const path = join(dir, HOSTILE_NAME.replaceAll('/', '_'));
      writeFileSync(path, readFileSync(join(projectRoot, 'package.json')));
      await app.start.show();
      await app.start.open(path);
      await app.driver.waitForText(testId('error-card'), /\S/, { timeoutMs: 20_000 });
      expect(await app.driver.count('img[src="x"]')).toBe(0);
      expect(await app.driver.evaluate<boolean>(`document.body.innerText.includes('\\u202e')`)).toBe(false);
    });

    test('nothing was stopped by the policy, nothing went wrong in the console', async () => {
      await app.expectCleanConsole();
    });
  });
});
