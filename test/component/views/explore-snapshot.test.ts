// @vitest-environment jsdom
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { createFakeWorkbench, fakeSession, fakeSnapshot, HOSTILE_NAME, type FakeWorkbench } from '../fake-workbench.ts';
import { mountApp, type MountedApp } from '../mount-app.ts';

vi.mock('#renderer/charts/EChart.vue', () => ({ default: { name: 'EChart', props: ['option', 'label'], render: () => null } }));

let app: MountedApp | null = null;
let fake: FakeWorkbench;

async function start(hash: string, before?: (fake: FakeWorkbench) => void): Promise<MountedApp> {
  fake = createFakeWorkbench({ sessions: [fakeSession({ snapshots: [fakeSnapshot(1), fakeSnapshot(2)] })] });
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

const hash = '#/session/test-session/snapshot/s2';

describe('summary', () => {
  test('by module: classes of a module, objects of a class', async () => {
    const page = await start(hash);
    await page.until(() => page.get('snapshot-view').dataset['phase'] === 'analysed');
    await page.click('group-module');
    await page.until(() => page.all('group-row').length === 2);
    await page.click('group-row');
    key('ArrowRight');
    await page.until(() => page.all('class-row').length > 2);
    expect(paramsOf('explore.groups').at(-1)).toMatchObject({ set: { by: 'group', grouping: 'module', groupId: 0 }, grouping: 'class' });
    key('ArrowDown');
    key('ArrowRight');
    await page.until(() => page.all('object-row').length === 2);
    expect(location.hash).toContain('group=module');
  });

  test('bounds of a link narrow what is counted', async () => {
    const page = await start(`${hash}?narrow=minShallowBytes:4096,notIn:s1`);
    await page.until(() => page.all('class-row').length === 9);
    expect(paramsOf('explore.groups')[0]).toMatchObject({ grouping: 'class', filter: { minShallowBytes: 4096, notInId: 's1' } });
    expect(page.get('narrow-button').textContent).toContain('(2)');
  });

  test('exactly what an object retains, by its id; an id that is not there is told', async () => {
    const page = await start(hash);
    await page.until(() => page.all('class-row').length > 3 && !(page.get('narrow-button') as HTMLButtonElement).disabled);
    await page.click('narrow-button');
    const ask = async (value: string) => {
      await page.until(() => document.querySelector('[data-testid="narrow-retained-by"]') !== null);
      const input = document.querySelector<HTMLInputElement>('[data-testid="narrow-retained-by"]');
      if (input) input.value = value;
      input?.dispatchEvent(new Event('input', { bubbles: true }));
      input?.form?.requestSubmit();
    };
    await ask('@4');
    await page.until(() => text().includes('has no object @4'));
    await ask('5');
    await page.until(() => location.hash.includes('set=retainedBy:2') || location.hash.includes('set=retainedBy%3A2'));
    expect(page.get('focus-title').textContent).toBe('What one object retains, itself included');
  });

  test('a set of objects says what it is and how much', async () => {
    const page = await start(`${hash}?set=growth:s1:s2:7`);
    await page.until(() => page.all('object-row').length === 2);
    expect(page.get('focus-title').textContent).toBe('New since Snapshot 1, held by one path');
    await page.until(() => page.all('set-totals').length === 1);
    expect(page.get('set-totals').textContent).toContain('retain 2.2 KiB');
  });
});

describe('trees', () => {
  test('containment opens from the roots down', async () => {
    const page = await start(`${hash}?tab=containment`);
    await page.click('containment-row');
    await page.until(() => page.all('path-step').length > 0);
    key('ArrowRight');
    await page.until(() => page.all('containment-row').length === 2);
    expect(paramsOf('explore.containment').at(-1)).toMatchObject({ snapshotId: 's2', ordinal: 1 });
    expect(document.querySelector('#app img[src="x"], [onerror]')).toBeNull();
  });

  test('dominators as a tree, by class, and as areas that drill in', async () => {
    const page = await start(`${hash}?tab=dominators`);
    await page.until(() => page.all('dominator-row').length === 2);
    await page.click('dominators-classes');
    await page.until(() => page.all('dominator-class-row').length === 1);
    await page.click('dominators-treemap');
    await page.until(() => page.all('treemap').length === 1);
    const map = page.get('treemap');
    map.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
    map.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
    await page.until(() => location.hash.includes('zoom=7'));
    await page.until(() => paramsOf('explore.treemap').some(({ ordinal }) => ordinal === 3));
  });

  test('strings: the longest, then duplicates with their objects', async () => {
    const page = await start(`${hash}?tab=strings`);
    await page.until(() => page.all('string-row').length === 2);
    expect(page.all('string-row')[0]?.textContent).toContain('cut in the file');
    await page.click('strings-duplicates');
    await page.until(() => paramsOf('explore.strings').some(({ order }) => order === 'duplicates') && page.all('string-row').length === 2);
    await page.click('string-row');
    key('ArrowRight');
    await page.until(() => page.all('object-row').length === 2);
  });
});

describe('statistics and findings', () => {
  test('composition as a bar and a table', async () => {
    const page = await start(`${hash}?tab=statistics`);
    await page.until(() => page.all('statistics-row').length === 2);
    expect(page.get('statistics-row').textContent).toMatch(/Objects.*90.*58\.6 KiB.*60\.0 %/s);
  });

  test('findings measure growth from the snapshot before, and lead to their objects', async () => {
    const page = await start(`${hash}?tab=findings`);
    await page.until(() => page.all('finding').length === 2);
    expect(paramsOf('explore.findings')[0]).toEqual({ snapshotId: 's2', baseId: 's1' });
    expect(page.get('finding').textContent).toMatch(/Very likely.*grew from 10.*Bound it/s);
    expect(text()).toContain(HOSTILE_NAME.slice(0, 10));
    await page.click('finding-objects');
    await page.until(() => page.all('object-row').length === 2);
    expect(location.hash).toContain('set=finding');
  });

  test('a clean program is told so, with what was looked for', async () => {
    const page = await start(`${hash}?tab=findings&since=none`);
    await page.until(() => page.all('findings-none').length === 1);
    expect(text()).toContain('Detached DOM nodes: not run, only for V8');
  });

  test('a failure has a way to try again', async () => {
    const page = await start(`${hash}?tab=statistics`, (it) => it.failNext('explore.statistics', new HeaphouseError('host-crashed', 'The analysis ended.')));
    await page.until(() => page.all('error-card').length === 1);
    page.get('error-card').querySelector<HTMLElement>('.button')?.click();
    await page.until(() => page.all('statistics-row').length === 2);
  });
});

describe('object page', () => {
  const objectHash = '#/session/test-session/snapshot/s2/object/201';

  test('tells what it is, what is in it and what holds it', async () => {
    const page = await start(objectHash);
    await page.until(() => page.all('field-row').length === 1 && page.all('path-step').length > 0);
    expect(page.get('object-name').textContent).toBe('app.Session');
    await page.until(() => page.all('object-expression').length === 1);
    expect(page.get('object-expression').textContent).toBe('app.handlers._cache[42]');
    await page.click('object-tab-references');
    await page.until(() => page.all('retainer-row').length === 1);
    await page.click('object-tab-retained');
    await page.until(() => page.all('class-row').length === 9);
    expect(paramsOf('explore.groups').at(-1)).toMatchObject({ set: { by: 'retainedBy', ordinal: 100 } });
    expect(location.hash).toBe(`${objectHash}?tab=retained`);
    await page.until(() => page.all('object-allocation').length === 1);
    expect(page.get('object-allocation').textContent).toMatch(/remember \/app\/cache\.js:12:7.*<b>main<\/b>/);
    expect(page.get('allocation-unsure').textContent).toContain('perhaps');
  });

  test('looks past a retainer, and counts it again', async () => {
    const page = await start(objectHash);
    await page.until(() => page.all('ignore-retainer').length > 0);
    page.all('ignore-retainer').at(-1)?.click();
    await page.until(() => text().includes('Nothing else holds it'));
    expect(paramsOf('explore.paths').at(-1)).toMatchObject({ ignore: [3] });
    expect(paramsOf('sessions.setIgnoredRetainers').at(-1)).toMatchObject({ snapshotId: 's2', objects: [{ ordinal: 3 }] });
    await page.click('ignored-retainer');
    await page.until(() => page.all('path-step').length > 0);
    expect(page.all('ignored-retainer')).toHaveLength(0);
  });

  test('an id that is not in the snapshot', async () => {
    await start('#/session/test-session/snapshot/s2/object/8');
    await app?.until(() => text().includes('This snapshot has no such object'));
  });

  test('Enter on a row opens it', async () => {
    const page = await start(`${hash}?find=Session`);
    await page.click('object-row');
    key('Enter');
    await page.until(() => page.all('object-page').length === 1);
    expect(location.hash).toBe('#/session/test-session/snapshot/s2/object/3');
    history.back();
    await page.until(() => page.all('object-row').length === 1);
  });
});

describe('query', () => {
  test('runs what is written, shows hostile values as text, opens objects', async () => {
    const page = await start(`${hash}?tab=query&sql=SELECT+1`);
    await page.until(() => page.all('query-sql').length === 1);
    // A link shows its statement and does not run it.
    expect((page.get('query-sql') as HTMLTextAreaElement).value).toBe('SELECT 1');
    expect(paramsOf('explore.query')).toEqual([]);
    await page.click('query-run');
    await page.until(() => page.all('query-row').length === 2);
    expect(paramsOf('explore.query')).toEqual([{ snapshotId: 's2', baseId: null, sql: 'SELECT 1' }]);
    expect(page.get('query-outcome').textContent).toContain('the first 2 rows, there are more');
    expect(document.querySelector('[data-testid="query-table"] img')).toBeNull();
    expect(text()).toContain('null');
    page.all('cell-c0').at(0)?.click();
    await page.until(() => page.all('object-page').length === 1);
    expect(location.hash).toContain('/object/');
  });

  test('a statement that fails is explained, the results before it stay', async () => {
    const page = await start(`${hash}?tab=query`, (fake) => fake.failNext('explore.query', new HeaphouseError('invalid-argument', 'syntax error at or near "x"', { detail: 'LINE 1: x' })));
    await page.until(() => page.all('query-run').length === 1);
    await page.click('query-run');
    await page.until(() => page.all('error-card').length === 1);
    expect(page.get('query-error-place').textContent).toContain('LINE 1');
  });
});

describe('a set', () => {
  test('shows what dominates it', async () => {
    const page = await start(`${hash}?set=class%3A0&direction=dominators`);
    await page.until(() => page.all('immediate-row').length === 1);
    expect(paramsOf('explore.immediate').at(-1)).toMatchObject({ set: { by: 'class', classIndex: 0 }, direction: 'dominators' });
    await page.click('set-objects');
    await page.until(() => page.all('object-row').length > 0);
  });
});

describe('tables', () => {
  test('the menu of a row copies as Markdown, escaped', async () => {
    const written: string[] = [];
    Object.defineProperty(navigator, 'clipboard', { configurable: true, value: { writeText: async (value: string) => void written.push(value) } });
    const page = await start(`${hash}?tab=containment`);
    await page.until(() => page.all('containment-row').length === 1);
    page.get('containment-row').dispatchEvent(new MouseEvent('contextmenu', { bubbles: true, cancelable: true, button: 2 }));
    await page.until(() => page.all('menu-copy-markdown').length === 1);
    expect(page.get('menu-open-object').textContent).toContain('Open the object');
    page.get('menu-copy-markdown').click();
    await page.until(() => written.length === 1);
    expect(written[0]?.split('\n')[1]).toMatch(/^\| :-- \| --: /);
    expect(written[0]).toContain('\\<img src=x');
  });

  test('a column that is put away stays away', async () => {
    const page = await start(hash);
    await page.until(() => page.all('class-row').length === 9);
    page.get('columns-button').dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
    await page.until(() => page.all('column-distance').length === 1);
    page.get('column-distance').click();
    await page.until(() => page.all('sort-distance').length === 0);
    expect(localStorage.getItem('heaphouse.hidden-columns')).toContain('distance');
    page.get('column-distance').click();
    await page.until(() => page.all('sort-distance').length === 1);
  });
});
