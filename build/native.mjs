// Builds the native parts of the Python agent with the system's C compiler:
//   node build/native.mjs [--force]
// Output: main/agents/python/native/bin/<platform>-<arch>/{heapwalk,gcnote,sampler}.so, beside the agent, where the sources, the
// bundle and the packaged application all find them. No compiler: a notice, and the agent does the same in Python.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './runtime.mjs';

const FOLDER = join(root, 'main', 'agents', 'python', 'native');
const FLAGS = [
  '-std=gnu11', '-O2', '-Wall', '-Wextra', '-fPIC', '-shared', '-fvisibility=hidden',
  // No C library: what little is called is found in the process, and nothing is resolved late.
  '-nostdlib', '-ffreestanding', '-fno-stack-protector', '-fno-asynchronous-unwind-tables', '-Wl,-z,now', '-Wl,-s',
];

/** One translation unit each: the walker, the collector's callback, the allocation sampler. */
const PARTS = ['heapwalk', 'gcnote', 'sampler'];

/** Whether the libraries are there after the call; `log` takes one line about what was done. */
export function buildNative(log, options = {}) {
  try {
    return build(log, options);
  } catch (error) {
    log(`native walker: not built (${error.message}); the agent walks in Python`);
    return false;
  }
}

function build(log, { force = false }) {
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    log(`native walker: not built for ${process.platform} ${process.arch}; the agent walks in Python`);
    return false;
  }
  const sources = readdirSync(FOLDER).filter((name) => /\.[ch]$/.test(name)).map((name) => join(FOLDER, name));
  const folder = join(FOLDER, 'bin', `${process.platform}-${process.arch}`);
  const newest = Math.max(...sources.map((path) => statSync(path).mtimeMs));
  const isFresh = (output) => existsSync(output) && statSync(output).mtimeMs > newest;
  const stale = PARTS.filter((part) => force || !isFresh(join(folder, `${part}.so`)));
  if (stale.length === 0) return true;
  mkdirSync(folder, { recursive: true });
  const compilers = process.env.CC ? [process.env.CC] : ['cc', 'gcc', 'clang'];
  const compiler = compilers.find((name) => spawnSync(name, ['--version']).error?.code !== 'ENOENT');
  if (compiler === undefined) {
    log(`native walker: no C compiler (${compilers.join(', ')}); the agent walks in Python`);
    return false;
  }
  return stale.map((name) => compile(log, compiler, name, join(folder, `${name}.so`))).every(Boolean);
}

function compile(log, compiler, name, output) {
  const part = `${output}.${process.pid}.part`;
  const run = spawnSync(compiler, [...FLAGS, '-o', part, join(FOLDER, `${name}.c`)], { encoding: 'utf8' });
  if (run.status === 0) {
    renameSync(part, output);
    return true;
  }
  rmSync(part, { force: true });
  log(`native parts: ${compiler} failed on ${name}.c; the agent does it in Python\n${run.stderr}`);
  return false;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const built = buildNative((line) => process.stdout.write(`${line}\n`), { force: process.argv.includes('--force') });
  process.exitCode = built ? 0 : 1;
}
