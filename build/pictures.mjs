// `npm run pictures`: makes docs/images from the application as it is now.
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, root, runNode } from './runtime.mjs';

ensureInstalled();
ensureBuilt();
process.exitCode = await runNode(join(root, 'node_modules/vitest/vitest.mjs'), ['run', '-c', 'build/vitest.pictures.config.ts'], { cwd: root });
