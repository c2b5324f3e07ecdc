import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPartFile, writeError } from '#main/capture/part-file.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';

const noCheck = () => Promise.resolve();
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-part-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('part file', () => {
  it('has its name only when it is complete, and is ours alone', async () => {
    const path = join(dir, 'a');
    const file = await createPartFile(path);
    file.write(Buffer.from('hello '));
    file.write(Buffer.from('world'));
    expect(existsSync(path)).toBe(false);
    expect(statSync(`${path}.part`).mode & 0o777).toBe(0o600);
    await file.finish(noCheck);
    expect(readFileSync(path, 'utf8')).toBe('hello world');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(existsSync(`${path}.part`)).toBe(false);
    await file.discard();
    expect(existsSync(path)).toBe(true);
  });

  it('leaves nothing after discard or a failed check', async () => {
    const path = join(dir, 'a');
    const first = await createPartFile(path);
    first.write(Buffer.alloc(1_000_000));
    await first.discard();
    const second = await createPartFile(path);
    second.write(Buffer.from('half'));
    await expect(second.finish(() => Promise.reject(new HeaphouseError('bad-file', 'no')))).rejects.toMatchObject({ code: 'bad-file' });
    await second.discard();
    expect(existsSync(path) || existsSync(`${path}.part`)).toBe(false);
  });

  it('replaces what a crash left, but no file that is complete', async () => {
    const path = join(dir, 'a');
    writeFileSync(`${path}.part`, 'old');
    await (await createPartFile(path)).discard();
    writeFileSync(path, 'whole');
    await expect(createPartFile(path)).rejects.toMatchObject({ code: 'io' });
    expect(readFileSync(path, 'utf8')).toBe('whole');
  });

  it('does not write through a link that lies in its place', async () => {
    const path = join(dir, 'a');
    writeFileSync(join(dir, 'other'), 'mine');
    symlinkSync(join(dir, 'other'), `${path}.part`);
    const file = await createPartFile(path);
    file.write(Buffer.from('snapshot'));
    await file.finish(noCheck);
    expect(readFileSync(join(dir, 'other'), 'utf8')).toBe('mine');
    expect(readFileSync(path, 'utf8')).toBe('snapshot');
  });

  it('asks the source to wait while the disk is behind', async () => {
    const file = await createPartFile(join(dir, 'a'));
    const heard: boolean[] = [];
    file.onPressure((wait) => heard.push(wait));
    for (let i = 0; i < 20; i++) file.write(Buffer.alloc(1024 * 1024));
    expect(heard).toEqual([true]);
    await file.finish(noCheck);
    expect(heard).toEqual([true, false]);
    expect(file.writtenBytes).toBe(20 * 1024 * 1024);
  });

  it('says which folder is missing', async () => {
    await expect(createPartFile(join(dir, 'no/such/a'))).rejects.toMatchObject({ code: 'io', message: expect.stringContaining('does not exist') as string });
  });

  it('names a full disk and what to do', () => {
    const error = writeError('/x/a', Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' }));
    expect(error).toMatchObject({ code: 'io', message: expect.stringContaining('disk is full') as string });
    expect(error.advice).toContain('/x');
  });
});
