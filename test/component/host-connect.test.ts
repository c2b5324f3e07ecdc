// @vitest-environment jsdom
import { afterEach, describe, expect, test, vi } from 'vitest';
import { openChannel } from '#renderer/host/connect.ts';
import { createWorkbench } from '#renderer/host/workbench.ts';
import { pathOfFile } from '#renderer/host/files.ts';
import { PORT_MESSAGE } from '#shared/contracts/window-bridge.ts';
import { createFakeWorkbench } from './fake-workbench.ts';

afterEach(() => {
  Reflect.deleteProperty(window, 'heaphouse');
  vi.unstubAllGlobals();
});

describe('the bridge of the desktop host', () => {
  test('takes the port of the message with its own nonce, and no other', async () => {
    const { port1, port2 } = new MessageChannel();
    const wrong = new MessageChannel();
    const patch = (event: Event, port: MessagePort) => Object.defineProperty(event, 'ports', { value: [port] });
    Object.defineProperty(window, 'heaphouse', {
      configurable: true,
      value: {
        connect(nonce: string) {
          const message = (text: string, source: Window | null) => new MessageEvent('message', { data: { type: PORT_MESSAGE, nonce: text }, source });
          window.dispatchEvent(patch(message('guess', window), wrong.port1) as Event);
          window.dispatchEvent(patch(message(nonce, null), wrong.port1) as Event);
          window.dispatchEvent(patch(message(nonce, window), port1) as Event);
        },
      },
    });
    const channel = await openChannel();
    const heard = new Promise((resolve) => channel.onMessage(resolve));
    port2.postMessage({ hello: 1 });
    expect(await heard).toEqual({ hello: 1 });
    channel.close();
    port2.close();
    wrong.port1.close();
    wrong.port2.close();
  });
});

describe('the socket of the web host', () => {
  test('is next to the page, without query or hash', async () => {
    const urls: string[] = [];
    class FakeSocket extends EventTarget {
      static readonly OPEN = 1;
      readonly readyState = 1;
      constructor(url: URL) {
        super();
        urls.push(url.href);
        queueMicrotask(() => {
          this.dispatchEvent(new Event('open'));
          this.dispatchEvent(new MessageEvent('message', { data: '{"t":"hello","protocol":1}' }));
          this.dispatchEvent(new MessageEvent('message', { data: 'not json' }));
        });
      }
      send(): void {}
      close(): void {}
    }
    vi.stubGlobal('WebSocket', FakeSocket);
    const channel = await openChannel();
    const first = await new Promise((resolve) => channel.onMessage(resolve));
    expect(first).toEqual({ t: 'hello', protocol: 1 });
    expect(urls).toEqual([`ws://${location.host}/rpc`]);
  });
});

describe('connection', () => {
  test('calls wait for the first connection, fail at once while it is lost, and work again after', async () => {
    const fake = createFakeWorkbench();
    const workbench = createWorkbench(fake.open);
    expect((await workbench.targets.list({}))[0]?.pid).toBe(4242);
    fake.disconnect();
    await vi.waitFor(() => expect(workbench.status.value.state).toBe('lost'));
    await expect(workbench.targets.list({})).rejects.toMatchObject({ code: 'io' });
    workbench.reconnectNow();
    await vi.waitFor(() => expect(workbench.status.value.state).toBe('open'));
    expect(workbench.epoch.value).toBe(2);
    expect(await workbench.targets.list({})).toHaveLength(1);
    workbench.close();
  });

  test('subscriptions are renewed', async () => {
    const fake = createFakeWorkbench();
    const workbench = createWorkbench(fake.open);
    const lists: number[] = [];
    const stop = workbench.targets.on('processes', {}, (list) => lists.push(list.length));
    await vi.waitFor(() => expect(lists).toEqual([1]));
    fake.disconnect();
    await vi.waitFor(() => expect(lists).toEqual([1, 1]), { timeout: 3_000 });
    stop();
    fake.setProcesses([]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(lists).toEqual([1, 1]);
    workbench.close();
  });
});

describe('files of the page', () => {
  test('are uploaded to the web host', async () => {
    const fetched = vi.fn(async (_url: URL, _init: RequestInit) => new Response('{"path":"/tmp/up/a b.heapsnapshot"}'));
    vi.stubGlobal('fetch', fetched);
    const file = new File(['x'], 'a b.heapsnapshot');
    expect(await pathOfFile(file)).toBe('/tmp/up/a b.heapsnapshot');
    expect(fetched.mock.calls[0]?.[0].pathname).toBe('/upload');
    expect(fetched.mock.calls[0]?.[0].searchParams.get('name')).toBe('a b.heapsnapshot');
  });

  test('an upload that fails keeps the words of the host', async () => {
    vi.stubGlobal('fetch', async () => new Response('{"error":{"code":"io","message":"The disk is full."}}', { status: 507 }));
    await expect(pathOfFile(new File(['x'], 'a'))).rejects.toMatchObject({ code: 'io', message: 'The disk is full.' });
    vi.stubGlobal('fetch', async () => new Response('gone', { status: 502 }));
    await expect(pathOfFile(new File(['x'], 'a'))).rejects.toMatchObject({ code: 'io', message: expect.stringContaining('HTTP 502') });
  });
});
