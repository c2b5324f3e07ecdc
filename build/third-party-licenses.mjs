// The licences of what is bundled into out/, in one text. Bundled are the packages below and what they depend on.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Packages that shipped code imports. A test compares the list with the imports. */
export const BUNDLED = ['@duckdb/node-api', '@duckdb/node-bindings', 'echarts', 'pinia', 'reka-ui', 'tar', 'valibot', 'vue', 'ws'];

function findPackage(name, from) {
  for (let dir = from; ; dir = dirname(dir)) {
    const folder = join(dir, 'node_modules', name);
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (dirname(dir) === dir) return null;
  }
}

/** Folder of each bundled package by its name and version. */
export function bundledPackages(root) {
  const found = new Map();
  const visit = (name, from) => {
    const folder = findPackage(name, from);
    if (folder === null || [...found.values()].includes(folder)) return;
    const { version, dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    found.set(`${name} ${version}`, folder);
    for (const dependency of Object.keys(dependencies)) visit(dependency, folder);
  };
  for (const name of BUNDLED) visit(name, root);
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function thirdPartyLicenses(root) {
  const parts = ['Heaphouse contains the following packages. Electron and Chromium bring their own licence files.\n'];
  for (const [name, folder] of bundledPackages(root)) {
    const { license, homepage, repository } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)(\.(md|txt|mit))?$/i.test(entry));
    const address = homepage ?? (typeof repository === 'string' ? repository : repository?.url) ?? '';
    const text = file ? readFileSync(join(folder, file), 'utf8').trim() : `Licence: ${license ?? 'see the address'}`;
    parts.push(`${'='.repeat(80)}\n${name} (${license ?? 'see below'}) ${address}\n\n${text}\n`);
  }
  return parts.join('\n');
}
