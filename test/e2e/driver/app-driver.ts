/**
 * What an end-to-end test can do with the application, whoever drives it. Page models and specs know only this file;
 * Spectron is behind it (spectron-driver.ts) and could be exchanged there.
 *
 * Targets are CSS selectors; `testId('x')` makes the one this project uses. An action waits until its element is there
 * and visible (to click or type: enabled as well), at most `DEFAULT_WAIT_MS`, and fails with the selector and the text of the page.
 */

export const DEFAULT_WAIT_MS = 10_000;

export interface WaitOptions {
  timeoutMs?: number;
}

export interface LogEntry {
  /** `SEVERE`, `WARNING`, `INFO`, … */
  level: string;
  source: string;
  message: string;
  /** Epoch ms. */
  at: number;
}

export interface AuditViolation {
  id: string;
  impact: string;
  help: string;
  /** Selector and markup of each element. */
  elements: string[];
}

export interface AuditOptions {
  /** Part of the page; default all of it. */
  within?: string;
  /** Rules of axe-core to run instead of all of WCAG. */
  rules?: readonly string[];
}

/** A key by its WebDriver name (`Enter`, `Escape`, `ArrowDown`, `F6`) or a character. Modifiers come first: `['Control', 'o']`. */
export type Keys = string | readonly string[];

export interface AppDriver {
  readonly kind: AppHost['kind'];
  start(): Promise<void>;
  /** Ends the application, the browser and the driver, and fails if one of their processes is left. */
  stop(): Promise<void>;

  url(): Promise<string>;
  title(): Promise<string>;
  /** Handles of the open windows. */
  windows(): Promise<string[]>;
  reload(): Promise<void>;
  resize(widthPx: number, heightPx: number): Promise<void>;

  /** How many elements match now, visible or not. */
  count(selector: string): Promise<number>;
  isVisible(selector: string): Promise<boolean>;
  isEnabled(selector: string): Promise<boolean>;
  /** Visible text of the first match. */
  text(selector: string): Promise<string>;
  /** Visible texts of all matches now; empty when there are none. */
  texts(selector: string): Promise<string[]>;
  attribute(selector: string, name: string): Promise<string | null>;
  value(selector: string): Promise<string>;

  click(selector: string): Promise<void>;
  doubleClick(selector: string): Promise<void>;
  /** Replaces what the field holds. */
  type(selector: string, text: string): Promise<void>;
  /** Chooses an option of a `<select>` by its value. */
  select(selector: string, value: string): Promise<void>;
  key(keys: Keys): Promise<void>;
  focus(selector: string): Promise<void>;

  waitFor(selector: string, options?: WaitOptions): Promise<void>;
  waitForGone(selector: string, options?: WaitOptions): Promise<void>;
  waitForText(selector: string, text: string | RegExp, options?: WaitOptions): Promise<string>;
  waitUntil(what: string, condition: () => Promise<boolean>, options?: WaitOptions): Promise<void>;

  /**
   * Waits until the page stands still: nothing is busy or in progress, and nothing has changed for a moment. What changes
   * all the time (a live timeline) is waited for at most `timeoutMs`.
   */
  settle(options?: WaitOptions): Promise<void>;

  /** Saves the window as test-results/NAME.png and returns the path. */
  screenshot(name: string): Promise<string>;
  /** Console and security messages of the page since the last call. */
  logs(): Promise<LogEntry[]>;
  /** Waits for a file that the browser has downloaded completely, another one each time. Not under Electron. */
  waitForDownload(name: RegExp, options?: WaitOptions): Promise<string>;
  /** Runs an expression in the page; the result must be JSON. */
  evaluate<T>(expression: string): Promise<T>;
  /** Runs axe-core on the page against WCAG 2.2 A and AA. */
  audit(options?: AuditOptions): Promise<AuditViolation[]>;
  /** Output of the application's own process so far. */
  output(): string;
}

export function testId(id: string): string {
  return `[data-testid="${id}"]`;
}

/** A process that shows the application and can be driven through a DevTools port. */
export interface AppHost {
  kind: 'chromium' | 'electron';
  /** Starts it; resolves when the page can be reached. */
  start(): Promise<HostRunning>;
}

export interface HostRunning {
  /** `127.0.0.1:PORT` of the browser's DevTools. */
  debuggerAddress: string;
  /** Address to load first, or null when the application opens its page itself. */
  url: string | null;
  /** Where downloads go; null where the application saves by a native dialog. */
  downloadsDir: string | null;
  output(): string;
  /** Ends everything that was started, in order, and resolves when it has gone. */
  stop(): Promise<void>;
}
