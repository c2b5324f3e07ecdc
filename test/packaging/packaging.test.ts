/**
 * What would be shipped, looked at without shipping it: electron-builder packs the real build with a stand-in for the
 * Electron runtime. Only the runtime itself is not real; archive, fuses, resources and desktop entry are.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const require = createRequire(import.meta.url);

/** Ours without the runtime. Electron 45 itself is about 115 MB compressed; the whole has to stay under 150 MB. */
const MAX_OWN_BYTES = 12 * 1024 * 1024;
/** DuckDB's native library, 68 MB; compressed some 20 MB. */
const MAX_NATIVE_BYTES = 80 * 1024 * 1024;
const NATIVE = /(^|\/)node_modules\/(@duckdb\/node-bindings(-[\w-]+)?|detect-libc)\//;
const SEVEN_ZIP = ['/usr/bin/7za', '/usr/bin/7zz', '/usr/bin/7z'].find((path) => existsSync(path));

function whyNot(): string | null {
  if (process.platform !== 'linux') return 'the stand-in distribution is made for Linux only';
  try {
    require.resolve('electron-builder');
    return null;
  } catch {
    return 'electron-builder is not installed';
  }
}

interface AsarEntry {
  files?: Record<string, AsarEntry>;
  size?: number;
  offset?: string;
}

/** Reads an archive: sizes as Pickle (four 32-bit numbers), a JSON header, the files one after the other. */
function readAsar(path: string): { names: string[]; text(name: string): string } {
  const bytes = readFileSync(path);
  const header = JSON.parse(bytes.toString('utf8', 16, 16 + bytes.readUInt32LE(12))) as AsarEntry;
  const start = 8 + bytes.readUInt32LE(4);
  const entries = new Map<string, AsarEntry>();
  const walk = (entry: AsarEntry, prefix: string) => {
    for (const [name, child] of Object.entries(entry.files ?? {})) {
      if (child.files) walk(child, `${prefix}${name}/`);
      else entries.set(prefix + name, child);
    }
  };
  walk(header, '');
  return {
    names: [...entries.keys()].sort(),
    text(name) {
      const { offset, size = 0 } = entries.get(name)!;
      return bytes.toString('utf8', start + Number(offset), start + Number(offset) + size);
    },
  };
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

/** Packed quickly: how small the packages are is not looked at here. */
function pack(out: string, ...targets: string[]): { status: number | null; output: string } {
  const done = spawnSync(process.execPath, [join(root, 'test', 'packaging', 'pack.mjs'), out, ...targets], { cwd: root, encoding: 'utf8', timeout: 240_000, env: { ...process.env, ELECTRON_BUILDER_COMPRESSION_LEVEL: '1' } });
  return { status: done.status, output: done.stdout + done.stderr };
}

const reason = whyNot();

describe.skipIf(reason !== null)(`packaging${reason ? ` (skipped: ${reason})` : ''}`, () => {
  let out: string;
  let app: string;
  let asar: ReturnType<typeof readAsar>;

  beforeAll(() => {
    out = mkdtempSync(join(tmpdir(), 'heaphouse-dist-'));
    const { status, output } = pack(out);
    expect(status, output).toBe(0);
    app = join(out, 'linux-unpacked');
    asar = readAsar(join(app, 'resources', 'app.asar'));
  });
  afterAll(() => rmSync(out, { recursive: true, force: true }));

  test('the archive holds the build and package.json and nothing else', () => {
    const elsewhere = asar.names.filter((name) => !/^out\/(main|preload|renderer)\//.test(name) && name !== 'package.json' && !NATIVE.test(name));
    expect(elsewhere).toEqual([]);
    expect(asar.names).toEqual(expect.arrayContaining(['out/main/electron.js', 'out/main/session-host.js', 'out/main/analysis-host.js', 'out/preload/preload.cjs', 'out/renderer/index.html']));
  });

  test('no sources, tests, maps, packages or secrets are shipped', () => {
    const all = [...asar.names, ...filesUnder(app)];
    const unwanted = all.filter((name) => !NATIVE.test(name)).filter((name) => /\.(ts|vue|map|pyc)$|(^|\/)(tests?|node_modules|__pycache__|\.git|\.env)(\/|$)|package-lock/.test(name));
    expect(unwanted).toEqual([]);
  });

  test('nothing of this machine is in it', () => {
    const mentions = asar.names.filter((name) => /\.(js|cjs|html|css|json)$/.test(name) && asar.text(name).includes(root));
    expect(mentions).toEqual([]);
  });

  test('package.json starts the desktop host', () => {
    const manifest = JSON.parse(asar.text('package.json')) as Record<string, unknown>;
    expect(manifest).toMatchObject({ name: 'heaphouse', productName: 'Heaphouse', main: 'out/main/electron.js', type: 'module' });
    expect(asar.names).toContain(manifest.main);
    expect(manifest).not.toHaveProperty('scripts');
    expect(manifest).not.toHaveProperty('devDependencies');
  });

  test('every module the build loads is in the archive or belongs to the runtime', () => {
    const external = new Set<string>();
    for (const name of asar.names.filter((one) => /^out\/(main|preload)\/.*\.c?js$/.test(one))) {
      for (const [, specifier] of asar.text(name).matchAll(/(?:^|\n)\s*(?:import|export)[^'"\n;]*?\bfrom\s*["']([^"'\n]+)["']/g)) {
        if (!specifier.startsWith('.')) external.add(specifier);
      }
    }
    expect([...external].filter((specifier) => !isBuiltin(specifier) && specifier !== 'electron' && specifier !== '@duckdb/node-bindings')).toEqual([]);
  });

  test('the library for queries lies beside the archive, where it can be loaded', () => {
    const unpacked = join(app, 'resources', 'app.asar.unpacked', 'node_modules', '@duckdb');
    const [folder] = readdirSync(unpacked).filter((name) => name.startsWith('node-bindings-'));
    expect(readdirSync(join(unpacked, folder!))).toEqual(expect.arrayContaining(['duckdb.node']));
    expect(asar.names).toContain('node_modules/@duckdb/node-bindings/duckdb.js');
  });

  test('the Python agent lies beside the archive, whole', () => {
    const source = join(root, 'main', 'agents', 'python');
    const wanted = filesUnder(source).filter((name) => !/__pycache__|\.pyc$|(^|\/)tests\//.test(name)).sort();
    expect(filesUnder(join(app, 'resources', 'agents', 'python')).sort()).toEqual(wanted);
    expect(wanted.length).toBeGreaterThan(5);
  });

  test('the loops of the heap engine lie beside the archive, and the thread of the engine inside', () => {
    const built = join(root, 'main', 'heap', 'native', 'bin');
    expect(filesUnder(join(app, 'resources', 'heap-native'))).toEqual(filesUnder(built).filter((name) => name.endsWith('.node')));
    expect(filesUnder(built)).toEqual([join(`${process.platform}-${process.arch}`, 'heap-loops.node')]);
    expect(asar.names).toContain('out/main/heap-helper.cjs');
  });

  test('licences are there: ours, the runtime’s, and of everything bundled', () => {
    const files = filesUnder(app);
    expect(files).toEqual(expect.arrayContaining(['LICENSE.electron.txt', 'LICENSES.chromium.html', 'resources/licenses/LICENSE.heaphouse.txt']));
    const text = readFileSync(join(app, 'resources', 'licenses', 'third-party-licenses.txt'), 'utf8');
    for (const name of ['vue', 'pinia', 'echarts', 'zrender', 'reka-ui', 'valibot', 'ws']) expect(text, name).toMatch(new RegExp(`^${name} \\d+\\.`, 'm'));
    expect(text).not.toContain('Licence: see the address');
  });

  test('the list of bundled packages is the list of imported ones', () => {
    const listed = /BUNDLED = \[([^\]]*)\]/.exec(readFileSync(join(root, 'build', 'third-party-licenses.mjs'), 'utf8'))![1];
    const packages = new Set<string>();
    for (const folder of ['main', 'renderer', 'shared']) {
      for (const name of filesUnder(join(root, folder)).filter((one) => /\.(ts|vue)$/.test(one))) {
        const text = readFileSync(join(root, folder, name), 'utf8');
        for (const [, specifier] of text.matchAll(/^\s*(?:import|export)\s(?!type\b)[^'"]*?from\s*'([^'.#][^']*)'/gm)) {
          if (!specifier.startsWith('node:')) packages.add(specifier.startsWith('@') ? specifier.split('/').slice(0, 2).join('/') : specifier.split('/')[0]);
        }
      }
    }
    packages.delete('electron');
    expect([...packages].sort()).toEqual([...listed.matchAll(/'([^']+)'/g)].map(([, name]) => name));
  });

  test('fuses: no plain Node.js, no foreign code', () => {
    const cli = join(root, 'node_modules', '.bin', 'electron-fuses');
    const { stdout } = spawnSync(cli, ['read', '--app', join(app, 'heaphouse')], { encoding: 'utf8' });
    const states = Object.fromEntries([...stdout.matchAll(/(\w+) is (Enabled|Disabled)/g)].map(([, fuse, state]) => [fuse, state]));
    expect(states).toMatchObject({
      RunAsNode: 'Disabled',
      EnableNodeOptionsEnvironmentVariable: 'Disabled',
      EnableNodeCliInspectArguments: 'Disabled',
      EnableEmbeddedAsarIntegrityValidation: 'Enabled',
      OnlyLoadAppFromAsar: 'Enabled',
      GrantFileProtocolExtraPrivileges: 'Disabled',
    });
  });

  test('the desktop entry opens files, and only files', () => {
    const entry = readFileSync(join(out, 'heaphouse.desktop'), 'utf8');
    expect(entry).toMatch(/^Name=Heaphouse$/m);
    expect(entry).toMatch(/^Exec=.*heaphouse %F$/m);
    expect(entry).toMatch(/^MimeType=application\/x-heapsnapshot;application\/x-heaphouse-session;$/m);
    expect(entry).toMatch(/^Categories=Development;$/m);
    expect(entry).toMatch(/^Comment=A workbench .+/m);
    expect(entry).toMatch(/^StartupWMClass=Heaphouse$/m);
    expect(entry).not.toMatch(/x-scheme-handler/);
  });

  test('icons of all sizes', () => {
    const icons = JSON.parse(readFileSync(join(out, 'icons.json'), 'utf8')) as { file: string; size: number }[];
    expect(icons.map(({ size }) => size).sort((a, b) => a - b)).toEqual([16, 24, 32, 48, 64, 96, 128, 256, 512, 1024]);
    for (const { file, size } of icons) {
      const bytes = readFileSync(file);
      expect(bytes.toString('latin1', 1, 4)).toBe('PNG');
      expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)], file).toEqual([size, size]);
    }
    const icns = readFileSync(join(root, 'build', 'icons', 'icon.icns'));
    expect([icns.toString('latin1', 0, 4), icns.readUInt32BE(4)]).toEqual(['icns', icns.length]);
    const ico = readFileSync(join(root, 'build', 'icons', 'icon.ico'));
    expect([ico.readUInt16LE(0), ico.readUInt16LE(2), ico.readUInt16LE(4)]).toEqual([0, 1, 7]);
  });

  test('stays small', () => {
    const bytesOf = (names: string[]) => names.reduce((sum, name) => sum + statSync(join(app, 'resources', name)).size, 0);
    const files = filesUnder(join(app, 'resources'));
    expect(bytesOf(files.filter((name) => !NATIVE.test(name)))).toBeLessThan(MAX_OWN_BYTES);
    expect(bytesOf(files.filter((name) => NATIVE.test(name)))).toBeLessThan(MAX_NATIVE_BYTES);
  });

  test('says that it is a stand-in', () => {
    expect(readFileSync(join(app, 'STAND-IN.txt'), 'utf8')).toContain('not a runnable application');
    const started = spawnSync(join(app, 'heaphouse'), { encoding: 'utf8' });
    expect([started.status, started.stderr]).toEqual([1, 'This is a stand-in without Electron.\n']);
  });

  test.skipIf(SEVEN_ZIP === undefined)(`tar.gz${SEVEN_ZIP ? '' : ' (skipped: no 7-Zip on this system: apt-get install p7zip-full)'}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'heaphouse-dist-'));
    try {
      const { status, output } = pack(folder, 'tar.gz');
      expect(status, output).toBe(0);
      const [file] = readdirSync(folder).filter((name) => name.endsWith('.tar.gz'));
      expect(file).toMatch(/^heaphouse-\d+\.\d+\.\d+-linux-\w+\.tar\.gz$/);
      const listing = spawnSync('tar', ['-tzf', join(folder, file)], { encoding: 'utf8' }).stdout;
      expect(listing).toContain('/resources/app.asar');
      const checked = spawnSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: folder, encoding: 'utf8' });
      expect([checked.status, checked.stdout]).toEqual([0, `${file}: OK\n`]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
