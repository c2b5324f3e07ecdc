// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { createFakeWorkbench, fakeSession, fakeSnapshot, type FakeWorkbench } from '../fake-workbench.ts';
import { mountApp, type MountedApp } from '../mount-app.ts';

vi.mock('#renderer/charts/EChart.vue', () => ({ default: { name: 'EChart', props: ['option', 'label'], template: '<div />', render: () => null } }));

let app: MountedApp | null = null;
let fake: FakeWorkbench;
const text = () => document.body.textContent ?? '';
const called = (name: string) => fake.calls.filter((call) => call.name === `references.${name}`);

async function start(view: string, more: Parameters<typeof fakeSession>[0] = {}): Promise<MountedApp> {
  fake = createFakeWorkbench({ sessions: [fakeSession(more)] });
  app = await mountApp(fake, `#/session/test-session/${view}`);
  return app;
}
function type(page: MountedApp, field: string, value: string): void {
  const input = page.get(field) as HTMLInputElement;
  input.value = value;
  input.dispatchEvent(new Event('input', { bubbles: true }));
}
beforeEach(() => {
  Element.prototype.scrollIntoView ??= () => undefined;
});
afterEach(() => {
  app?.unmount();
  app = null;
});

describe('references', () => {
  test('a text: the count after each line, what came and went, what was taken out', async () => {
    const page = await start('references');
    await page.click('trace-run');
    await page.until(() => page.all('trace-row').length === 3);
    expect(called('traceText')[0]?.params).toMatchObject({ variable: 'a_string', source: expect.stringContaining('cornucopia'), freshConstants: true });
    expect(page.all('trace-count').map((cell) => cell.textContent)).toEqual(['1', '2', '1']);
    expect(page.all('trace-gained').map((cell) => cell.textContent)).toEqual(['+ node', '+ other']);
    expect(page.all('trace-lost').map((cell) => cell.textContent)).toEqual(['− other']);
    expect(page.get('trace-subtracted').textContent).toMatch(/constants of the traced code \(1\)/);
    expect(text()).toContain('A note of the test.');
  });

  test('the next call of a function: what cannot be followed cannot be chosen', async () => {
    const page = await start('references');
    await page.click('trace-way-function');
    await page.until(() => page.all('trace-function')[0]?.querySelectorAll('option').length === 2);
    const [numbers] = page.get('trace-function').querySelectorAll('option');
    expect(numbers?.disabled).toBe(true);
    expect(numbers?.title).toBe('a generator of the test');
    await page.until(() => (page.get('trace-local') as HTMLSelectElement).value === 'node');
    await page.click('trace-run');
    await page.until(() => page.all('trace-row').length === 3);
    expect(called('traceCall')[0]?.params).toMatchObject({ module: '__main__', function: 'handle', variable: 'node', timeoutMs: 30_000 });
  });

  test('who holds an object of a snapshot; a name that would do harm is text', async () => {
    const page = await start('references?pane=object&id=77');
    await page.until(() => page.all('holder-row').length === 2);
    expect(called('referrers')[0]?.params).toEqual({ heapObjectId: 77 });
    expect(page.get('holders-count').textContent).toBe('3 references');
    expect(page.get('holders-from-c').textContent).toMatch(/1held from C/);
    expect(page.get('holders-result').querySelector('img')).toBeNull();
  });

  test('an expression that fails says why', async () => {
    const page = await start('references?pane=object');
    fake.failNext('references.referrers', new HeaphouseError('invalid-argument', "name 'nothing' is not defined"));
    type(page, 'holders-expression', 'nothing');
    await page.click('holders-look');
    await page.until(() => text().includes("name 'nothing' is not defined"));
  });

  test('only a living Python process has them', async () => {
    await start('references', { state: 'exited' });
    expect(text()).toContain('Only a living process can be asked');
  });
});

describe('cyclic garbage', () => {
  test('cycles with the names that hold them together, filtered, linked to the latest snapshot', async () => {
    const page = await start('gc?pane=garbage', { snapshots: [fakeSnapshot(1)] });
    expect(called('exploreGarbage')).toHaveLength(0);
    await page.click('garbage-explore');
    await page.until(() => page.all('garbage-cycle').length === 2);
    expect(page.all('garbage-cycle')[0]?.textContent).toMatch(/2 ×.*app\.Node → app\.Node → app\.Node.*\+ 2 objects on them/s);
    expect(page.get('garbage-picture').textContent).toMatch(/next → 2\. app\.Node.*previous → 1\. app\.Node/s);
    expect(page.get('garbage-uncollectable').textContent).toContain('app.Stuck');
    expect(page.get('garbage-receipt').textContent).toMatch(/8 objects were let go and collected/);
    type(page, 'garbage-filter', 'list');
    await page.until(() => page.all('garbage-cycle').length === 1);
    type(page, 'garbage-filter', '');
    await page.until(() => page.all('garbage-cycle').length === 2);
    page.get('garbage-picture').querySelector('button')?.click();
    await page.until(() => location.hash.includes('/snapshot/s1?filter=app.Node'));
  });
});
