/** The start page: launch, open, connect, and the list of running processes. */
import { testId, type AppDriver } from '../driver/app-driver.ts';

/** The list is looked at every two seconds, and a machine may hold many processes. */
const LIST_TIMEOUT_MS = 15_000;

export interface StartPage {
  show(): Promise<void>;
  launch(command: string, options?: { cwd?: string; env?: Record<string, string> }): Promise<void>;
  open(path: string): Promise<void>;
  connect(url: string): Promise<void>;
  /** Waits until the process is in the list, presses Attach. */
  attach(pid: number): Promise<void>;
  /** Waits until the process is in the list and returns what the row says. */
  process(pid: number): Promise<string>;
  /** The error shown in the part of the page that failed. */
  error(within: 'launch' | 'open' | 'connect' | 'processes'): Promise<{ code: string; text: string }>;
}

const SECTION = {
  launch: `section:has(> ${testId('launch-form')})`,
  open: `section:has(> ${testId('open-form')})`,
  connect: `section:has(> ${testId('connect-form')})`,
  processes: testId('process-list'),
};

export function startPage(driver: AppDriver): StartPage {
  const row = (pid: number) => `${testId('process-row')}[data-pid="${pid}"]`;

  async function find(pid: number): Promise<void> {
    await driver.type(testId('process-filter'), String(pid));
    await driver.waitFor(row(pid), { timeoutMs: LIST_TIMEOUT_MS });
  }

  return {
    async show() {
      await driver.click(testId('rail-start'));
      await driver.waitFor(testId('start-page'));
    },
    async launch(command, { cwd, env = {} } = {}) {
      await driver.type(testId('launch-command'), command);
      if (cwd !== undefined) await driver.type(testId('launch-cwd'), cwd);
      for (const [index, [name, value]] of Object.entries(env).entries()) {
        if (index === 0 && !(await driver.isVisible(testId('launch-env')))) await driver.click(testId('launch-env-toggle'));
        if ((await driver.count(testId('env-row'))) <= index) await driver.click(testId('env-add'));
        const nth = `${testId('env-row')}:nth-of-type(${index + 1})`;
        await driver.type(`${nth} ${testId('env-name')}`, name);
        await driver.type(`${nth} ${testId('env-value')}`, value);
      }
      await driver.click(testId('launch-button'));
    },
    async open(path) {
      await driver.type(testId('open-path'), path);
      await driver.click(testId('open-button'));
    },
    async connect(url) {
      await driver.type(testId('connect-url'), url);
      await driver.click(testId('connect-button'));
    },
    async attach(pid) {
      await find(pid);
      await driver.click(`${row(pid)} ${testId('attach-button')}`);
    },
    async process(pid) {
      await find(pid);
      return driver.text(row(pid));
    },
    async error(within) {
      const card = `${SECTION[within]} ${testId('error-card')}`;
      const text = await driver.waitForText(card, /\S/, { timeoutMs: 20_000 });
      return { code: (await driver.attribute(card, 'data-code')) ?? '', text };
    },
  };
}
