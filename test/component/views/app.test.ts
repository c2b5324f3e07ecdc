// @vitest-environment jsdom
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { createFakeWorkbench, fakeProcess, fakeSession, fakeSnapshot, HOSTILE_NAME, T0, type FakeWorkbench } from '../fake-workbench.ts';
import { mountApp, type MountedApp } from '../mount-app.ts';

// jsdom draws nothing; the chart's option is tested by itself.
vi.mock('#renderer/charts/EChart.vue', () => ({ default: { name: 'EChart', props: ['option', 'label'], template: '<div />', render: () => null } }));

let app: MountedApp | null = null;
let fake: FakeWorkbench;

async function start(hash: string, initial: Parameters<typeof createFakeWorkbench>[0] = {}): Promise<MountedApp> {
  fake = createFakeWorkbench(initial);
  app = await mountApp(fake, hash);
  return app;
}
beforeAll(() => {
  // Reka's menus ask for these; jsdom has none.
  Element.prototype.scrollIntoView ??= () => undefined;
  Element.prototype.hasPointerCapture ??= () => false;
});
afterEach(() => {
  app?.unmount();
  app = null;
});

const withTwoSnapshots = { sessions: [fakeSession({ snapshots: [fakeSnapshot(1), fakeSnapshot(2)] })] };
const text = () => document.body.textContent ?? '';

describe('start page', () => {
  test('lists processes, and says in place why one cannot be attached', async () => {
    const stopped = fakeProcess({
      pid: 77,
      title: 'other.py',
      preflight: { route: null, how: '', problems: [{ id: 'other-user', message: 'It belongs to another user.', advice: 'Run Heaphouse as that user.', severity: 'stops' }] },
    });
    const page = await start('#/start', { processes: [fakeProcess(), stopped] });
    await page.until(() => page.all('process-row').length === 2);
    expect(page.all('attach-button')).toHaveLength(1);
    expect(text()).not.toContain('another user');
    await page.click('why-not-button');
    expect(page.get('preflight-problem').textContent).toContain('Run Heaphouse as that user.');
  });

  test('attaches and shows the session', async () => {
    const page = await start('#/start');
    await page.click('attach-button');
    await page.until(() => page.all('session-header').length === 1);
    expect(fake.calls.find(({ name }) => name === 'targets.attach')?.params).toEqual({ pid: 4242 });
    expect(location.hash).toBe('#/session/attached-4242/timeline');
  });

  test('a refused attach is explained in the row', async () => {
    const page = await start('#/start');
    fake.failNext('targets.attach', new HeaphouseError('permission', 'The kernel refuses.', { advice: 'Set ptrace_scope to 0.', detail: 'gdb: ptrace: Operation not permitted.' }));
    await page.click('attach-button');
    await page.until(() => page.all('error-card').length === 1);
    const card = page.get('error-card');
    expect(card.closest('[data-pid="4242"]')).not.toBeNull();
    expect(card.textContent).toContain('The kernel refuses.');
    expect(card.textContent).toContain('Set ptrace_scope to 0.');
    expect(card.dataset['code']).toBe('permission');
  });

  test('launches what was typed, as tokens', async () => {
    const page = await start('#/start');
    const field = page.get('launch-command') as HTMLInputElement;
    field.value = `python 'my app.py' --n 3`;
    field.dispatchEvent(new Event('input'));
    await page.until(() => page.get('launch-tokens').textContent?.includes('my app.py') ?? false);
    page.get('launch-form').dispatchEvent(new Event('submit', { cancelable: true }));
    await page.until(() => page.all('session-header').length === 1);
    expect(fake.calls.find(({ name }) => name === 'targets.launch')?.params).toEqual({ command: 'python', args: ['my app.py', '--n', '3'], env: {}, pauseAtStart: true });
  });

  test('another machine is asked about first', async () => {
    const page = await start('#/start');
    const field = page.get('connect-url') as HTMLInputElement;
    field.value = 'ws://example.org:9229/x';
    field.dispatchEvent(new Event('input'));
    page.get('connect-form').dispatchEvent(new Event('submit', { cancelable: true }));
    await page.until(() => page.all('confirm-remote').length === 1);
    expect(fake.calls.some(({ name }) => name === 'targets.connect')).toBe(false);
    await page.click('confirm-remote-yes');
    await page.until(() => fake.calls.some(({ name }) => name === 'targets.connect'));
    expect(fake.calls.find(({ name }) => name === 'targets.connect')?.params).toEqual({ url: 'ws://example.org:9229/x', confirmRemote: true });
  });

  test('a file that is no snapshot is refused where it was named', async () => {
    const page = await start('#/start');
    fake.failNext('sessions.open', new HeaphouseError('bad-file', 'This file is empty.', { advice: 'Take the snapshot again.' }));
    const field = page.get('open-path') as HTMLInputElement;
    field.value = '/tmp/empty.heapsnapshot';
    field.dispatchEvent(new Event('input'));
    page.get('open-form').dispatchEvent(new Event('submit', { cancelable: true }));
    await page.until(() => page.all('error-card').length === 1);
    expect(page.get('error-card').textContent).toContain('This file is empty.');
  });
});

describe('session', () => {
  test('takes a snapshot with progress and a way to cancel', async () => {
    const page = await start('#/session/test-session/timeline', { sessions: [fakeSession()] });
    const release = fake.hold('sessions.takeSnapshot');
    await page.click('snapshot-button');
    await page.until(() => page.all('snapshot-progress').length === 1);
    await page.until(() => page.get('snapshot-progress').textContent?.includes('30,000 of 80,000 objects') ?? false);
    await page.click('snapshot-cancel');
    release();
    await page.until(() => page.all('snapshot-progress').length === 0);
    expect(page.all('artefact-snapshot')).toHaveLength(0);
    expect(page.all('error-card')).toHaveLength(0);
    await page.click('snapshot-button');
    await page.until(() => page.all('artefact-snapshot').length === 1);
  });

  test('an action that fails says so in the session', async () => {
    const page = await start('#/session/test-session/timeline', { sessions: [fakeSession()] });
    fake.failNext('sessions.takeSnapshot', new HeaphouseError('io', 'The disk is full.', { advice: 'Free some space.' }));
    await page.click('snapshot-button');
    await page.until(() => page.all('error-card').length === 1);
    expect(page.get('error-card').textContent).toContain('Snapshot: The disk is full.');
  });

  test('the end of a target is explained with its last figures', async () => {
    const exit = {
      at: T0,
      code: 137,
      signal: 'SIGKILL',
      headline: 'Killed (SIGKILL, exit code 137)',
      explanation: 'Usually the kernel ended it because memory ran out.',
      likelyOutOfMemory: true,
      lastSample: { at: T0, rssBytes: 1_073_741_824, heapUsedBytes: null, heapTotalBytes: null, externalBytes: null },
      cgroup: { path: '/sys/fs/cgroup/test', limitBytes: 1_073_741_824, currentBytes: null, peakBytes: null, oomCount: 3, oomKillCount: 1 },
    };
    const page = await start('#/session/test-session/timeline', { sessions: [fakeSession({ state: 'exited', exit })] });
    await page.until(() => page.all('exit-card').length === 1);
    expect(page.get('exit-card').textContent).toMatch(/Killed \(SIGKILL, exit code 137\).*memory ran out.*1\.0 GiB.*Cgroup limit/s);
    expect(page.all('snapshot-button')).toHaveLength(0);
  });

  test('output is shown line by line', async () => {
    const page = await start('#/session/test-session/output', { sessions: [fakeSession()], output: [{ at: T0, stream: 'stdout', text: 'first\nsecond' }] });
    await page.until(() => page.all('output-line').length === 2);
    fake.writeOutput({ at: T0 + 1, stream: 'stdout', text: ' line\n<b>third</b>\n' });
    await page.until(() => page.all('output-line').length === 3);
    expect(page.all('output-line').map((line) => line.textContent)).toEqual(['first', 'second line', '<b>third</b>']);
  });

  test('the timeline has its figures as a table', async () => {
    const page = await start('#/session/test-session/timeline', { sessions: [fakeSession()] });
    await page.until(() => page.get('timeline-view').dataset['samples'] !== '0');
    await page.click('timeline-as-table');
    expect(page.get('timeline-table').textContent).toContain('generation 2');
  });
});

describe('snapshot', () => {
  const hash = '#/session/test-session/snapshot/s1';

  test('shows classes with shallow sizes while retained sizes are computed', async () => {
    fake = createFakeWorkbench(withTwoSnapshots);
    const release = fake.hold('heap.analyse');
    app = await mountApp(fake, hash);
    const page = app;
    await page.until(() => page.all('class-row').length === 9);
    expect(page.all('class-row')[0]?.textContent).toContain('computing…');
    expect(page.get('analysis-progress').textContent).toContain('Finding dominators: 40,000 of 80,000 nodes');
    release();
    await page.until(() => page.get('snapshot-view').dataset['phase'] === 'analysed');
    await page.until(() => page.all('class-row')[0]?.textContent?.includes('11.4 MiB') ?? false);
    expect(page.all('analysis-progress')).toHaveLength(0);
  });

  test('from a class to an object to the path that holds it', async () => {
    const page = await start(hash, withTwoSnapshots);
    await page.until(() => page.all('class-row').length === 9);
    await page.click('class-row', 1);
    await page.until(() => page.all('holder-row').length === 1);
    expect(page.get('holder-row').textContent).toContain('module app.handlers → _cache (dict)');
    document.querySelector('[role="treegrid"]')?.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
    await page.click('object-row');
    await page.until(() => page.all('path-step').length > 0);
    expect(page.all('path-step').map((step) => [...step.children].map((part) => part.textContent?.trim()).join(' '))).toEqual([
      '(root) @1 retains 1.1 KiB',
      '["app.handlers"] → module app.handlers module @5 retains 1.1 KiB',
      '._cache → dict @7 retains 1.1 KiB',
      '[0] → app.Session @201 retains 1.1 KiB',
    ]);
    expect(page.get('paths-pane').textContent).toContain('1 step inside the runtime');
    expect(location.hash).toContain('object=201');
  });

  test('the object of a link is shown again', async () => {
    const page = await start(`${hash}?object=201&pane=details`, withTwoSnapshots);
    await page.until(() => page.all('details-pane').length === 1 && (page.get('details-pane').textContent?.includes('Reference') ?? false));
    expect(page.get('selection').textContent).toContain('@201');
  });

  test('a search leads to objects, an id to one object', async () => {
    const page = await start(hash, withTwoSnapshots);
    await page.until(() => page.all('class-row').length === 9);
    const field = page.get('object-search') as HTMLInputElement;
    const find = async (value: string) => {
      field.value = value;
      field.dispatchEvent(new Event('input'));
      field.form?.dispatchEvent(new Event('submit', { cancelable: true }));
      await page.until(() => page.all('object-row').length === 1);
    };
    await find('Session');
    expect(location.hash).toContain('find=Session');
    await find('@201');
    expect(location.hash).toContain('root=201');
    await page.until(() => page.all('field-row').length === 1);
    await page.click('back-to-classes');
    await page.until(() => page.all('class-row').length === 9);
  });

  test('a snapshot that cannot be read is an answer, with the way to try again', async () => {
    fake = createFakeWorkbench(withTwoSnapshots);
    fake.failNext('heap.open', new HeaphouseError('bad-file', 'The file ends in the middle.', { advice: 'Take the snapshot again.' }));
    app = await mountApp(fake, hash);
    const page = app;
    await page.until(() => page.all('error-card').length === 1);
    expect(page.get('error-card').textContent).toContain('The file ends in the middle.');
    page.get('error-card').querySelector<HTMLElement>('.button')?.click();
    await page.until(() => page.all('class-row').length === 9);
  });

  test('an analysis that is cancelled leaves the shallow sizes', async () => {
    fake = createFakeWorkbench(withTwoSnapshots);
    fake.failNext('heap.analyse', new HeaphouseError('cancelled', 'Cancelled.'));
    app = await mountApp(fake, hash);
    const page = app;
    await page.until(() => text().includes('Retained sizes were not computed.'));
    expect(page.all('class-row')).toHaveLength(9);
  });
});

describe('comparison', () => {
  const hash = '#/session/test-session/compare/s1/s2';

  test('a number leads to exactly its objects, a class to what holds them', async () => {
    const page = await start(hash, withTwoSnapshots);
    await page.until(() => page.all('compare-row').length === 9);
    const row = () => page.all('compare-row')[1] as HTMLElement;
    row().querySelector<HTMLElement>('[data-testid="cell-dead.objects"]')?.click();
    await page.until(() => page.all('object-row').length === 3);
    const asked = fake.calls.filter(({ name }) => name === 'heap.comparisonObjects').at(-1)?.params;
    expect(asked).toMatchObject({ baseId: 's1', comparedId: 's2', classIndex: 1, side: 'dead' });
    await page.until(() => page.all('holder-row').length === 1);
    await page.until(() => page.all('site-row').length === 2);
    expect(fake.calls.filter(({ name }) => name === 'explore.sites').at(-1)?.params).toMatchObject({ snapshotId: 's1', set: { by: 'comparison', classIndex: 1, side: 'dead' } });
    expect(page.get('allocated-at').textContent).toMatch(/handle \(\/app\/handlers\.py:88\).*8,000 \(88\.9 %\).*<i>warm<\/i>.*9,000 of 10,000 have a known origin/s);
    expect(page.get('allocated-at').querySelector('i, img')).toBeNull();
    await page.click('side-new');
    await page.until(() => fake.calls.some(({ name, params }) => name === 'heap.comparisonHolders' && (params as { side: string }).side === 'new'));
    expect(location.hash).toContain('class=app.Session');
    page.get('holder-row').querySelector<HTMLElement>('.holder')?.click();
    await page.until(() => page.all('path-step').length > 0);
  });

  test('swaps its sides, and a link to a class selects it', async () => {
    const page = await start(`${hash}?class=app.Session`, withTwoSnapshots);
    await page.until(() => page.all('holder-row').length === 1);
    await page.click('compare-swap');
    expect(location.hash).toBe('#/session/test-session/compare/s2/s1');
    await page.until(() => fake.calls.filter(({ name }) => name === 'heap.compare').length === 2);
    expect((page.get('compare-base') as HTMLSelectElement).value).toBe('s2');
  });

  test('exports and says what was cut', async () => {
    const page = await start(hash, withTwoSnapshots);
    await page.until(() => page.get('compare-view').dataset['state'] === 'ready');
    page.get('export-button').dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
    await page.until(() => page.all('export-html').length === 1);
    page.get('export-html').dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
    page.get('export-html').click();
    await page.until(() => page.all('notice-done').length > 0);
    expect(page.get('notice-done').textContent).toContain('comparison.html');
    expect(page.get('notice-done').textContent).toContain('Only the first 500 classes');
    expect(fake.calls.find(({ name }) => name === 'heap.exportComparison')?.params).toMatchObject({ format: 'html', includeValues: true });
  });

  test('one snapshot is not enough, and the page says what to do', async () => {
    const page = await start('#/session/test-session/compare', { sessions: [fakeSession({ snapshots: [fakeSnapshot(1)] })] });
    await page.until(() => text().includes('Comparing takes two snapshots'));
  });
});

describe('everywhere', () => {
  test('names of strangers are text and cannot turn the line', async () => {
    const hostile = fakeSession({ title: HOSTILE_NAME, snapshots: [fakeSnapshot(1, { name: HOSTILE_NAME })] });
    const page = await start('#/session/test-session/snapshot/s1', { sessions: [hostile], processes: [fakeProcess({ title: HOSTILE_NAME, commandLine: HOSTILE_NAME, user: HOSTILE_NAME })] });
    await page.until(() => page.all('class-row').length === 9);
    expect(document.querySelector('#app img[src="x"], [onerror]')).toBeNull();
    expect(text()).toContain('<img src=x onerror=');
    const html = document.body.outerHTML;
    expect(html).not.toContain('\u202e');
    expect(html).not.toContain('\u0007');
    expect((window as { pwned?: number }).pwned).toBeUndefined();
  });

  test('back and forward move through the views', async () => {
    const page = await start('#/session/test-session/timeline', withTwoSnapshots);
    await page.click('artefact-compare');
    await page.until(() => page.all('compare-view').length === 1);
    history.back();
    await page.until(() => page.all('timeline-view').length === 1);
    history.forward();
    await page.until(() => page.all('compare-view').length === 1);
  });

  test('a lost connection is announced and mended', async () => {
    const page = await start('#/start');
    await page.until(() => page.all('process-row').length === 1);
    fake.disconnect();
    await page.until(() => page.all('connection-banner').length === 1);
    await page.until(() => page.all('connection-banner').length === 0);
    fake.setProcesses([fakeProcess(), fakeProcess({ pid: 5 })]);
    await page.until(() => page.all('process-row').length === 2);
  });

  test('the palette runs a command by name', async () => {
    const page = await start('#/session/test-session/timeline', withTwoSnapshots);
    await page.until(() => page.all('session-header').length === 1);
    window.dispatchEvent(new KeyboardEvent('keydown', { key: 'P', ctrlKey: true, shiftKey: true }));
    await page.until(() => page.all('palette-input').length === 1);
    const input = page.get('palette-input') as HTMLInputElement;
    input.value = 'compare last';
    input.dispatchEvent(new Event('input'));
    await page.until(() => document.querySelectorAll('[role="option"]').length === 1);
    input.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
    await page.until(() => page.all('compare-view').length === 1);
  });

  test('a session that is not open is explained', async () => {
    const page = await start('#/session/gone/timeline');
    await page.until(() => text().includes('This session is not open'));
    expect(page.all('rail-start')).toHaveLength(1);
  });
});
