/** A WebSocket server that answers as a test wants: politely, wrongly, never. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';

export interface Asked {
  id: number;
  method: string;
  params: Record<string, unknown>;
  sessionId?: string;
}

export interface FakeTarget {
  url: string;
  asked: Asked[];
  socket(): WebSocket;
  close(): Promise<void>;
}

export type Answer = (asked: Asked, socket: WebSocket) => void;

/** Answers every call with an empty result unless `answer` does something else. */
export async function startFakeTarget(answer: Answer = reply({})): Promise<FakeTarget> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const asked: Asked[] = [];
  let last: WebSocket | null = null;
  server.on('connection', (socket) => {
    last = socket;
    socket.on('error', () => undefined);
    socket.on('message', (data) => {
      const call = JSON.parse(String(data)) as Asked;
      asked.push(call);
      answer(call, socket);
    });
  });
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/secret-path`,
    asked,
    socket() {
      if (!last) throw new Error('nobody has connected');
      return last;
    },
    close() {
      for (const client of server.clients) client.terminate();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

export function reply(result: unknown): Answer {
  return ({ id }, socket) => socket.send(JSON.stringify({ id, result }));
}

export function event(socket: WebSocket, method: string, params: unknown, sessionId?: string): void {
  socket.send(JSON.stringify({ method, params, sessionId }));
}
