import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startInspected, startSessionHost, until, type RunningTarget, type SessionClient } from './session-client.ts';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path));
const PAGE = `data:text/html,<title>shop</title><script>
  class Basket { constructor(i) { this.items = [i]; } }
  window.baskets = Array.from({ length: 1000 }, (_, i) => new Basket(i));
  window.bytes = new Uint8Array(16 * 1024 * 1024);
</script>`;

describe.skipIf(!CHROMIUM)(`Chromium${CHROMIUM ? '' : ' (skipped: not installed)'}`, () => {
  let browser: RunningTarget;
  let profile: string;
  let dir: string;
  let host: SessionClient;

  beforeAll(async () => {
    profile = mkdtempSync(join(tmpdir(), 'heaphouse-profile-'));
    browser = await startInspected(CHROMIUM ?? '', [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--remote-debugging-port=0',
      `--user-data-dir=${profile}`,
      PAGE,
    ]);
  });
  afterAll(async () => {
    await browser.kill();
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  });
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'heaphouse-capture-'));
    host = await startSessionHost();
  });
  afterEach(async () => {
    await host.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  async function pageUrl(): Promise<string> {
    const list = await until('the page', async () => {
      const response = await fetch(`http://${new URL(browser.url).host}/json/list`);
      const pages = (await response.json()) as { type: string; title: string; webSocketDebuggerUrl: string }[];
      return pages.find(({ type, title }) => type === 'page' && title === 'shop');
    });
    return list.webSocketDebuggerUrl;
  }

  it.each([
    ['its own address', async () => pageUrl()],
    ['the address of the browser', async () => (await pageUrl(), browser.url)],
  ])('a page by %s is watched and photographed', async (_how, url) => {
    const webSocketUrl = await url();
    const started = await host.capture.start({
      dir,
      target: { kind: 'chromium', pid: browser.pid, webSocketUrl, waitsForDebugger: false, closeInspectorOnDetach: false },
      sampleEveryMs: 50,
    });
    expect(started.runtime).toMatch(/^Chromium \d+/);
    expect(started.gcEvents).toBe(true);
    expect(started.notes.join()).toMatch(/traces of the browser/);
    await until('heap figures', async () => ((await host.capture.lastSample({}))?.heapUsedBytes ?? 0) > 100_000);
    const last = await host.capture.lastSample({});
    expect(last?.externalBytes).toBeGreaterThan(16 * 1024 * 1024);
    expect(last?.rssBytes).toBeGreaterThan(0);
    const result = await host.capture.takeSnapshot({ path: join(dir, 'a.heapsnapshot'), label: '' });
    const file = JSON.parse(readFileSync(result.path, 'utf8')) as { strings: string[]; snapshot: { node_count: number } };
    expect(result.nodes).toBe(file.snapshot.node_count);
    expect(file.strings).toContain('Basket');
    const collect = await host.capture.collectGarbage({});
    expect(collect.heapUsedAfterBytes).toBeGreaterThan(0);
    expect((await host.capture.detach({})).notes).toEqual([]);
    expect(readdirSync(dir).filter((name) => name.endsWith('.part'))).toEqual([]);
  });
});
