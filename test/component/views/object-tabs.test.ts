// @vitest-environment jsdom
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createFakeWorkbench, fakeSession, fakeSnapshot } from '../fake-workbench.ts';
import { mountApp, type MountedApp } from '../mount-app.ts';

vi.mock('#renderer/charts/EChart.vue', () => ({ default: { name: 'EChart', props: ['option', 'label'], render: () => null } }));

let app: MountedApp | null = null;
const summary = '#/session/test-session/snapshot/s2';
const object = (id: number) => `${summary}/object/${id}`;

async function start(hash: string): Promise<MountedApp> {
  app = await mountApp(createFakeWorkbench({ sessions: [fakeSession({ snapshots: [fakeSnapshot(1), fakeSnapshot(2)] })] }), hash);
  return app;
}
const tabs = () => [...document.querySelectorAll<HTMLElement>('[data-testid="open-object"]')];
const ids = () => tabs().map((tab) => Number(tab.dataset['objectId']));
const current = () => tabs().filter((tab) => tab.getAttribute('aria-current') === 'page').map((tab) => Number(tab.dataset['objectId']));
const visit = (hash: string) => {
  location.hash = hash;
};
const press = (element: Element | undefined, key: string, more: KeyboardEventInit = {}) => element?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more }));
const middle = (element: Element | undefined) => element?.dispatchEvent(new MouseEvent('auxclick', { button: 1, bubbles: true, cancelable: true }));

beforeAll(() => {
  Element.prototype.scrollIntoView ??= () => undefined;
  Element.prototype.hasPointerCapture ??= () => false;
});
afterEach(() => {
  app?.unmount();
  app = null;
});

describe('tabs of open objects', () => {
  test('an address of an object has a tab that says its name; the cross leads back to where it was opened', async () => {
    const page = await start(`${summary}?set=class:0`);
    await page.until(() => page.all('object-row').length > 0);
    page.all('object-row')[0]?.dispatchEvent(new MouseEvent('dblclick', { bubbles: true }));
    await page.until(() => tabs().length === 1 && page.all('object-name').length === 1);
    await page.until(() => !tabs()[0]?.textContent?.includes('@'));
    expect(current()).toEqual(ids());
    expect(document.querySelector('[role="tab"][aria-selected="true"][data-testid^="view-"]')).toBeNull();
    await page.click('close-object');
    await page.until(() => location.hash.includes('set=class'));
    expect(tabs()).toHaveLength(0);
  });

  test('going from object to object stays in the tab, back and forward with it', async () => {
    const page = await start(object(3));
    await page.until(() => ids().join() === '3');
    visit(object(5));
    await page.until(() => ids().join() === '5' && current().join() === '5');
    history.back();
    await page.until(() => ids().join() === '3' && current().join() === '3');
    history.forward();
    await page.until(() => ids().join() === '5');
  });

  test('the middle button and Mod+Enter open beside; the middle button, Delete and Alt+W close', async () => {
    const page = await start(`${summary}?set=class:0`);
    await page.until(() => page.all('object-row').length > 1);
    middle(page.all('object-row')[0]);
    await page.until(() => tabs().length === 1);
    expect(location.hash).toContain('set=class');
    expect(current()).toEqual([]);
    const grid = document.querySelector('[role="treegrid"]') ?? undefined;
    press(grid, 'ArrowDown');
    press(grid, 'ArrowDown');
    await page.until(() => document.querySelector('[aria-selected="true"].row') !== null);
    press(grid, 'Enter', { ctrlKey: true });
    await page.until(() => tabs().length === 2);
    const [first, second] = ids();
    await page.click('open-object', 1);
    await page.until(() => current().join() === String(second));
    press(tabs()[1], 'Delete');
    await page.until(() => tabs().length === 1 && current().join() === String(first));
    await page.until(() => document.activeElement === tabs()[0]);
    press(document.body, 'w', { altKey: true, code: 'KeyW' });
    await page.until(() => tabs().length === 0 && location.hash.includes('set=class'));
    history.back();
    // Its address still leads to the object: a tab is there again.
    await page.until(() => ids().join() === String(first));
    middle(tabs()[0]);
    await page.until(() => tabs().length === 0);
  });
});
