// `npm run bench [NAME [options]]`: runs test/bench/NAME.ts with the Node.js of this project. Without a name: what there is.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './runtime.mjs';

const FOLDER = join(root, 'test', 'bench');
const [name, ...options] = process.argv.slice(2);
const names = readdirSync(FOLDER).filter((file) => file.endsWith('.ts')).map((file) => file.slice(0, -3));
if (!name || !names.includes(name)) {
  if (name) process.stderr.write(`There is no bench ${name}.\n`);
  for (const one of names) {
    const about = /^\/\*\*\s*(.*?)(?:\*\/)?$/m.exec(readFileSync(join(FOLDER, `${one}.ts`), 'utf8'))?.[1] ?? '';
    process.stdout.write(`${one.padEnd(16)}${about.trim()}\n`);
  }
  process.exit(name ? 2 : 0);
}
const own = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
const run = spawnSync(existsSync(own) ? own : process.execPath, [join(FOLDER, `${name}.ts`), ...options], { stdio: 'inherit' });
process.exit(run.status ?? 1);
