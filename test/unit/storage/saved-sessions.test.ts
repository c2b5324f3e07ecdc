import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deleteSession, listSessions, recoverSnapshots, renameSession } from '#main/storage/saved-sessions.ts';
import { readSessionFile, writeSessionFile, type SessionFile } from '#main/storage/session-file.ts';

let root: string;
let dir: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'heaphouse-saved-'));
  dir = join(root, 'one');
  mkdirSync(dir);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

type Snapshot = SessionFile['snapshots'][number];
const snapshot = (number: number, state: Snapshot['state']): Snapshot => ({ id: `h-${number}`, number, name: `Snapshot ${number}`, file: `snapshot-${number}.heapsnapshot`, bytes: 4, takenAt: 9, nodes: null, state, error: null, idEpoch: null, receipt: null });
const file = (snapshots: Snapshot[] = [], title = 'one'): SessionFile => ({ format: 'heaphouse-session', version: 2, id: 's-1', title, createdAt: 5, target: null, exit: null, snapshots, receipts: [], comparisons: [], notes: '', ignoredRetainers: [] });
const put = (name: string, text = 'x') => writeFileSync(join(dir, name), text);

describe('snapshots after a crash', () => {
  it('are complete, incomplete or gone, whatever the list says', async () => {
    put('snapshot-1.heapsnapshot', 'four');
    put('snapshot-2.heapsnapshot', 'renamed just before');
    put('snapshot-3.heapsnapshot.part', 'half');
    put('snapshot-6.heapsnapshot', 'not in the list');
    put('snapshot-7.heapsnapshot.part', 'nor this');
    put('snapshot-x.heapsnapshot');
    const found = await recoverSnapshots(dir, file([snapshot(1, 'ready'), snapshot(2, 'writing'), snapshot(3, 'writing'), snapshot(4, 'ready'), snapshot(5, 'writing')]));
    expect(found.map(({ number, state, bytes }) => [number, state, bytes])).toEqual([
      [1, 'ready', 4],
      [2, 'ready', 19],
      [3, 'failed', 4],
      [4, 'failed', 4],
      [5, 'failed', 0],
      [6, 'ready', 15],
      [7, 'failed', 8],
    ]);
    expect(found[2]?.error).toMatchObject({ code: 'bad-file', message: expect.stringMatching(/incomplete.*4 bytes/) });
    expect(found[3]?.error).toMatchObject({ code: 'not-found', message: expect.stringContaining('gone') });
    expect(found[4]?.error?.message).toMatch(/incomplete/);
  });

  it('one that failed and left a rest says both', async () => {
    put('snapshot-1.heapsnapshot.part', 'half');
    const [found] = await recoverSnapshots(dir, file([{ ...snapshot(1, 'failed'), error: { code: 'host-crashed', message: 'The process ended.' } }]));
    expect(found).toMatchObject({ state: 'failed', bytes: 4, error: { code: 'host-crashed', message: 'The process ended. The file of this snapshot is incomplete (4 bytes).' } });
  });
});

describe('sessions on disk', () => {
  it('version 1 is read as version 2', async () => {
    const { comparisons: _c, notes: _n, ...old } = file();
    put('session.json', JSON.stringify({ ...old, version: 1, snapshots: [{ ...snapshot(1, 'ready'), state: undefined, error: undefined }] }));
    expect(await readSessionFile(dir)).toEqual(file([snapshot(1, 'ready')]));
  });

  it('are listed newest first with what they take, and what cannot be read is passed over', async () => {
    await writeSessionFile(dir, file());
    put('snapshot-1.heapsnapshot', 'x'.repeat(1_000));
    put('mine.bin', 'x'.repeat(50_000));
    mkdirSync(join(root, 'two'));
    await writeSessionFile(join(root, 'two'), { ...file([], 'two'), createdAt: 50 });
    mkdirSync(join(root, 'broken'));
    writeFileSync(join(root, 'broken', 'session.json'), '{');
    const found = await listSessions(root);
    expect(found.map(({ file: { title } }) => title)).toEqual(['two', 'one']);
    expect(found[1]?.bytes).toBeGreaterThan(1_000);
    expect(found[1]?.bytes).toBeLessThan(3_000);
    expect(await listSessions(join(root, 'none'))).toEqual([]);
  });

  it('are renamed', async () => {
    await writeSessionFile(dir, file());
    await renameSession(dir, 'another');
    expect((await readSessionFile(dir)).title).toBe('another');
  });

  it('are deleted with their further targets, and other files stay', async () => {
    await writeSessionFile(dir, file([snapshot(1, 'ready')]));
    for (const name of ['snapshot-1.heapsnapshot', 'snapshot-2.heapsnapshot.part', 'recording.db', 'output.log', 'comparison.html']) put(name);
    mkdirSync(join(dir, 'index'));
    writeFileSync(join(dir, 'index', 'a'), 'x');
    mkdirSync(join(dir, 'targets', 'child'), { recursive: true });
    await writeSessionFile(join(dir, 'targets', 'child'), file([], 'child'));
    put('mine.txt');
    expect(await deleteSession(dir)).toEqual({ kept: ['mine.txt'] });
    expect(readdirSync(dir)).toEqual(['mine.txt']);
    await expect(deleteSession(dir)).rejects.toMatchObject({ code: 'not-found' });
  });

  it('go with their folder when nothing else is in it', async () => {
    await writeSessionFile(dir, file());
    expect(await deleteSession(dir)).toEqual({ kept: [] });
    expect(existsSync(dir)).toBe(false);
  });

  it('one that is being recorded is not deleted', async () => {
    await writeSessionFile(dir, file());
    put('recording.db-wal');
    await expect(deleteSession(dir)).rejects.toMatchObject({ code: 'busy' });
    expect(existsSync(join(dir, 'session.json'))).toBe(true);
  });
});
