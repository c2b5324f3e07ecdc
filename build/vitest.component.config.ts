import { fileURLToPath } from 'node:url';
import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  plugins: [vue()],
  test: {
    name: 'component',
    include: ['test/component/**/*.test.ts'],
    environment: 'jsdom',
    testTimeout: 20_000,
  },
});
