// `npm run pythons`: CPython versions this machine's system does not have, from the packages of a Debian suite, unpacked
// into a folder of their own with the C library they were built for. Nothing is installed; the tests find them there.
//
//   npm run pythons                               3.13, 3.14 and 3.15 of Debian testing into .cache/pythons
//   npm run pythons -- --suite sid 3.14           another suite, these versions only
//   npm run pythons -- --allow-stale              a mirror whose release file is past its date (signatures are still checked)
//
// The mirror and its keyring are those of the machine's own apt sources. Needs apt, dpkg-deb and a network that reaches
// the mirror. HEAPHOUSE_TEST_PYTHONS names another folder; the tests read the same variable.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..', '..');
const folder = resolve(process.env.HEAPHOUSE_TEST_PYTHONS ?? join(root, '.cache', 'pythons'));
const apt = join(folder, '.apt');
const log = (line) => process.stdout.write(`${line}\n`);

const args = process.argv.slice(2);
const option = (name) => {
  const at = args.indexOf(name);
  return at < 0 ? undefined : args.splice(at, 2)[1];
};
const flag = (name) => {
  const at = args.indexOf(name);
  return at >= 0 && args.splice(at, 1).length === 1;
};
const suite = option('--suite') ?? 'testing';
const stale = flag('--allow-stale');
const minors = args.length > 0 ? args : ['3.13', '3.14', '3.15'];

/** What apt of this machine uses for Debian itself: `{ uri, key, suite }`. Ports and security archives have other layouts. */
function debianSource() {
  const parts = '/etc/apt/sources.list.d';
  const files = ['/etc/apt/sources.list', ...(existsSync(parts) ? readdirSync(parts).map((name) => join(parts, name)) : [])].filter((file) => existsSync(file));
  for (const file of files) {
    const text = readFileSync(file, 'utf8');
    if (file.endsWith('.sources')) {
      for (const stanza of text.split(/\n\s*\n/)) {
        const field = (name) => new RegExp(`^${name}:\\s*(.*)$`, 'im').exec(stanza)?.[1].trim();
        const uri = field('URIs')?.split(/\s+/).find((one) => /\/debian\/?$/.test(one));
        if (uri) return { uri, key: field('Signed-By'), suite: field('Suites').split(/\s+/)[0] };
      }
    } else {
      for (const line of text.split('\n')) {
        const found = /^deb\s+(?:\[([^\]]*)\]\s+)?(\S+\/debian\/?)\s+(\S+)\s/.exec(line);
        if (found) return { uri: found[2], key: /signed-by=(\S+)/.exec(found[1] ?? '')?.[1], suite: found[3] };
      }
    }
  }
  throw new Error('apt on this machine has no source of Debian itself: is this a Debian system?');
}

/** An apt of its own: nothing of the system's is read but the keyring, nothing written outside `folder`. */
function aptRoot(name, source, from) {
  const at = join(apt, name);
  for (const part of ['etc/apt.conf.d', 'etc/preferences.d', 'state/lists/partial', 'cache/archives/partial']) mkdirSync(join(at, part), { recursive: true });
  writeFileSync(join(at, 'status'), '');
  writeFileSync(join(at, 'etc', 'sources.list'), `deb ${source.key ? `[signed-by=${source.key}] ` : ''}${source.uri} ${from} main\n`);
  writeFileSync(
    join(at, 'apt.conf'),
    [
      `Dir::Etc "${at}/etc";`,
      'Dir::Etc::sourcelist "sources.list";',
      'Dir::Etc::sourceparts "none";',
      `Dir::State "${at}/state";`,
      `Dir::State::status "${at}/status";`,
      `Dir::Cache "${at}/cache";`,
      'Acquire::Languages "none";',
      'APT::Sandbox::User "";',
      'Debug::NoLocking "1";',
      ...(stale ? ['Acquire::Check-Valid-Until "false";'] : []),
    ].join('\n'),
  );
  const run = (program, ...rest) =>
    execFileSync(program, rest, { encoding: 'utf8', cwd: join(at, 'cache'), env: { ...process.env, APT_CONFIG: join(at, 'apt.conf') }, stdio: ['ignore', 'pipe', 'inherit'] });
  run('apt-get', '-q', 'update');
  run.cache = join(at, 'cache');
  return run;
}

/** Names of the packages these need, themselves included; only what holds libraries or the interpreter. */
function needed(run, names) {
  const told = run('apt-cache', 'depends', '--recurse', '--no-recommends', '--no-suggests', '--no-conflicts', '--no-breaks', '--no-replaces', '--no-enhances', ...names);
  const all = new Set(told.split('\n').filter((line) => /^[a-z0-9]/.test(line)));
  return [...all].filter((name) => /^(lib|python3|zlib|gcc-)/.test(name) && !/^(libdebian-installer|libnewt|libslang|libtextwrap|libc-gconv)/.test(name));
}

function unpack(run, names, to) {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(run.cache)) if (name.endsWith('.deb')) rmSync(join(run.cache, name));
  run('apt-get', '-q', 'download', ...names);
  for (const name of readdirSync(run.cache)) if (name.endsWith('.deb')) execFileSync('dpkg-deb', ['-x', join(run.cache, name), to]);
}

function under(at, name) {
  for (const entry of readdirSync(at, { withFileTypes: true, recursive: true })) if (entry.name === name) return join(entry.parentPath, entry.name);
  throw new Error(`${name} is not among the unpacked files of ${at}`);
}

function main() {
  const source = debianSource();
  const run = aptRoot('suite', source, suite);
  // patchelf runs on this machine, so it comes from this machine's own release.
  const own = aptRoot('own', source, source.suite);
  const tools = join(apt, 'tools');
  if (!existsSync(join(tools, 'usr', 'bin', 'patchelf'))) unpack(own, ['patchelf'], tools);
  const patchelf = join(tools, 'usr', 'bin', 'patchelf');

  for (const minor of minors) {
    const at = join(folder, minor);
    rmSync(at, { recursive: true, force: true });
    unpack(run, needed(run, [`python${minor}`]), at);
    const libraries = dirname(under(at, 'libssl.so.3'));
    const loader = ['ld-linux-x86-64.so.2', 'ld-linux-aarch64.so.1'].map((name) => join(libraries, name)).find((file) => existsSync(file));
    if (!loader) throw new Error(`no dynamic loader in ${libraries}`);
    const program = join(at, 'usr', 'bin', `python${minor}`);
    chmodSync(program, 0o755);
    // The loader and libraries of its own suite, whatever this machine has; DT_RPATH also serves the extension modules.
    execFileSync(patchelf, ['--force-rpath', '--set-rpath', libraries, '--set-interpreter', loader, program]);
    // A prefix of the usual shape: virtual environments made from it look for bin and lib side by side.
    if (!existsSync(join(at, 'lib'))) symlinkSync(join('usr', 'lib'), join(at, 'lib'));
    const bin = join(at, 'bin');
    mkdirSync(bin, { recursive: true });
    for (const name of [`python${minor}`, 'python3', 'python']) symlinkSync(join('..', 'usr', 'bin', `python${minor}`), join(bin, name));
    const told = execFileSync(program, ['-I', '-c', 'import sys, ssl, ctypes, sqlite3, asyncio; print(sys.version.split()[0])'], { encoding: 'utf8' });
    log(`${program}: ${told.trim()}`);
  }
}

main();
