/** Notes, kept comparisons, recent sessions, presets, settings: what the page asks the workbench for. */
import { flushPromises } from '@vue/test-utils';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { createFakeWorkbench, fakeSession, fakeSnapshot, type FakeWorkbench } from '../fake-workbench.ts';
import { mountApp, type MountedApp } from '../mount-app.ts';

vi.mock('#renderer/charts/EChart.vue', () => ({ default: { name: 'EChart', props: ['option', 'label'], template: '<div />', render: () => null } }));

let app: MountedApp;
let fake: FakeWorkbench;
afterEach(() => app.unmount());

async function open(initial: Parameters<typeof createFakeWorkbench>[0], hash?: string): Promise<void> {
  fake = createFakeWorkbench(initial);
  app = await mountApp(fake, hash);
}
const type = async (testId: string, text: string, event = 'input') => {
  const field = app.get(testId) as HTMLInputElement;
  field.value = text;
  field.dispatchEvent(new Event('input', { bubbles: true }));
  if (event !== 'input') field.dispatchEvent(new Event(event, { bubbles: true }));
  await flushPromises();
};
const called = (name: string) => fake.calls.filter((call) => call.name === name).map(({ params }) => params);

describe('a session', () => {
  const HASH = '#/session/test-session/output';

  test('what is wrong with its disk is said, and goes when it is over', async () => {
    const problem = { code: 'io' as const, message: 'The disk is full: the timeline is kept in memory only.', advice: 'Free some space.' };
    await open({ sessions: [fakeSession({ problem })] }, HASH);
    await app.until(() => app.all('session-problem').length === 1);
    expect(app.get('session-problem').textContent).toContain('Free some space');
    fake.setSessions([fakeSession()]);
    await app.until(() => app.all('session-problem').length === 0);
  });

  test('notes are saved as they are written', async () => {
    await open({ sessions: [fakeSession({ notes: 'first' })] }, HASH);
    await app.click('notes-button');
    await app.until(() => app.all('session-notes').length === 1);
    expect((app.get('session-notes') as HTMLTextAreaElement).value).toBe('first');
    await type('session-notes', 'first and second', 'blur');
    await app.until(() => called('sessions.setNotes').length === 1);
    expect(called('sessions.setNotes')[0]).toEqual({ sessionId: 'test-session', notes: 'first and second' });
  });

  test('a kept comparison leads back to its pair and its tab', async () => {
    const comparisons = [{ id: 'c1', name: 'the import', baseId: 's1', comparedId: 's2', view: 'tab=growth', createdAt: 1 }];
    await open({ sessions: [fakeSession({ snapshots: [fakeSnapshot(1), fakeSnapshot(2)], comparisons })] }, HASH);
    await app.click('artefact-kept-comparison');
    expect(location.hash).toBe('#/session/test-session/compare/s1/s2?tab=growth');
  });

  test('a comparison is kept with the pair that is shown', async () => {
    await open({ sessions: [fakeSession({ snapshots: [fakeSnapshot(1), fakeSnapshot(2)] })] }, '#/session/test-session/compare?tab=survivors');
    await app.click('keep-comparison');
    await app.until(() => app.all('keep-dialog-name').length === 1);
    expect((app.get('keep-dialog-name') as HTMLInputElement).value).toBe('Snapshot 1 → Snapshot 2');
    await app.click('keep-dialog-done');
    await app.until(() => called('sessions.saveComparison').length === 1);
    expect(called('sessions.saveComparison')[0]).toMatchObject({ sessionId: 'test-session', baseId: 's1', comparedId: 's2', view: 'tab=survivors' });
  });
});

describe('settings', () => {
  test('a value that cannot be is refused beside its field and not sent', async () => {
    await open({}, '#/settings');
    await app.until(() => app.all('set-sampleEveryMs').length === 1);
    await type('set-sampleEveryMs', '3', 'change');
    expect(app.get('problem-sampleEveryMs').textContent).toContain('at least 20');
    expect(called('settings.set')).toEqual([]);
    await type('set-sampleEveryMs', '200', 'change');
    await app.until(() => called('settings.set').length === 1);
    expect(called('settings.set')[0]).toEqual({ sampleEveryMs: 200 });
    expect(app.all('problem-sampleEveryMs')).toEqual([]);
  });

  test('what the workbench refuses is told in the same place', async () => {
    await open({}, '#/settings');
    await app.until(() => app.all('set-sessionsDir').length === 1);
    fake.failNext('settings.set', new HeaphouseError('io', 'Cannot write /mnt/x: the file system is read-only.', { advice: 'Choose a folder on a writable disk.' }));
    await type('set-sessionsDir', '/mnt/x', 'change');
    await app.until(() => app.all('problem-sessionsDir').length === 1);
    expect(app.get('problem-sessionsDir').textContent).toContain('read-only');
  });

  test('a file that could not be used is said, with where it is kept', async () => {
    await open({ settingsNotice: '/home/x/settings.json could not be used. It is kept as /home/x/settings.json.bak.' });
    await app.until(() => app.all('notice-error').length === 1);
    expect(app.get('notice-error').textContent).toContain('settings.json.bak');
  });
});

describe('launches', () => {
  const launch = { command: '/usr/bin/python3', args: ['app.py', '--port', '8000'], cwd: '/srv/app', env: { DEBUG: '1', GONE: null }, pauseAtStart: false };

  test('one click starts it as it was', async () => {
    await open({ launches: { presets: [{ id: 'p1', name: 'The service', launch }] } });
    await app.click('relaunch');
    await app.until(() => called('targets.launch').length === 1);
    expect(called('targets.launch')[0]).toMatchObject(launch);
  });

  test('a click on its name fills the form', async () => {
    await open({ launches: { recent: [{ id: 'l1', at: 1, times: 1, launch }] } });
    await app.click('launch-fill');
    await app.until(() => (app.get('launch-command') as HTMLInputElement).value !== '');
    expect((app.get('launch-command') as HTMLInputElement).value).toBe('/usr/bin/python3 app.py --port 8000');
    expect((app.get('launch-cwd') as HTMLInputElement).value).toBe('/srv/app');
    expect(app.all('env-name').map((field) => (field as HTMLInputElement).value)).toEqual(['DEBUG', 'GONE']);
    expect((app.get('launch-pause') as HTMLInputElement).checked).toBe(false);
  });
});
