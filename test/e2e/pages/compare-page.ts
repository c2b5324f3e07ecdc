/** The comparison of two snapshots. */
import { testId, type AppDriver } from '../driver/app-driver.ts';
import { findRow, shownRows, type ShownRow } from './table.ts';

const COMPARE_TIMEOUT_MS = 90_000;

export interface ComparePage {
  waitUntilReady(): Promise<void>;
  totals(): Promise<string>;
  /** The first line of the table as it stands. */
  firstRow(): Promise<ShownRow>;
  classRow(name: string): Promise<ShownRow>;
  /** Selects the class and returns the lines of "Held by". */
  holdersOf(name: string): Promise<string[]>;
  /** Saves the comparison and returns the file that was downloaded. Not under Electron, which asks natively. */
  exportAs(format: 'html' | 'csv' | 'json'): Promise<string>;
}

export function comparePage(driver: AppDriver): ComparePage {
  return {
    async waitUntilReady() {
      await driver.waitFor(`${testId('compare-view')}[data-state="ready"]`, { timeoutMs: COMPARE_TIMEOUT_MS });
    },
    totals: () => driver.text(testId('compare-totals')),
    async firstRow() {
      await driver.waitFor(`${testId('compare-row')}[aria-rowindex="2"] ${testId('cell-name')}`);
      const rows = await shownRows(driver, 'compare-row');
      return rows[0] ?? {};
    },
    async classRow(name) {
      return (await findRow(driver, 'compare-filter', 'compare-row', name)).row;
    },
    async holdersOf(name) {
      await findRow(driver, 'compare-filter', 'compare-row', name);
      await driver.click(`${testId('compare-row')} ${testId('cell-name')}`);
      await driver.waitForText(testId('holder-row'), /\S/, { timeoutMs: COMPARE_TIMEOUT_MS });
      return driver.texts(testId('holder-row'));
    },
    async exportAs(format) {
      await driver.click(testId('export-button'));
      await driver.click(testId(`export-${format}`));
      return driver.waitForDownload(new RegExp(`\\.${format}$`), { timeoutMs: 30_000 });
    },
  };
}
