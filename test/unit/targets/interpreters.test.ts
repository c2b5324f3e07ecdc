/** Where interpreters are looked for. Copies and links of a real one, because a version is asked of the program itself. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findInterpreters } from '#main/targets/interpreters.ts';

/** Some folders are believed what they are called. */
const version = process.versions.node;
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'heaphouse-home-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function node(...path: string[]): string {
  const program = join(home, ...path);
  mkdirSync(dirname(program), { recursive: true });
  symlinkSync(process.execPath, program);
  return program;
}
const found = (env: NodeJS.ProcessEnv = {}, cwd = join(home, 'app')) => findInterpreters({ cwd, env, home, bundledNode: null });

describe.skipIf(process.platform === 'win32')('interpreters', () => {
  it.each([
    ['nvm', ['.nvm', 'versions', 'node', `v${version}`, 'bin', 'node'], {}],
    ['fnm', ['.local', 'share', 'fnm', 'node-versions', `v${version}`, 'installation', 'bin', 'node'], {}],
    ['fnm', ['elsewhere', 'node-versions', `v${version}`, 'installation', 'bin', 'node'], { FNM_DIR: 'elsewhere' }],
    ['volta', ['.volta', 'tools', 'image', 'node', version, 'bin', 'node'], {}],
  ])('%s: %s', async (origin, path, variables) => {
    const program = node(...path);
    const env = Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, join(home, value)]));
    expect((await found(env)).filter((one) => one.path.startsWith(home))).toEqual([
      expect.objectContaining({ kind: 'node', origin, path: program, version, supported: true, reason: null }),
    ]);
  });

  it("volta's and pyenv's own shims are no interpreters", async () => {
    node('.volta', 'bin', 'node');
    expect((await found({ PATH: join(home, '.volta', 'bin') })).filter(({ path }) => path.startsWith(home))).toEqual([]);
  });

  it('a folder of any name with pyvenv.cfg is an environment of the working directory, one without is none', async () => {
    for (const name of ['.venv', 'py311', 'env']) mkdirSync(join(home, 'app', name, 'bin'), { recursive: true });
    for (const name of ['.venv', 'py311']) writeFileSync(join(home, 'app', name, 'pyvenv.cfg'), 'version = 3.11.7\n');
    for (const name of ['.venv', 'py311', 'env']) symlinkSync('/usr/bin/python3', join(home, 'app', name, 'bin', 'python'));
    const own = (await found()).filter(({ path }) => path.startsWith(home));
    // Without a python3 in /usr/bin there is nothing to list.
    if (own.length > 0) {
      expect(own.map(({ path, detail }) => [path.slice(home.length), detail])).toEqual([
        ['/app/.venv/bin/python', 'virtual environment .venv in app'],
        ['/app/py311/bin/python', 'virtual environment py311 in app'],
      ]);
    }
  });
});
