// Brings what the tests need beyond npm packages: a browser with its driver, gdb, and a packer. Uses the system's package manager
// where that is Debian's and we may; otherwise says what is missing, and the tests that need it report themselves skipped.
import { spawnSync } from 'node:child_process';

const PARTS = [
  { program: 'chromium', packages: ['chromium'], for: 'end-to-end tests' },
  { program: 'chromedriver', packages: ['chromium-driver'], for: 'end-to-end tests' },
  { program: 'gdb', packages: ['gdb'], for: 'attach tests for Python' },
  { program: 'python3', packages: ['python3'], for: 'tests with Python targets' },
  { program: '7z', packages: ['p7zip-full'], for: 'the test of the tar.gz package' },
];

/** Allocators to preload, by the package names of different releases: tests of those that are missing are skipped and say so. */
const LIBRARIES = [
  { library: 'libjemalloc', packages: ['libjemalloc2'] },
  { library: 'libmimalloc', packages: ['libmimalloc2.0', 'libmimalloc3'] },
  { library: 'libtcmalloc', packages: ['libtcmalloc-minimal4', 'libtcmalloc-minimal4t64'] },
];

const has = (program) => spawnSync(process.platform === 'win32' ? 'where' : 'which', [program], { stdio: 'ignore' }).status === 0;

export function ensureTestParts(log) {
  const missing = PARTS.filter(({ program }) => !has(program));
  const libraries = process.platform === 'linux' ? missingLibraries() : [];
  if (missing.length + libraries.length === 0) return;
  const names = missing.flatMap(({ packages }) => packages);
  if (process.platform === 'linux' && process.getuid?.() === 0 && has('apt-get')) {
    log(`Installing for the tests: ${[...names, ...libraries.map(({ library }) => library)].join(', ')} …`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const install = (packages, stderr) => spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], { stdio: ['ignore', 'ignore', stderr], env }).status === 0;
    spawnSync('apt-get', ['update', '-qq'], { stdio: ['ignore', 'ignore', 2], env });
    if (names.length > 0) install(names, 2);
    // One by one: a name that this release does not have must not keep the others away.
    for (const { packages } of libraries) packages.some((name) => install([name], 'ignore'));
  }
  for (const { program, for: use } of missing) if (!has(program)) log(`Not found: ${program}. Skipped without it: ${use}.`);
  if (libraries.length > 0) for (const { library } of missingLibraries()) log(`Not found: ${library}. Skipped without it: tests of programs that preload it.`);
}

function missingLibraries() {
  const { stdout } = spawnSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' });
  return LIBRARIES.filter(({ library }) => !(stdout ?? '').includes(library));
}
