// `npm run stress [NAME [options]]`: runs test/stress/NAME.ts with the Node.js of this project. Without a name: what there is.
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findNode, root } from './runtime.mjs';

const FOLDER = join(root, 'test', 'stress');
const [name, ...options] = process.argv.slice(2);
// A stress test says what it does in its first line; what has none is a part of one.
const names = readdirSync(FOLDER).filter((file) => file.endsWith('.ts') && readFileSync(join(FOLDER, file), 'utf8').includes('parseArgs')).map((file) => file.slice(0, -3));
if (!name || !names.includes(name)) {
  if (name) process.stderr.write(`There is no stress test ${name}.\n`);
  for (const one of names) {
    const about = /^\/\*\*\s*(.*?)(?:\*\/)?$/m.exec(readFileSync(join(FOLDER, `${one}.ts`), 'utf8'))?.[1] ?? '';
    process.stdout.write(`${one.padEnd(16)}${about.trim()}\n`);
  }
  process.exit(name ? 2 : 0);
}
const run = spawnSync(findNode(), ['--disable-warning=ExperimentalWarning', join(FOLDER, `${name}.ts`), ...options.filter((option) => option !== '--')], { stdio: 'inherit' });
process.exit(run.status ?? 1);
