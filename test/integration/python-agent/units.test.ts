import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PACKAGE_PARENT, TARGETS } from './agent-client.ts';
import { supportedInterpreters } from './interpreters.ts';

const { found, missing } = supportedInterpreters();

for (const minor of missing) it.skip(`parts on CPython ${minor} (no such interpreter on this machine)`, () => undefined);

describe.each(found)('parts of the agent on CPython $version', ({ path }) => {
  it('agree with the interpreter on sizes, and take bad input well', () => {
    const run = spawnSync(path, [join(TARGETS, 'units.py'), PACKAGE_PARENT], { encoding: 'utf8', timeout: 30_000 });
    expect(run.stderr).toBe('');
    expect(run.stdout.trim().split('\n').length).toBe(7);
    expect(run.status).toBe(0);
  });
});
