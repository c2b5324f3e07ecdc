/**
 * The workbench without a host: services, worker processes, sessions. Electron, the web host and the CLI each make one,
 * serve it over their transport, and dispose of it when they end.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exploreContract } from '#shared/contracts/explore.ts';
import { familyContract } from '#shared/contracts/family.ts';
import { heapContract } from '#shared/contracts/heap.ts';
import { allocationsContract } from '#shared/contracts/allocations.ts';
import { memoryContract } from '#shared/contracts/memory.ts';
import { liveContract } from '#shared/contracts/live.ts';
import { referencesContract } from '#shared/contracts/references.ts';
import { launchesContract } from '#shared/contracts/launches.ts';
import { sessionsContract } from '#shared/contracts/sessions.ts';
import { settingsContract } from '#shared/contracts/settings.ts';
import { targetsContract } from '#shared/contracts/targets.ts';
import { timelineContract } from '#shared/contracts/timeline.ts';
import { createChannelPair, type Channel, type Dispose } from '#shared/rpc/channel.ts';
import { createRpcClient, type RpcClient } from '#shared/rpc/client.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { createRpcServer, type RpcServer } from '#shared/rpc/server.ts';
import { defaultSessionDir } from '#main/storage/app-folders.ts';
import { LAUNCHES_FILE } from '#main/storage/launch-history.ts';
import { EXPORTS_DIR } from '#main/storage/session-file.ts';
import { SETTINGS_FILE } from '#main/storage/settings-file.ts';
import { pythonAgentDir } from './app-root.ts';
import { createAttaching } from './attaching.ts';
import { createFamilyService } from './family.ts';
import type { StartHost } from './host-process.ts';
import { createHosts } from './hosts.ts';
import { createLiveSessions } from './live-sessions.ts';
import { startNodeHost } from './node-host-process.ts';
import { createLaunches } from './launches-service.ts';
import { createSessionStore } from './session-store.ts';
import { createSessionsService } from './sessions-service.ts';
import { createSettings, type SettingsKeeper } from './settings-service.ts';
import { createTargetsService } from './targets-service.ts';

export interface WorkbenchOptions {
  /** Folder that holds the session folders and is listed under "recent", unless the settings name another. */
  sessionsDir: string;
  /** Folder of settings.json and launches.json; without it they last as long as the workbench. */
  dataDir?: string;
  /** Folder of a new session; default: one of its own inside `sessionsDir`. */
  sessionDir?: (title: string, createdAt: number) => string;
  /** Folder that relative paths of the user start from. */
  cwd: string;
  startHost?: StartHost;
  agentDir?: string;
  /** Diagnostics, one line each. */
  log?: (line: string) => void;
}

export interface Workbench {
  /** For a host's own services (`shell`). */
  server: RpcServer;
  /** The same services in this process. */
  client: RpcClient;
  serve(channel: Channel): Dispose;
  settings: SettingsKeeper;
  /** Folders whose files may be handed to the user: exports of open sessions, and archives. */
  exportDirs(): string[];
  /** Process ids of the workers, for the status bar. */
  workers(): { name: string; pid: number }[];
  /** Detaches from every target, ends what was launched, stops the workers, saves. */
  dispose(): Promise<void>;
}

export function createWorkbench(options: WorkbenchOptions): Workbench {
  const { cwd, dataDir, log = () => undefined } = options;
  const settings = createSettings(dataDir === undefined ? null : join(dataDir, SETTINGS_FILE), options.sessionsDir);
  const launches = createLaunches(dataDir === undefined ? null : join(dataDir, LAUNCHES_FILE), log);
  const server = createRpcServer();
  const store = createSessionStore(log);
  const hosts = createHosts(options.startHost ?? startNodeHost, log);
  const live = createLiveSessions({
    store,
    hosts,
    sessionDir: options.sessionDir ?? ((title, createdAt) => defaultSessionDir(settings.sessionsDir(), title, createdAt)),
    recording: () => ({ sampleEveryMs: settings.current().sampleEveryMs, maxRecordingBytes: settings.current().maxRecordingMiB * 1024 * 1024 }),
  });
  let outgoing: Promise<string> | null = null;
  let outgoingPath: string | null = null;
  /** Made when first needed, under a name nobody can have made before. */
  function outgoingDir(): Promise<string> {
    outgoing ??= mkdtemp(join(tmpdir(), 'heaphouse-outgoing-')).then((path) => (outgoingPath = path));
    return outgoing;
  }

  const agentDir = options.agentDir ?? pythonAgentDir();
  const rendezvousDir = join(tmpdir(), `heaphouse-${process.getuid?.() ?? 'user'}-${process.pid}`);
  const attaching = createAttaching({ store, sessions: live, agentDir, rendezvousDir });
  const family = createFamilyService({ store, sessions: live, attaching, log });

  server.provide(targetsContract, createTargetsService({ sessions: live, attaching, agentDir, rendezvousDir, launches, cwd }));
  server.provide(settingsContract, settings.handlers);
  server.provide(launchesContract, launches.handlers);
  server.provide(familyContract, family.handlers);
  server.provide(sessionsContract, createSessionsService({ store, live, hosts, sessionsDir: settings.sessionsDir, outgoingDir, cwd }));
  server.forward(timelineContract.name, (scope) => hosts.timeline(store.get(requireScope(scope))));
  // Answered by the same host: what is being recorded and the process it is recorded from belong together.
  server.forward(memoryContract.name, (scope) => hosts.timeline(store.get(requireScope(scope))));
  server.forward(allocationsContract.name, (scope) => hosts.timeline(store.get(requireScope(scope))));
  server.forward(liveContract.name, (scope) => hosts.timeline(store.get(requireScope(scope))));
  server.forward(referencesContract.name, (scope) => hosts.timeline(store.get(requireScope(scope))));
  server.forward(heapContract.name, (scope) => hosts.analysis(store.get(requireScope(scope))));
  server.forward(exploreContract.name, (scope) => hosts.analysis(store.get(requireScope(scope))));

  const [near, far] = createChannelPair();
  server.serve(far);
  const client = createRpcClient(near);

  let disposed: Promise<void> | null = null;
  return {
    server,
    client,
    serve: (channel) => server.serve(channel),
    settings,
    exportDirs: () => [
      ...store.list().flatMap(({ dir }) => (dir ? [join(dir, EXPORTS_DIR)] : [])),
      join(tmpdir(), `heaphouse-${process.pid}`),
      ...(outgoingPath === null ? [] : [outgoingPath]),
    ],
    workers: () => hosts.processes(),
    dispose() {
      disposed ??= (async () => {
        family.dispose();
        await live.endAll();
        await hosts.stopAll();
        await store.flush();
        if (outgoingPath !== null) await rm(outgoingPath, { recursive: true, force: true });
        client.close();
      })();
      return disposed;
    },
  };
}

function requireScope(scope: string | undefined): string {
  if (scope === undefined) throw new HeaphouseError('invalid-argument', 'This service needs the id of a session.');
  return scope;
}
