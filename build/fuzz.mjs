// `npm run fuzz [-- NAME] [-- options]`: the long fuzz, with the Node.js of this project. Names: heap (damaged snapshots,
// test/fuzz/heap-reader.ts) and protocol (malformed messages, test/fuzz/protocol.ts); without a name, one after the other.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { findNode, root } from './runtime.mjs';

const FILES = { heap: 'heap-reader.ts', protocol: 'protocol.ts' };
const [first = '', ...rest] = process.argv.slice(2);
const named = Object.hasOwn(FILES, first);
// Options without a name are those of the heap reader's.
const names = named ? [first] : first === '' ? Object.keys(FILES) : ['heap'];
for (const name of names) {
  const run = spawnSync(findNode(), ['--disable-warning=ExperimentalWarning', join(root, 'test', 'fuzz', FILES[name]), ...(named ? rest : process.argv.slice(2))], { stdio: 'inherit' });
  if (run.status !== 0) process.exit(run.status ?? 1);
}
