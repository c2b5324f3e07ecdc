/** Rows of the tree table as they stand on the screen: the cells by the id of their column. */
import { testId, type AppDriver } from '../driver/app-driver.ts';

export type ShownRow = Record<string, string>;

/** Only the rows in sight are in the page; filter first to find one. */
export function shownRows(driver: AppDriver, rowTestId: string): Promise<ShownRow[]> {
  return driver.evaluate<ShownRow[]>(`[...document.querySelectorAll(${JSON.stringify(testId(rowTestId))})].map((row) =>
    Object.fromEntries([...row.querySelectorAll('[data-testid^="cell-"]')].map((cell) => [cell.dataset.testid.slice(5), cell.innerText.trim()])))`);
}

/** Filters the table and waits for the row whose name is exactly this. Returns its place among the rows in sight. */
export async function findRow(driver: AppDriver, filterTestId: string, rowTestId: string, name: string): Promise<{ index: number; row: ShownRow }> {
  const pattern = `/^${name.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}$/`;
  if ((await driver.value(testId(filterTestId))) !== pattern) await driver.type(testId(filterTestId), pattern);
  let found: { index: number; row: ShownRow } | undefined;
  await driver.waitUntil(`a row ${name}`, async () => {
    const rows = await shownRows(driver, rowTestId);
    const index = rows.findIndex((row) => row.name === name);
    found = index < 0 || rows.length !== 1 ? undefined : { index, row: rows[index] };
    return found !== undefined;
  });
  return found!;
}
