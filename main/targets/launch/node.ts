/**
 * Environment in which a Node.js program, started directly or by npm or a shell script, opens its inspector.
 *
 * Not by `--inspect-wait`: that flag is inherited by `child_process.fork` and, in NODE_OPTIONS, by every Node.js below,
 * so npm itself and each worker would stop and wait as well. A small preload decides instead: the first process that is
 * not a package manager takes the place of the target, opens the inspector on a free loopback port, tells the
 * rendezvous folder, and takes the option out of its environment again.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LAUNCHER_SCRIPT } from '../runtime/program-kind.ts';

const PRELOAD_NAME = 'node-preload.cjs';

export async function nodeEnvironment(env: NodeJS.ProcessEnv, rendezvous: string, pauseAtStart: boolean): Promise<NodeJS.ProcessEnv> {
  const preload = join(rendezvous, PRELOAD_NAME);
  await writeFile(preload, preloadSource(rendezvous, pauseAtStart, env['NODE_OPTIONS'] ?? null), { mode: 0o600 });
  const option = `--require ${quoteNodeOption(preload)}`;
  const existing = env['NODE_OPTIONS'];
  return { ...env, NODE_OPTIONS: existing === undefined || existing === '' ? option : `${option} ${existing}` };
}

/** NODE_OPTIONS takes double quotes with backslash escapes (Node.js 12 and later). */
function quoteNodeOption(path: string): string {
  return /[\s"\\]/.test(path) ? `"${path.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"` : path;
}

/** The preload, plain CommonJS that Node.js 12 can read. Exported for its test. */
export function preloadSource(rendezvous: string, pauseAtStart: boolean, nodeOptions: string | null): string {
  return `'use strict';
// Written by Heaphouse for one launch: opens the inspector of the program that was launched. Removed when it ends.
(function () {
  const rendezvous = ${JSON.stringify(rendezvous)};
  const wait = ${JSON.stringify(pauseAtStart)};
  const nodeOptions = ${JSON.stringify(nodeOptions)};
  const launcher = ${LAUNCHER_SCRIPT.toString()};
  const fs = require('fs');
  const path = require('path');
  delete require.cache[__filename];
  if (!require('worker_threads').isMainThread) return;
  if (launcher.test(process.argv[1] || '')) return;
  if (process.execArgv.some((arg) => /^--watch/.test(arg))) return;
  if (nodeOptions === null) delete process.env.NODE_OPTIONS;
  else process.env.NODE_OPTIONS = nodeOptions;
  function publish(name, value) {
    const file = path.join(rendezvous, name);
    fs.writeFileSync(file + '.part', JSON.stringify(value), { mode: 0o600 });
    fs.renameSync(file + '.part', file);
  }
  try {
    // Only the first one: creating this file succeeds once.
    fs.closeSync(fs.openSync(path.join(rendezvous, 'node.target'), 'wx', 0o600));
  } catch (error) {
    return;
  }
  let inspector;
  try {
    inspector = require('inspector');
    if (!inspector.url()) inspector.open(0, '127.0.0.1', false);
    publish(process.pid + '.json', {
      version: 1,
      pid: process.pid,
      ppid: process.ppid,
      webSocketUrl: inspector.url(),
      nodeVersion: process.versions.node,
      electronVersion: process.versions.electron || null,
      executable: process.execPath,
      argv: process.argv.slice(1, 200),
      startedAt: Date.now(),
    });
  } catch (error) {
    try {
      publish(process.pid + '.error.json', { error: 'Node.js cannot open its inspector: ' + error.message, detail: String(error.stack) });
    } catch (ignored) {
      // Nobody to tell; the launch reports that no runtime answered.
    }
    return;
  }
  if (wait && inspector.waitForDebugger) inspector.waitForDebugger();
})();
`;
}
