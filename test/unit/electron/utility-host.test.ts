/** Both ends of a worker process under Electron: our starter, and the real analysis host that finds its port. */
import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { createRpcClient } from '#shared/rpc/client.ts';
import { analysisContract } from '#main/hosts/analysis-contract.ts';
import { createUtilityStartHost } from '#main/electron/host-process.ts';
import type { HostExit, HostProcess } from '#main/workbench/host-process.ts';
import { fakeChannelMain, type FakePortMain } from './fakes.ts';

/** A utility process that is a thread: the same messages, ports and exit event. */
function forkAsThread(entry: string): EventEmitter {
  const worker = new Worker(new URL('./utility-worker.mjs', import.meta.url), { workerData: { entry: pathToFileURL(entry).href }, execArgv: ['--disable-warning=ExperimentalWarning'] });
  const stderr = new PassThrough();
  worker.on('error', (error) => stderr.write(String(error)));
  worker.on('exit', (code) => {
    stderr.end();
    child.emit('exit', code);
  });
  const child = Object.assign(new EventEmitter(), {
    pid: undefined,
    stderr,
    postMessage: (message: unknown, [port]: FakePortMain[]) => worker.postMessage({ message, port: port.port }, [port.port]),
    kill: () => void worker.terminate(),
  });
  return child;
}

const startHost = createUtilityStartHost({ fork: forkAsThread as never, createMessageChannel: fakeChannelMain as never });
let host: HostProcess | undefined;
const dir = mkdtempSync(join(tmpdir(), 'heaphouse-utility-'));
afterEach(() => {
  host?.kill();
  rmSync(dir, { recursive: true, force: true });
});

test('the analysis host answers over its port and leaves when the channel closes', async () => {
  host = startHost('analysis', 'files');
  const client = createRpcClient(host.channel, { closedCode: 'host-crashed' });
  await client.ready;
  const analysis = client.service(analysisContract);
  const path = join(dir, 'empty.heapsnapshot');
  writeFileSync(path, '');
  await expect(analysis.configure({ exportsDir: dir, sessionTitle: 'files' })).resolves.toBeNull();
  await expect(analysis.register({ snapshotId: 's', path, name: 'empty', takenAt: 0 })).resolves.toBeNull();
  await expect(analysis.register({ snapshotId: 's' } as never)).rejects.toMatchObject({ code: 'invalid-argument' });

  const ended = new Promise<HostExit>((resolve) => host!.onExit(resolve));
  await host.stop();
  expect(await ended).toMatchObject({ code: 0 });
  await expect(analysis.unregister({ snapshotId: 's' })).rejects.toMatchObject({ code: 'host-crashed' });
});
