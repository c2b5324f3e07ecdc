// A folder that looks like an Electron distribution to electron-builder and can run nothing. It exists so that packing
// (archive, fuses, resources, desktop entry) can be tested where the real runtime cannot be downloaded. It is used only
// when asked for by name, and what is packed with it says so in a file.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Marks the fuse wire in Electron's executables (electron/fuses, README). */
const FUSE_SENTINEL = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX';
const FUSE_VERSION = 1;
/** One character per fuse: `0` off, `1` on, as a fresh runtime has them. */
const FUSE_WIRE = '10110001';

const FILES = {
  'LICENSE': 'Stand-in for tests. Not Electron.\n',
  'LICENSES.chromium.html': '<p>Stand-in for tests.</p>\n',
  'STAND-IN.txt': 'This is not a runnable application: it was packed without an Electron runtime, to test the packing.\n',
  'chrome_100_percent.pak': '',
  'chrome_200_percent.pak': '',
  'chrome-sandbox': '',
  'chrome_crashpad_handler': '',
  'icudtl.dat': '',
  'libffmpeg.so': '',
  'resources.pak': '',
  'snapshot_blob.bin': '',
  'v8_context_snapshot.bin': '',
  'locales/en-US.pak': '',
  'locales/de.pak': '',
};

/** Writes the stand-in for Linux into `dir` and returns it. */
export function makeStandInDist(dir, electronVersion) {
  for (const folder of ['locales', 'resources']) mkdirSync(join(dir, folder), { recursive: true });
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(dir, name), text);
  writeFileSync(join(dir, 'version'), electronVersion);
  const wire = Buffer.concat([Buffer.from(FUSE_SENTINEL, 'latin1'), Buffer.from([FUSE_VERSION, FUSE_WIRE.length]), Buffer.from(FUSE_WIRE, 'latin1')]);
  writeFileSync(join(dir, 'electron'), Buffer.concat([Buffer.from('#!/bin/sh\necho "This is a stand-in without Electron." >&2\nexit 1\n'), wire, Buffer.from('\n')]));
  chmodSync(join(dir, 'electron'), 0o755);
  return dir;
}
