/** A page that floods, does not read, or is one too many: refused or cut off, and the others do not notice. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import * as v from 'valibot';
import { WebSocket } from 'ws';
import { defineService, method } from '#shared/rpc/define-service.ts';
import { startWebHost, type WebHost } from '#main/web/web-host.ts';
import { createWorkbench, type Workbench } from '#main/workbench/workbench.ts';

const bulk = defineService('bulk', {
  methods: { get: method<string>()(v.object({ bytes: v.number() })), never: method<null>()(v.object({})) },
});

let dir: string;
let host: WebHost;
let workbench: Workbench;
const open: (WebSocket | Socket)[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-test-'));
  mkdirSync(join(dir, 'pages'));
  writeFileSync(join(dir, 'pages', 'index.html'), '<!doctype html>');
  workbench = createWorkbench({ sessionsDir: join(dir, 'sessions'), cwd: dir });
  workbench.server.provide(bulk, { methods: { get: ({ bytes }) => 'x'.repeat(bytes), never: () => new Promise(() => undefined) }, events: {} });
  host = await startWebHost({ workbench, port: 0, rendererDir: join(dir, 'pages') });
});
afterEach(async () => {
  for (const socket of open.splice(0)) {
    if (socket instanceof WebSocket) socket.terminate();
    else socket.destroy();
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
});
afterAll(async () => {
  await host.close();
  await workbench.dispose();
  rmSync(dir, { recursive: true, force: true });
});

function page(): Promise<WebSocket> {
  const token = new URL(host.url).searchParams.get('token') ?? '';
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${host.port}/rpc`, {
      headers: { cookie: `heaphouse-${host.port}=${token}`, origin: `http://127.0.0.1:${host.port}` },
      perMessageDeflate: false,
    });
    open.push(socket);
    socket.once('open', () => {
      socket.removeListener('error', reject);
      socket.on('error', () => undefined);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

interface Answer {
  t: string;
  id: number;
  value?: unknown;
  error?: { code: string };
}

function answers(socket: WebSocket): Answer[] {
  const heard: Answer[] = [];
  socket.on('message', (data: Buffer) => heard.push(JSON.parse(String(data)) as Answer));
  return heard;
}

const call = (socket: WebSocket, id: number, name: string, params: object) => socket.send(JSON.stringify({ t: 'call', id, service: 'bulk', method: name, params }));

async function answersSmallQuestions(socket: WebSocket): Promise<void> {
  const heard = answers(socket);
  call(socket, 900_000, 'get', { bytes: 3 });
  await vi.waitFor(() => expect(heard).toContainEqual({ t: 'result', id: 900_000, value: 'xxx' }), 5_000);
}

it('more open calls than a page can have are refused one by one; the page and the others go on', async () => {
  const [flooding, other] = [await page(), await page()];
  const heard = answers(flooding);
  for (let id = 1; id <= 20_000; id++) call(flooding, id, 'never', {});
  await vi.waitFor(() => expect(heard.filter(({ t }) => t === 'error')).toHaveLength(19_000), { timeout: 20_000, interval: 100 });
  expect(heard.find(({ t }) => t === 'error')?.error?.code).toBe('busy');
  await answersSmallQuestions(other);
});

it('a page that asks and does not read is cut off before its answers fill our memory', async () => {
  const [slow, other] = [await page(), await page()];
  const closed = new Promise((resolve) => slow.once('close', resolve));
  const before = process.memoryUsage().rss;
  slow.pause();
  for (let id = 1; id <= 400; id++) call(slow, id, 'get', { bytes: 1024 * 1024 });
  await answersSmallQuestions(other);
  // Reading again shows the end of the connection: what was sent, not what was asked for.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const heard = answers(slow);
  slow.resume();
  await closed;
  expect(heard.filter(({ t }) => t === 'result').length).toBeLessThan(200);
  expect(process.memoryUsage().rss - before).toBeLessThan(400 * 1024 * 1024);
  await answersSmallQuestions(other);
});

it('a frame that is too large, or in pieces that add up to too much, ends its own connection only', async () => {
  const [large, other] = [await page(), await page()];
  const code = new Promise<number>((resolve) => large.once('close', resolve));
  large.send('x'.repeat(5 * 1024 * 1024));
  expect(await code).toBe(1009);
  await answersSmallQuestions(other);
});

it('the twenty-first page is refused', async () => {
  for (let n = 0; n < 20; n++) await page();
  await expect(page()).rejects.toThrow(/403/);
});

it('connections that never finish their request do not keep others out', async () => {
  for (let n = 0; n < 100; n++) {
    const socket = connect(host.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ');
    open.push(socket);
  }
  await answersSmallQuestions(await page());
});
