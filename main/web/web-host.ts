/**
 * The workbench in a browser: the same pages and the same services over HTTP and one WebSocket, on loopback, behind a
 * random token. For servers without a display, containers, SSH tunnels; the end-to-end tests drive it too.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { WebSocketServer } from 'ws';
import { contentSecurityPolicy } from '#shared/model/csp.ts';
import { HeaphouseError, toWireError } from '#shared/rpc/errors.ts';
import type { Workbench } from '#main/workbench/workbench.ts';
import { isLoopbackHost, isOwnOrigin, readCookie, sameSecret } from './guards.ts';
import { socketChannel } from './socket-channel.ts';
import { findStaticFile, sendFile } from './static-files.ts';
import { createTransfers, type Transfers } from './transfers.ts';

/** A message of the page is a call with small parameters; rows only travel the other way. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
/** A request line with its headers comes at once or not at all. */
const HEADERS_TIMEOUT_MS = 10_000;
/** Far more than the pages and downloads of one person. */
const MAX_CONNECTIONS = 512;
/** Browser tabs that may be connected at once. */
const MAX_PAGES = 20;
const LOOPBACK = '127.0.0.1';

export interface WebHost {
  /** `http://127.0.0.1:PORT/?token=…` */
  url: string;
  port: number;
  transfers: Transfers;
  close(): Promise<void>;
}

export interface WebHostOptions {
  workbench: Workbench;
  /** 0: any free port. */
  port: number;
  rendererDir: string;
  token?: string;
}

export async function startWebHost({ workbench, port, rendererDir, token = randomBytes(24).toString('base64url') }: WebHostOptions): Promise<WebHost> {
  if (!existsSync(join(rendererDir, 'index.html'))) {
    throw new HeaphouseError('missing-part', 'The pages of the workbench have not been built.', { advice: 'Run: npm run build' });
  }
  const transfers = createTransfers();
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false });
  const connections = new Set<Socket>();
  let cookieName = 'heaphouse';

  const hasToken = (request: IncomingMessage) => sameSecret(readCookie(request.headers.cookie, cookieName) ?? '', token);

  function setHeaders(response: ServerResponse): void {
    response.setHeader('Content-Security-Policy', contentSecurityPolicy());
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('X-Frame-Options', 'DENY');
    response.setHeader('Referrer-Policy', 'no-referrer');
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  }

  function refuse(response: ServerResponse, status: number, text: string): void {
    response.statusCode = status;
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    response.setHeader('Cache-Control', 'no-store');
    response.end(`${text}\n`);
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    setHeaders(response);
    if (!isLoopbackHost(request.headers.host)) {
      refuse(response, 403, 'Heaphouse answers only under a loopback name (127.0.0.1, localhost).');
      return;
    }
    const url = new URL(request.url ?? '/', 'http://loopback');
    const given = url.searchParams.get('token');
    if (request.method === 'GET' && url.pathname === '/' && given !== null) {
      if (!sameSecret(given, token)) {
        refuse(response, 401, 'This address is of an earlier start. Use the address that Heaphouse printed.');
        return;
      }
      // The token leaves the address bar and the history as soon as it has become a cookie.
      response.setHeader('Set-Cookie', `${cookieName}=${token}; HttpOnly; SameSite=Strict; Path=/`);
      response.setHeader('Cache-Control', 'no-store');
      response.statusCode = 303;
      response.setHeader('Location', '/');
      response.end();
      return;
    }
    if (!hasToken(request)) {
      refuse(response, 401, 'Heaphouse needs its token. Open the address that it printed when it started.');
      return;
    }
    if (request.method === 'POST' && url.pathname === '/upload') {
      if (!isOwnOrigin(request)) refuse(response, 403, 'Uploads come from the workbench only.');
      else await transfers.receive(request, response, url.searchParams.get('name') ?? 'file');
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      refuse(response, 405, 'Not a method of this address.');
      return;
    }
    const download = /^\/download\/([0-9a-f]{32})$/.exec(url.pathname);
    if (download) {
      await transfers.send(response, download[1]);
      return;
    }
    const file = await findStaticFile(rendererDir, url.pathname);
    if (file) sendFile(response, file);
    else refuse(response, 404, 'There is nothing here.');
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      const { code, message } = toWireError(error);
      if (response.headersSent) response.destroy();
      else refuse(response, code === 'not-found' ? 404 : 500, message);
    });
  });
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.maxConnections = MAX_CONNECTIONS;
  server.on('connection', (socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
  });
  server.on('upgrade', (request, socket, head) => {
    const allowed =
      isLoopbackHost(request.headers.host) &&
      isOwnOrigin(request) &&
      hasToken(request) &&
      new URL(request.url ?? '/', 'http://loopback').pathname === '/rpc' &&
      sockets.clients.size < MAX_PAGES;
    socket.on('error', () => socket.destroy());
    if (!allowed) {
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => workbench.serve(socketChannel(webSocket)));
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') {
        reject(new HeaphouseError('io', `Port ${port} is taken by another program.`, { advice: 'Choose another with --port, or leave it out.' }));
      } else if (error.code === 'EACCES') {
        reject(new HeaphouseError('permission', `Port ${port} needs rights this user does not have.`, { advice: 'Choose a port above 1023.' }));
      } else reject(error);
    });
    server.listen(port, LOOPBACK, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  // Cookies do not know ports: two workbenches on one machine must not overwrite each other's.
  cookieName = `heaphouse-${bound}`;

  return {
    url: `http://${LOOPBACK}:${bound}/?token=${token}`,
    port: bound,
    transfers,
    async close() {
      for (const client of sockets.clients) client.terminate();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of connections) socket.destroy();
      });
      await transfers.dispose();
    },
  };
}
