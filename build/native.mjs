// Builds the native parts with the system's C compiler: those of the Python agent, and the loops of the heap engine.
//   node build/native.mjs [--force]
// Output: main/agents/python/native/bin/<platform>-<arch>/{heapwalk,gcnote,sampler,waiting,undo}.so and the programs heaphouse-inject and
// heaphouse-peek, beside the agent, where the sources, the bundle and the packaged application all find them. No compiler: a notice, and the agent
// does the same in Python; a running Python is then entered with gdb. The loops go to
// main/heap/native/bin/<platform>-<arch>/heap-loops.node; without them the engine does the same in TypeScript.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './runtime.mjs';

const FOLDER = join(root, 'main', 'agents', 'python', 'native');
const INJECTOR_FOLDER = join(root, 'main', 'agents', 'python', 'injector');
const PEEK_FOLDER = join(root, 'main', 'agents', 'python', 'peek');
const FLAGS = [
  '-std=gnu11', '-O2', '-Wall', '-Wextra', '-fPIC', '-shared', '-fvisibility=hidden',
  // No C library: what little is called is found in the process, and nothing is resolved late.
  '-nostdlib', '-ffreestanding', '-fno-stack-protector', '-fno-asynchronous-unwind-tables', '-Wl,-z,now', '-Wl,-s',
];

/**
 * The injector, a program of its own. Part of it is machine code that runs elsewhere: no constants that the vectoriser
 * would put into other sections, no stack protector, no landing pads.
 */
const INJECTOR_FLAGS = [
  '-std=gnu11', '-O2', '-Wall', '-Wextra', '-D_GNU_SOURCE', '-fno-stack-protector', '-fno-tree-vectorize', '-fno-tree-slp-vectorize', '-fno-stack-clash-protection',
  ...(process.arch === 'x64' ? ['-fcf-protection=none'] : []), '-Wl,-s',
];

/** One translation unit each: the walker, the collector's callback, the allocation sampler, the wait of the agent's thread, what takes its classes apart. */
const PARTS = ['heapwalk', 'gcnote', 'sampler', 'waiting', 'undo'];

/** Whether the libraries are there after the call; `log` takes one line about what was done. */
export function buildNative(log, options = {}) {
  const loops = buildHeapLoops(log, options);
  try {
    return build(log, options) && loops;
  } catch (error) {
    log(`native walker: not built (${error.message}); the agent walks in Python`);
    return false;
  }
}

const LOOPS_FOLDER = join(root, 'main', 'heap', 'native');
const LOOPS_FLAGS = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-fPIC', '-shared', '-fvisibility=hidden', '-fstack-protector-strong', '-Wl,-z,now', '-Wl,-s'];

/** The loops of the heap engine: Node-API only, so that one file serves every Node.js and Electron of the system. */
export function buildHeapLoops(log, { force = false, output, extra = [] } = {}) {
  const instead = 'the heap engine works in TypeScript';
  try {
    if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
      log(`heap loops: not built for ${process.platform} ${process.arch}; ${instead}`);
      return false;
    }
    const target = output ?? join(LOOPS_FOLDER, 'bin', `${process.platform}-${process.arch}`, 'heap-loops.node');
    if (!force && existsSync(target) && statSync(target).mtimeMs > newestSource(LOOPS_FOLDER)) return true;
    const compiler = findCompiler();
    if (compiler === undefined) {
      log(`heap loops: no C compiler (CC, cc, gcc, clang); ${instead}`);
      return false;
    }
    mkdirSync(dirname(target), { recursive: true });
    const part = `${target}.${process.pid}.part`;
    const sources = readdirSync(LOOPS_FOLDER).filter((name) => name.endsWith('.c')).map((name) => join(LOOPS_FOLDER, name));
    const run = spawnSync(compiler, [...LOOPS_FLAGS, ...extra, '-o', part, ...sources], { encoding: 'utf8' });
    if (run.status === 0) {
      renameSync(part, target);
      return true;
    }
    rmSync(part, { force: true });
    log(`heap loops: ${compiler} failed; ${instead}\n${run.stderr}`);
  } catch (error) {
    log(`heap loops: not built (${error.message}); ${instead}`);
  }
  return false;
}

/** The first C compiler that is here. */
function findCompiler() {
  const compilers = process.env.CC ? [process.env.CC] : ['cc', 'gcc', 'clang'];
  return compilers.find((name) => spawnSync(name, ['--version']).error?.code !== 'ENOENT');
}

function build(log, { force = false }) {
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    log(`native walker: not built for ${process.platform} ${process.arch}; the agent walks in Python`);
    return false;
  }
  const folder = join(FOLDER, 'bin', `${process.platform}-${process.arch}`);
  const isFresh = (output, newest) => existsSync(output) && statSync(output).mtimeMs > newest;
  const newest = newestSource(FOLDER);
  const stale = PARTS.filter((part) => force || !isFresh(join(folder, `${part}.so`), newest));
  const injector = join(folder, 'heaphouse-inject');
  const injectorIsFresh = !force && isFresh(injector, newestSource(INJECTOR_FOLDER));
  const peek = join(folder, 'heaphouse-peek');
  const peekIsFresh = !force && isFresh(peek, newestSource(PEEK_FOLDER));
  if (stale.length === 0 && injectorIsFresh && peekIsFresh) return true;
  mkdirSync(folder, { recursive: true });
  const compiler = findCompiler();
  if (compiler === undefined) {
    log('native walker: no C compiler (CC, cc, gcc, clang); the agent walks in Python');
    return false;
  }
  const entered = injectorIsFresh || compileInjector(log, compiler, injector);
  const peeked = peekIsFresh || compileProgram(log, compiler, join(PEEK_FOLDER, 'peek.c'), peek, ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Wl,-s'], 'arenas are read piece by piece');
  return stale.map((name) => compile(log, compiler, name, join(folder, `${name}.so`))).every(Boolean) && entered && peeked;
}

function newestSource(folder) {
  return Math.max(...readdirSync(folder).filter((name) => /\.[ch]$/.test(name)).map((name) => statSync(join(folder, name)).mtimeMs));
}

/** `extra`: further flags, for tests. */
export function compileInjector(log, compiler, output, extra = []) {
  return compileProgram(log, compiler, join(INJECTOR_FOLDER, 'inject.c'), output, [...INJECTOR_FLAGS, ...extra], 'a running Python is entered with gdb');
}

/** Static where the C library allows, so that it runs wherever the package is unpacked. */
function compileProgram(log, compiler, source, output, flags, without) {
  const part = `${output}.${process.pid}.part`;
  let run;
  for (const linking of [['-static'], []]) {
    run = spawnSync(compiler, [...flags, ...linking, '-o', part, source], { encoding: 'utf8' });
    if (run.status !== 0) continue;
    renameSync(part, output);
    return true;
  }
  rmSync(part, { force: true });
  log(`${basename(output)}: ${compiler} failed; ${without}\n${run.stderr}`);
  return false;
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
