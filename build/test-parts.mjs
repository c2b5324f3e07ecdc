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

const has = (program) => spawnSync(process.platform === 'win32' ? 'where' : 'which', [program], { stdio: 'ignore' }).status === 0;

export function ensureTestParts(log) {
  const missing = PARTS.filter(({ program }) => !has(program));
  if (missing.length === 0) return;
  const names = missing.flatMap(({ packages }) => packages);
  if (process.platform === 'linux' && process.getuid?.() === 0 && has('apt-get')) {
    log(`Installing for the tests: ${names.join(', ')} …`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const options = { stdio: ['ignore', 'ignore', 2], env };
    spawnSync('apt-get', ['update', '-qq'], options);
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], options);
  }
  for (const { program, for: use } of missing) if (!has(program)) log(`Not found: ${program}. Skipped without it: ${use}.`);
}
