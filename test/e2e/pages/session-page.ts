/** A session: its header, the output of its target, its snapshots and how it ended. */
import { testId, type AppDriver } from '../driver/app-driver.ts';

/** A launch or an attach through a debugger takes its time on a busy machine. */
const ATTACH_TIMEOUT_MS = 45_000;
const SNAPSHOT_TIMEOUT_MS = 60_000;

export interface SessionPage {
  waitForState(state: 'attached' | 'detached' | 'exited'): Promise<void>;
  pid(): Promise<number>;
  /** Waits for a line in the target's output. */
  waitForOutput(text: string | RegExp): Promise<void>;
  /** Takes a snapshot and waits until it is complete. Returns its address part, `snapshot/ID`. */
  takeSnapshot(): Promise<void>;
  show(view: 'timeline' | 'output' | 'compare' | 'processes'): Promise<void>;
  /** Opens the snapshot of this place in the session, counted from 0. */
  showSnapshot(index: number): Promise<void>;
  detach(): Promise<void>;
  terminate(): Promise<void>;
  /** What the card about the end says. */
  exit(): Promise<string>;
  /** Samples and collections that the timeline shows. */
  timelineCounts(): Promise<{ samples: number; collections: number }>;
}

export function sessionPage(driver: AppDriver): SessionPage {
  const snapshotTabs = `${testId('session-view')} [data-testid^="view-snapshot/"]`;

  async function show(view: 'timeline' | 'output' | 'compare' | 'processes'): Promise<void> {
    await driver.click(testId(`view-${view}`));
    await driver.waitFor(testId(`${view}-view`));
  }

  return {
    async waitForState(state) {
      await driver.waitFor(`${testId('session-header')}[data-state="${state}"]`, { timeoutMs: ATTACH_TIMEOUT_MS });
    },
    async pid() {
      return Number((await driver.text(testId('session-pid'))).replace(/\D/g, ''));
    },
    async waitForOutput(text) {
      await show('output');
      await driver.waitForText(testId('output-line'), text, { timeoutMs: 30_000 });
    },
    async takeSnapshot() {
      const before = await driver.count(snapshotTabs);
      await driver.click(testId('snapshot-button'));
      await driver.waitUntil(`snapshot ${before + 1} to be there`, async () => (await driver.count(snapshotTabs)) === before + 1, { timeoutMs: SNAPSHOT_TIMEOUT_MS });
      await driver.waitForGone(testId('snapshot-progress'), { timeoutMs: SNAPSHOT_TIMEOUT_MS });
      await driver.waitUntil('the button to be ready again', () => driver.isEnabled(testId('snapshot-button')));
    },
    show,
    async showSnapshot(index) {
      const ids = await driver.evaluate<string[]>(`[...document.querySelectorAll(${JSON.stringify(snapshotTabs)})].map((tab) => tab.dataset.testid)`);
      await driver.click(testId(ids[index]));
      await driver.waitFor(testId('snapshot-view'));
    },
    async detach() {
      await driver.click(testId('detach-button'));
    },
    async terminate() {
      await driver.click(testId('terminate-button'));
      await driver.click(testId('terminate-yes'));
    },
    exit: () => driver.waitForText(testId('exit-card'), /\S/, { timeoutMs: 30_000 }),
    async timelineCounts() {
      await show('timeline');
      const read = async (name: string) => Number(await driver.attribute(testId('timeline-view'), name));
      return { samples: await read('data-samples'), collections: await read('data-collections') };
    },
  };
}
