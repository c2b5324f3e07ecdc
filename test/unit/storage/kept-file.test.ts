import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS, settingProblem } from '#shared/model/settings.ts';
import { launchesFile } from '#main/storage/launch-history.ts';
import { settingsFile } from '#main/storage/settings-file.ts';

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-kept-'));
  path = join(dir, 'settings.json');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));
const put = (content: unknown) => writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
const valid = { format: 'heaphouse-settings', version: 1 };

describe('settings.json', () => {
  it('without a file: the defaults, and nothing is written', async () => {
    expect(await settingsFile(path).load()).toEqual({ value: DEFAULT_SETTINGS, notice: null });
    expect(readdirSync(dir)).toEqual([]);
  });

  it('comes back as it was saved, for its owner only', async () => {
    const file = settingsFile(join(dir, 'new', 'settings.json'));
    await file.save({ ...DEFAULT_SETTINGS, theme: 'dark', sampleEveryMs: 500 });
    expect((await settingsFile(join(dir, 'new', 'settings.json')).load()).value).toEqual({ ...DEFAULT_SETTINGS, theme: 'dark', sampleEveryMs: 500 });
    expect(statSync(join(dir, 'new', 'settings.json')).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(dir, 'new'))).toEqual(['settings.json']);
  });

  it('a key that is missing has its default, one that is unknown does no harm', async () => {
    put({ ...valid, theme: 'light', colour: 'mauve' });
    expect(await settingsFile(path).load()).toEqual({ value: { ...DEFAULT_SETTINGS, theme: 'light' }, notice: null });
  });

  it.each([
    ['no JSON', '{"theme":', /not valid JSON/],
    ['another format', { format: 'other' }, /no heaphouse-settings file/],
    ['no version', { format: 'heaphouse-settings' }, /no valid version/],
    ['a newer version', { ...valid, version: 9 }, /newer Heaphouse.*version 9/],
    ['a wrong value', { ...valid, sampleEveryMs: 1 }, /sampleEveryMs: must be at least 20/],
    ['a wrong type', { ...valid, notifications: 'yes' }, /notifications: must be true or false/],
    ['a relative folder', { ...valid, sessionsDir: 'here' }, /sessionsDir: must be an absolute path/],
  ])('%s: defaults, a notice, and the file is kept', async (_name, content, reason) => {
    put(content);
    const before = readFileSync(path, 'utf8');
    const file = settingsFile(path);
    const { value, notice } = await file.load();
    expect(value).toEqual(DEFAULT_SETTINGS);
    expect(notice).toMatch(reason);
    expect(notice).toContain(`${path}.bak`);
    await file.save({ ...value, theme: 'dark' });
    expect(readFileSync(`${path}.bak`, 'utf8')).toBe(before);
    expect((await settingsFile(path).load()).value.theme).toBe('dark');
  });

  it('an older copy is not overwritten; the same content is not copied twice', async () => {
    put('first');
    await settingsFile(path).load();
    await settingsFile(path).load();
    put('second');
    await settingsFile(path).load();
    expect(readdirSync(dir).sort()).toEqual(['settings.json', 'settings.json.bak', 'settings.json.bak-2']);
    expect(readFileSync(`${path}.bak`, 'utf8')).toBe('first');
  });

  const root = process.getuid?.() === 0;
  it.skipIf(root)(`where no copy can be made nothing is written over it${root ? ' (skipped: root may write everywhere)' : ''}`, async () => {
    put('mine');
    chmodSync(dir, 0o500);
    const file = settingsFile(path);
    expect((await file.load()).notice).toMatch(/nothing is written over it/);
    await expect(file.save(DEFAULT_SETTINGS)).rejects.toMatchObject({ code: 'io' });
    chmodSync(dir, 0o700);
    expect(readFileSync(path, 'utf8')).toBe('mine');
  });

  it.each([
    ['sampleEveryMs', 100, null],
    ['sampleEveryMs', 19, /at least 20/],
    ['sampleEveryMs', 1.5, /whole number/],
    ['sampleEveryMs', Number.NaN, /number/],
    ['maxRecordingMiB', 5_000, /at most 4096/],
    ['sessionsDir', '/a', null],
    ['sessionsDir', 'C:\\a', null],
    ['sessionsDir', '../a', /absolute/],
    ['theme', 'pink', /one of system, light, dark/],
  ] as const)('%s = %s', (key, value, problem) => {
    if (problem === null) expect(settingProblem(key, value)).toBeNull();
    else expect(settingProblem(key, value)).toMatch(problem);
  });
});

describe('launches.json', () => {
  const launch = { command: 'python3', args: ['a b'], env: { TOKEN: 'secret', GONE: null }, pauseAtStart: true };

  it('keeps values of variables, for its owner only', async () => {
    const file = launchesFile(join(dir, 'launches.json'));
    await file.save({ recent: [{ id: 'l-1', at: 1, times: 2, launch }], presets: [{ id: 'p-1', name: 'mine', launch }] });
    expect((await launchesFile(join(dir, 'launches.json')).load()).value.presets[0]?.launch).toMatchObject(launch);
    expect(statSync(join(dir, 'launches.json')).mode & 0o777).toBe(0o600);
  });

  it('a launch that the contract would refuse makes the file unusable, and it is kept', async () => {
    writeFileSync(join(dir, 'launches.json'), JSON.stringify({ format: 'heaphouse-launches', version: 1, presets: [], recent: [{ id: 'x', at: 1, times: 1, launch: { command: '', args: [] } }] }));
    expect((await launchesFile(join(dir, 'launches.json')).load()).notice).toMatch(/recent\.0\.launch\.command/);
    expect(readdirSync(dir)).toContain('launches.json.bak');
  });
});
