/** The driver itself, on a page of its own: what the other specs rely on, and that nothing is left behind. */
import { createServer, type Server } from 'node:http';
import { existsSync, readFileSync, statSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testId, type AppDriver } from '../driver/app-driver.ts';
import { whyNoBrowser } from '../driver/browser-path.ts';
import { createChromiumHost } from '../driver/chromium-host.ts';
import { createSpectronDriver } from '../driver/spectron-driver.ts';

const PAGE = `<!doctype html><html lang="en"><head><title>Driver page</title></head><body>
<main><h1>Shelves</h1>
<label>Name <input data-testid="name"></label>
<button data-testid="greet">Greet</button>
<p data-testid="answer" aria-live="polite"></p>
<select data-testid="size" aria-label="Size"><option value="s">small</option><option value="l">large</option></select>
<p data-testid="key">none</p>
<a data-testid="download" href="/report.txt" download>Report</a>
<img data-testid="bad-image" src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=">
</main><script src="/page.js"></script></body></html>`;

const SCRIPT = `
const get = (id) => document.querySelector('[data-testid="' + id + '"]');
get('greet').addEventListener('click', () => setTimeout(() => {
  get('answer').textContent = 'Hello, ' + get('name').value + ' (' + get('size').value + ')';
  console.warn('greeted');
}, 200));
document.addEventListener('keydown', (event) => { get('key').textContent = (event.ctrlKey ? 'Ctrl+' : '') + event.key; });
`;

const missing = whyNoBrowser();

describe.skipIf(missing !== null)(`driver${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let server: Server;
  let driver: AppDriver;

  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.url === '/report.txt') {
        response.setHeader('Content-Disposition', 'attachment; filename="report.txt"');
        response.end('one line\n');
        return;
      }
      const isScript = request.url === '/page.js';
      response.setHeader('Content-Security-Policy', "default-src 'none'; script-src 'self'; img-src data:");
      response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html; charset=utf-8');
      response.end(isScript ? SCRIPT : PAGE);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    driver = createSpectronDriver(createChromiumHost({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }));
    await driver.start();
  });

  afterAll(async () => {
    await driver.stop();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });

  test('reads, types, chooses, clicks and waits', async () => {
    expect(await driver.title()).toBe('Driver page');
    expect(await driver.text('h1')).toBe('Shelves');
    await driver.type(testId('name'), 'first');
    await driver.type(testId('name'), 'Ada');
    expect(await driver.value(testId('name'))).toBe('Ada');
    await driver.select(testId('size'), 'l');
    await driver.click(testId('greet'));
    expect(await driver.waitForText(testId('answer'), /Hello, \w+/)).toBe('Hello, Ada (l)');
  });

  test('sends keys with modifiers', async () => {
    await driver.focus(testId('greet'));
    await driver.key('F6');
    await driver.waitForText(testId('key'), 'F6');
    await driver.key(['Control', 'o']);
    await driver.waitForText(testId('key'), 'Ctrl+o');
  });

  test('says what it waited for and what the page shows', async () => {
    await expect(driver.waitFor(testId('absent'), { timeoutMs: 200 })).rejects.toThrow(/Waited 200 ms for \[data-testid="absent"\] to appear[\s\S]*Shelves/);
    expect(await driver.count(testId('absent'))).toBe(0);
  });

  test('takes a screenshot, reads the console, and audits under a strict CSP', async () => {
    const file = await driver.screenshot('driver');
    expect(existsSync(file) && statSync(file).size).toBeGreaterThan(1_000);
    expect((await driver.logs()).some(({ level, message }) => level === 'WARNING' && message.includes('greeted'))).toBe(true);
    const violations = await driver.audit();
    expect(violations.map(({ id }) => id)).toEqual(['image-alt']);
    expect(violations[0].elements[0]).toContain('bad-image');
  });

  test('downloads', async () => {
    await driver.click(testId('download'));
    expect(readFileSync(await driver.waitForDownload(/^report.*\.txt$/), 'utf8')).toBe('one line\n');
  });

  test('runs one window', async () => {
    expect(await driver.windows()).toHaveLength(1);
  });
});
