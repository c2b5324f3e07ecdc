import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Header } from 'tar';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openRecording } from '#main/storage/recording.ts';
import { exportSession, importSession, isSessionPath } from '#main/storage/session-archive.ts';
import { readSessionFile, SESSION_FILE, writeSessionFile, type SessionFile } from '#main/storage/session-file.ts';

let dir: string;
let session: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-archive-'));
  session = join(dir, 'sessions', '20260101-120000-app');
  mkdirSync(session, { recursive: true });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const context = (signal = new AbortController().signal) => ({ signal, progress: () => undefined });

const file = (change: Partial<SessionFile> = {}): SessionFile => ({
  format: 'heaphouse-session',
  version: 2,
  id: 's-1',
  title: 'app',
  createdAt: 1_767_268_800_000,
  target: null,
  exit: null,
  snapshots: [],
  receipts: [],
  comparisons: [],
  notes: 'what I saw',
  ignoredRetainers: [],
  ...change,
});
const snapshot = (number: number, state: 'ready' | 'failed' = 'ready'): SessionFile['snapshots'][number] => ({
  id: `h-${number}`,
  number,
  name: `Snapshot ${number}`,
  file: `snapshot-${number}.heapsnapshot`,
  bytes: 5,
  takenAt: 1,
  nodes: null,
  state,
  error: null,
  idEpoch: null,
  receipt: null,
});

async function makeSession(): Promise<void> {
  await writeSessionFile(session, file({ snapshots: [snapshot(1), snapshot(2, 'failed')] }));
  writeFileSync(join(session, 'snapshot-1.heapsnapshot'), 'x'.repeat(300_000));
  writeFileSync(join(session, 'snapshot-2.heapsnapshot.part'), 'half');
  writeFileSync(join(session, 'output.log'), 'hello\n');
  writeFileSync(join(session, 'private.txt'), 'not ours');
  mkdirSync(join(session, 'index'));
  writeFileSync(join(session, 'index', 'a.index'), 'cache');
  mkdirSync(join(session, 'exports'));
  writeFileSync(join(session, 'exports', 'report.html'), '<p>');
  symlinkSync('/etc/passwd', join(session, 'exports', 'link.html'));
  mkdirSync(join(session, 'targets', 'child'), { recursive: true });
  await writeSessionFile(join(session, 'targets', 'child'), file({ id: 's-2', title: 'child' }));
}

describe('export and import', () => {
  it('brings back everything that belongs to the session and nothing else', async () => {
    await makeSession();
    const recording = openRecording(session);
    recording.addSample({ at: 1_000, rssBytes: 1, heapUsedBytes: 2, heapTotalBytes: 3, externalBytes: null });
    recording.flush();
    const path = join(dir, 'out.heaphouse');
    const done: number[] = [];
    const result = await exportSession(session, path, { signal: new AbortController().signal, progress: ({ done: bytes, total }) => done.push(bytes / total) });
    recording.close();
    expect(result).toEqual({ path, bytes: statSync(path).size });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(done.at(-1)).toBe(1);
    expect(result.bytes).toBeLessThan(50_000);

    const copy = join(dir, 'sessions', 'copy');
    await importSession(path, copy, context());
    expect(readdirSync(copy).sort()).toEqual(['exports', 'output.log', 'recording.db', 'session.json', 'snapshot-1.heapsnapshot', 'targets']);
    expect(readdirSync(join(copy, 'exports'))).toEqual(['report.html']);
    expect(await readSessionFile(copy)).toEqual(await readSessionFile(session));
    expect((await readSessionFile(join(copy, 'targets', 'child'))).title).toBe('child');
    expect(readFileSync(join(copy, 'snapshot-1.heapsnapshot'), 'utf8')).toBe('x'.repeat(300_000));
    expect(statSync(join(copy, 'session.json')).mode & 0o777).toBe(0o600);
    expect(statSync(copy).mode & 0o777).toBe(0o700);
    // What was in the write-ahead log of the recording that was still open is in the one file.
    const database = new DatabaseSync(join(copy, 'recording.db'), { readOnly: true });
    expect(database.prepare('SELECT count(*) AS n FROM samples').get()).toMatchObject({ n: 1 });
    database.close();
  });

  it('leaves no half archive when it is cancelled, and none where there is no session', async () => {
    await makeSession();
    const controller = new AbortController();
    controller.abort();
    const path = join(dir, 'out.heaphouse');
    await expect(exportSession(session, path, context(controller.signal))).rejects.toMatchObject({ code: 'cancelled' });
    await expect(exportSession(dir, path, context())).rejects.toMatchObject({ code: 'not-found' });
    expect(readdirSync(dir)).toEqual(['sessions']);
  });

  it('does not overwrite, and says where it cannot write', async () => {
    await makeSession();
    await expect(exportSession(session, join(dir, 'gone', 'out.heaphouse'), context())).rejects.toMatchObject({ code: 'io', message: expect.stringContaining('gone') });
  });
});

interface Entry {
  path: string;
  body?: string | Buffer;
  type?: 'File' | 'SymbolicLink' | 'Link' | 'Directory' | 'CharacterDevice';
  linkpath?: string;
  /** What the header says. */
  size?: number;
}

function archive(entries: Entry[], { end = true }: { end?: boolean } = {}): Buffer {
  const parts = entries.flatMap(({ path, body = '', type = 'File', linkpath, size }) => {
    const bytes = Buffer.from(body);
    const header = new Header({ path, type, mode: 0o644, size: size ?? bytes.length, mtime: new Date(0), ...(linkpath === undefined ? {} : { linkpath }) });
    const block = Buffer.alloc(512);
    header.encode(block);
    return [block, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...parts, end ? Buffer.alloc(1024) : Buffer.alloc(0)]);
}

const list = (files: { path: string; bytes: number }[], more: object = {}) => ({ path: 's/heaphouse.json', body: JSON.stringify({ format: 'heaphouse-archive', version: 1, files, ...more }) });
const text = `${JSON.stringify(file())}\n`;
const SESSION = { path: 'session.json', bytes: text.length };
const sessionEntry = { path: 's/session.json', body: text };

describe('archives of strangers', () => {
  const cases: [string, () => Buffer, RegExp, string?][] = [
    ['an empty file', () => Buffer.alloc(0), /empty/],
    ['text', () => Buffer.from('hello, this is no archive at all'), /not compressed|damaged/],
    ['something else that is compressed', () => gzipSync('{"snapshot":{}}'), /holds no tar/],
    ['a tar inside two layers of compression', () => gzipSync(gzipSync(archive([list([SESSION]), sessionEntry]))), /holds no tar/],
    ['no list of contents', () => gzipSync(archive([sessionEntry])), /list of contents/],
    ['a newer format', () => gzipSync(archive([list([SESSION], { version: 99 }), sessionEntry])), /newer Heaphouse/, 'unsupported'],
    ['a broken list', () => gzipSync(archive([{ path: 's/heaphouse.json', body: '{"format":' }, sessionEntry])), /not valid JSON/],
    ['a path out of the folder in the list', () => gzipSync(archive([list([SESSION, { path: '../../evil.sh', bytes: 1 }]), sessionEntry])), /no name inside a session/],
    ['an absolute path in the list', () => gzipSync(archive([list([SESSION, { path: '/etc/cron.d/evil', bytes: 1 }]), sessionEntry])), /no name inside a session/],
    ['a path out of the folder in the tar', () => gzipSync(archive([list([SESSION]), { path: '../session.json', body: text }])), /not inside one folder/],
    ['a path with dots inside', () => gzipSync(archive([list([SESSION]), { path: 's/../../evil', body: 'x' }])), /not in its list/],
    ['another top folder', () => gzipSync(archive([list([SESSION]), { path: 't/session.json', body: text }])), /not inside one folder/],
    ['a symbolic link', () => gzipSync(archive([list([SESSION, { path: 'output.log', bytes: 0 }]), { path: 's/output.log', type: 'SymbolicLink', linkpath: '/etc/passwd' }, sessionEntry])), /SymbolicLink/],
    ['a hard link', () => gzipSync(archive([list([SESSION, { path: 'output.log', bytes: 0 }]), { path: 's/output.log', type: 'Link', linkpath: '/etc/passwd' }, sessionEntry])), /Link/],
    ['a device', () => gzipSync(archive([list([SESSION, { path: 'output.log', bytes: 0 }]), { path: 's/output.log', type: 'CharacterDevice' }, sessionEntry])), /CharacterDevice/],
    ['a file that is not listed', () => gzipSync(archive([list([SESSION]), sessionEntry, { path: 's/output.log', body: 'x' }])), /not in its list/],
    ['a file twice', () => gzipSync(archive([list([SESSION]), sessionEntry, sessionEntry])), /twice/],
    ['a size that is not the listed one', () => gzipSync(archive([list([{ ...SESSION, bytes: 3 }]), sessionEntry])), /bytes instead of 3/],
    ['a file that is missing', () => gzipSync(archive([list([SESSION, { path: 'output.log', bytes: 4 }]), sessionEntry])), /missing/],
    ['no session', () => gzipSync(archive([list([{ path: 'output.log', bytes: 1 }]), { path: 's/output.log', body: 'x' }])), /no session\.json/],
    ['a session file that is damaged', () => gzipSync(archive([list([{ path: 'session.json', bytes: 2 }]), { path: 's/session.json', body: '{}' }])), /not a Heaphouse session/],
    ['an end in the middle of the tar', () => gzipSync(archive([list([SESSION]), { path: 's/session.json', body: text.slice(0, 100), size: text.length }], { end: false }).subarray(0, -400)), /cut off|missing|TAR|Truncated/i],
    ['an end in the middle of the compression', () => gzipSync(archive([list([SESSION]), sessionEntry])).subarray(0, -40), /cut off/],
    ['a promise of more than any session', () => gzipSync(archive([list([SESSION, { path: 'output.log', bytes: 2 ** 40 }]), sessionEntry])), /which no session does/],
    ['a bomb behind an honest list', () => gzipSync(Buffer.concat([archive([list([SESSION]), sessionEntry], { end: false }), archive([{ path: 's/output.log', body: Buffer.alloc(40 * 1024 * 1024) }])])), /not in its list|longer than its list/],
  ];

  it.each(cases)('%s: refused with a clear reason, and nothing is left', async (_name, make, message, code = 'bad-file') => {
    const path = join(dir, 'in.heaphouse');
    writeFileSync(path, make());
    const target = join(dir, 'sessions', 'new');
    await expect(importSession(path, target, context())).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(readdirSync(join(dir, 'sessions')).filter((name) => name.startsWith('new'))).toEqual([]);
    expect(existsSync(join(dir, 'evil'))).toBe(false);
    expect(existsSync(join(dir, SESSION_FILE))).toBe(false);
  });

  it('an honest small one passes the same way', async () => {
    writeFileSync(join(dir, 'in.heaphouse'), gzipSync(archive([list([SESSION]), sessionEntry])));
    await importSession(join(dir, 'in.heaphouse'), join(dir, 'sessions', 'new'), context());
    expect(readdirSync(join(dir, 'sessions', 'new'))).toEqual(['session.json']);
  });

  it('a file that does not exist', async () => {
    await expect(importSession(join(dir, 'none.heaphouse'), join(dir, 'new'), context())).rejects.toMatchObject({ code: 'not-found' });
  });

  it('cancelled', async () => {
    writeFileSync(join(dir, 'in.heaphouse'), gzipSync(archive([list([SESSION]), sessionEntry])));
    const controller = new AbortController();
    controller.abort();
    await expect(importSession(join(dir, 'in.heaphouse'), join(dir, 'sessions', 'new'), context(controller.signal))).rejects.toMatchObject({ code: 'cancelled' });
    expect(readdirSync(join(dir, 'sessions'))).toEqual(['20260101-120000-app']);
  });
});

describe('names in a session', () => {
  it.each([
    ['session.json', true],
    ['snapshot-12.heapsnapshot', true],
    ['exports/a report (2).html', true],
    ['targets/20260101-worker/recording.db', true],
    ['targets/worker/exports/x.csv', true],
    ['targets/worker', false],
    ['targets/a/targets/b/session.json', false],
    ['index/a', false],
    ['a/b', false],
    ['../x', false],
    ['/x', false],
    ['.hidden', false],
    ['exports/..', false],
    ['exports/\\..\\x', false],
    ['con', false],
    ['NUL.txt', false],
    ['name.', false],
    ['a\u0000b', false],
    ['', false],
  ])('%s: %s', (path, expected) => {
    expect(isSessionPath(path)).toBe(expected);
  });
});
