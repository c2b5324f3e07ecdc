/**
 * The worker processes of the open sessions: at most one session host and one analysis host each. They are started when
 * first needed; one that crashed is started anew on the next call, which is the "restart" of the view.
 */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SessionInfo } from '#shared/model/session.ts';
import type { ServiceClient } from '#shared/rpc/define-service.ts';
import { createRpcClient, type RpcClient } from '#shared/rpc/client.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { analysisContract } from '#main/hosts/analysis-contract.ts';
import { captureContract } from '#main/hosts/capture-contract.ts';
import { EXPORTS_DIR, INDEX_DIR, RECORDING_FILE } from '#main/storage/session-file.ts';
import type { HostExit, HostKind, HostProcess, StartHost } from './host-process.ts';

export interface RunningHost {
  client: RpcClient;
  process: HostProcess;
}

export type CaptureClient = ServiceClient<typeof captureContract>;

export interface Hosts {
  /** A new session host for a target. The caller decides what it records. */
  startCapture(sessionId: string, label: string): Promise<{ host: RunningHost; capture: CaptureClient }>;
  /** Whoever can answer timeline questions: the live host, or one that replays the recording. */
  timeline(session: SessionInfo): Promise<RpcClient>;
  analysis(session: SessionInfo): Promise<RpcClient>;
  /** Tells a running analysis host about a snapshot; a host started later learns of all snapshots then. */
  registerSnapshots(session: SessionInfo): Promise<void>;
  unregisterSnapshot(sessionId: string, snapshotId: string): Promise<void>;
  stop(sessionId: string): Promise<void>;
  stopAll(): Promise<void>;
  processes(): { name: string; pid: number }[];
}

export function createHosts(startHost: StartHost, log: (line: string) => void): Hosts {
  const running = new Map<string, Promise<RunningHost>>();
  /** For the status bar: which processes are ours. */
  const live = new Map<HostProcess, { name: string; pid: number }>();
  const keyOf = (kind: HostKind, sessionId: string) => `${kind}:${sessionId}`;

  function start(kind: HostKind, sessionId: string, label: string): Promise<RunningHost> {
    const key = keyOf(kind, sessionId);
    const process = startHost(kind, label);
    if (process.pid !== undefined) {
      live.set(process, { name: kind === 'session' ? `recording ${label}` : `snapshots of ${label}`, pid: process.pid });
    }
    const what = kind === 'session' ? 'The process that records this target' : 'The process that reads the snapshots';
    const client = createRpcClient(process.channel, { closedCode: 'host-crashed', closedMessage: `${what} ended` });
    let exit: HostExit | null = null;
    const host = client.ready.then(
      () => ({ client, process }),
      () => {
        throw new HeaphouseError('host-crashed', `${what} could not be started.`, {
          advice: 'Try again; if it happens again, report it with the details.',
          detail: `exit code ${exit?.code ?? '?'}, signal ${exit?.signal ?? 'none'}\n${exit?.stderrTail ?? ''}`,
        });
      },
    );
    running.set(key, host);
    process.onExit((info) => {
      exit = info;
      live.delete(process);
      if (running.get(key) === host) running.delete(key);
      if (info.code !== 0) log(`${kind} host of ${label} ended: code ${info.code}, signal ${info.signal}\n${info.stderrTail}`);
    });
    return host;
  }

  /** Puts a host that has been prepared in the place of the bare one; like that one it is forgotten when it ends. */
  function keep(key: string, host: Promise<RunningHost>): void {
    running.set(key, host);
    host.then(
      ({ process }) =>
        process.onExit(() => {
          if (running.get(key) === host) running.delete(key);
        }),
      () => undefined,
    );
  }

  async function stopOne(key: string): Promise<void> {
    const host = running.get(key);
    running.delete(key);
    const started = await host?.catch(() => null);
    await started?.process.stop();
  }

  async function registerAll(client: RpcClient, session: SessionInfo): Promise<void> {
    const analysis = client.service(analysisContract);
    for (const { id, path, name, takenAt, idEpoch, state } of session.snapshots) {
      if (state === 'ready') await analysis.register({ snapshotId: id, path, name, takenAt, idEpoch });
    }
  }

  return {
    async startCapture(sessionId, label) {
      const host = await start('session', sessionId, label);
      return { host, capture: host.client.service(captureContract) };
    },
    async timeline(session) {
      const live = running.get(keyOf('session', session.id));
      if (live) return (await live).client;
      if (!session.dir || !existsSync(join(session.dir, RECORDING_FILE))) {
        throw new HeaphouseError('not-found', 'This session has no recording.', {
          advice: 'Memory over time is recorded while a target is attached.',
        });
      }
      const replaying = start('session', session.id, session.title).then(async (host) => {
        await host.client.service(captureContract).replay({ dir: session.dir! });
        return host;
      });
      keep(keyOf('session', session.id), replaying);
      try {
        return (await replaying).client;
      } catch (error) {
        running.delete(keyOf('session', session.id));
        throw error;
      }
    },
    async analysis(session) {
      const key = keyOf('analysis', session.id);
      let host = running.get(key);
      if (!host) {
        const exportsDir = session.dir ? join(session.dir, EXPORTS_DIR) : join(tmpdir(), `heaphouse-${globalThis.process.pid}`, session.id);
        host = start('analysis', session.id, session.title).then(async (started) => {
          await started.client.service(analysisContract).configure({ exportsDir, indexDir: session.dir ? join(session.dir, INDEX_DIR) : null, sessionTitle: session.title });
          await registerAll(started.client, session);
          return started;
        });
        keep(key, host);
        host.catch(() => running.delete(key));
      }
      return (await host).client;
    },
    async registerSnapshots(session) {
      const host = running.get(keyOf('analysis', session.id));
      if (host) await registerAll((await host).client, session);
    },
    async unregisterSnapshot(sessionId, snapshotId) {
      const host = running.get(keyOf('analysis', sessionId));
      if (host) await (await host).client.service(analysisContract).unregister({ snapshotId });
    },
    async stop(sessionId) {
      await Promise.all([stopOne(keyOf('session', sessionId)), stopOne(keyOf('analysis', sessionId))]);
    },
    async stopAll() {
      await Promise.all([...running.keys()].map((key) => stopOne(key)));
    },
    processes() {
      return [...live.values()];
    },
  };
}
