/**
 * The snapshots that the heap engine is measured on, made by real programs and kept in a cache folder outside of the project
 * (HEAPHOUSE_BENCH_CACHE, else `heaphouse-bench` in the user's cache): about 3.5 GB with all of them.
 *
 *   node test/bench/heap-files.ts [NAME…]     makes what is missing, prints the paths
 */
import { execFile } from 'node:child_process';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));

/** Programs and their sizes: a service by sessions, the TypeScript compiler by declaration files, a page by its elements. */
const PROGRAMS: Record<string, readonly [program: string, ...args: string[]]> = {
  small: ['heap-service.cjs', '13000'],
  middle: ['heap-service.cjs', '88500'],
  large: ['heap-service.cjs', '355000'],
  compiler: ['heap-compiler.cjs', '565', join(root, 'node_modules')],
  chromium: ['heap-chromium.mjs', '40000'],
};

export const BENCH_FILES = Object.keys(PROGRAMS);

export function benchCache(): string {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  return process.env.HEAPHOUSE_BENCH_CACHE ?? join(cache, 'heaphouse-bench');
}

/** Path of a snapshot by its name; made where it is missing. `node`: another Node.js to make it with, of that major version. */
export async function benchFile(name: string, node?: { readonly path: string; readonly major: string }): Promise<string> {
  const made = PROGRAMS[name];
  if (!made) throw new Error(`There is no file ${name} among ${BENCH_FILES.join(', ')}`);
  const [program, ...args] = made;
  const folder = benchCache();
  const file = join(folder, `${name}${node ? `-node${node.major}` : ''}.heapsnapshot`);
  if (await stat(file).then((stats) => stats.size > 0, () => false)) return file;
  await mkdir(folder, { recursive: true });
  console.error(`Making ${file} …`);
  const part = `${file}.${process.pid}.part`;
  try {
    await run(node?.path ?? process.execPath, ['--max-old-space-size=16384', join(here, program), part, ...args], { cwd: root, maxBuffer: 1 << 26 });
    await rename(part, file);
  } finally {
    await rm(part, { force: true });
  }
  return file;
}

/** A Node.js of another major version, from npm, beside the files. */
export async function otherNode(major: string): Promise<{ path: string; major: string }> {
  const folder = join(benchCache(), `node-${major}`);
  const name = `node-${process.platform}-${process.arch}`;
  const path = join(folder, 'node_modules', name, 'bin', 'node');
  if (!(await stat(path).then(() => true, () => false))) {
    await run('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts', `${name}@${major}`]);
  }
  return { path, major };
}

/** Two snapshots of one service, as large as `large`, of which the second was taken after a while. */
export async function benchPair(): Promise<[base: string, compared: string]> {
  const folder = benchCache();
  const files: [string, string] = [join(folder, 'pair-1.heapsnapshot'), join(folder, 'pair-2.heapsnapshot')];
  if (await stat(files[1]).then((stats) => stats.size > 0, () => false)) return files;
  await mkdir(folder, { recursive: true });
  console.error(`Making ${files.join(' and ')} …`);
  const [, sessions] = PROGRAMS.large!;
  const parts = files.map((file) => `${file}.${process.pid}.part`);
  try {
    await run(process.execPath, ['--max-old-space-size=16384', join(here, 'heap-service.cjs'), parts[0]!, sessions!, parts[1]!], { cwd: root });
    for (const at of [0, 1]) await rename(parts[at]!, files[at]!);
  } finally {
    for (const part of parts) await rm(part, { force: true });
  }
  return files;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const names = process.argv.slice(2);
  for (const name of names.length > 0 ? names : BENCH_FILES) console.log(await benchFile(name));
}
