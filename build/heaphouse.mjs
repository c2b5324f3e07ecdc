#!/usr/bin/env node
// The `heaphouse` command and `npm start`. Installs and builds what is missing, then opens the desktop window, or
// without an Electron runtime the same workbench through the web host; `record`, `compare` … go to the command line.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, findNode, root, runNode, waitFor } from './runtime.mjs';
import { fetchElectron, findElectron, hasDisplay } from './electron-runtime.mjs';

const COMMANDS = new Set(['serve', 'record', 'snapshot', 'summary', 'retainers', 'compare', 'query', 'session', 'help', '--help', '-h', '--version', '-V']);
const log = (line) => process.stderr.write(`${line}\n`);

async function main(args) {
  ensureInstalled();
  ensureBuilt();
  findNode();
  const out = (name) => join(root, 'out', 'main', `${name}.js`);
  if (args[0] === 'serve') return runNode(out('web'), args);
  if (COMMANDS.has(args[0])) return runNode(out('cli'), args);

  const why = hasDisplay() ? (findElectron() ? null : fetchElectron(log)) : 'there is no display';
  if (why === null) {
    const flags = process.platform === 'linux' && process.getuid?.() === 0 ? ['--no-sandbox'] : [];
    return waitFor(spawn(findElectron(), [...flags, root, ...args], { stdio: 'inherit' }));
  }
  log(`No desktop window (${why}); Heaphouse opens in the browser instead.`);
  return runNode(out('web'), args);
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code ?? 1;
  },
  (error) => {
    log(`heaphouse: ${error.message}`);
    process.exitCode = 3;
  },
);
