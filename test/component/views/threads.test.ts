// @vitest-environment jsdom
/** Worker threads in the Processes view, and what their snapshots mean to Compare. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Family, FamilyThread } from '#shared/contracts/family.ts';
import { scriptName, threadLabel } from '#shared/format/worker-thread.ts';
import { isSameHeap, lastPair } from '#renderer/stores/sessions.ts';
import { familyRows } from '#renderer/views/processes/family-rows.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { createFakeWorkbench, fakeProcess, fakeSession, fakeSnapshot, HOSTILE_NAME, type FakeWorkbench } from '../fake-workbench.ts';
import { mountApp, type MountedApp } from '../mount-app.ts';

vi.mock('#renderer/charts/EChart.vue', () => ({ default: { name: 'EChart', props: ['option', 'label'], template: '<div />', render: () => null } }));

const thread = (threadId: number, more: Partial<FamilyThread> = {}): FamilyThread => ({
  id: `w${threadId}`,
  threadId,
  name: '',
  url: 'file:///srv/app/crunch.js',
  heapUsedBytes: 7_340_032,
  heapTotalBytes: 12_582_912,
  sessionId: 'test-session',
  ...more,
});
const familyOf = (more: Partial<Family> = {}): Family => ({ following: false, target: null, members: [], threads: [], pages: [], ...more });
const ofThread = (number: number, id: string) => fakeSnapshot(number, { thread: { id, label: `worker ${id}` }, idEpoch: `epoch ${id}` });

describe('names', () => {
  test.each([
    [thread(2), 'worker 2 (crunch.js)'],
    [thread(2, { name: 'pool' }), 'worker 2 (pool)'],
    [thread(3, { url: '' }), 'worker 3 (eval)'],
    [thread(3, { threadId: null, url: 'C:\\app\\crunch.js?x=/y' }), 'worker (crunch.js)'],
    [thread(4, { name: HOSTILE_NAME }), 'worker 4 (<img src=x onerror="window.pwned=1">\\u{202e}gnp.exe\u2407)'],
  ])('%#: of its number, and its name or script', (given, expected) => {
    expect(threadLabel(given)).toBe(expected);
  });
  test('long ones are cut', () => {
    expect(scriptName(`file:///${'a'.repeat(10_000)}`).length).toBeLessThanOrEqual(60);
    expect(scriptName(`data:text/javascript,${'/'.repeat(5_000)}`)).toBe('data:');
  });
});

describe('which belong together', () => {
  test('each thread is under the process whose session it has', () => {
    const root = fakeSession({ target: { ...fakeSession().target!, kind: 'node' } });
    const further = fakeSession({ id: 'further', parentId: root.id, target: { ...root.target!, pid: 77 } });
    const family = familyOf({
      members: [{ ...fakeProcess({ pid: 77, kind: 'node', sessionId: 'further' }), depth: 1, problem: null, helper: false }],
      threads: [thread(1), thread(1, { sessionId: 'further' }), thread(2, { sessionId: 'further' })],
    });
    expect(familyRows([root, further], family, new Map()).map(({ pid, threads }) => [pid, threads.length])).toEqual([
      [4242, 1],
      [77, 2],
    ]);
  });
  test('Compare begins with the last snapshot and the one before it of the same thread', () => {
    const pairOf = (...snapshots: ReturnType<typeof fakeSnapshot>[]) => lastPair(fakeSession({ snapshots }))?.map(({ number }) => number) ?? null;
    expect(pairOf(fakeSnapshot(1), fakeSnapshot(2))).toEqual([1, 2]);
    expect(pairOf(ofThread(1, 'a'), fakeSnapshot(2), ofThread(3, 'b'), ofThread(4, 'a'))).toEqual([1, 4]);
    expect(pairOf(fakeSnapshot(1), ofThread(2, 'a'), fakeSnapshot(3))).toEqual([1, 3]);
    expect(pairOf(fakeSnapshot(1), ofThread(2, 'a'))).toEqual([1, 2]);
    expect(pairOf(fakeSnapshot(1))).toBeNull();
    expect(isSameHeap(fakeSnapshot(1), fakeSnapshot(2))).toBe(true);
    expect(isSameHeap(ofThread(1, 'a'), fakeSnapshot(2))).toBe(false);
  });
});

describe('in the view', () => {
  let app: MountedApp | null = null;
  let fake: FakeWorkbench;
  beforeEach(() => {
    Element.prototype.scrollIntoView ??= () => undefined;
  });
  afterEach(() => {
    app?.unmount();
    app = null;
  });
  async function start(threads: FamilyThread[]): Promise<MountedApp> {
    fake = createFakeWorkbench({ sessions: [fakeSession()] });
    fake.setFamily(familyOf({ threads }));
    app = await mountApp(fake, '#/session/test-session/processes');
    await app.until(() => app!.all('family-thread').length === threads.length);
    return app;
  }

  test('a line for each, with number, script and heap, and a snapshot of that one', async () => {
    const page = await start([thread(1), thread(2, { heapUsedBytes: null, name: HOSTILE_NAME })]);
    const [first, second] = page.all('family-thread');
    expect(first!.textContent).toContain('worker 1 (crunch.js)');
    expect(first!.textContent).toContain('file:///srv/app/crunch.js');
    expect(first!.textContent).toContain('7.0 MiB');
    expect(second!.textContent).toContain('does not answer now');
    expect(second!.querySelector('img')).toBeNull();
    await page.click('thread-snapshot', 1);
    await page.until(() => page.all('artefact-snapshot').length === 1);
    expect(fake.calls.find(({ name }) => name === 'sessions.takeSnapshot')?.params).toEqual({ sessionId: 'test-session', threadId: 'w2' });
    expect(page.get('artefact-snapshot').textContent).toContain('#1 worker 2');
    expect(page.get('artefact-snapshot').outerHTML).toContain('Snapshot 1 of worker 2');
  });

  test('a thread that has ended meanwhile: the reason is shown, and the line goes with the thread', async () => {
    const page = await start([thread(1)]);
    fake.failNext('sessions.takeSnapshot', new HeaphouseError('not-found', 'This worker thread has ended.'));
    await page.click('thread-snapshot');
    await page.until(() => (document.body.textContent ?? '').includes('This worker thread has ended.'));
    fake.setFamily(familyOf());
    await page.until(() => page.all('family-thread').length === 0);
  });

  test('one snapshot of the session at a time', async () => {
    fake = createFakeWorkbench({ sessions: [fakeSession({ snapshots: [fakeSnapshot(1, { state: 'writing' })] })] });
    fake.setFamily(familyOf({ threads: [thread(1)] }));
    app = await mountApp(fake, '#/session/test-session/processes');
    await app.until(() => app!.all('thread-snapshot').length === 1);
    expect((app.get('thread-snapshot') as HTMLButtonElement).disabled).toBe(true);
  });

  test('comparing two threads says that no object can be matched', async () => {
    fake = createFakeWorkbench({ sessions: [fakeSession({ snapshots: [fakeSnapshot(1), ofThread(2, 'a')] })] });
    app = await mountApp(fake, '#/session/test-session/compare/s1/s2');
    await app.until(() => (document.body.textContent ?? '').includes('the heaps of two threads'));
    expect(document.body.textContent).toContain('the main thread and worker a');
  });
});
