/** Collections of a page, from traces of a living browser. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startInspected, startSessionHost, until, type RunningTarget, type SessionClient } from './session-client.ts';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path));
const MIB = 1024 * 1024;
const PAGE = `data:text/html,<title>shop</title><script>
  window.buffer = new Uint8Array(64 * 1024 * 1024).fill(1);
  let kept = [];
  setInterval(() => { window.recent = Array.from({ length: 20000 }, (_, i) => ({ i, text: 'x' + i })); }, 10);
  setInterval(() => { kept.push(Array.from({ length: 50000 }, (_, i) => ({ i }))); if (kept.length > 8) kept = []; }, 100);
</script>`;

describe.skipIf(!CHROMIUM)(`collections of a page${CHROMIUM ? '' : ' (skipped: Chromium is not installed)'}`, () => {
  let browser: RunningTarget;
  let profile: string;
  let dir: string;
  let host: SessionClient;

  beforeEach(async () => {
    profile = mkdtempSync(join(tmpdir(), 'heaphouse-profile-'));
    dir = mkdtempSync(join(tmpdir(), 'heaphouse-capture-'));
    browser = await startInspected(CHROMIUM ?? '', ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--remote-debugging-port=0', `--user-data-dir=${profile}`, PAGE]);
    host = await startSessionHost();
    await until('the page', async () => ((await (await fetch(`http://${new URL(browser.url).host}/json/list`)).json()) as { type: string; title: string }[]).some(({ title }) => title === 'shop'), 20_000);
  });
  afterEach(async () => {
    await host.stop();
    await browser.kill();
    rmSync(dir, { recursive: true, force: true });
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  });

  it('have pause, kind, used heap and V8\'s reason; segments are the renderer\'s', async () => {
    const began = Date.now();
    const started = await host.capture.start({ dir, target: { kind: 'chromium', pid: browser.pid, webSocketUrl: browser.url, waitsForDebugger: false, closeInspectorOnDetach: false }, sampleEveryMs: 100 });
    expect(started.gcEvents).toBe(true);
    const rows = await until('collections', async () => {
      const page = await host.memory.collections({ query: { start: 0, end: 2_000 } });
      return page.rows.some(({ kind }) => kind === 'mark-sweep-compact') && page.rows.some(({ kind }) => kind === 'scavenge') ? page.rows : null;
    }, 30_000);
    for (const row of rows) {
      expect(row.pauseMs).toBeGreaterThanOrEqual(0);
      expect(row.at).toBeGreaterThan(began - 2_000);
      expect(row.at).toBeLessThan(Date.now() + 1_000);
    }
    const scavenge = rows.find(({ kind }) => kind === 'scavenge')!;
    expect(scavenge).toMatchObject({ trigger: 'allocation', reason: 'allocation failure', generation: 0 });
    expect(scavenge.heapBeforeBytes).toBeGreaterThan(MIB);
    const major = rows.find(({ kind }) => kind === 'mark-sweep-compact')!;
    expect(major.freedBytes).toBeGreaterThan(0);
    expect(major.reason).toMatch(/\w+/);

    const { pid } = await host.memory.segments({});
    expect(readFileSync(`/proc/${pid}/cmdline`, 'latin1')).toContain('--type=renderer');

    const detachedAt = Date.now();
    await host.capture.detach({});
    expect(Date.now() - detachedAt).toBeLessThan(2_500);
  }, 60_000);
});
