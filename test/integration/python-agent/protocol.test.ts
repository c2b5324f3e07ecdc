import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, exchange, Target, TARGETS, until, type Meeting, type Params } from './agent-client.ts';
import { supportedInterpreters } from './interpreters.ts';

const { found, missing } = supportedInterpreters();

for (const minor of missing) it.skip(`protocol on CPython ${minor} (no such interpreter on this machine)`, () => undefined);

function get(port: number, path: string, headers: Record<string, string> = {}): Promise<{ status: number; body: string }> {
  return new Promise((done, fail) => {
    const asked = request({ host: '127.0.0.1', port, path, headers }, (response) => {
      let body = '';
      response.on('data', (part: Buffer) => (body += part.toString()));
      response.on('end', () => done({ status: response.statusCode ?? 0, body }));
    });
    asked.on('error', fail);
    asked.end();
  });
}

describe.each(found)('agent protocol on CPython $version', ({ path, version }) => {
  let target: Target;
  let meeting: Meeting;
  let client: Client;

  beforeAll(async () => {
    target = new Target(path, [join(TARGETS, 'planted.py'), '50']);
    meeting = await target.meet();
    client = await Client.open(meeting.webSocketUrl);
    await target.says('ready');
  });

  afterAll(async () => {
    client.close();
    await target.dispose();
  });

  it('publishes where it is, for this user only', () => {
    const file = join(target.rendezvous, `${target.pid}.json`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(meeting).toMatchObject({ version: 1, pid: target.pid, ppid: process.pid, pythonVersion: version });
    expect(meeting.path).toMatch(/^\/[0-9a-f]{32,}$/);
    expect(meeting.webSocketUrl).toBe(`ws://127.0.0.1:${meeting.port}${meeting.path}`);
    expect(meeting.argv).toEqual([join(TARGETS, 'planted.py'), '50']);
    expect(Math.abs(Date.now() - meeting.startedAt)).toBeLessThan(120_000);
  });

  it('answers discovery to local callers and refuses foreign hosts and origins', async () => {
    const list = await get(meeting.port, '/json/list');
    expect(JSON.parse(list.body)).toMatchObject([{ webSocketDebuggerUrl: meeting.webSocketUrl }]);
    expect(JSON.parse((await get(meeting.port, '/json/version')).body)).toMatchObject({ 'Protocol-Version': '1.3' });
    const domains = (JSON.parse((await get(meeting.port, '/json/protocol')).body) as { domains: { domain: string }[] }).domains;
    expect(domains.map((one) => one.domain)).toContain('Python');
    expect((await get(meeting.port, '/json/list', { Host: 'evil.example' })).status).toBe(403);
    expect((await get(meeting.port, '/json/list', { Origin: 'https://evil.example' })).status).toBe(403);
    expect((await get(meeting.port, '/json/list', { Origin: 'http://localhost.evil.example' })).status).toBe(403);
    expect((await get(meeting.port, '/nothing')).status).toBe(404);
  });

  const isRoot = process.getuid?.() === 0;
  it.skipIf(!isRoot)(`does not answer another user of the machine${isRoot ? '' : ' (skipped: only root can act as another user)'}`, () => {
    const ask = `exec 3<>/dev/tcp/127.0.0.1/${meeting.port}; printf 'GET /json/list HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n' >&3; timeout 5 cat <&3`;
    const asked = (user: number) => spawnSync('bash', ['-c', ask], { uid: user, cwd: '/', encoding: 'utf8' }).stdout;
    expect(asked(0)).toContain(meeting.path);
    expect(asked(65_534)).toBe('');
  });

  it('opens a WebSocket only with the token, from a local page or DevTools', async () => {
    await expect(Client.open(`ws://127.0.0.1:${meeting.port}/${'0'.repeat(40)}`)).rejects.toThrow('404');
    await expect(Client.open(meeting.webSocketUrl, { origin: 'https://evil.example' })).rejects.toThrow('403');
    await expect(Client.open(meeting.webSocketUrl, { headers: { Host: 'evil.example' } })).rejects.toThrow('403');
    (await Client.open(meeting.webSocketUrl, { origin: 'devtools://devtools' })).close();
    (await Client.open(meeting.webSocketUrl, { origin: 'http://127.0.0.1:8080' })).close();
  });

  it('answers malformed requests with an error and goes on', async () => {
    expect(await client.request('No.such')).toMatchObject({ error: { code: -32601 } });
    const before = client.events.length;
    for (const text of ['not json', '[]', '{"id":"x"}', '{"id":1e3}', '{"id":{}}', '{"id":', '[' + '['.repeat(20000)]) client.sendRaw(text);
    await until('errors without id', () => client.events.length >= before + 7);
    expect(await client.request('Runtime.evaluate', { expression: 7 })).toMatchObject({ error: { code: -32602 } });
    expect(await client.request('Python.collectGarbage', { generation: 9 })).toMatchObject({ error: { code: -32602 } });
    expect((await client.call('Schema.getDomains'))['domains']).toContainEqual({ name: 'HeapProfiler', version: '1.3' });
  });

  it('closes connections that break HTTP or WebSocket framing', async () => {
    expect((await exchange(meeting.port, 'garbage\r\n\r\n')).toString()).toMatch(/^HTTP\/1.1 400/);
    expect((await exchange(meeting.port, 'GET / HTTP/1.1\r\n' + 'x: y\r\n'.repeat(5000))).toString()).toMatch(/^HTTP\/1.1 431/);
    const upgrade = `GET ${meeting.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}\r\n\r\n`;
    const frames: [Buffer, number][] = [
      [Buffer.from([0x81, 0x05, 1, 2, 3, 4, 5]), 1002], // not masked
      [Buffer.from([0xc1, 0x80, 0, 0, 0, 0]), 1002], // reserved bit
      [Buffer.from([0x83, 0x80, 0, 0, 0, 0]), 1002], // unknown opcode
      [Buffer.from([0x80, 0x80, 0, 0, 0, 0]), 1002], // continuation of nothing
      [Buffer.from([0x82, 0x80, 0, 0, 0, 0]), 1003], // binary
      [Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe]), 1007], // not UTF-8
      [Buffer.from([0x81, 0xff, 0, 0, 0, 1, 0, 0, 0, 0]), 1009], // 4 GiB to come
    ];
    for (const [frame, code] of frames) {
      const answer = await exchange(meeting.port, Buffer.concat([Buffer.from(upgrade), frame]));
      const close = answer.subarray(answer.indexOf('\r\n\r\n') + 4);
      expect([close[0], close.readUInt16BE(2)]).toEqual([0x88, code]);
    }
    expect(await client.evaluate('1 + 1')).toBe(2);
  });

  it('evaluates in __main__ and describes values', async () => {
    expect(await client.evaluate('len(_cache)')).toBe(50);
    const { result } = await client.call('Runtime.evaluate', { expression: 'slotted' });
    expect(result).toMatchObject({ type: 'object', className: '__main__.Slotted' });
    const objectId = (result as Params)['objectId'] as string;
    const properties = (await client.call('Runtime.getProperties', { objectId, ownProperties: true }))['result'];
    expect(properties).toContainEqual(expect.objectContaining({ name: 'left' }));
    const call = await client.call('Runtime.callFunctionOn', { objectId, functionDeclaration: 'lambda o, n: len(o.left[0]) + n', arguments: [{ value: 1 }] });
    expect(call['result']).toMatchObject({ type: 'number', value: 10 });
    await client.call('Runtime.releaseObject', { objectId });
    expect(await client.request('Runtime.getProperties', { objectId })).toMatchObject({ error: { code: -32000 } });
    const failed = await client.call('Runtime.evaluate', { expression: '1/0' });
    expect(failed['exceptionDetails']).toMatchObject({ exception: { className: 'ZeroDivisionError', subtype: 'error' } });
    expect((await client.call('Runtime.evaluate', { expression: 'def broken(:' }))['exceptionDetails']).toBeDefined();
    expect((await client.call('Runtime.evaluate', { expression: 'new_name = 5' }))['exceptionDetails']).toBeUndefined();
    expect(await client.evaluate('new_name')).toBe(5);
    expect((await client.call('Runtime.evaluate', { expression: '2 ** 80' }))['result']).toMatchObject({ type: 'bigint', unserializableValue: '1208925819614629174706176n' });
    const described = (await client.call('Runtime.evaluate', { expression: 'list(range(100000))' }))['result'] as Params;
    expect((described['description'] as string).length).toBeLessThan(200);
    const slow = client.request('Runtime.evaluate', { expression: '__import__("time").sleep(0.5)' });
    await client.call('Runtime.getIsolateId'); // answered while the other one runs
    await slow;
  });

  it('tells of memory, cheaply', async () => {
    const usage = await client.call('Python.getMemoryUsage');
    expect(usage['heapUsedBytes']).toBeGreaterThan(500_000);
    expect(usage['heapTotalBytes']).toBeGreaterThanOrEqual(usage['heapUsedBytes'] as number);
    expect(usage['allocatedBlocks']).toBeGreaterThan(5_000);
    const standard = await client.call('Runtime.getHeapUsage');
    expect(standard['usedSize']).toBeGreaterThan(500_000);
    await client.call('Runtime.evaluate', { expression: 'ballast = [str(i) * 20 for i in range(100000)]' });
    const grown = await client.call('Python.getMemoryUsage');
    const growth = (grown['heapUsedBytes'] as number) - (usage['heapUsedBytes'] as number);
    expect(growth).toBeGreaterThan(10_000_000);
    expect(growth).toBeLessThan(30_000_000);
    await client.call('Runtime.evaluate', { expression: 'del ballast' });
  });

  it('reports collections while enabled, and collects when asked', async () => {
    await client.call('Python.enable');
    await client.call('Runtime.evaluate', { expression: '[Cycle() for _ in range(7)] and None' });
    const answer = await client.call('Python.collectGarbage');
    expect(answer['collected']).toBeGreaterThanOrEqual(7);
    expect(answer['uncollectable']).toBe(0);
    const event = await until('gcFinished', () => client.events.find((one) => one.method === 'Python.gcFinished' && one.params['generation'] === 2));
    expect(event.params['pauseMs']).toBeGreaterThan(0);
    expect(Math.abs(Date.now() - (event.params['startedAt'] as number))).toBeLessThan(60_000);
    await client.call('Python.collectGarbage', { generation: 0 });
    await client.call('Python.disable');
    const seen = client.events.filter((one) => one.method === 'Python.gcFinished').length;
    await client.call('HeapProfiler.collectGarbage');
    expect(client.events.filter((one) => one.method === 'Python.gcFinished').length).toBe(seen);
    expect(await client.evaluate('len(gc.callbacks)')).toBe(0);
  });

  it('describes the interpreter and what it can do', async () => {
    const info = await client.call('Python.getInfo');
    expect(info).toMatchObject({ version, implementation: 'cpython', allocator: 'pymalloc', startedBy: 'launch', gilEnabled: true });
    expect((info['capabilities'] as Params)['heapSnapshot']).toEqual({ available: true });
    expect((info['gc'] as Params)['enabled']).toBe(false);
  });

  it('refuses bad snapshot requests clearly and leaves no file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'heaphouse-refuse-'));
    try {
      const bad = (params: Params): Promise<unknown> => client.request('Python.writeHeapSnapshot', params);
      expect(await bad({ path: join(folder, 'no', 'such', 'x') })).toMatchObject({ error: { message: expect.stringContaining('No such file') as string } });
      expect(await bad({ path: 'relative' })).toMatchObject({ error: { code: -32602 } });
      expect(await bad({})).toMatchObject({ error: { code: -32602 } });
      expect(await bad({ path: join(folder, 'a'), mode: 'magic' })).toMatchObject({ error: { code: -32602 } });
      expect(await bad({ path: '/dev/full' })).toMatchObject({ error: { message: expect.stringContaining('File exists') as string } });
      chmodSync(folder, 0o500);
      if (process.getuid?.() !== 0) expect(await bad({ path: join(folder, 'x') })).toMatchObject({ error: { message: expect.stringContaining('Permission') as string } });
      expect(await client.request('Python.cancelHeapSnapshot')).toMatchObject({ error: { message: 'no snapshot is being taken' } });
      expect(await client.request('HeapProfiler.getObjectByHeapObjectId', { objectId: '99999999999999' })).toMatchObject({ error: { code: -32000 } });
    } finally {
      chmodSync(folder, 0o700);
      rmSync(folder, { recursive: true });
    }
  });

  it.each(['fork', 'inProcess'])('removes the partial file when the disk refuses more (%s)', async (mode) => {
    // A file size limit in the target stands in for a full disk: the write fails in the middle.
    await client.call('Runtime.evaluate', { expression: 'import resource; old = resource.getrlimit(resource.RLIMIT_FSIZE); resource.setrlimit(resource.RLIMIT_FSIZE, (300000, old[1]))' });
    const file = join(target.folder, `limited-${mode}.heapsnapshot`);
    const reply = await client.request('Python.writeHeapSnapshot', { path: file, mode });
    await client.call('Runtime.evaluate', { expression: 'resource.setrlimit(resource.RLIMIT_FSIZE, old)' });
    expect(reply).toMatchObject({ error: { message: expect.stringContaining('cannot write the snapshot: File too large') as string } });
    expect(existsSync(file)).toBe(false);
    expect(await client.evaluate('1')).toBe(1);
  });

  it('says nothing on the output of the program', () => {
    expect(target.stderr).toBe('');
    expect(readFileSync(join(target.rendezvous, `${target.pid}.json`), 'utf8')).toContain('webSocketUrl');
  });
});
