// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { fakeV8Allocators } from '../fake-memory.ts';
import { createFakeWorkbench, fakeSession, fakeSnapshot, HOSTILE_NAME, T0, type FakeWorkbench } from '../fake-workbench.ts';
import { mountApp, type MountedApp } from '../mount-app.ts';

// jsdom draws nothing; options of charts and the pixels of the map are tested by themselves.
vi.mock('#renderer/charts/EChart.vue', () => ({ default: { name: 'EChart', props: ['option', 'label'], template: '<div />', render: () => null } }));

let app: MountedApp | null = null;
let fake: FakeWorkbench;
const text = () => document.body.textContent ?? '';
const called = (name: string) => fake.calls.filter((call) => call.name === `memory.${name}`);

async function start(view: string, more: Parameters<typeof fakeSession>[0] = {}, prepare: (workbench: FakeWorkbench) => void = () => undefined): Promise<MountedApp> {
  fake = createFakeWorkbench({ sessions: [fakeSession(more)] });
  prepare(fake);
  app = await mountApp(fake, `#/session/test-session/${view}`);
  return app;
}
beforeEach(() => {
  Element.prototype.scrollIntoView ??= () => undefined;
  HTMLCanvasElement.prototype.getContext = (() => null) as never;
});
afterEach(() => {
  app?.unmount();
  app = null;
});

describe('segments', () => {
  test('segments by textbook name with limits; a segment opens to its mappings', async () => {
    const page = await start('segments');
    await page.until(() => page.all('segment-row').length === 4);
    expect(text()).toMatch(/Uninitialised data \(\.bss\)/);
    expect(page.get('figure-resident').textContent).toContain('43.0 MiB');
    expect(page.get('figure-resident').title).toContain('45,088,768 bytes');
    expect(page.get('figure-cgroup').textContent).toMatch(/95\.0 MiB.*95\.0 % of 100 MiB/);
    expect(page.get('figure-cgroup').className).toContain('danger');
    expect(page.get('figure-oom-kills').textContent).toContain('2');
    page.all('segment-row')[2]?.querySelector('.twisty')?.dispatchEvent(new MouseEvent('mousedown', { bubbles: true }));
    await page.until(() => page.all('mapping-row').length === 3);
    expect(called('mappings')[0]?.params).toMatchObject({ segment: 'heap' });
    expect(page.all('mapping-row')[0]?.querySelector('img')).toBeNull();
    page.all('segment-row')[0]?.dispatchEvent(new MouseEvent('mousedown', { bubbles: true }));
    await page.until(() => page.all('segment-explanation').length === 1);
    expect(page.get('segment-explanation').textContent).toContain("A test's Text.");
  });

  test('resident memory as a sum names the source of each part and what is not explained', async () => {
    const page = await start('segments');
    await page.click('segments-sum');
    await page.until(() => page.all('rss-part').length === 5);
    expect(location.hash).toBe('#/session/test-session/segments?pane=sum');
    expect(page.get('rss-unexplained').textContent).toBe('2.3 % not explained');
    expect(page.get('rss-sum').textContent).toMatch(/source of live-blocks.*≈ 8\.0 MiB.*A note of the test/s);
    expect(page.get('rss-sum').querySelector('img')).toBeNull();
    expect(called('segments')).toHaveLength(1);
  });

  test('limits in full, and the history as a table', async () => {
    const page = await start('segments?pane=limits');
    await page.until(() => page.all('limits-table').length === 1);
    expect(page.get('limits-table').textContent).toMatch(/\/test\/group.*700.*-17.*Limit.*100 MiB.*oom_kill.*2/s);
    await page.click('segments-history');
    await page.until(() => page.all('segment-history').length === 1);
    expect(page.get('segment-history').textContent).toMatch(/Heap.*Text/);
    expect(page.get('segment-history').textContent).not.toContain('Stack');
  });

  test('of a process that has gone only the history is asked for', async () => {
    const page = await start('segments', { state: 'exited' });
    await page.until(() => page.all('empty-state').length === 1);
    expect(text()).toContain('Only a living process can be asked');
    expect(called('segments')).toHaveLength(0);
    await page.click('segments-history');
    await page.until(() => page.all('segment-history').length === 1);
  });

  test('a refusal is shown with its advice and can be tried again', async () => {
    const page = await start('segments', {}, (workbench) => workbench.failNext('memory.segments', new HeaphouseError('permission', 'The kernel refuses.', { advice: 'Run as root.' })));
    await page.until(() => page.all('error-card').length === 1);
    expect(page.get('error-card').textContent).toContain('Run as root.');
    await page.click('memory-retry');
    await page.until(() => page.all('segment-row').length === 4);
  });

  test('a change of the session is no reason to read again', async () => {
    const page = await start('segments');
    await page.until(() => page.all('segment-row').length === 4);
    fake.setSessions([fakeSession({ snapshots: [fakeSnapshot(1)] })]);
    await page.until(() => page.all('artefact-snapshot').length === 1);
    expect(called('segments')).toHaveLength(1);
  });
});

describe('allocators', () => {
  test('names allocators with evidence, totals and the map', async () => {
    const page = await start('allocators');
    await page.until(() => page.all('arena-map').length === 1 && page.get('pools-pane').dataset['complete'] === 'true');
    expect(page.get('allocators-in-use').textContent).toMatch(/pymalloc.*A live object lies in one of its arenas\..*glibc malloc 2\.36.*A note on allocators/s);
    expect(page.get('figure-fragmentation').textContent).toContain('55.0 %');
    expect(page.get('figure-fragmentation').className).toContain('warn');
    expect(page.get('figure-allocated').textContent).toContain('3 returned');
    expect(page.get('arena-map').dataset['arenas']).toBe('3');
    expect(page.all('legend-class').map((item) => item.textContent?.trim())).toEqual(['48', '96']);
  });

  test('keys choose a pool, Enter shows what keeps its arena, and the way to its retainers', async () => {
    const page = await start('allocators', { snapshots: [fakeSnapshot(1)] });
    await page.until(() => page.all('arena-map').length === 1 && page.get('pools-pane').dataset['complete'] === 'true');
    const press = (key: string) => page.get('arena-map').dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
    press('ArrowRight');
    await page.until(() => page.all('pool-frame').length === 1);
    press('ArrowRight');
    await page.until(() => page.get('arena-panel').textContent?.includes('Pool 1 of arena 0') ?? false);
    expect(page.get('arena-panel').textContent).toContain('7 of 340 blocks used');
    press('Enter');
    await page.until(() => page.all('pin-type').length === 2);
    expect(page.get('arena-pins').textContent).toMatch(/10 live blocks.*480 B.*1\.0 MiB/s);
    expect(page.get('arena-pins').querySelector('img')).toBeNull();
    expect(page.all('pin-block')).toHaveLength(2);
    expect(page.all('pin-snapshot')).toHaveLength(1);
    await page.click('pin-snapshot');
    expect(location.hash).toContain('/snapshot/s1?root=2001&object=2001');
  });

  test('a pointer finds a pool, and says which', async () => {
    const page = await start('allocators');
    await page.until(() => page.all('arena-map').length === 1 && page.get('pools-pane').dataset['complete'] === 'true');
    const at = { clientX: 7, clientY: 7, bubbles: true };
    page.get('arena-map').dispatchEvent(new PointerEvent('pointermove', at));
    await page.until(() => page.all('pool-tip').length === 1);
    expect(page.get('pool-tip').textContent).toMatch(/Pool 0 of arena 0.*0x7f0000004000.*48-byte blocks.*340 of 340/s);
    page.get('arena-map').dispatchEvent(new PointerEvent('pointerdown', at));
    page.get('arena-map').dispatchEvent(new PointerEvent('pointerup', at));
    await page.until(() => page.get('arena-panel').textContent?.includes('Pool 0 of arena 0') ?? false);
    await page.click('arena-back');
    await page.until(() => page.all('emptiest-arena').length === 1);
    await page.click('emptiest-arena');
    await page.until(() => page.get('arena-panel').textContent?.includes('Arena 1') ?? false);
  });

  test('zoom by key and back to what fits; pages of a large reading', async () => {
    const page = await start('allocators', {}, (workbench) => (workbench.memory.arenas = 1_100));
    await page.until(() => page.all('arena-map').length === 1 && page.get('pools-pane').dataset['complete'] === 'true');
    expect(called('arenas').map(({ params }) => params)).toEqual([
      { readingId: 7, start: 0, end: 512 },
      { readingId: 7, start: 512, end: 1_024 },
      { readingId: 7, start: 1_024, end: 1_100 },
    ]);
    const cell = () => Number(page.get('arena-map').dataset['cellPx']);
    const fitted = cell();
    await page.click('zoom-in');
    await page.until(() => cell() > fitted);
    page.get('arena-map').dispatchEvent(new KeyboardEvent('keydown', { key: '0', bubbles: true }));
    await page.until(() => cell() === fitted);
  });

  test('size classes lead to their pools; freeing memory says what came back', async () => {
    const page = await start('allocators?pane=classes');
    await page.until(() => page.all('size-class-row').length === 2);
    await page.click('trim-malloc');
    await page.until(() => page.all('trim-result').length === 1);
    expect(page.get('trim-result').textContent).toMatch(/malloc_trim.*43\.0 MiB → 40\.0 MiB \(−3\.0 MiB\)/s);
    page.all('size-class-row')[1]?.querySelector('button')?.click();
    await page.until(() => page.all('legend-class').length === 2);
    expect(page.all('legend-class')[1]?.getAttribute('aria-pressed')).toBe('true');
    expect(location.hash).toContain('pane=pools');
  });

  test('V8 has spaces and no arenas', async () => {
    const page = await start('allocators', {}, (workbench) => (workbench.memory.allocators = fakeV8Allocators));
    await page.until(() => page.all('heap-space').length === 2);
    expect(page.get('heap-spaces').textContent).toMatch(/new space.*1\.0 MiB.*2\.0 MiB.*50\.0 %/s);
    expect(page.get('figure-v8-detached').className).toContain('warn');
    expect(called('readArenas')).toHaveLength(0);
    expect(page.all('trim-malloc')).toHaveLength(0);
  });

  test('without pymalloc the reason is said', async () => {
    const page = await start('allocators', {}, (workbench) => (workbench.memory.allocators = () => ({ ...fakeV8Allocators(), v8: null, pymallocReason: 'PYTHONMALLOC=malloc is set.' })));
    await page.until(() => text().includes('No arenas of pymalloc'));
    expect(text()).toContain('PYTHONMALLOC=malloc is set.');
  });

  test('a reading that fails is an error with a way out', async () => {
    const page = await start('allocators', {}, (workbench) => workbench.failNext('memory.readArenas', new HeaphouseError('permission', 'ptrace is refused.', { advice: 'Set ptrace_scope.' })));
    await page.until(() => page.all('error-card').length === 1);
    await page.click('memory-retry');
    await page.until(() => page.all('arena-map').length === 1);
  });
});

describe('collector', () => {
  test('figures, settings, kinds and every collection, newest first', async () => {
    const page = await start('gc');
    await page.until(() => page.all('collection-row').length > 0);
    expect(page.get('figure-collections').textContent).toContain('40');
    expect(page.get('figure-share').textContent).toContain('12.5 %');
    expect(page.get('figure-longest').textContent).toContain('4.0 ms');
    expect(page.get('gc-settings').textContent).toMatch(/disabled its collector.*700, 10, 10.*12, 3, 1.*12,004 objects.*1 change by the program.*Collector disabled/s);
    expect(page.get('gc-by-kind').textContent).toMatch(/generation 0.*36.*generation 2.*4/s);
    expect(page.all('collection-row')[0]?.textContent).toContain('handlers.py:88');
    await page.click('gc-distribution-as-table');
    await page.until(() => page.all('gc-distribution-table').length === 1);
    expect(page.get('gc-distribution-table').querySelectorAll('tbody tr')).toHaveLength(3);
  });

  test('filters go to the recording', async () => {
    const page = await start(`gc?from=${T0}&to=${T0 + 9_000}`);
    await page.until(() => page.all('collection-row').length > 0);
    expect(called('gcSummary')[0]?.params).toEqual({ fromAt: T0, toAt: T0 + 9_000 });
    (page.get('gc-uncollectable') as HTMLInputElement).click();
    await page.until(() => page.all('collection-row').length === 1);
    expect(called('collections').at(-1)?.params).toMatchObject({ query: { filter: { fromAt: T0, toAt: T0 + 9_000, uncollectableOnly: true } } });
    expect(page.get('gc-count').textContent).toBe('1 of 40 collections');
    await page.click('gc-range');
    expect(location.hash).toBe('#/session/test-session/gc');
    await page.until(() => called('gcSummary').length === 2);
  });

  test('collect now says what it found, or why not', async () => {
    const page = await start('gc');
    await page.click('collect-now');
    await page.until(() => page.all('collect-found').length === 1);
    expect(called('collectNow')[0]?.params).toEqual({ generation: 2 });
    expect(page.get('collect-found').textContent).toMatch(/402 unreachable objects.*Not freeable 1.*9,000 → 8,600 \(−400\).*2\.0 MiB → 1\.0 MiB.*1\.5 ms/s);
    fake.failNext('memory.collectNow', new HeaphouseError('timeout', 'The program did not answer.'));
    await page.click('collect-now');
    await page.until(() => page.all('error-card').length === 1);
  });

  test('a recording is shown without actions; nothing recorded is said', async () => {
    const page = await start('gc', { kind: 'recording', state: 'closed' }, (workbench) => (workbench.memory.collections = 0));
    await page.until(() => page.all('empty-state').length === 1);
    expect(text()).toContain('No collection yet');
    expect(page.all('collect-now')).toHaveLength(0);
  });

  test('names from a target stay text', async () => {
    const page = await start('gc');
    await page.until(() => page.all('collection-row').length > 0);
    expect(page.all('collection-row')[1]?.textContent).toContain('<img src=x');
    expect(HOSTILE_NAME).toContain('<img');
    expect(page.get('gc-view').querySelector('img')).toBeNull();
  });
});
