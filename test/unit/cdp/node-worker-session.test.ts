/** Sessions in worker threads over the connection to the main thread, against a target that says what it likes. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { connectCdp, type CdpConnection } from '#main/cdp/connection.ts';
import { MAX_MALFORMED } from '#main/cdp/message-peer.ts';
import { openNodeWorkers, type NodeWorkers } from '#main/cdp/node-worker-session.ts';
import { event, startFakeTarget, type Answer, type FakeTarget } from './fake-target.ts';

let target: FakeTarget;
let connection: CdpConnection;
afterEach(async () => {
  connection.close();
  await target.close();
});

const attached = (socket: Parameters<typeof event>[0], sessionId: unknown, title: unknown = '[worker 1]', url: unknown = 'file:///a.js') =>
  event(socket, 'NodeWorker.attachedToWorker', { sessionId, workerInfo: { workerId: '1', type: 'worker', title, url }, waitingForDebugger: false });
const fromWorker = (socket: Parameters<typeof event>[0], sessionId: unknown, message: unknown) => event(socket, 'NodeWorker.receivedMessageFromWorker', { sessionId, message });

/** `announce` happens before the answer to `NodeWorker.enable`, as Node.js does it. */
async function open(announce: (socket: Parameters<Answer>[1]) => void, answer?: Answer): Promise<NodeWorkers> {
  target = await startFakeTarget((asked, socket) => {
    if (asked.method === 'NodeWorker.enable') announce(socket);
    if (answer && asked.method === 'NodeWorker.sendMessageToWorker') answer(asked, socket);
    socket.send(JSON.stringify({ id: asked.id, result: {} }));
  });
  connection = await connectCdp(target.url);
  return openNodeWorkers(connection);
}
/** Answers what is asked of a worker. */
const echo =
  (make: (call: { id: number; method: string }) => unknown): Answer =>
  ({ params }, socket) =>
    fromWorker(socket, params['sessionId'], JSON.stringify(make(JSON.parse(String(params['message'])) as { id: number; method: string })));
const methods = () => target.asked.map(({ method }) => method);

describe('threads', () => {
  it('are never stopped, are told with number, name and script, and ordered', async () => {
    const workers = await open((socket) => {
      attached(socket, '1', '[worker 3] pool <b>');
      attached(socket, '2', '[worker 1] WorkerThread', '');
      attached(socket, '3', 'Worker 2');
      attached(socket, '4', 'something else');
    });
    expect(workers.list().map(({ id, threadId, name, url }) => [id, threadId, name, url])).toEqual([
      ['4', null, 'something else', 'file:///a.js'],
      ['2', 1, '', ''],
      ['3', 2, '', 'file:///a.js'],
      ['1', 3, 'pool <b>', 'file:///a.js'],
    ]);
    expect(target.asked.find(({ method }) => method === 'NodeWorker.enable')?.params).toEqual({ waitForDebuggerOnStart: false });
  });

  it('answer calls and send events, each in its own session', async () => {
    const workers = await open((socket) => ['1', '2'].forEach((id) => attached(socket, id)), echo(({ id, method }) => ({ id, result: { method } })));
    const [one, two] = [workers.find('1')!, workers.find('2')!];
    expect(await one.session.send('Runtime.getHeapUsage')).toEqual({ method: 'Runtime.getHeapUsage' });
    const heard: unknown[] = [];
    one.session.on('HeapProfiler.addHeapSnapshotChunk', (params) => heard.push(params));
    fromWorker(target.socket(), two.id, JSON.stringify({ method: 'HeapProfiler.addHeapSnapshotChunk', params: { chunk: 'other' } }));
    fromWorker(target.socket(), one.id, JSON.stringify({ method: 'HeapProfiler.addHeapSnapshotChunk', params: { chunk: 'mine' } }));
    await vi.waitFor(() => expect(heard).toEqual([{ chunk: 'mine' }]));
  });

  it('that end take their calls with them, and nobody else', async () => {
    const workers = await open((socket) => ['1', '2'].forEach((id) => attached(socket, id)));
    const gone = vi.fn();
    workers.find('1')!.onGone(gone);
    const call = workers.find('1')!.session.send('Runtime.getHeapUsage');
    event(target.socket(), 'NodeWorker.detachedFromWorker', { sessionId: '1' });
    await expect(call).rejects.toMatchObject({ code: 'target-gone', message: 'The worker thread has ended.' });
    expect(gone).toHaveBeenCalledOnce();
    expect(workers.list().map(({ id }) => id)).toEqual(['2']);
    expect(connection.closed).toBe(false);
  });

  it('all end with the connection', async () => {
    const workers = await open((socket) => attached(socket, '1'));
    const call = workers.find('1')!.session.send('Runtime.getHeapUsage');
    target.socket().terminate();
    await expect(call).rejects.toMatchObject({ code: 'target-gone' });
    expect(workers.list()).toEqual([]);
    await workers.close();
  });

  it('are let go one by one when we leave: disabling alone leaves the sessions open in Node.js', async () => {
    const workers = await open((socket) => ['1', '2'].forEach((id) => attached(socket, id)));
    await workers.close();
    expect(methods().filter((method) => method.startsWith('NodeWorker.'))).toEqual(['NodeWorker.enable', 'NodeWorker.disable', 'NodeWorker.detach', 'NodeWorker.detach']);
    expect(target.asked.filter(({ method }) => method === 'NodeWorker.detach').map(({ params }) => params['sessionId'])).toEqual(['1', '2']);
  });
});

describe('hostile', () => {
  it('ids, titles and addresses of any type and size', async () => {
    const workers = await open((socket) => {
      for (const id of [undefined, null, 7, {}, 'x'.repeat(65), '1']) attached(socket, id, { no: 'title' }, ['no', 'url']);
      attached(socket, '1', '[worker 9] twice');
      attached(socket, '2', `[worker 99999999999999] ${'n'.repeat(100_000)}`, 'u'.repeat(100_000));
      event(socket, 'NodeWorker.attachedToWorker', 'nothing');
      event(socket, 'NodeWorker.detachedFromWorker', { sessionId: 'nobody' });
      fromWorker(socket, 'nobody', '{}');
      fromWorker(socket, undefined, 5);
    });
    expect(workers.list().map(({ id, threadId }) => [id, threadId])).toEqual([['1', null], ['2', null]]);
    expect(workers.find('2')!.name.length).toBeLessThanOrEqual(1_000);
    expect(workers.find('2')!.url.length).toBeLessThanOrEqual(1_000);
  });

  it('more threads than anybody has: the rest is let go at once', async () => {
    const workers = await open((socket) => {
      for (let i = 1; i <= 1_010; i++) attached(socket, String(i));
    });
    expect(workers.list()).toHaveLength(1_000);
    await vi.waitFor(() => expect(methods().filter((method) => method === 'NodeWorker.detach')).toHaveLength(10));
  });

  it('a thread that talks nonsense is given up, the others are not', async () => {
    const workers = await open((socket) => ['1', '2'].forEach((id) => attached(socket, id)));
    const nonsense = ['no json', '[]', '{"id":"1"}', 5, null, '{"method":7}'];
    const gone = vi.fn();
    workers.find('1')!.onGone(gone);
    for (let i = 0; i < MAX_MALFORMED; i++) fromWorker(target.socket(), '1', nonsense[i % nonsense.length]);
    await vi.waitFor(() => expect(gone).toHaveBeenCalledOnce());
    expect(workers.list().map(({ id }) => id)).toEqual(['2']);
    expect(connection.closed).toBe(false);
  });

  it('an error in place of an answer, and a call that cannot be passed on', async () => {
    const workers = await open((socket) => attached(socket, '1'), echo(({ id }) => ({ id, error: { code: -32601, message: 'no such thing' } })));
    await expect(workers.find('1')!.session.send('Runtime.getHeapUsage')).rejects.toMatchObject({ code: 'unsupported' });
    const aborted = AbortSignal.abort();
    await expect(workers.find('1')!.session.send('Runtime.getHeapUsage', undefined, { signal: aborted })).rejects.toMatchObject({ code: 'cancelled' });
    await workers.close();
  });
});
