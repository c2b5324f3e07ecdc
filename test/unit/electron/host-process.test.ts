import { EventEmitter, once } from 'node:events';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createUtilityStartHost } from '#main/electron/host-process.ts';
import { HOST_HEAP_MB } from '#main/workbench/host-process.ts';
import { fakeChannelMain, type FakePortMain } from './fakes.ts';

class FakeUtility extends EventEmitter {
  pid: number | undefined;
  stderr = new PassThrough();
  posted: { message: unknown; ports: FakePortMain[] }[] = [];
  killed = 0;
  postMessage(message: unknown, ports: FakePortMain[]): void {
    this.posted.push({ message, ports });
  }
  kill(): boolean {
    this.killed++;
    return true;
  }
}

const open: FakePortMain[] = [];
afterEach(() => {
  for (const port of open.splice(0)) port.close();
  vi.useRealTimers();
});

function start() {
  const child = new FakeUtility();
  const fork = vi.fn(() => child);
  const startHost = createUtilityStartHost({
    fork: fork as never,
    createMessageChannel: () => {
      const pair = fakeChannelMain();
      open.push(pair.port1, pair.port2);
      return pair as never;
    },
    entry: (kind) => `/app/out/main/${kind}-host.js`,
  });
  return { child, fork, host: startHost('analysis', 'leaky.py') };
}

describe('utility process as a host', () => {
  test('is started with its own name, heap limit and a clean environment', () => {
    process.env.NODE_OPTIONS ??= '';
    const { fork } = start();
    const [entry, args, options] = fork.mock.calls[0] as unknown as [string, string[], { serviceName: string; execArgv: string[]; env: object; stdio: string[] }];
    expect([entry, args]).toEqual(['/app/out/main/analysis-host.js', []]);
    expect(options.serviceName).toBe('Heaphouse analysis host');
    expect(options.execArgv).toContain(`--max-old-space-size=${HOST_HEAP_MB.analysis}`);
    expect(options.env).not.toHaveProperty('NODE_OPTIONS');
    expect(options.stdio).toEqual(['ignore', 'ignore', 'pipe']);
  });

  test('hands its port over in the first message and talks through the other end', async () => {
    const { child, host } = start();
    expect(child.posted).toHaveLength(1);
    const [far] = child.posted[0].ports;
    const heard: unknown[] = [];
    host.channel.onMessage((message) => heard.push(message));
    far.start();
    far.on('message', ({ data }) => far.postMessage({ echoed: data }));
    host.channel.post({ n: 1 });
    await vi.waitFor(() => expect(heard).toEqual([{ echoed: { n: 1 } }]));
  });

  test('stop closes the port and waits for the end', async () => {
    const { child, host } = start();
    const [far] = child.posted[0].ports;
    const stopped = host.stop();
    await once(far, 'close');
    child.emit('exit', 0);
    await stopped;
    expect(child.killed).toBe(0);
  });

  test('a host that does not leave in time is killed', async () => {
    vi.useFakeTimers();
    const { child, host } = start();
    const stopped = host.stop(1_000);
    await vi.advanceTimersByTimeAsync(1_001);
    expect(child.killed).toBe(1);
    child.emit('exit', 15);
    await vi.advanceTimersByTimeAsync(1_000);
    await stopped;
  });

  test('an end is told once with the tail of stderr, and closes the channel', async () => {
    const { child, host } = start();
    const exits: unknown[] = [];
    const reasons: string[] = [];
    host.onExit((exit) => exits.push(exit));
    host.channel.onClose((reason) => reasons.push(reason));
    child.emit('exit', 7);
    child.emit('exit', 7);
    // What the pipe still held when the process had gone.
    child.stderr.end('something broke\n');
    await vi.waitFor(() => expect(exits).toHaveLength(1));
    expect(exits).toEqual([{ code: 7, signal: null, stderrTail: 'something broke\n' }]);
    expect(reasons).toEqual(['the analysis host ended']);
    const late: unknown[] = [];
    host.onExit((exit) => late.push(exit));
    expect(late).toHaveLength(1);
  });

  test('running out of heap says so, even if its pipe never ends', async () => {
    const { child, host } = start();
    let tail = '';
    host.onExit(({ stderrTail }) => (tail = stderrTail));
    child.emit('error', 'FatalError', 'v8::internal::Heap', 'JavaScript heap out of memory');
    child.emit('exit', 134);
    await vi.waitFor(() => expect(tail).toContain('heap out of memory'));
  });
});
