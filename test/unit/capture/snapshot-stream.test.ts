import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { openTarget } from '#main/cdp/open-target.ts';
import { streamSnapshot } from '#main/capture/snapshot-stream.ts';
import type { Progress } from '#shared/rpc/define-service.ts';
import { event, reply, startFakeTarget, type Answer } from '../cdp/fake-target.ts';

const HEAD = '{"snapshot":{"meta":{},"node_count":3,"edge_count":2},"nodes":[],"edges":[],"strings":["';
const TAIL = '"]}';

let dir: string;
const cleanups: (() => unknown)[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-stream-'));
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  rmSync(dir, { recursive: true, force: true });
});

type Dump = (socket: WebSocket, chunk: (text: unknown) => void, done: () => void) => void;

async function stream(dump: Dump, signal = new AbortController().signal) {
  const answer: Answer = (asked, socket) => {
    if (asked.method !== 'HeapProfiler.takeHeapSnapshot') return reply({})(asked, socket);
    dump(socket, (chunk) => event(socket, 'HeapProfiler.addHeapSnapshotChunk', { chunk }), () => reply({})(asked, socket));
  };
  const fake = await startFakeTarget(answer);
  cleanups.push(fake.close);
  const target = await openTarget(fake.url);
  cleanups.push(() => target.close());
  const path = join(dir, 'a.heapsnapshot');
  const seen: Progress[] = [];
  let idle: Promise<void> = Promise.resolve();
  const run = streamSnapshot(target, path, { signal, progress: (value) => seen.push(value), busyUntil: (busy) => (idle = busy) });
  return { run, path, seen, target, fake, idle: () => idle };
}

describe('a streamed snapshot', () => {
  it('is written as it comes', async () => {
    const { run, path, seen } = await stream((socket, chunk, done) => {
      event(socket, 'HeapProfiler.reportHeapSnapshotProgress', { done: 3, total: 3, finished: true });
      chunk(HEAD);
      // The halves of one character in two chunks.
      chunk('\ud83d');
      chunk(`\ude00${TAIL}`);
      done();
    });
    await expect(run).resolves.toMatchObject({ nodes: 3, edges: 2 });
    expect((JSON.parse(readFileSync(path, 'utf8')) as { strings: string[] }).strings).toEqual(['😀']);
    expect(seen[0]).toEqual({ phase: 'Building the snapshot', done: 3, total: 3, unit: 'objects' });
    expect(seen.at(-1)).toMatchObject({ unit: 'bytes', done: readFileSync(path).byteLength });
  });

  it.each<[string, Dump, string]>([
    ['is cut off', (_s, chunk, done) => [chunk(HEAD), done()], 'bad-file'],
    ['has no chunk at all', (_s, _chunk, done) => done(), 'bad-file'],
    ['has chunks that are no text', (_s, chunk, done) => [chunk({ a: 1 }), done()], 'bad-file'],
    ['is something else', (_s, chunk, done) => [chunk('<html></html>'), done()], 'bad-file'],
    ['ends with the target', (socket, chunk) => [chunk(HEAD), setTimeout(() => socket.terminate(), 20)], 'target-gone'],
  ])('that %s leaves nothing', async (_what, dump, code) => {
    const { run } = await stream(dump);
    await expect(run).rejects.toMatchObject({ code });
    expect(readdirSync(dir)).toEqual([]);
  });

  it('that is cancelled leaves nothing, keeps the connection and ignores the rest', async () => {
    const controller = new AbortController();
    let goOn: () => void = () => undefined;
    const { run, path, target, idle } = await stream((_socket, chunk, done) => {
      chunk(HEAD);
      goOn = () => {
        for (let i = 0; i < 50; i++) chunk('x'.repeat(100_000));
        done();
      };
    }, controller.signal);
    setTimeout(() => controller.abort(), 50);
    await expect(run).rejects.toMatchObject({ code: 'cancelled' });
    expect(readdirSync(dir)).toEqual([]);
    let isIdle = false;
    void idle().then(() => (isIdle = true));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(isIdle).toBe(false);
    goOn();
    await idle();
    await expect(target.session.send('Runtime.getHeapUsage')).resolves.toEqual({});
    expect(existsSync(path)).toBe(false);
  });

  it('of giant chunks passes through a bounded buffer', async () => {
    const { run, path } = await stream((_socket, chunk, done) => {
      chunk(HEAD);
      for (let i = 0; i < 6; i++) chunk('y'.repeat(20_000_000));
      chunk(TAIL);
      done();
    });
    await expect(run).resolves.toMatchObject({ bytes: HEAD.length + TAIL.length + 120_000_000 });
    expect(existsSync(path)).toBe(true);
  });
});
