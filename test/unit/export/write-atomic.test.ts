import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeFileAtomic } from '#main/export/write-atomic.ts';
import { suggestedExportName } from '#main/export/write-comparison.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-atomic-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('writeFileAtomic', () => {
  it('makes folders, writes all, for the owner only', async () => {
    const path = join(dir, 'a', 'b', 'x.json');
    expect(await writeFileAtomic(path, ['ä', 'b'.repeat(3_000_000)])).toBe(3_000_002);
    expect(readFileSync(path, 'utf8').startsWith('äbbb')).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(dir, 'a', 'b'))).toEqual(['x.json']);
  });

  it('leaves the old file and nothing else when it fails or is cancelled', async () => {
    const path = join(dir, 'x.json');
    writeFileSync(path, 'old');
    function* breaks() {
      yield 'new';
      throw new Error('no more');
    }
    await expect(writeFileAtomic(path, breaks())).rejects.toThrow('no more');
    const controller = new AbortController();
    function* cancels() {
      yield 'new';
      controller.abort();
      yield 'newer';
    }
    await expect(writeFileAtomic(path, cancels(), controller.signal)).rejects.toThrow(/abort/i);
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(dir)).toEqual(['x.json']);
  });

  it('says what is wrong with a place', async () => {
    writeFileSync(join(dir, 'file'), '');
    await expect(writeFileAtomic(join(dir, 'file', 'x'), ['a'])).rejects.toMatchObject({ code: 'io' });
    await expect(writeFileAtomic(dir, ['a'])).rejects.toMatchObject({ code: 'io', message: expect.stringContaining(dir) as string });
    expect(readdirSync(dir)).toEqual(['file']);
  });

  it.skipIf(!existsSync('/dev/full'))('reports a full disk (needs /dev/full)', async () => {
    await expect(writeFileAtomic('/dev/full', ['a'])).rejects.toMatchObject({ code: 'io', message: expect.stringContaining('the disk is full') as string });
  });
});

it.each([
  ['snapshot-1.heapsnapshot', 'snapshot-2.heapsnapshot', 'comparison snapshot-1 to snapshot-2.html'],
  ['../../etc/passwd', 'C:\\x\u0000y', 'comparison etc-passwd to C-x-y.html'],
  ['...', '漢字', 'comparison snapshot to 漢字.html'],
])('names the export of %s and %s', (base, compared, name) => expect(suggestedExportName(base, compared, 'html')).toBe(name));
