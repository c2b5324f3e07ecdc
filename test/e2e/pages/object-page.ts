/** The page of one object, its part in the living target, and the tabs of open objects. */
import { testId, type AppDriver } from '../driver/app-driver.ts';

export interface ObjectPage {
  waitUntilShown(): Promise<void>;
  /** Opens the part that asks the target; what it says of the object and of each of its properties. */
  showLive(): Promise<{ description: string; properties: Record<string, string> }>;
  /** Makes the object a variable of the target; its name. */
  pin(): Promise<string>;
  unpin(): Promise<void>;
  /** Names on the tabs of open objects. */
  openTabs(): Promise<string[]>;
  closeTab(index: number): Promise<void>;
}

export function objectPage(driver: AppDriver): ObjectPage {
  return {
    async waitUntilShown() {
      await driver.waitFor(testId('object-header'), { timeoutMs: 30_000 });
    },
    async showLive() {
      await driver.click(testId('show-live'));
      await driver.waitFor(`${testId('live-object')}[data-state="ready"]`, { timeoutMs: 30_000 });
      const properties = await driver.evaluate<[string, string][]>(
        `[...document.querySelectorAll(${JSON.stringify(testId('live-property'))})].map((row) => [row.querySelector('th').innerText.trim(), row.querySelector('td').innerText.trim()])`,
      );
      return { description: await driver.text(testId('live-description')), properties: Object.fromEntries(properties) };
    },
    async pin() {
      await driver.click(testId('live-pin'));
      return driver.text(testId('live-pin-name'));
    },
    async unpin() {
      await driver.click(testId('live-unpin'));
      await driver.waitFor(testId('live-pin'));
    },
    openTabs: () => driver.texts(testId('open-object')),
    async closeTab(index) {
      await driver.click(`.object:nth-child(${index + 1}) ${testId('close-object')}`);
    },
  };
}
