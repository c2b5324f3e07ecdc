/** What stands in the way, told from real processes that are made to have it. The cases that need another system are in the unit test. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readProcessFacts, readSystemFacts } from '#main/targets/facts.ts';
import { judge, preflight } from '#main/targets/preflight.ts';
import { pythons, run, waitFor } from './helpers.ts';

const newest = pythons.filter(({ version }) => /^3\.([89]|1[0-3])\./.test(version)).at(-1)?.path ?? null;
const root = process.getuid?.() === 0;
const dir = mkdtempSync(join(tmpdir(), 'heaphouse-preflight-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const wait = ['-u', '-c', "print('ready')\nimport time\ntime.sleep(60)"];
const mayUnshare = (...what: string[]) => root && spawnSync('unshare', [...what, 'true']).status === 0;

async function ids(pid: number) {
  return (await preflight(pid)).problems.map(({ id, severity }) => `${id}:${severity}`);
}

describe.skipIf(process.platform !== 'linux' || newest === null)('preflight of real processes (needs Linux and a Python)', () => {
  const python = newest ?? '';

  it('nothing in the way', async () => {
    const target = run(python, wait);
    await target.until(/ready/);
    expect(await ids(target.pid)).toEqual([]);
  });

  it('stopped', async () => {
    const target = run(python, wait);
    await target.until(/ready/);
    process.kill(target.pid, 'SIGSTOP');
    await waitFor(() => / T /.test(readFileSync(`/proc/${target.pid}/stat`, 'utf8')), 5_000, () => 'the stop');
    expect(await ids(target.pid)).toEqual(['stopped:stops']);
  });

  it('neither injector nor gdb', async () => {
    const target = run(python, wait);
    await target.until(/ready/);
    const system = { ...(await readSystemFacts()), injector: null, gdb: null };
    const facts = await readProcessFacts(target.pid, system);
    expect(facts && judge(facts, system)).toMatchObject({ route: null, problems: [{ id: 'no-debugger', message: expect.stringContaining('gdb is not installed') }] });
  });

  it('the switch of remote debugging is seen', async () => {
    const system = await readSystemFacts();
    for (const [env, args, by] of [[{ PYTHON_DISABLE_REMOTE_DEBUG: '1' }, [], 'PYTHON_DISABLE_REMOTE_DEBUG'], [{}, ['-X', 'disable-remote-debug'], '-X disable-remote-debug'], [{}, [], null]] as const) {
      const target = run(python, [...args, ...wait], { env: { ...process.env, ...env } });
      await target.until(/ready/);
      expect((await readProcessFacts(target.pid, system))?.remoteDebugDisabledBy).toBe(by);
    }
  });

  it('musl, by what is mapped', async () => {
    const library = join(dir, 'ld-musl-x86_64.so.1');
    writeFileSync(library, Buffer.alloc(4096));
    const target = run(python, ['-u', '-c', `import mmap, time\nf = open(${JSON.stringify(library)}, 'rb')\nm = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)\nprint('ready')\ntime.sleep(60)`]);
    await target.until(/ready/);
    expect(await ids(target.pid)).toEqual(['musl:warns']);
  });

  it.skipIf(spawnSync('cc', ['--version']).status !== 0)('an interpreter without names (needs a C compiler)', async () => {
    const source = join(dir, 'a.c');
    const folder = join(dir, 'bin');
    mkdirSync(folder);
    writeFileSync(source, '#include <stdio.h>\n#include <unistd.h>\nint PyRun_SimpleString(const char *s) { return !s; }\nint main(int n, char **a) { if (n > 1) return PyRun_SimpleString(a[1]); puts("ready"); fflush(stdout); sleep(60); return 0; }\n');
    const found: Record<string, string[]> = {};
    for (const [name, flags] of [['exported', ['-rdynamic']], ['debug', []], ['none', ['-s']]] as const) {
      const file = join(folder, 'python3.11');
      rmSync(file, { force: true });
      expect(spawnSync('cc', ['-o', file, ...flags, source]).status).toBe(0);
      const target = run(file, []);
      await target.until(/ready/);
      const system = await readSystemFacts();
      const facts = await readProcessFacts(target.pid, { ...system, gdb: '/usr/bin/gdb', injector: '/opt/injector' });
      expect(facts?.linkage?.symbols).toBe(name);
      found[name] = facts === null ? [] : judge(facts, { ...system, gdb: '/usr/bin/gdb', injector: '/opt/injector' }).problems.filter(({ severity }) => severity === 'stops').map(({ id }) => id);
    }
    expect(found).toEqual({ exported: [], debug: [], none: ['stripped'] });
  });

  it.skipIf(!mayUnshare('--net'))('a network of its own (needs root and unshare)', async () => {
    const target = run('unshare', ['--net', python, ...wait]);
    await target.until(/ready/);
    expect(await preflight(target.pid)).toMatchObject({ problems: [{ id: 'net-namespace', severity: 'stops', advice: expect.stringContaining(`nsenter -t ${target.pid} -n`) }] });
  });

  it.skipIf(!mayUnshare('--mount'))('files of its own (needs root and unshare)', async () => {
    const target = run('unshare', ['--mount', python, ...wait]);
    await target.until(/ready/);
    expect(await ids(target.pid)).toEqual(['mount-namespace:warns']);
  });

  it.skipIf(!root)('seen by another user: root’s process is not theirs (needs root)', async () => {
    const target = run(python, wait);
    await target.until(/ready/);
    const system = { ...(await readSystemFacts()), uid: 65534, mayTraceOthers: false, capabilities: 0n };
    const facts = await readProcessFacts(target.pid, system);
    expect(facts && judge(facts, system).problems.map(({ id }) => id)).toEqual(['other-user']);
  });
});
