import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { connectCdp, type CdpConnection } from '#main/cdp/connection.ts';
import { isMethodNotFound } from '#main/cdp/message-peer.ts';
import { event, reply, startFakeTarget, type Answer, type FakeTarget } from './fake-target.ts';

const never: Answer = () => undefined;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function connected(answer?: Answer): Promise<{ target: FakeTarget; connection: CdpConnection }> {
  const target = await startFakeTarget(answer);
  cleanups.push(target.close);
  const connection = await connectCdp(target.url);
  cleanups.push(() => connection.close());
  return { target, connection };
}

describe('connecting', () => {
  it('says that an address is none', async () => {
    await expect(async () => connectCdp('http://127.0.0.1:1/')).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(async () => connectCdp('nonsense')).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('says that nothing listens, without the secret of the address', async () => {
    const target = await startFakeTarget();
    await target.close();
    const error = await connectCdp(target.url).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'not-found' });
    expect(JSON.stringify([String(error), error])).not.toContain('secret-path');
  });

  it('says that a web server is no DevTools endpoint', async () => {
    const server: Server = createServer((_request, response) => response.writeHead(404).end('no'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => server.close());
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    await expect(connectCdp(url)).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining('HTTP 404') as string });
  });

  it.each([
    ['talks something else', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['closes at once', ''],
  ])('says that a server that %s is none', async (_what, greeting) => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(greeting);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => server.close());
    await expect(connectCdp(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`)).rejects.toMatchObject({ code: 'unsupported' });
  });

  it('gives up on one that never answers, or when asked to', async () => {
    const server = createTcpServer((socket) => socket.on('error', () => undefined));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => server.close());
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    await expect(connectCdp(url, { timeoutMs: 100 })).rejects.toMatchObject({ code: 'timeout' });
    await expect(connectCdp(url, { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({ code: 'cancelled' });
    await expect(connectCdp(url, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('calls', () => {
  it('get their answers, in any order, also in sessions', async () => {
    const held: (() => void)[] = [];
    const { connection, target } = await connected(({ id, method, sessionId }, socket) => {
      held.push(() => socket.send(JSON.stringify({ id, result: { method, sessionId }, sessionId })));
      if (held.length === 2) held.reverse().forEach((send) => send());
    });
    const [first, second] = await Promise.all([connection.send('Runtime.enable'), connection.session('S1').send('HeapProfiler.enable')]);
    expect(first).toEqual({ method: 'Runtime.enable' });
    expect(second).toEqual({ method: 'HeapProfiler.enable', sessionId: 'S1' });
    expect(target.asked[1].sessionId).toBe('S1');
  });

  it('fail with the name of the method when the target refuses', async () => {
    const { connection } = await connected(({ id, method }, socket) => {
      const code = method === 'Runtime.enable' ? -32601 : -32000;
      socket.send(JSON.stringify({ id, error: { code, message: "wasn't found" } }));
    });
    const unknown = await connection.send('Runtime.enable').catch((e: unknown) => e);
    expect(unknown).toMatchObject({ code: 'unsupported', message: 'The target does not know Runtime.enable.' });
    expect(isMethodNotFound(unknown)).toBe(true);
    const refused = await connection.send('Runtime.disable').catch((e: unknown) => e);
    expect(refused).toMatchObject({ code: 'unsupported', message: "The target refused Runtime.disable: wasn't found" });
    expect(isMethodNotFound(refused)).toBe(false);
  });

  it('survive an error that is none', async () => {
    const { connection } = await connected(({ id }, socket) => socket.send(JSON.stringify({ id, error: 'x' })));
    await expect(connection.send('Runtime.enable')).rejects.toMatchObject({ code: 'unsupported' });
  });

  it('that are never answered end by time, by cancel, or with the connection', async () => {
    const { connection, target } = await connected(never);
    await expect(connection.send('Runtime.enable', undefined, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'timeout' });
    await expect(connection.send('Runtime.enable', undefined, { signal: AbortSignal.timeout(20) })).rejects.toMatchObject({ code: 'cancelled' });
    const pending = expect(connection.send('Runtime.enable')).rejects.toMatchObject({ code: 'target-gone' });
    target.socket().terminate();
    await pending;
    expect(connection.closed).toBe(true);
    await expect(connection.send('Runtime.enable')).rejects.toMatchObject({ code: 'target-gone' });
    const reasons: string[] = [];
    connection.onClose((error) => reasons.push(error.code));
    expect(reasons).toEqual(['target-gone']);
  });

  it('an answer that comes too late is ignored', async () => {
    const { connection, target } = await connected(never);
    await connection.send('Runtime.enable', undefined, { timeoutMs: 20 }).catch(() => undefined);
    reply({})(target.asked[0], target.socket());
    reply({})({ id: 999, method: '', params: {} }, target.socket());
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(connection.closed).toBe(false);
  });
});

describe('hostile messages', () => {
  const nonsense = ['', '{', 'null', '[]', '1', '"text"', '{}', '{"id":"1"}', '{"id":1.5e400}', '{"method":7}', '{"method":null,"params":3}', '[[[[[['];

  it('are counted and survived', async () => {
    const { connection, target } = await connected();
    for (const text of nonsense) target.socket().send(text);
    target.socket().send(Buffer.from([1, 2, 3]));
    await expect(connection.send('Runtime.enable')).resolves.toEqual({});
  });

  it('end the connection when they do not stop', async () => {
    const { connection, target } = await connected(never);
    const reason = new Promise<string>((resolve) => connection.onClose((error) => resolve(error.message)));
    for (let i = 0; i < 200; i++) target.socket().send('garbage');
    expect(await reason).toMatch(/does not speak the DevTools protocol/);
  });

  it('a listener that cannot read an event does not end us', async () => {
    const { connection, target } = await connected();
    connection.on('Runtime.bindingCalled', (params) => void params.payload.length);
    event(target.socket(), 'Runtime.bindingCalled', null);
    event(target.socket(), 'Runtime.bindingCalled', { payload: 'x' });
    await expect(connection.send('Runtime.enable')).resolves.toEqual({});
  });

  it('a message above the limit ends the connection and not the process', async () => {
    const { connection, target } = await connected(never);
    const pending = expect(connection.send('Runtime.enable')).rejects.toMatchObject({ code: 'target-gone' });
    // A frame header that announces 8 GiB.
    const frame = Buffer.from([0x81, 127, 0, 0, 0, 2, 0, 0, 0, 0]);
    (target.socket() as unknown as { _socket: { write(data: Buffer): void } })._socket.write(frame);
    await pending;
    expect(connection.closed).toBe(true);
  });
});

describe('events', () => {
  it('reach the listeners of their session only, until disposed', async () => {
    const { connection, target } = await connected();
    const heard: string[] = [];
    const dispose = connection.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => heard.push(`root ${chunk}`));
    connection.session('S').on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => heard.push(`S ${chunk}`));
    event(target.socket(), 'HeapProfiler.addHeapSnapshotChunk', { chunk: 'a' });
    event(target.socket(), 'HeapProfiler.addHeapSnapshotChunk', { chunk: 'b' }, 'S');
    await connection.send('Runtime.enable');
    dispose();
    event(target.socket(), 'HeapProfiler.addHeapSnapshotChunk', { chunk: 'c' });
    event(target.socket(), 'HeapProfiler.addHeapSnapshotChunk', { chunk: 'd' }, 'S');
    await connection.send('Runtime.enable');
    expect(heard).toEqual(['root a', 'S b', 'S d']);
  });

  it('wait in the target while we pause', async () => {
    const { connection, target } = await connected();
    const heard: string[] = [];
    connection.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => heard.push(chunk));
    connection.pause();
    event(target.socket(), 'HeapProfiler.addHeapSnapshotChunk', { chunk: 'a' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(heard).toEqual([]);
    connection.resume();
    await connection.send('Runtime.enable');
    expect(heard).toEqual(['a']);
  });
});
