/** The web host's doors: token, Host, Origin, paths, sizes. A real server, raw requests. */
import { mkdtempSync, mkdirSync, rmSync, symlinkSync, writeFileSync, readFileSync, existsSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { sessionsContract } from '#shared/contracts/sessions.ts';
import { shellContract } from '#shared/contracts/shell.ts';
import { createRpcClient } from '#shared/rpc/client.ts';
import { createWebShell } from '#main/web/shell-service.ts';
import { socketChannel } from '#main/web/socket-channel.ts';
import { startWebHost, type WebHost } from '#main/web/web-host.ts';
import { createWorkbench, type Workbench } from '#main/workbench/workbench.ts';

let dir: string;
let host: WebHost;
let workbench: Workbench;
let cookie: string;

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

function get(path: string, headers: Record<string, string> = {}, method = 'GET', body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port: host.port, path, method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

const origin = () => `http://127.0.0.1:${host.port}`;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'heaphouse-test-'));
  const pages = join(dir, 'pages');
  mkdirSync(join(pages, 'assets'), { recursive: true });
  writeFileSync(join(pages, 'index.html'), '<!doctype html><title>pages</title>');
  writeFileSync(join(pages, 'assets', 'app.js'), 'export {};');
  writeFileSync(join(pages, 'notes.txt'), 'not served');
  writeFileSync(join(dir, 'secret.js'), 'secret');
  symlinkSync(join(dir, 'secret.js'), join(pages, 'link.js'));
  workbench = createWorkbench({ sessionsDir: join(dir, 'sessions'), cwd: dir });
  host = await startWebHost({ workbench, port: 0, rendererDir: pages });
  workbench.server.provide(
    shellContract,
    createWebShell({ workbench, transfers: host.transfers, cwd: dir, sessionsDir: join(dir, 'sessions'), openRequests: [] }),
  );
  const entry = await get(new URL(host.url).pathname + new URL(host.url).search);
  expect(entry.status).toBe(303);
  cookie = String(entry.headers['set-cookie']?.[0]).split(';')[0];
});

afterAll(async () => {
  await host.close();
  await workbench.dispose();
  rmSync(dir, { recursive: true, force: true });
});

describe('the token', () => {
  it('becomes a cookie that scripts and other sites cannot use, and leaves the address', async () => {
    const answer = await get(`/?token=${new URL(host.url).searchParams.get('token')}`);
    expect(answer.headers.location).toBe('/');
    expect(answer.headers['set-cookie']?.[0]).toMatch(/HttpOnly; SameSite=Strict; Path=\/$/);
    expect(answer.headers['referrer-policy']).toBe('no-referrer');
  });

  it('is needed for every page, upload and download', async () => {
    for (const path of ['/', '/assets/app.js', '/download/0123456789abcdef0123456789abcdef']) {
      const answer = await get(path);
      expect(answer.status, path).toBe(401);
      expect(answer.body).toContain('address that it printed');
    }
    expect((await get('/upload?name=x', { origin: origin() }, 'POST', 'data')).status).toBe(401);
    expect((await get('/?token=wrong')).status).toBe(401);
    expect((await get('/', { cookie: `${cookie}x` })).status).toBe(401);
  });

  it('opens the pages, with a strict policy', async () => {
    const answer = await get('/', { cookie });
    expect(answer.status).toBe(200);
    expect(answer.body).toContain('pages');
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
    expect(answer.headers['x-frame-options']).toBe('DENY');
  });
});

describe('the Host header', () => {
  it.each(['evil.example', 'localhost.evil.example', '192.168.1.5:80', '127.0.0.1.nip.io', 'localhost:', '[::ffff:7f00:1]'])('refuses %j', async (name) => {
    expect((await get('/', { cookie, host: name })).status).toBeGreaterThanOrEqual(400);
  });
  it.each(['localhost', 'localhost:9999', '127.0.0.1', '[::1]:80', 'LOCALHOST'])('accepts %j', async (name) => {
    expect((await get('/', { cookie, host: name })).status).toBe(200);
  });
});

describe('paths', () => {
  it.each(['/../secret.js', '/%2e%2e/secret.js', '/assets/../../secret.js', '/link.js', '/notes.txt', '/assets/', '/%00.js', '/..%5csecret.js', '/%zz.js'])(
    'does not serve %s',
    async (path) => {
      const answer = await get(path, { cookie });
      expect(answer.status).toBe(404);
      expect(answer.body).not.toContain('secret');
    },
  );
  it('serves files inside the folder with their type', async () => {
    const answer = await get('/assets/app.js', { cookie });
    expect(answer.headers['content-type']).toContain('text/javascript');
  });
});

describe('the WebSocket', () => {
  const open = (path: string, headers: Record<string, string>) =>
    new Promise<WebSocket>((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${host.port}${path}`, { headers });
      socket.once('open', () => resolve(socket));
      socket.once('error', reject);
    });

  it.each([
    ['without the token', () => ({ origin: origin() })],
    ['with another origin', () => ({ cookie, origin: 'http://evil.example' })],
    ['with the null origin', () => ({ cookie, origin: 'null' })],
    ['without an origin', () => ({ cookie })],
    ['with a foreign host', () => ({ cookie, origin: 'http://evil.example', host: 'evil.example' })],
  ])('is refused %s', async (_name, headers) => {
    await expect(open('/rpc', headers() as Record<string, string>)).rejects.toThrow('403');
  });

  it('is refused elsewhere than /rpc', async () => {
    await expect(open('/other', { cookie, origin: origin() })).rejects.toThrow('403');
  });

  it('carries the services', async () => {
    // The host says hello at once: whoever listens after the socket has opened would miss it.
    const socket = new WebSocket(`ws://127.0.0.1:${host.port}/rpc`, { headers: { cookie, origin: origin() } });
    const client = createRpcClient(socketChannel(socket));
    await client.ready;
    expect(await client.service(sessionsContract).list({})).toEqual([]);
    expect(await client.service(shellContract).info({})).toMatchObject({ host: 'web', nativeDialogs: false });
    client.close();
  });

  it.each([
    ['text that is not JSON', '{"t":'],
    ['binary', Buffer.from([1, 2, 3])],
    ['a frame over the bound', 'x'.repeat(5 * 1024 * 1024)],
  ])('closes on %s and keeps serving others', async (_name, data) => {
    const socket = await open('/rpc', { cookie, origin: origin() });
    socket.on('error', () => undefined);
    const closed = new Promise<number>((resolve) => socket.once('close', resolve));
    socket.send(data);
    expect([1003, 1006, 1009]).toContain(await closed);
    expect((await get('/', { cookie })).status).toBe(200);
  });

  it('survives garbage instead of a handshake', async () => {
    const socket = connect(host.port, '127.0.0.1').resume();
    socket.on('error', () => undefined);
    socket.write('GET /rpc HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x00\xff'.repeat(3));
    await new Promise((resolve) => socket.once('close', resolve));
    expect((await get('/', { cookie })).status).toBe(200);
  });
});

describe('files', () => {
  it('takes an upload from its own page only, under a harmless name', async () => {
    expect((await get('/upload?name=a.heapsnapshot', { cookie, origin: 'http://evil.example' }, 'POST', 'x')).status).toBe(403);
    expect((await get('/upload?name=a.heapsnapshot', { cookie }, 'POST', 'x')).status).toBe(403);
    const answer = await get(`/upload?name=${encodeURIComponent('../../etc/\u202epasswd')}`, { cookie, origin: origin() }, 'POST', 'content');
    const { path } = JSON.parse(answer.body) as { path: string };
    expect(path.startsWith(tmpdir())).toBe(true);
    expect(path).not.toContain('..');
    expect(readFileSync(path, 'utf8')).toBe('content');
    await host.transfers.dispose();
    expect(existsSync(path)).toBe(false);
  });

  it('gives a file once', async () => {
    const file = join(dir, 'report.html');
    writeFileSync(file, 'report');
    const link = host.transfers.offer(file, 'rep"ort\r\n.html');
    const first = await get(link, { cookie });
    expect(first.body).toBe('report');
    expect(first.headers['content-disposition']).toMatch(/^attachment; filename="[^"\r\n]*"; filename\*=UTF-8''/);
    expect((await get(link, { cookie })).status).toBe(404);
  });

  it('offers nothing but exports', async () => {
    const shell = workbench.client.service(shellContract);
    await expect(shell.saveFile({ sourcePath: '/etc/passwd', suggestedName: 'x' })).rejects.toMatchObject({ code: 'permission' });
    await expect(shell.saveFile({ sourcePath: '/no/such', suggestedName: 'x' })).rejects.toMatchObject({ code: 'not-found' });
  });
});

it('says when the port is taken, and when there are no pages', async () => {
  await expect(startWebHost({ workbench, port: host.port, rendererDir: join(dir, 'pages') })).rejects.toMatchObject({ code: 'io' });
  await expect(startWebHost({ workbench, port: 0, rendererDir: dir })).rejects.toMatchObject({ code: 'missing-part' });
});
