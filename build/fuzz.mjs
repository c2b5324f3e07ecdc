// `npm run fuzz [-- options]`: the long fuzz of the heap reader (test/fuzz/heap-reader.ts) with the Node.js of this project.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { findNode, root } from './runtime.mjs';

const run = spawnSync(findNode(), [join(root, 'test', 'fuzz', 'heap-reader.ts'), ...process.argv.slice(2)], { stdio: 'inherit' });
process.exit(run.status ?? 1);
