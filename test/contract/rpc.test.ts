/** The RPC behaves the same over every transport that Node can offer here: in process, WebSocket, child process. */
import { createServer } from 'node:http';
import { fork } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createChannelCore, createChannelPair, type Channel } from '#shared/rpc/channel.ts';
import { createRpcClient, type RpcClient } from '#shared/rpc/client.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { createRpcServer } from '#shared/rpc/server.ts';
import { socketChannel } from '#main/web/socket-channel.ts';
import { provideTestService, testContract } from './test-service.ts';

interface Transport {
  connect(): Promise<Channel>;
  close(): Promise<void>;
}

function inProcess(): Promise<Transport> {
  const server = createRpcServer();
  provideTestService(server);
  return Promise.resolve({
    connect: () => {
      const [near, far] = createChannelPair();
      server.serve(far);
      return Promise.resolve(near);
    },
    close: () => Promise.resolve(),
  });
}

async function overWebSocket(): Promise<Transport> {
  const server = createRpcServer();
  provideTestService(server);
  const http = createServer();
  const sockets = new WebSocketServer({ server: http });
  sockets.on('connection', (socket) => server.serve(socketChannel(socket)));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  return {
    connect: async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}`);
      const channel = socketChannel(socket);
      await new Promise((resolve) => socket.once('open', resolve));
      return channel;
    },
    close: async () => {
      for (const client of sockets.clients) client.terminate();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

function overChildProcess(): Promise<Transport> {
  const children: ReturnType<typeof fork>[] = [];
  return Promise.resolve({
    connect: () => {
      const child = fork(new URL('./test-host.ts', import.meta.url), [], { serialization: 'advanced', execArgv: ['--disable-warning=ExperimentalWarning'] });
      children.push(child);
      const core = createChannelCore(
        (message) => child.connected && child.send(message as object),
        () => child.disconnect(),
      );
      child.on('message', (message) => core.receive(message));
      child.on('disconnect', () => core.closed('gone'));
      return Promise.resolve(core.channel);
    },
    close: () => {
      for (const child of children) child.kill();
      return Promise.resolve();
    },
  });
}

describe.each([
  ['in process', inProcess],
  ['over a WebSocket', overWebSocket],
  ['over a child process', overChildProcess],
])('RPC %s', (_name, open) => {
  let transport: Transport;
  let client: RpcClient;
  const test = () => client.service(testContract);

  beforeAll(async () => {
    transport = await open();
    client = createRpcClient(await transport.connect());
    await client.ready;
  });
  afterAll(async () => {
    client.close();
    await transport.close();
  });

  it('calls and returns', async () => {
    expect(await test().add({ a: 2, b: 3 })).toBe(5);
  });

  it('validates parameters and names the place', async () => {
    const call = test().add({ a: 2, b: 'three' as unknown as number });
    await expect(call).rejects.toMatchObject({ code: 'invalid-argument', message: expect.stringContaining('test.add: b') });
  });

  it('carries errors with code, advice and detail, and hides nothing behind "internal"', async () => {
    await expect(test().fail({ code: 'permission' })).rejects.toMatchObject({ code: 'permission', message: 'No.', advice: 'Ask.', detail: 'why' });
    await expect(test().throwPlain({})).rejects.toMatchObject({ code: 'internal', message: 'plain' });
  });

  it('reports progress in order', async () => {
    const seen: number[] = [];
    await test().countTo({ n: 5 }, { onProgress: (done) => seen.push(done) });
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  it('cancels a running call', async () => {
    const controller = new AbortController();
    const started = Date.now();
    const call = test().wait({ ms: 60_000 }, { signal: controller.signal });
    setTimeout(() => controller.abort(), 30);
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    expect(Date.now() - started).toBeLessThan(10_000);
  });

  it('does not even send a call that is cancelled already', async () => {
    await expect(test().wait({ ms: 1 }, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('answers unknown services, methods and inherited names with not-found', async () => {
    await expect(client.call({ service: 'nobody', method: 'x', params: {} })).rejects.toMatchObject({ code: 'not-found' });
    await expect(client.call({ service: 'test', method: 'nothing', params: {} })).rejects.toMatchObject({ code: 'not-found' });
    await expect(client.call({ service: 'test', method: 'constructor', params: {} })).rejects.toMatchObject({ code: 'not-found' });
    await expect(client.call({ service: 'test', method: '__proto__', params: {} })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('delivers events until the subscription is disposed of', async () => {
    const seen: number[] = [];
    await new Promise<void>((resolve) => {
      const dispose = test().on('tick', { everyMs: 5 }, (value) => {
        seen.push(value);
        if (seen.length === 3) {
          dispose();
          resolve();
        }
      });
    });
    const count = seen.length;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(seen.length).toBe(count);
    expect(seen).toEqual([1, 2, 3]);
    expect(await test().openSubscriptions({})).toBe(0);
  });

  it('tells a subscriber that its parameters are wrong', async () => {
    const error = await new Promise((resolve) => test().on('tick', { everyMs: -1 }, () => undefined, resolve));
    expect(error).toMatchObject({ code: 'invalid-argument' });
  });

  it('keeps values that JSON and structured clone both know', async () => {
    const value = { text: 'ümläut \u0000 \u202e 💥', numbers: [0, -1.5, 1e300], nested: { empty: {}, nothing: null } };
    expect(await test().echo({ value })).toEqual(value);
  });
});

describe('a closed channel', () => {
  it('rejects what is open and what comes later, with the code it was given', async () => {
    const server = createRpcServer();
    provideTestService(server);
    const [near, far] = createChannelPair();
    server.serve(far);
    const client = createRpcClient(near, { closedCode: 'host-crashed', closedMessage: 'The host ended' });
    const open = client.service(testContract).wait({ ms: 60_000 });
    far.close('killed');
    await expect(open).rejects.toMatchObject({ code: 'host-crashed' });
    await expect(client.service(testContract).add({ a: 1, b: 1 })).rejects.toBeInstanceOf(HeaphouseError);
  });

  it('aborts the calls of a caller that goes away', async () => {
    const server = createRpcServer();
    const aborted = provideTestService(server);
    const [near, far] = createChannelPair();
    server.serve(far);
    const client = createRpcClient(near);
    client.service(testContract).wait({ ms: 60_000 }).catch(() => undefined);
    await client.service(testContract).add({ a: 1, b: 1 });
    near.close();
    await expect.poll(() => aborted.count).toBe(1);
  });
});

describe('forwarding', () => {
  it('hands calls, progress, cancel and events through to another process', async () => {
    const back = createRpcServer();
    provideTestService(back);
    const [toBack, backEnd] = createChannelPair();
    back.serve(backEnd);
    const backClient = createRpcClient(toBack);

    const front = createRpcServer();
    front.forward('test', (scope) => {
      if (scope !== 's1') throw new HeaphouseError('not-found', 'No such session.');
      return backClient;
    });
    const [near, far] = createChannelPair();
    front.serve(far);
    const client = createRpcClient(near);
    const test = client.service(testContract, 's1');

    expect(await test.add({ a: 20, b: 22 })).toBe(42);
    const seen: number[] = [];
    await test.countTo({ n: 3 }, { onProgress: (n) => seen.push(n) });
    expect(seen).toEqual([1, 2, 3]);
    const controller = new AbortController();
    const call = test.wait({ ms: 60_000 }, { signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    await new Promise<void>((resolve) => {
      const dispose = test.on('tick', { everyMs: 2 }, () => {
        dispose();
        resolve();
      });
    });
    await expect(client.service(testContract, 'other').add({ a: 1, b: 1 })).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('hostile frames', () => {
  it.each([
    ['not an object', 42],
    ['no type', { id: 900 }],
    ['an unknown type', { t: 'run', id: 900 }],
    ['a negative id', { t: 'call', id: -1, service: 'test', method: 'add', params: {} }],
    ['a method that is no text', { t: 'call', id: 900, service: 'test', method: {}, params: {} }],
    ['an endless name', { t: 'call', id: 900, service: 'x'.repeat(100_000), method: 'add', params: {} }],
    ['null', null],
  ])('ignores or refuses %s and goes on', async (_name, frame) => {
    const server = createRpcServer();
    provideTestService(server);
    const [near, far] = createChannelPair();
    server.serve(far);
    near.post(frame);
    const client = createRpcClient(near);
    expect(await client.service(testContract).add({ a: 1, b: 2 })).toBe(3);
  });

  it('refuses more open calls than any page needs', async () => {
    const server = createRpcServer();
    provideTestService(server);
    const [near, far] = createChannelPair();
    server.serve(far);
    const client = createRpcClient(near);
    const calls = Array.from({ length: 1_100 }, () => client.service(testContract).wait({ ms: 200 }));
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.filter((o) => o.status === 'rejected').length).toBe(100);
  });
});
