/** The front end of Chrome DevTools in a headless Chromium, connected to an agent and driven the way a user drives it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, pause, until, type Params } from './agent-client.ts';

/** Finds elements by what they show, through every shadow root. */
const HELPERS = `(() => {
  const all = function* (node) {
    for (const child of node.children ?? []) {
      if (child.tagName === 'STYLE' || child.tagName === 'SCRIPT') continue;
      yield child;
      if (child.shadowRoot) yield* all(child.shadowRoot);
      yield* all(child);
    }
  };
  const own = (element) => [...element.childNodes].filter((one) => one.nodeType === 3).map((one) => one.textContent).join('').trim();
  const shown = (element) => { const box = element.getBoundingClientRect(); return box.width > 0 && box.height > 0 && box.top < innerHeight && box.bottom > 0; };
  globalThis.inDevTools = {
    texts: () => [...all(document.body)].filter(shown).map(own).filter(Boolean),
    find(text, role) {
      for (const element of all(document.body)) {
        if (!shown(element)) continue;
        if (role && element.getAttribute('role') !== role && element.tagName.toLowerCase() !== role) continue;
        const label = role ? (element.getAttribute('aria-label') ?? '') || element.textContent.trim() : own(element);
        if (label !== text) continue;
        const box = element.getBoundingClientRect();
        return { x: box.left + box.width / 2, y: box.top + box.height / 2 };
      }
      return null;
    },
  };
})()`;

export class DevToolsFrontEnd {
  readonly #browser: ChildProcess;
  readonly #profile: string;
  readonly #page: Client;

  private constructor(browser: ChildProcess, profile: string, page: Client) {
    this.#browser = browser;
    this.#profile = profile;
    this.#page = page;
  }

  /** Opens the front end that the browser carries (`devtools://`), connected to a WebSocket. */
  static async open(chromium: string, webSocketUrl: string): Promise<DevToolsFrontEnd> {
    const profile = mkdtempSync(join(tmpdir(), 'devtools-front-end-'));
    const browser = spawn(
      chromium,
      ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--remote-debugging-port=0', `--user-data-dir=${profile}`, '--window-size=1440,900', 'about:blank'],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let said = '';
    browser.stderr.on('data', (data: Buffer) => (said += data.toString()));
    try {
      const url = await until(`the port of Chromium; it says: ${said}`, () => /DevTools listening on (ws:\S+)/.exec(said)?.[1], 30_000);
      const control = await Client.open(url);
      const front = `devtools://devtools/bundled/js_app.html?ws=${webSocketUrl.replace(/^ws:\/\//, '')}`;
      const { targetId } = await control.call('Target.createTarget', { url: front });
      const page = await Client.open(`ws://${new URL(url).host}/devtools/page/${String(targetId)}`);
      control.close();
      await page.call('Emulation.setDeviceMetricsOverride', { width: 1440, height: 900, deviceScaleFactor: 1, mobile: false });
      const opened = new DevToolsFrontEnd(browser, profile, page);
      await opened.shows('Memory');
      return opened;
    } catch (error) {
      browser.kill('SIGKILL');
      rmSync(profile, { recursive: true, force: true });
      throw error;
    }
  }

  /** Every text that is to be seen now. */
  async texts(): Promise<string[]> {
    return (await this.#run('inDevTools.texts()')) as string[];
  }

  async shows(text: string | RegExp, timeoutMs = 20_000): Promise<string> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const texts = await this.texts().catch(() => [] as string[]);
      const found = texts.find((one) => (typeof text === 'string' ? one === text : text.test(one)));
      if (found !== undefined) return found;
      if (Date.now() > end) throw new Error(`DevTools does not show ${String(text)}, but: ${texts.join(' | ').slice(0, 3_000)}`);
      await pause(100);
    }
  }

  /** Clicks what has this text, or this label and role. */
  async click(text: string, role: string | null = null, count = 1): Promise<void> {
    let place: { x: number; y: number } | null = null;
    for (let tries = 0; place === null; tries++) {
      place = (await this.#run(`inDevTools.find(${JSON.stringify(text)}, ${JSON.stringify(role)})`)) as { x: number; y: number } | null;
      if (place === null && tries > 100) throw new Error(`DevTools has no ${role ?? 'element'} "${text}", but: ${(await this.texts()).join(' | ').slice(0, 3_000)}`);
      if (place === null) await pause(100);
    }
    for (let click = 1; click <= count; click++) {
      for (const type of ['mousePressed', 'mouseReleased']) await this.#page.call('Input.dispatchMouseEvent', { type, x: place?.x ?? 0, y: place?.y ?? 0, button: 'left', clickCount: click });
    }
  }

  async type(text: string): Promise<void> {
    await this.#page.call('Input.insertText', { text });
  }

  async press(key: string, code: number): Promise<void> {
    for (const type of ['rawKeyDown', 'keyUp']) await this.#page.call('Input.dispatchKeyEvent', { type, key, code: key, windowsVirtualKeyCode: code });
    if (key === 'Enter') await pause(50);
  }

  async screenshot(path: string): Promise<void> {
    writeFileSync(path, Buffer.from(String((await this.#page.call('Page.captureScreenshot'))['data']), 'base64'));
  }

  async close(): Promise<void> {
    this.#page.close();
    const ended = new Promise((done) => this.#browser.once('exit', done));
    this.#browser.kill('SIGKILL');
    await ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  async #run(expression: string): Promise<unknown> {
    const answer = await this.#page.call('Runtime.evaluate', { expression: `globalThis.inDevTools ?? ${HELPERS}; ${expression}`, returnByValue: true });
    if (answer['exceptionDetails']) throw new Error(JSON.stringify(answer['exceptionDetails']).slice(0, 500));
    return (answer['result'] as Params)['value'];
  }
}
