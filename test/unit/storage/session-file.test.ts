import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSessionDir, readSessionFile, removeEmptySession, SESSION_FILE, writeSessionFile, type SessionFile } from '#main/storage/session-file.ts';
import { defaultSessionDir } from '#main/storage/app-folders.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-test-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const session = (change: Partial<SessionFile> = {}): SessionFile => ({
  format: 'heaphouse-session',
  version: 2,
  id: 's-1',
  title: 'leaky.py',
  createdAt: 1_700_000_000_000,
  target: { kind: 'python', pid: 42, title: 'leaky.py', commandLine: 'python leaky.py', cwd: '/tmp', runtime: 'CPython 3.11.7', launched: true, startedAt: null },
  exit: null,
  snapshots: [{ id: 'h-1', number: 1, name: 'Snapshot 1', file: 'snapshot-1.heapsnapshot', bytes: 10, takenAt: 5, nodes: null, state: 'ready', error: null, idEpoch: null, receipt: null }],
  receipts: [{ action: 'attach', at: 1, pauseMs: 2.5, elapsedMs: 3, bytes: null, notes: ['by gdb'] }],
  comparisons: [{ id: 'c-1', name: 'before and after', baseId: 'h-1', comparedId: 'h-1', view: 'tab=growth', createdAt: 7 }],
  notes: 'seen on Monday',
  ignoredRetainers: [],
  ...change,
});

const put = (text: string) => writeFileSync(join(dir, SESSION_FILE), text);

describe('session.json', () => {
  it('comes back as it was written, readable by its owner only', async () => {
    await writeSessionFile(dir, session());
    expect(await readSessionFile(dir)).toEqual(session());
    expect(statSync(join(dir, SESSION_FILE)).mode & 0o777).toBe(0o600);
  });

  it('replaces the old file whole', async () => {
    await writeSessionFile(dir, session());
    await writeSessionFile(dir, session({ title: 'second' }));
    expect((await readSessionFile(dir)).title).toBe('second');
    expect(JSON.parse(readFileSync(join(dir, SESSION_FILE), 'utf8'))).toMatchObject({ title: 'second' });
  });

  it.each([
    ['no file', null, 'not-found', /holds no session/],
    ['an empty file', '', 'bad-file', /not valid JSON/],
    ['half a file', '{"format":"heaphouse-session","ver', 'bad-file', /not valid JSON/],
    ['another format', '{"format":"other"}', 'bad-file', /not a Heaphouse session/],
    ['a list', '[]', 'bad-file', /not a Heaphouse session/],
    ['no version', '{"format":"heaphouse-session"}', 'bad-file', /no valid version/],
    ['a newer version', '{"format":"heaphouse-session","version":99}', 'unsupported', /newer Heaphouse \(format 99\)/],
    ['a missing field', JSON.stringify({ ...session(), title: undefined }), 'bad-file', /damaged at title/],
    [
      'a snapshot outside the folder',
      JSON.stringify(session({ snapshots: [{ ...session().snapshots[0], file: '../../etc/passwd' }] })),
      'bad-file',
      /snapshots\.0\.file/,
    ],
    ['an id that is no id', JSON.stringify(session({ id: '../x' })), 'bad-file', /damaged at id/],
  ])('with %s says so', async (_name, text, code, message) => {
    if (text !== null) put(text);
    await expect(readSessionFile(dir)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('says where it cannot be written', async () => {
    await expect(writeSessionFile(join(dir, 'gone'), session())).rejects.toMatchObject({ code: 'io', message: expect.stringContaining(join(dir, 'gone')) });
  });
});

describe('a session folder', () => {
  it('is not made where a session is already', async () => {
    await writeSessionFile(dir, session());
    await expect(createSessionDir(dir)).rejects.toMatchObject({ code: 'io', message: expect.stringContaining('already holds a session') });
  });

  it('is private', async () => {
    const made = join(dir, 'a', 'b');
    await createSessionDir(made);
    expect(statSync(made).mode & 0o777).toBe(0o700);
  });

  it.runIf(process.platform === 'linux')('says that it cannot be made there, also to root', async () => {
    await expect(createSessionDir('/proc/heaphouse')).rejects.toMatchObject({ code: 'io', message: expect.stringContaining('/proc/heaphouse') });
  });

  it('says that a file is in the way', async () => {
    put('{}');
    await expect(createSessionDir(join(dir, SESSION_FILE, 'x'))).rejects.toMatchObject({ code: 'io' });
  });

  it('is taken back without touching what is not ours', async () => {
    await writeSessionFile(dir, session());
    writeFileSync(join(dir, 'mine.txt'), 'mine');
    await removeEmptySession(dir);
    expect(readFileSync(join(dir, 'mine.txt'), 'utf8')).toBe('mine');
    await expect(readSessionFile(dir)).rejects.toMatchObject({ code: 'not-found' });
  });

  it('is named after time and title, and never twice the same', () => {
    const at = Date.UTC(2026, 10, 23, 14, 15, 3);
    const first = defaultSessionDir('/data', 'Lëaky app.py --x=/etc', at);
    expect(first).toBe('/data/20261123-141503-le-aky-app-py-x-etc');
    expect(defaultSessionDir('/data', 'Lëaky app.py --x=/etc', at)).toBe(`${first}-2`);
    expect(defaultSessionDir('/data', '../../..', at)).toBe('/data/20261123-141503-session');
  });
});
