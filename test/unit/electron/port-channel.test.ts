import { EventEmitter, once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import * as v from 'valibot';
import type { Channel } from '#shared/rpc/channel.ts';
import { createRpcClient } from '#shared/rpc/client.ts';
import { defineService, method } from '#shared/rpc/define-service.ts';
import { createRpcServer } from '#shared/rpc/server.ts';
import { CONNECT_CHANNEL, openPortDesk, portChannel } from '#main/electron/port-channel.ts';
import { fakeChannelMain, type FakePortMain } from './fakes.ts';

const open: FakePortMain[] = [];
function ports() {
  const pair = fakeChannelMain();
  open.push(pair.port1, pair.port2);
  return pair;
}
afterEach(() => {
  for (const port of open.splice(0)) port.close();
});

const echo = defineService('echo', { methods: { say: method<string>()(v.object({ text: v.string() })) } });

describe('port channel', () => {
  test('carries the RPC both ways', async () => {
    const { port1, port2 } = ports();
    const server = createRpcServer();
    server.provide(echo, { methods: { say: ({ text }) => `${text}!` }, events: {} });
    const client = createRpcClient(portChannel(port2 as never, 'gone'));
    server.serve(portChannel(port1 as never, 'gone'));
    await client.ready;
    expect(await client.service(echo).say({ text: 'hello' })).toBe('hello!');
  });

  test('tells when the other side has gone, once', async () => {
    const { port1, port2 } = ports();
    const reasons: string[] = [];
    const channel = portChannel(port1 as never, 'the window was closed');
    channel.onClose((reason) => reasons.push(reason));
    port2.close();
    await once(port1, 'close');
    channel.close();
    expect(reasons).toEqual(['the window was closed']);
    expect(() => channel.post('into the void')).not.toThrow();
  });
});

describe('port desk', () => {
  function desk() {
    const ipcMain = new EventEmitter();
    const channels: Channel[] = [];
    const dispose = openPortDesk({ ipcMain: ipcMain as never, onConnect: (channel) => channels.push(channel) });
    const send = (port: FakePortMain[], frame: object | null = { url: 'app://workbench/index.html', parent: null }, id = 1) =>
      ipcMain.emit(CONNECT_CHANNEL, { ports: port, senderFrame: frame, sender: { id } });
    return { ipcMain, channels, dispose, send };
  }

  test('listens on one IPC channel only', () => {
    const { ipcMain, dispose } = desk();
    expect(ipcMain.eventNames()).toEqual([CONNECT_CHANNEL]);
    dispose();
    expect(ipcMain.eventNames()).toEqual([]);
  });

  test('accepts our page', () => {
    const { channels, send } = desk();
    send([ports().port1]);
    expect(channels).toHaveLength(1);
  });

  test.each([
    ['another origin', { url: 'https://example.org/', parent: null }],
    ['a frame inside our page', { url: 'app://workbench/index.html', parent: {} }],
    ['a frame that is gone', null],
  ])('refuses %s and closes what it sent', (_name, frame) => {
    const { channels, send } = desk();
    const { port1 } = ports();
    send([port1], frame);
    expect(channels).toEqual([]);
    expect(port1.closed).toBe(true);
    expect(port1.started).toBe(false);
  });

  test('refuses no port and several', () => {
    const { channels, send } = desk();
    const [a, b] = [ports().port1, ports().port1];
    send([]);
    send([a, b]);
    expect(channels).toEqual([]);
    expect([a.closed, b.closed]).toEqual([true, true]);
  });

  test('a page that loads again loses the port it had; another window keeps its own', () => {
    const { channels, send } = desk();
    const closed: number[] = [];
    for (const [index, id] of [1, 2, 1].entries()) {
      send([ports().port1], undefined, id);
      channels[index].onClose(() => closed.push(index));
    }
    expect(closed).toEqual([0]);
  });
});
