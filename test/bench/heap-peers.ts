/**
 * Our heap engine beside Chrome DevTools' and the floor, on the same files, one process at a time:
 *
 *   node test/bench/heap-peers.ts [--runs N] [--exact] [--helper auto|always|never] [--nodes N] [FILE…]
 *
 * Without files: middle, large and compiler of heap-files.ts, which are made where they are missing. `small`, `middle`,
 * `large`, `compiler` and `chromium` may be named as files; `--node 22` adds one that Node.js 22 writes, `--nodes` a synthetic
 * one of that size. All engines run bundled, as
 * products do. HEAPHOUSE_HEAP_NATIVE=off measures ours without its native loops. `--exact` compares the results as well: every class by objects, shallow and retained size and distance, and every
 * node. The peers are installed by npm into `.cache/heap-peers` of the project, never into the project itself.
 */
import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

import { writeSyntheticSnapshot } from '#test/fixtures/heap/generate.ts';

import { buildHeapLoops } from '../../build/native.mjs';

import { BENCH_FILES, benchFile, otherNode } from './heap-files.ts';
import { compareDumps } from './heap-exact.ts';
import { readDump } from './heap-dump.ts';

const run = promisify(execFile);
const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));
const cache = join(root, '.cache', 'heap-peers');

const DEVTOOLS = 'chrome-devtools-frontend@1.0.1705227';
const BUNDLER = 'esbuild@0.28.2';

interface Measure {
  readonly ms: number;
  /** Processor time of the whole process: what to look at on a busy machine. */
  readonly cpuMs: number;
  /** That of the thread that asked; the rest is the helper's, the compiler's and the reading of the file. */
  readonly mainCpuMs?: number;
  readonly firstTableMs?: number;
  readonly maxRssBytes: number;
  readonly nodes: number;
  readonly edges?: number;
  readonly phases?: Record<string, number>;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { node: { type: 'string', multiple: true, default: [] }, runs: { type: 'string', default: '5' }, exact: { type: 'boolean', default: false }, nodes: { type: 'string' }, helper: { type: 'string', default: 'auto' } },
});
const runs = Number(values.runs);
const helper = ['--helper', values.helper];

const devtools = await installDevTools();
const bench = await bundleBench();
const temp = await mkdtemp(join(tmpdir(), 'heap-bench-'));
try {
  const names = positionals.length > 0 || values.nodes !== undefined || values.node.length > 0 ? positionals : ['middle', 'large', 'compiler'];
  const files: string[] = [];
  for (const name of names) files.push(BENCH_FILES.includes(name) ? await benchFile(name) : name);
  for (const major of values.node) files.push(await benchFile('small', await otherNode(major)));
  if (values.nodes !== undefined) files.push(await synthetic(temp, Number(values.nodes)));
  const rows: Record<string, Record<string, string | number>> = {};
  let differences = 0;
  for (const file of files) {
    const fileBytes = (await stat(file)).size;
    const [floor, ours, theirs] = await measureInTurns(runs, [
      [bench('heap-floor'), file],
      [bench('heap-ours'), file, ...helper],
      [bench('heap-devtools'), devtools, file],
    ]);
    rows[basename(file)] = {
      'file MB': Math.round(fileBytes / 1e6),
      nodes: ours.nodes,
      edges: ours.edges ?? 0,
      'floor s': seconds(floor.ms),
      'first table s': seconds(ours.firstTableMs ?? 0),
      'first × floor': ((ours.firstTableMs ?? 0) / floor.ms).toFixed(2),
      'all s': seconds(ours.ms),
      'DevTools s': seconds(theirs.ms),
      'times faster': (theirs.ms / ours.ms).toFixed(1),
      '× floor': (ours.ms / floor.ms).toFixed(2),
      'CPU s (floor, ours, DevTools)': [floor, ours, theirs].map(({ cpuMs }) => seconds(cpuMs)).join(' '),
      'CPU s by thread': `${seconds(ours.mainCpuMs ?? 0)} + ${seconds(ours.cpuMs - (ours.mainCpuMs ?? 0))}`,
      'RSS MiB': mebibytes(ours.maxRssBytes),
      'DevTools MiB': mebibytes(theirs.maxRssBytes),
      'RSS / file': (ours.maxRssBytes / fileBytes).toFixed(2),
      'RSS / DevTools': (ours.maxRssBytes / theirs.maxRssBytes).toFixed(2),
    };
    console.error(basename(file), JSON.stringify(ours.phases));
    if (values.exact) differences += await compareExactly(file);
  }
  console.table(rows);
  if (values.exact) console.log(differences === 0 ? 'exact: no differences' : `exact: ${differences} differences`);
  process.exitCode = differences === 0 ? 0 : 1;
} finally {
  await rm(temp, { recursive: true, force: true });
}

async function measureOnce(args: readonly string[]): Promise<Measure> {
  const { stdout } = await run(process.execPath, ['--max-old-space-size=8192', ...args], { maxBuffer: 1 << 26 });
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Measure;
}

/** Medians by the clock; one after the other in turns, so that a change of load is everybody's. */
async function measureInTurns(times: number, commands: readonly (readonly string[])[]): Promise<[Measure, Measure, Measure]> {
  const results = commands.map((): Measure[] => []);
  for (let i = 0; i < times; i++) {
    for (const [at, args] of commands.entries()) results[at]!.push(await measureOnce(args));
  }
  const [floor, ours, theirs] = results.map((list) => list.sort((a, b) => a.ms - b.ms)[list.length >> 1]!);
  return [floor!, ours!, theirs!];
}

async function compareExactly(file: string): Promise<number> {
  const mine = join(temp, 'ours.dump');
  const theirs = join(temp, 'devtools.dump');
  await measureOnce([bench('heap-ours'), file, mine, ...helper]);
  await measureOnce([bench('heap-devtools'), devtools, file, theirs]);
  const found = compareDumps(await readDump(mine), await readDump(theirs));
  for (const line of found.slice(0, 40)) console.log(`  ${basename(file)}: ${line}`);
  return found.length;
}

/** Installs and bundles DevTools' engine; resolves to the folder of the bundle. */
async function installDevTools(): Promise<string> {
  const bundle = join(cache, 'bundle');
  const exists = await access(join(bundle, 'second-thread.mjs')).then(
    () => true,
    () => false,
  );
  if (exists) return bundle;
  await mkdir(bundle, { recursive: true });
  await writeFile(join(cache, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  console.error(`Installing ${DEVTOOLS} into ${cache} …`);
  await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', DEVTOOLS, BUNDLER], { cwd: cache });
  const engine = 'chrome-devtools-frontend/front_end/entrypoints/heap_snapshot_worker/heap_snapshot_worker.ts';
  await writeFile(join(cache, 'engine-entry.ts'), `export * from '${engine}';\n`);
  await writeFile(
    join(cache, 'second-thread-entry.ts'),
    `import { workerData } from 'node:worker_threads';\nimport { HeapSnapshot } from '${engine}';\n` +
      'new HeapSnapshot.SecondaryInitManager(workerData.port);\n',
  );
  // A file that DevTools' build generates; the engine needs its names only.
  await writeFile(
    join(cache, 'node_modules/chrome-devtools-frontend/front_end/core/i18n/locales.js'),
    "export const LOCALES = ['en-US'], BUNDLED_LOCALES = ['en-US'], DEFAULT_LOCALE = 'en-US';\n" +
      "export const REMOTE_FETCH_PATTERN = '', LOCAL_FETCH_PATTERN = '';\n",
  );
  for (const name of ['engine', 'second-thread']) {
    await run('node_modules/.bin/esbuild', [
      `${name}-entry.ts`,
      '--bundle',
      '--format=esm',
      '--platform=node',
      '--target=node22',
      `--outfile=bundle/${name}.mjs`,
    ], { cwd: cache });
  }
  return bundle;
}

/**
 * The three programs as one file each: a product does not strip types at start, which takes time and memory. Resolves to
 * their paths by name.
 */
async function bundleBench(): Promise<(name: string) => string> {
  const out = join(cache, 'bench');
  const esbuild = join(cache, 'node_modules', '.bin', 'esbuild');
  const common = ['--bundle', '--platform=node', '--target=node24', '--log-level=error'];
  for (const name of ['heap-floor', 'heap-ours', 'heap-devtools']) {
    await run(esbuild, [join(here, `${name}.ts`), ...common, '--format=esm', `--outfile=${join(out, `${name}.mjs`)}`], { cwd: root });
  }
  const thread = join(root, 'main', 'heap', 'helper-thread.ts');
  await run(esbuild, [thread, ...common, '--format=cjs', `--outfile=${join(out, 'heap-helper.cjs')}`], { cwd: root });
  buildHeapLoops((line) => console.error(line));
  return (name) => join(out, `${name}.mjs`);
}

async function synthetic(folder: string, nodes: number): Promise<string> {
  const path = join(folder, `service-${nodes / 1e6}M.heapsnapshot`);
  await writeSyntheticSnapshot(path, { nodes, seed: 1 });
  return path;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2);
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
