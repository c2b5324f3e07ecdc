import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startInspected, startSessionHost, until, type RunningTarget, type SessionClient } from './session-client.ts';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path));
const PAGE = `data:text/html,<title>shop</title><script>
  class Basket { constructor(i) { this.items = [i]; } }
  window.baskets = Array.from({ length: 1000 }, (_, i) => new Basket(i));
  window.bytes = new Uint8Array(16 * 1024 * 1024).fill(1);
  for (let i = 0; i < 20000; i++) document.documentElement.append(Object.assign(document.createElement('i'), { textContent: 'row ' + i }));
</script>`;
const MIB = 1024 * 1024;

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

  it("the resident memory of a page's process is explained as a sum: V8, Blink, PartitionAlloc, buffers, code", async () => {
    await pageUrl();
    await host.capture.start({ dir, target: { kind: 'chromium', pid: browser.pid, webSocketUrl: browser.url, waitsForDebugger: false, closeInspectorOnDetach: false }, sampleEveryMs: 50 });
    await until('heap figures', async () => ((await host.capture.lastSample({}))?.heapUsedBytes ?? 0) > 100_000);
    const { pid } = await host.memory.segments({});
    const statm = () => Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * 4096;
    const before = statm();
    const { rssBytes, parts, notes } = await host.memory.rssBreakdown({});
    const after = statm();
    const part = new Map(parts.map(({ id, bytes }) => [id, bytes]));
    expect(parts.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(rssBytes);
    // The page stands still; between the two readings it may have grown or shrunk a little.
    expect(rssBytes).toBeGreaterThan(0.98 * Math.min(before, after));
    expect(rssBytes).toBeLessThan(1.02 * Math.max(before, after));
    expect(parts.at(-1)?.id).toBe('unexplained');
    expect(part.get('unexplained')).toBeLessThan(0.02 * rssBytes);
    expect(notes.join()).toMatch(/memory dump/);
    // What the page has made: 16 MiB of bytes, 20,000 elements with a text each, at least 40 bytes every object of theirs.
    expect(part.get('external')).toBeGreaterThanOrEqual(16 * MIB);
    expect(part.get('external')).toBeLessThan(18 * MIB);
    expect(part.get('blink-used')).toBeGreaterThan(20_000 * 2 * 40);
    const heapUsed = (await host.capture.lastSample({}))!.heapUsedBytes!;
    expect(Math.abs(part.get('js-heap-used')! - heapUsed)).toBeLessThan(2 * MIB + 0.2 * heapUsed);
    expect(part.get('malloc-used')).toBeGreaterThan(MIB);
    expect(part.get('program')).toBeGreaterThan(20 * MIB);

    const report = await host.memory.allocators({});
    expect(report.inUse.map(({ kind }) => kind)).toEqual(['v8', 'partition-alloc']);
    expect(report.v8?.spaces.map(({ name }) => name)).toEqual(expect.arrayContaining(['new_space', 'old_space']));
    expect(report.other[0]?.figures.find(({ id }) => id === 'partition_alloc/partitions/array_buffer.allocated_objects_size')?.value).toBeGreaterThanOrEqual(16 * MIB);
    // Collections go on being recorded after a dump.
    await host.capture.detach({});
  });
});
