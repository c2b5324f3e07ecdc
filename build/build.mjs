// Builds everything into out/: main (ES modules for Node and Electron), preload (one CommonJS file), renderer (pages); and
// the native walker of the Python agent beside its sources.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vite';
import { buildNative } from './native.mjs';
import { root } from './runtime.mjs';

// Vite takes over a NODE_ENV that it finds. Vitest sets one, and then file names of this machine would be in the pages.
process.env.NODE_ENV = 'production';

const only = process.argv.slice(2);
const wants = (name) => only.length === 0 || only.includes(name);
// DuckDB's binding is a native library: it stays in node_modules, and electron-builder takes it along.
const external = ['electron', 'bufferutil', 'utf-8-validate', '@duckdb/node-bindings', /^node:/];
const common = { root, configFile: false, logLevel: 'warn', envDir: false, publicDir: false };

if (wants('main')) {
  await build({
    ...common,
    ssr: { noExternal: true, external: ['electron', 'bufferutil', 'utf-8-validate', '@duckdb/node-bindings'] },
    build: {
      ssr: true,
      target: 'node22',
      outDir: join(root, 'out', 'main'),
      emptyOutDir: true,
      minify: false,
      sourcemap: false,
      rolldownOptions: {
        external,
        input: {
          electron: join(root, 'main', 'electron', 'index.ts'),
          web: join(root, 'main', 'web', 'index.ts'),
          cli: join(root, 'main', 'cli', 'index.ts'),
          'session-host': join(root, 'main', 'hosts', 'session-host.ts'),
          'analysis-host': join(root, 'main', 'hosts', 'analysis-host.ts'),
        },
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
      },
    },
  });
}

if (wants('main')) {
  // The heap engine's second thread: one CommonJS file that is started from its text, because Electron's threads cannot
  // read inside app.asar (main/heap/helper.ts).
  await build({
    ...common,
    ssr: { noExternal: true },
    build: {
      ssr: true,
      target: 'node22',
      outDir: join(root, 'out', 'main'),
      emptyOutDir: false,
      minify: false,
      rolldownOptions: {
        external: [/^node:/],
        input: { 'heap-helper': join(root, 'main', 'heap', 'helper-thread.ts') },
        output: { format: 'cjs', entryFileNames: '[name].cjs', codeSplitting: false },
      },
    },
  });
}

if (wants('preload')) {
  await build({
    ...common,
    ssr: { noExternal: true, external: ['electron'] },
    build: {
      ssr: true,
      target: 'node22',
      outDir: join(root, 'out', 'preload'),
      emptyOutDir: true,
      minify: false,
      rolldownOptions: {
        external,
        input: { preload: join(root, 'main', 'electron', 'preload.ts') },
        // A sandboxed preload script is CommonJS and may not load a second file.
        output: { format: 'cjs', entryFileNames: '[name].cjs', codeSplitting: false },
      },
    },
  });
}

if (wants('renderer')) {
  await build({ configFile: join(root, 'build', 'vite.renderer.config.ts'), logLevel: 'warn' });
}

if (wants('native')) buildNative((line) => process.stdout.write(`${line}\n`));

if (only.length === 0) {
  mkdirSync(join(root, 'out'), { recursive: true });
  rmSync(join(root, 'out', '.built'), { force: true });
  writeFileSync(join(root, 'out', '.built'), '');
}
