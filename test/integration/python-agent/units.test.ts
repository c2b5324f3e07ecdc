import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
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
    expect(run.stdout.trim().split('\n').length).toBe(11);
    expect(run.status).toBe(0);
  });
});

it('lists every module of the agent: one that is not would be loaded by import, and leave its folder in path_importer_cache', () => {
  const folder = join(PACKAGE_PARENT, 'heaphouse_agent');
  const listed = [...(/PARTS = \(([^)]*)\)/.exec(readFileSync(join(folder, '__init__.py'), 'utf8'))?.[1] ?? '').matchAll(/'(\w+)'/g)].map((match) => match[1]);
  const there = readdirSync(folder).filter((name) => name.endsWith('.py') && name !== '__init__.py').map((name) => name.slice(0, -3));
  expect([...listed].sort()).toEqual(there.sort());
});
