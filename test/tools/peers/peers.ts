/**
 * Chrome DevTools' own snapshot loader and memlab, installed into a cache folder (not into node_modules) when a test or a
 * benchmark first needs them. `unavailable` says why where the registry cannot be reached.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, createReadStream, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'vite';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..', '..');
const cache = join(root, '.cache', 'peers');

/** Installs the peers once. Returns null, or the reason why they cannot be had. */
export function installPeers(): string | null {
  const wanted = readFileSync(join(here, 'package-lock.json'), 'utf8');
  const mark = join(cache, 'node_modules', '.package-lock.json');
  const lock = join(cache, 'package-lock.json');
  if (existsSync(mark) && existsSync(lock) && readFileSync(lock, 'utf8') === wanted) return null;
  mkdirSync(cache, { recursive: true });
  for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(here, name), join(cache, name));
  const done = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: cache, encoding: 'utf8' });
  return done.status === 0 ? null : `the peers cannot be installed from npm: ${(done.stderr || String(done.error)).split('\n')[0]}`;
}

export interface DevToolsClass {
  name: string;
  objects: number;
  shallowBytes: number;
  retainedBytes: number;
  distance: number;
}

/** A function of the Allocation view: what was allocated in it and is in the snapshot. */
export interface DevToolsSite {
  name: string;
  scriptName: string;
  line: number;
  count: number;
  liveCount: number;
}

export interface DevToolsSnapshot {
  nodeCount: number;
  totalBytes: number;
  classes: DevToolsClass[];
  /** Empty for a snapshot without allocation stacks. */
  sites: DevToolsSite[];
  problems: string[];
}

interface DevToolsModule {
  HeapSnapshotLoader: new (dispatcher: { sendEvent(name: string, data: unknown): void }) => {
    write(chunk: string): Promise<void> | void;
    close(): void;
    buildSnapshot(port: MessagePort): Promise<DevToolsHeap>;
  };
  SecondaryInitManager: new (port: MessagePort) => unknown;
  NodeFilter: new () => unknown;
}

interface DevToolsHeap {
  nodeCount: number;
  totalSize: number;
  profile: { snapshot: { trace_function_count: number } };
  allocationTracesTops(): DevToolsSite[];
  aggregatesWithFilter(filter: unknown): Record<string, { name: string; count: number; self: number; maxRet: number; distance: number }>;
}

/** Chrome's build generates this file; the loader only needs it to exist. */
const generatedLocales = {
  name: 'devtools-generated-locales',
  enforce: 'pre' as const,
  resolveId: (id: string) => (id.endsWith('/locales.js') ? '\0devtools-locales' : null),
  load: (id: string) =>
    id === '\0devtools-locales'
      ? `export const LOCALES = ['en-US']; export const BUNDLED_LOCALES = ['en-US']; export const DEFAULT_LOCALE = 'en-US';
         export const REMOTE_FETCH_PATTERN = ''; export const LOCAL_FETCH_PATTERN = '';`
      : null,
};

async function devToolsModule(): Promise<DevToolsModule> {
  const outDir = join(cache, 'bundle');
  const file = join(outDir, 'devtools.mjs');
  const entry = join(here, 'devtools-entry.ts');
  if (!existsSync(file) || statSync(file).mtimeMs < statSync(entry).mtimeMs) {
    await build({
      root: cache,
      configFile: false,
      logLevel: 'error',
      plugins: [generatedLocales],
      resolve: { alias: { 'chrome-devtools-frontend': join(cache, 'node_modules', 'chrome-devtools-frontend') } },
      build: { target: 'node22', outDir, minify: false, lib: { entry, formats: ['es'], fileName: () => 'devtools.mjs' } },
    });
  }
  return (await import(pathToFileURL(file).href)) as DevToolsModule;
}

/** Reads a file with Chrome DevTools' loader, as its Memory panel does. */
export async function readWithDevTools(path: string): Promise<DevToolsSnapshot> {
  const { HeapSnapshotLoader, SecondaryInitManager, NodeFilter } = await devToolsModule();
  const problems: string[] = [];
  const loader = new HeapSnapshotLoader({
    sendEvent: (name, data) => {
      if (/broken/i.test(name)) problems.push(String(data));
    },
  });
  for await (const chunk of createReadStream(path, { encoding: 'utf8', highWaterMark: 4 * 1024 * 1024 })) await loader.write(chunk as string);
  loader.close();
  const { port1, port2 } = new MessageChannel();
  new SecondaryInitManager(port2);
  const heap = await loader.buildSnapshot(port1);
  port1.close();
  port2.close();
  const aggregates = Object.values(heap.aggregatesWithFilter(new NodeFilter()));
  return {
    nodeCount: heap.nodeCount,
    totalBytes: heap.totalSize,
    classes: aggregates.map(({ name, count, self, maxRet, distance }) => ({ name, objects: count, shallowBytes: self, retainedBytes: maxRet, distance })),
    sites: heap.profile.snapshot.trace_function_count > 0 ? heap.allocationTracesTops().map(({ name, scriptName, line, count, liveCount }) => ({ name, scriptName, line, count, liveCount })) : [],
    problems,
  };
}

export interface MemlabNode {
  name: string;
  type: string;
  self_size: number;
  retainedSize: number;
  trace_node_id: number;
}

export interface MemlabHeap {
  nodes: { length: number; forEach(callback: (node: MemlabNode) => void): void };
  edges: { length: number };
}

/** Reads a file with memlab and has it compute retained sizes. */
export async function readWithMemlab(path: string): Promise<MemlabHeap> {
  const require = createRequire(join(cache, 'package.json'));
  const { utils, analysis, config } = require('@memlab/core') as {
    utils: { getSnapshotNodeIdsFromFile: unknown; getHeapFromFile?: unknown };
    analysis: { preparePathFinder(heap: MemlabHeap): unknown };
    config: { muteConsole: boolean };
  };
  config.muteConsole = true;
  const getHeap = (utils as unknown as { getSnapshotFromFile(path: string, options: object): Promise<MemlabHeap> }).getSnapshotFromFile;
  const heap = await getHeap(path, { buildNodeIdIndex: true, verbose: false });
  analysis.preparePathFinder(heap);
  return heap;
}
