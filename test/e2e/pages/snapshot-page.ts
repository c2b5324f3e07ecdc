/** The summary of one snapshot: classes, their objects, and the retainers of what is selected. */
import { testId, type AppDriver } from '../driver/app-driver.ts';
import { findRow, type ShownRow } from './table.ts';

const ANALYSIS_TIMEOUT_MS = 60_000;

export interface SnapshotPage {
  /** Waits until retained sizes and paths are there. */
  waitForAnalysis(): Promise<void>;
  /** Filters for the class and returns what its row says. */
  classRow(name: string): Promise<ShownRow>;
  /** Opens the class and selects its first object. */
  selectFirstObject(className: string): Promise<void>;
  /** Steps of the shortest path to a root of what is selected, root first. */
  path(): Promise<string[]>;
}

export function snapshotPage(driver: AppDriver): SnapshotPage {
  async function waitForAnalysis(): Promise<void> {
    await driver.waitFor(`${testId('snapshot-view')}[data-phase="analysed"]`, { timeoutMs: ANALYSIS_TIMEOUT_MS });
  }

  return {
    waitForAnalysis,
    async classRow(name) {
      return (await findRow(driver, 'class-filter', 'class-row', name)).row;
    },
    async selectFirstObject(className) {
      await findRow(driver, 'class-filter', 'class-row', className);
      await driver.click(`${testId('class-row')} ${testId('cell-name')}`);
      await driver.key('ArrowRight');
      await driver.waitFor(testId('object-row'));
      await driver.click(`${testId('object-row')} ${testId('cell-name')}`);
    },
    async path() {
      await driver.click(testId('pane-paths'));
      await driver.waitForText(testId('path-row'), /\S/, { timeoutMs: ANALYSIS_TIMEOUT_MS });
      return driver.texts(`${testId('path-row')}:first-of-type ${testId('path-step')}`);
    },
  };
}
