/**
 * The one file that knows Spectron. Spectron 19 is archived; its launcher and its `require`-based APIs fail on current
 * Node.js and on sandboxed pages. What works, and all that is used: it starts chromedriver and opens a WebDriver session
 * on a browser that is running already (`debuggerAddress`). The hosts start and end that browser.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Application } from 'spectron';
import { DEFAULT_WAIT_MS, type AppDriver, type AppHost, type AuditViolation, type HostRunning, type Keys, type LogEntry } from './app-driver.ts';
import { findChromedriver, projectRoot } from './browser-path.ts';
import { waitForNone } from './processes.ts';

const POLL_MS = 50;
const DRIVER_TIMEOUT_MS = 60_000;
const MAX_PAGE_TEXT = 1_500;
/** Requests of a view follow each other faster than this; see `settle`. */
const SETTLE_QUIET_MS = 120;
const SETTLE_TIMEOUT_MS = 1_000;
const WCAG_TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

type Element = Awaited<ReturnType<Application['client']['$']>>;

interface ChromeDriverProcess {
  statusUrl: string;
  isRunning(callback: (running: boolean) => void): void;
}

// Spectron asks for the driver's status with got 11, whose retry waits a second and then rejects where nobody listens
// ("onCancel handler was attached after the promise settled"). The same question with fetch has neither trouble.
const require = createRequire(import.meta.url);
const ChromeDriver = require('spectron/lib/chrome-driver') as { prototype: ChromeDriverProcess };
ChromeDriver.prototype.isRunning = function isRunning(callback) {
  fetch(this.statusUrl)
    .then((response) => response.json() as Promise<{ value?: { ready?: boolean } }>)
    .then(
      ({ value }) => callback(value?.ready === true),
      () => callback(false),
    );
};

export function createSpectronDriver(host: AppHost): AppDriver {
  let application: Application | null = null;
  let running: HostRunning | null = null;
  let driverPort = 0;
  /** Downloads that a test has been given already: the next one is another file. */
  const taken = new Set<string>();

  function client(): Application['client'] {
    if (!application) throw new Error('The application has not been started.');
    return application.client;
  }

  async function start(): Promise<void> {
    const driver = findChromedriver();
    if (driver.missing !== undefined) throw new Error(driver.missing);
    running = await host.start();
    try {
      driverPort = await freePort();
      process.env.CHROMEDRIVER_PATH = driver.path;
      application = new Application({
        path: process.execPath,
        host: '127.0.0.1',
        port: driverPort,
        startTimeout: DRIVER_TIMEOUT_MS,
        waitTimeout: DEFAULT_WAIT_MS,
        quitTimeout: 1,
        // A start that fails is not tried again: each try could leave a browser.
        connectionRetryCount: 0,
        debuggerAddress: running.debuggerAddress,
        webdriverOptions: {
          capabilities: {
            browserName: 'chrome',
            'goog:chromeOptions': { debuggerAddress: running.debuggerAddress, windowTypes: ['app', 'webview'] },
            'goog:loggingPrefs': { browser: 'ALL' },
          },
        },
      } as unknown as ConstructorParameters<typeof Application>[0]);
      await application.start();
      // Waiting is done here, with messages that say what was waited for.
      await client().setTimeout({ implicit: 0, script: 60_000, pageLoad: 30_000 });
      if (running.url !== null) await client().url(running.url);
    } catch (error) {
      await stop().catch(() => undefined);
      throw error;
    }
  }

  async function stop(): Promise<void> {
    const [app, hosted] = [application, running];
    application = null;
    running = null;
    const failures: unknown[] = [];
    if (app) {
      // Application.stop() closes the window through WebDriver and drops the promise; ending the session and the driver
      // is what counts here, the host ends the browser.
      await app.client?.deleteSession().catch(() => undefined);
      (app as unknown as { chromeDriver?: { stop(): void } }).chromeDriver?.stop();
    }
    await hosted?.stop().catch((error: unknown) => failures.push(error));
    if (driverPort > 0) {
      const left = await waitForNone(`--port=${driverPort}`, 5_000);
      if (left.length > 0) failures.push(new Error(`chromedriver is still running: ${left.join(', ')}`));
    }
    if (failures.length > 0) throw failures[0];
  }

  async function waitUntil(what: string, condition: () => Promise<boolean>, { timeoutMs = DEFAULT_WAIT_MS } = {}): Promise<void> {
    const until = Date.now() + timeoutMs;
    let trouble: unknown;
    for (;;) {
      try {
        if (await condition()) return;
        trouble = undefined;
      } catch (error) {
        // An element that was replaced while we looked is looked for again.
        trouble = error;
      }
      if (Date.now() > until) break;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    const page = await pageText().catch(() => '(the page does not answer)');
    const because = trouble instanceof Error ? `\nLast error: ${trouble.message}` : '';
    throw new Error(`Waited ${timeoutMs} ms for ${what}.${because}\nThe page shows:\n${page}`, { cause: trouble });
  }

  async function pageText(): Promise<string> {
    const text = await evaluate<string>('document.body ? document.body.innerText : ""');
    return `${await client().getUrl()}\n${text.slice(0, MAX_PAGE_TEXT)}`;
  }

  /** Runs an action on the first match as soon as it is visible, again if the element went away in between. */
  async function act<T>(selector: string, what: string, action: (element: Element) => Promise<T>, { enabled = false } = {}): Promise<T> {
    let outcome: { value: T } | null = null;
    await waitUntil(`${selector} to ${what}`, async () => {
      const element = await client().$(selector);
      if (!(await element.isDisplayed()) || (enabled && !(await element.isEnabled()))) return false;
      outcome = { value: await action(element) };
      return true;
    });
    return (outcome as unknown as { value: T }).value;
  }

  async function evaluate<T>(expression: string): Promise<T> {
    return (await client().executeScript(`return (${expression});`, [])) as T;
  }

  const matching = (selector: string) => `[...document.querySelectorAll(${JSON.stringify(selector)})]`;
  const isVisible = async (selector: string) => (await client().$(selector)).isDisplayed();

  return {
    kind: host.kind,
    start,
    stop,
    url: () => client().getUrl(),
    title: () => client().getTitle(),
    windows: () => client().getWindowHandles(),
    async reload() {
      await client().refresh();
    },
    async resize(widthPx, heightPx) {
      await client().setWindowRect(null, null, widthPx, heightPx);
    },

    count: (selector) => evaluate(`${matching(selector)}.length`),
    isVisible,
    isEnabled: (selector) => act(selector, 'be looked at', (element) => element.isEnabled()),
    text: (selector) => act(selector, 'be read', (element) => element.getText()),
    texts: (selector) => evaluate(`${matching(selector)}.map((element) => element.innerText)`),
    attribute: (selector, name) => evaluate(`document.querySelector(${JSON.stringify(selector)})?.getAttribute(${JSON.stringify(name)}) ?? null`),
    value: (selector) => act(selector, 'be read', (element) => element.getValue()),

    click: (selector) => act(selector, 'be clicked', (element) => element.click(), { enabled: true }),
    doubleClick: (selector) => act(selector, 'be clicked twice', (element) => element.doubleClick(), { enabled: true }),
    type: (selector, text) =>
      act(
        selector,
        'be typed in',
        async (element) => {
          await element.clearValue();
          if (text !== '') await element.addValue(text);
        },
        { enabled: true },
      ),
    select: (selector, value) => act(selector, `offer ${value}`, async (element) => void (await element.selectByAttribute('value', value))),
    async key(keys: Keys) {
      // One string is one key; modifiers are held until the end of the list.
      await client().keys(typeof keys === 'string' ? [keys] : [...keys]);
    },
    async focus(selector) {
      await waitUntil(`${selector} to take the focus`, () =>
        evaluate<boolean>(`((element) => { element?.focus(); return element !== null && document.activeElement === element; })(document.querySelector(${JSON.stringify(selector)}))`),
      );
    },

    waitFor: (selector, options) => waitUntil(`${selector} to appear`, () => isVisible(selector), options),
    waitForGone: (selector, options) => waitUntil(`${selector} to go`, async () => !(await isVisible(selector)), options),
    async waitForText(selector, text, options) {
      let seen = '';
      await waitUntil(
        `${selector} to say ${text}`,
        async () => {
          const all = await evaluate<string[]>(`${matching(selector)}.map((element) => element.innerText)`);
          const match = all.find((one) => (typeof text === 'string' ? one.includes(text) : text.test(one)));
          seen = match ?? '';
          return match !== undefined;
        },
        options,
      );
      return seen;
    },
    waitUntil,
    async settle({ timeoutMs = SETTLE_TIMEOUT_MS } = {}) {
      const script = `
        const [quietMs, mostMs, done] = arguments;
        const began = performance.now();
        let changed = began;
        const observer = new MutationObserver(() => (changed = performance.now()));
        observer.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
        const busy = () => document.querySelector('[aria-busy="true"], [role="progressbar"]') !== null;
        (function look() {
          const now = performance.now();
          if (now - began < mostMs && (busy() || now - changed < quietMs)) return setTimeout(look, 15);
          observer.disconnect();
          requestAnimationFrame(() => requestAnimationFrame(() => done()));
        })();`;
      await client().executeAsyncScript(script, [SETTLE_QUIET_MS, timeoutMs]);
    },

    async screenshot(name) {
      const dir = join(projectRoot, 'test-results');
      mkdirSync(dir, { recursive: true });
      const file = join(dir, `${name.replace(/[^A-Za-z0-9._-]+/g, '-')}.png`);
      await client().saveScreenshot(file);
      return file;
    },
    async logs() {
      const entries = (await client().getLogs('browser')) as { level: string; source: string; message: string; timestamp: number }[];
      return entries.map(({ level, source, message, timestamp }): LogEntry => ({ level, source, message, at: timestamp }));
    },
    async waitForDownload(name, options) {
      const dir = running?.downloadsDir;
      if (!dir) throw new Error('This host saves files by a native dialog.');
      let found: string | undefined;
      await waitUntil(
        `a download called ${name}`,
        async () => {
          const files = readdirSync(dir);
          // Chromium writes to another name first.
          found = files.some((file) => file.endsWith('.crdownload')) ? undefined : files.find((file) => name.test(file) && !taken.has(file));
          return found !== undefined;
        },
        options,
      );
      taken.add(found!);
      return join(dir, found!);
    },
    evaluate,
    async audit({ within = '', rules = [] } = {}) {
      if (!(await evaluate<boolean>('typeof window.axe === "object"'))) {
        const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
        await client().executeScript(axe, []);
      }
      const script = `
        const [within, tags, rules, done] = arguments;
        const runOnly = rules.length > 0 ? { type: 'rule', values: rules } : { type: 'tag', values: tags };
        axe.run(within || document, { runOnly, resultTypes: ['violations'] }).then(
          (result) => done({ violations: result.violations.map((v) => ({
            id: v.id, impact: v.impact || '', help: v.help,
            elements: v.nodes.map((n) => n.target.join(' ') + '  ' + n.html.slice(0, 200)),
          })) }),
          (error) => done({ error: String(error) }),
        );`;
      const answer = (await client().executeAsyncScript(script, [within, WCAG_TAGS, rules])) as { violations?: AuditViolation[]; error?: string };
      if (!answer.violations) throw new Error(`axe-core failed: ${answer.error}`);
      return answer.violations;
    },
    output: () => running?.output() ?? '',
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port'))));
    });
  });
}
