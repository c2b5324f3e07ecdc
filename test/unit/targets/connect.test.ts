import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server as TcpServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { isLoopback, resolveEndpoint } from '#main/targets/connect.ts';
import { describeBrowser } from '#main/targets/devtools-http.ts';
import { pickTarget } from '#main/targets/devtools-target.ts';

const servers: (Server | TcpServer)[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    if ('closeAllConnections' in server) server.closeAllConnections();
    server.close();
  }
});

async function listen(server: Server | TcpServer): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
function http(handler: (request: IncomingMessage, response: ServerResponse) => void) {
  return listen(createServer(handler));
}

describe('resolveEndpoint refuses', () => {
  it.each([
    ['http://', 'invalid-argument'], ['ftp://localhost:1', 'invalid-argument'], ['wss://127.0.0.1:1/x', 'unsupported'], ['https://127.0.0.1', 'unsupported'],
    ['http://user:pw@127.0.0.1:1', 'invalid-argument'], ['http://127.0.0.1:99999', 'invalid-argument'], ['http://example.org:9229', 'permission'],
    ['http://127.0.0.1.example.org:1', 'permission'], ['ws://10.0.0.1:9229/x', 'permission'],
  ])('%s as %s', async (url, code) => {
    await expect(resolveEndpoint(url)).rejects.toMatchObject({ name: 'HeaphouseError', code, advice: expect.any(String) });
  });

  it('a port where nobody listens', async () => {
    const server = createTcpServer();
    const port = await listen(server);
    servers.splice(0);
    await new Promise((resolve) => server.close(resolve));
    await expect(resolveEndpoint(`http://127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'not-found', message: `Nothing listens on 127.0.0.1:${port}.` });
  });

  it.each<[string, (request: IncomingMessage, response: ServerResponse) => void]>([
    ['a 404', (_request, response) => response.writeHead(404).end('no')],
    ['HTML', (_request, response) => response.end('<html>')],
    ['JSON of another kind', (_request, response) => response.end('{"hello":1}')],
    ['a redirect', (_request, response) => response.writeHead(302, { location: 'http://example.org/' }).end()],
    ['an endless answer', (_request, response) => {
      const more = () => { while (response.write('x'.repeat(65_536))); };
      response.on('drain', more);
      more();
    }],
  ])('a server that answers %s', async (_name, handler) => {
    const port = await http(handler);
    await expect(resolveEndpoint(`http://127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'unsupported' });
  });

  it('bytes that are not HTTP, such as TLS', async () => {
    const port = await listen(createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(Buffer.from([0x15, 3, 1, 0, 2, 2, 70]));
    }));
    await expect(resolveEndpoint(`http://127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'unsupported' });
  });

  it('a server that never answers, and stops at once when cancelled', async () => {
    const port = await listen(createTcpServer(() => undefined));
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    const begun = Date.now();
    await expect(resolveEndpoint(`http://127.0.0.1:${port}`, { signal: controller.signal })).rejects.toMatchObject({ code: 'cancelled' });
    expect(Date.now() - begun).toBeLessThan(1_000);
  });

  it('an endpoint without targets', async () => {
    const port = await http((request, response) => response.end(request.url === '/json/version' ? '{"Browser":"Chrome/1"}' : '[]'));
    await expect(resolveEndpoint(`http://127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'busy' });
  });

  it('a path that is not there any more', async () => {
    const port = await http((request, response) => response.end(request.url === '/json/version' ? '{"Browser":"node.js/v20.0.0"}' : '[]'));
    servers.at(-1)?.on('upgrade', (_request: unknown, socket: { end(text: string): void }) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await expect(resolveEndpoint(`ws://127.0.0.1:${port}/gone`)).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('resolveEndpoint finds', () => {
  it('our agent by its list, and keeps the host of the address', async () => {
    const port = await http((request, response) => {
      response.end(request.url === '/json/version' ? '{"Browser":"CPython/3.11.7","Protocol-Version":"1.3"}' : '[{"id":"a","type":"python","title":"app.py","url":"","webSocketDebuggerUrl":"ws://10.1.2.3:1/secret"}]');
    });
    const endpoint = await resolveEndpoint(`localhost:${port}`);
    expect(endpoint).toMatchObject({ kind: 'python', runtime: 'CPython 3.11.7', capture: { webSocketUrl: `ws://localhost:${port}/secret`, closeInspectorOnDetach: false } });
  });

  it('a socket that is not listed, by asking it', async () => {
    const port = await http((_request, response) => response.writeHead(404).end());
    const sockets = new WebSocketServer({ server: servers.at(-1) as Server });
    sockets.on('connection', (socket) => socket.on('message', (data) => {
      const { id } = JSON.parse(String(data)) as { id: number };
      socket.send(JSON.stringify({ method: 'Some.event', params: {} }));
      socket.send(JSON.stringify({ id, result: { product: 'Chrome/146.0' } }));
    }));
    await expect(resolveEndpoint(`ws://127.0.0.1:${port}/devtools/browser/x`)).resolves.toMatchObject({ kind: 'chromium', runtime: 'Chromium 146.0' });
    sockets.close();
  });
});

it('isLoopback does not resolve names', () => {
  for (const host of ['localhost', '127.0.0.1', '127.9.9.9', '::1']) expect(isLoopback(host)).toBe(true);
  for (const host of ['localhost.example.org', '128.0.0.1', '127.0.0.1.example.org', '::2', '0.0.0.0']) expect(isLoopback(host)).toBe(false);
});

it('describeBrowser', () => {
  expect(describeBrowser('node.js/v20.20.2')).toEqual({ kind: 'node', runtime: 'Node.js v20.20.2' });
  expect(describeBrowser('HeadlessChrome/146.0.1')).toEqual({ kind: 'chromium', runtime: 'Chromium 146.0.1' });
  expect(describeBrowser('')).toEqual({ kind: 'v8', runtime: 'DevTools endpoint' });
  expect(describeBrowser('Deno/1')).toMatchObject({ kind: 'v8', runtime: 'Deno/1' });
});

it('pickTarget prefers a real page, and never one without an address', () => {
  const target = (type: string, url: string, webSocketUrl: string | null = 'ws://x') => ({ id: url, type, title: '', url, webSocketUrl });
  expect(pickTarget([target('service_worker', 'sw'), target('page', 'devtools://x'), target('page', 'https://a')])?.url).toBe('https://a');
  expect(pickTarget([target('page', 'https://a', null), target('page', 'chrome://newtab/')])?.url).toBe('chrome://newtab/');
  expect(pickTarget([target('page', 'https://a', null)])).toBeNull();
});
