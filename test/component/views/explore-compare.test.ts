// @vitest-environment jsdom
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { createFakeWorkbench, fakeSession, fakeSnapshot, HOSTILE_NAME, type FakeWorkbench } from '../fake-workbench.ts';
import { mountApp, type MountedApp } from '../mount-app.ts';

vi.mock('#renderer/charts/EChart.vue', () => ({ default: { name: 'EChart', props: ['option', 'label'], render: () => null } }));

let app: MountedApp | null = null;
let fake: FakeWorkbench;
const sessionsOf = (count: number) => ({ sessions: [fakeSession({ snapshots: Array.from({ length: count }, (_, index) => fakeSnapshot(index + 1)) })] });

async function start(hash: string, snapshots = 3, before?: (fake: FakeWorkbench) => void): Promise<MountedApp> {
  fake = createFakeWorkbench(sessionsOf(snapshots));
  before?.(fake);
  app = await mountApp(fake, hash);
  return app;
}
const paramsOf = (name: string) => fake.calls.filter((call) => call.name === name).map((call) => call.params as Record<string, unknown>);
const key = (name: string) => document.querySelector('[role="treegrid"]')?.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true }));
const text = () => document.body.textContent ?? '';

beforeAll(() => {
  Element.prototype.scrollIntoView ??= () => undefined;
  Element.prototype.hasPointerCapture ??= () => false;
});
afterEach(() => {
  app?.unmount();
  app = null;
});

const hash = '#/session/test-session/compare/s1/s2';

describe('growth tree', () => {
  test('the first line is chosen and shown in full, with an example and its paths', async () => {
    const page = await start(`${hash}?tab=growth`);
    await page.until(() => page.all('growth-row').length === 2);
    expect(page.all('growth-row')[0]?.textContent).toContain('module app.handlers → _cache (dict)');
    await page.until(() => page.all('growth-first').length === 1 && page.all('path-step').length > 0);
    expect(page.get('growth-card').textContent).toMatch(/\+10,000 objects.*in both snapshots/s);
    expect(page.get('growth-summary').textContent).toContain('4 new objects not reached from any root');
    await page.click('growth-holder');
    expect(page.get('selection').textContent).toContain('dict');
  });

  test('opens lines below and, at the end, the objects', async () => {
    const page = await start(`${hash}?tab=growth`);
    await page.until(() => page.all('growth-row').length === 2);
    key('ArrowRight');
    await page.until(() => page.all('growth-row').length === 3);
    key('ArrowDown');
    key('ArrowRight');
    await page.until(() => page.all('object-row').length === 2);
    expect(paramsOf('explore.objects').at(-1)).toMatchObject({ snapshotId: 's2', set: { by: 'growth', baseId: 's1', comparedId: 's2', lineId: 2 } });
  });

  test('all objects of a line are a link of their own', async () => {
    const page = await start(`${hash}?tab=growth`);
    await page.click('growth-show-all');
    await page.until(() => page.all('object-row').length === 2);
    expect(location.hash).toBe('#/session/test-session/snapshot/s2?set=growth%3As1%3As2%3A0');
  });

  test('the classes say where most of it hangs and lead there', async () => {
    const page = await start(hash);
    await page.until(() => page.all('growth-hint').length === 1);
    expect(page.get('growth-hint').textContent).toContain('module app.handlers → _cache (dict)');
    await page.click('growth-hint');
    await page.until(() => page.all('growth-row').length === 2);
    expect(location.hash).toContain('tab=growth');
  });

  test('a failure is told in the table, with a way to try again', async () => {
    const page = await start(`${hash}?tab=growth`, 3, (it) => it.failNext('explore.growthLines', new HeaphouseError('out-of-memory', 'There is no room for the tree.')));
    await page.until(() => text().includes('There is no room for the tree.'));
    [...document.querySelectorAll('button')].find((button) => button.textContent === 'Try again')?.click();
    await page.until(() => page.all('growth-row').length === 2);
  });

  test('paths of strangers are text', async () => {
    const page = await start(`${hash}?tab=growth`);
    await page.until(() => page.all('growth-row').length === 2);
    expect(document.querySelector('#app img[src="x"], [onerror]')).toBeNull();
    expect(text()).toContain(HOSTILE_NAME.slice(0, 10));
  });
});

describe('classes', () => {
  test('are sorted by what the new objects retain', async () => {
    const page = await start(hash);
    await page.until(() => page.all('compare-row').length === 9);
    expect(paramsOf('heap.comparisonClasses')[0]).toMatchObject({ sort: { by: 'new.retainedBytes', order: 'descending' } });
    expect(page.get('sort-new.retainedBytes').textContent).toContain('New retained');
  });
});

describe('grown survivors', () => {
  test('list what grew, and below it what was added', async () => {
    const page = await start(`${hash}?tab=survivors`);
    await page.click('survivor-row');
    await page.until(() => page.all('path-step').length > 0);
    key('ArrowRight');
    await page.until(() => page.all('added-row').length === 1);
    expect(page.get('added-row').textContent).toContain('app.Session');
    expect(paramsOf('explore.grownSurvivors')[0]).toMatchObject({ onlyAccumulating: true });
    page.get('only-accumulating').click();
    await page.until(() => paramsOf('explore.grownSurvivors').some(({ onlyAccumulating }) => onlyAccumulating === false));
  });
});

describe('three snapshots', () => {
  test('what stayed, with its objects', async () => {
    const page = await start(`${hash}?tab=trio`);
    await page.until(() => page.all('trio-row').length === 2);
    expect(paramsOf('explore.trioClasses')[0]).toMatchObject({ firstId: 's1', secondId: 's2', thirdId: 's3' });
    await page.until(() => page.all('trio-summary').length === 1);
    expect(page.get('trio-summary').textContent?.replace(/\s+/g, ' ')).toContain('Born 106');
    await page.click('trio-row');
    key('ArrowRight');
    await page.until(() => page.all('object-row').length === 2);
  });

  test('takes the last three on request', async () => {
    const page = await start('#/session/test-session/compare/s2/s3?tab=trio');
    await page.click('use-last-three');
    await page.until(() => page.all('trio-row').length === 2);
    expect(location.hash).toContain('/compare/s1/s2?tab=trio&third=s3');
  });

  test('says that it takes a third', async () => {
    const page = await start(`${hash}?tab=trio`, 2);
    await page.until(() => text().includes('This takes a third snapshot'));
    expect(page.all('use-last-three')).toHaveLength(0);
  });
});
