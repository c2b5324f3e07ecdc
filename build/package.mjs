// `npm run package [-- options]`: builds, then packs with electron-builder into dist/.
//   --dir              only the unpacked folder
//   --target NAME      one target of this system (tar.gz, AppImage, deb, dmg, zip, nsis); may be given several times
//   --out DIR          instead of dist/
//   --stand-in         without an Electron runtime: packs a stand-in that cannot run, to test the packing
//   --no-build         out/ is fresh already
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { ensureBuilt, ensureInstalled, root } from './runtime.mjs';
import { findElectron } from './electron-runtime.mjs';
import { makeStandInDist } from './stand-in-dist.mjs';
import { thirdPartyLicenses } from './third-party-licenses.mjs';

const log = (line) => process.stdout.write(`${line}\n`);

/** Where a runtime that is here already lies, so that electron-builder need not download one. */
function distOf(executable) {
  // macOS: dist/Electron.app/Contents/MacOS/Electron
  return process.platform === 'darwin' ? resolve(dirname(executable), '..', '..', '..') : dirname(executable);
}

/** 7-Zip of the system, for targets whose tool would be downloaded otherwise. */
function useSystemTools(env) {
  if (env.ELECTRON_BUILDER_7ZIP_PATH) return;
  const found = ['/usr/bin/7za', '/usr/bin/7zz', '/usr/bin/7z'].find((path) => existsSync(path));
  if (found) env.ELECTRON_BUILDER_7ZIP_PATH = found;
}

/** Writes `SHA256SUMS` beside the packages, in the format `sha256sum --check` reads. Returns its path, or null without packages. */
export async function writeChecksums(files, out) {
  const packages = files.filter((file) => existsSync(file) && statSync(file).isFile()).sort();
  if (packages.length === 0) return null;
  const lines = [];
  for (const file of packages) {
    const hash = createHash('sha256');
    await pipeline(createReadStream(file), hash);
    lines.push(`${hash.digest('hex')}  ${basename(file)}\n`);
  }
  const sums = join(resolve(root, out), 'SHA256SUMS');
  writeFileSync(sums, lines.join(''));
  return sums;
}

/** Returns the files that were made (none for a folder only), their checksums last. `afterPack` is electron-builder's hook, for tests. */
export async function packageApp({ dirOnly = false, targets = [], out = 'dist', standIn = false, build = true, afterPack } = {}) {
  ensureInstalled(log);
  if (build) ensureBuilt(log);
  const { build: pack, Platform, Arch } = await import('electron-builder');
  const { version: electronVersion } = JSON.parse(readFileSync(join(root, 'node_modules', 'electron', 'package.json'), 'utf8'));
  writeFileSync(join(root, 'out', 'third-party-licenses.txt'), thirdPartyLicenses(root));
  useSystemTools(process.env);

  const runtime = standIn ? null : findElectron();
  const standInDir = standIn ? mkdtempSync(join(tmpdir(), 'heaphouse-stand-in-')) : null;
  const electronDist = standInDir ? makeStandInDist(standInDir, electronVersion) : runtime ? distOf(runtime) : undefined;
  const arch = Arch[process.arch === 'arm64' ? 'arm64' : 'x64'];
  try {
    const files = await pack({
      projectDir: root,
      // No names: the targets that electron-builder.yml lists for this system.
      targets: Platform.current().createTarget(dirOnly ? ['dir'] : targets.length > 0 ? targets : null, arch),
      publish: 'never',
      config: {
        extends: join(root, 'electron-builder.yml'),
        electronVersion,
        directories: { output: resolve(root, out), buildResources: join(root, 'build') },
        ...(electronDist === undefined ? {} : { electronDist }),
        ...(afterPack === undefined ? {} : { afterPack }),
      },
    });
    const sums = await writeChecksums(files, out);
    return sums === null ? files : [...files, sums];
  } finally {
    if (standInDir) rmSync(standInDir, { recursive: true, force: true });
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === import.meta.filename) {
  const { values } = parseArgs({
    options: {
      dir: { type: 'boolean' },
      target: { type: 'string', multiple: true },
      out: { type: 'string' },
      'stand-in': { type: 'boolean' },
      'no-build': { type: 'boolean' },
    },
  });
  const standIn = values['stand-in'] === true;
  if (standIn && process.platform !== 'linux') throw new Error('The stand-in distribution is made for Linux only.');
  if (!standIn && !findElectron()) log('There is no Electron runtime here; electron-builder will try to download it.');
  const files = await packageApp({ dirOnly: values.dir, targets: values.target, out: values.out, standIn, build: !values['no-build'] });
  for (const file of files) log(file);
  if (standIn) log('Packed with a stand-in: the result cannot run.');
}
