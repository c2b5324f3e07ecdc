/**
 * Bundles the page into `out/renderer`. Every host serves these files under a strict CSP (`script-src 'self'`,
 * `style-src 'self'`), so nothing may be inlined: no preload polyfill, no data: fonts, no style elements.
 */
import { fileURLToPath } from 'node:url';
import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vite';

const root = fileURLToPath(new URL('../renderer/', import.meta.url));
const outDir = fileURLToPath(new URL('../out/renderer/', import.meta.url));

export default defineConfig(({ mode }) => ({
  root,
  base: './',
  plugins: [vue()],
  define: {
    __VUE_OPTIONS_API__: 'false',
    __VUE_PROD_DEVTOOLS__: 'false',
    __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
  },
  build: {
    outDir,
    emptyOutDir: true,
    // Electron 45 and every browser of the last year.
    target: 'chrome130',
    sourcemap: mode === 'development',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1_500,
  },
  server: { host: '127.0.0.1', strictPort: false },
}));
