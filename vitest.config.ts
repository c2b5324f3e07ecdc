import { defineConfig } from 'vitest/config';

/** Kinds of test and how they run; `test/README.md` says which kind a new test is. */
const kind = (name: string, options: { include: string[]; timeoutMs: number; oneByOne?: boolean }) => ({
  test: {
    name,
    include: options.include,
    testTimeout: options.timeoutMs,
    hookTimeout: options.timeoutMs,
    fileParallelism: !options.oneByOne,
    pool: 'forks' as const,
    execArgv: ['--disable-warning=ExperimentalWarning'],
  },
});

export default defineConfig({
  test: {
    projects: [
      kind('unit', { include: ['test/unit/**/*.test.ts'], timeoutMs: 20_000 }),
      { extends: './build/vitest.component.config.ts' },
      kind('contract', { include: ['test/contract/**/*.test.ts'], timeoutMs: 30_000 }),
      // Real processes: timing and ports are theirs alone.
      kind('integration', { include: ['test/integration/**/*.test.ts'], timeoutMs: 120_000, oneByOne: true }),
      kind('packaging', { include: ['test/packaging/**/*.test.ts'], timeoutMs: 300_000, oneByOne: true }),
      kind('e2e', { include: ['test/e2e/**/*.{test,e2e}.ts'], timeoutMs: 120_000, oneByOne: true }),
    ],
  },
});
