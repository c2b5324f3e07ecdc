// Packs with the stand-in into the folder given and leaves there what the targets that need downloads would get:
// the desktop entry, and the names of the MIME types.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LinuxTargetHelper } from 'app-builder-lib/out/targets/LinuxTargetHelper.js';
import { packageApp } from '../../build/package.mjs';

const [out, ...targets] = process.argv.slice(2);
await packageApp({
  dirOnly: targets.length === 0,
  targets,
  out,
  standIn: true,
  async afterPack({ packager }) {
    const helper = new LinuxTargetHelper(packager);
    writeFileSync(join(out, 'heaphouse.desktop'), await helper.computeDesktopEntry(packager.platformSpecificBuildOptions));
    writeFileSync(join(out, 'icons.json'), JSON.stringify(await helper.icons));
  },
});
