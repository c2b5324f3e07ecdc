import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { steadyWait, waitingSyscall } from '#main/targets/attach/blocking-syscalls.ts';
import { gdbScript, injectedCode, parseReports } from '#main/targets/attach/gdb-script.ts';
import type { SyscallState } from '#main/targets/proc/parse.ts';

function at(number: number, args: bigint[] = [], pc = '0x1'): SyscallState {
  return { running: false, number, args, stackPointer: '0x7f', pc };
}

describe('waitingSyscall', () => {
  it('knows waits', () => {
    expect(waitingSyscall(at(232), 'x64')).toBe('epoll_wait');
    expect(waitingSyscall(at(22), 'arm64')).toBe('epoll_pwait');
    expect(waitingSyscall(at(219), 'x64')).toBe('restart_syscall');
  });
  it('refuses what malloc and the loader use', () => {
    for (const number of [9, 11, 12, 28, 257]) expect(waitingSyscall(at(number), 'x64')).toBeNull();
  });
  it('tells a semaphore from a mutex', () => {
    expect(waitingSyscall(at(202, [0n, 0x189n]), 'x64')).toBe('futex');
    expect(waitingSyscall(at(202, [0n, 0x89n]), 'x64')).toBe('futex');
    expect(waitingSyscall(at(202, [0n, 0x80n]), 'x64')).toBeNull();
    expect(waitingSyscall(at(202, []), 'x64')).toBeNull();
  });
  it('knows nothing of other processors, and a running thread does not wait', () => {
    expect(waitingSyscall(at(232), 'riscv64')).toBeNull();
    expect(waitingSyscall({ running: true }, 'x64')).toBeNull();
  });
});

describe('steadyWait', () => {
  it('wants the same wait every time', () => {
    expect(steadyWait([at(232), at(232)], 'x64')).toEqual({ name: 'epoll_wait', number: 232 });
    expect(steadyWait([at(232), { running: true }], 'x64')).toBeNull();
    expect(steadyWait([{ running: true }, at(232)], 'x64')).toBeNull();
    expect(steadyWait([at(232), at(232, [], '0x2')], 'x64')).toBeNull();
    expect(steadyWait([at(232), null], 'x64')).toBeNull();
    expect(steadyWait([], 'x64')).toBeNull();
  });
});

describe('gdbScript', () => {
  const base = { pid: 5, codeFile: '/tmp/c', codeBytes: 5_000, arch: 'x64' };
  it('never takes the GIL of a thread that runs', () => {
    const script = gdbScript({ ...base, entry: { how: 'pending' } });
    expect(script).toContain('Py_AddPendingCall');
    expect(script).not.toContain('PyGILState_Ensure');
    expect(script).toContain('8192UL');
  });
  it('takes it only after it has seen the wait again', () => {
    const script = gdbScript({ ...base, entry: { how: 'waiting', syscall: 232 } });
    expect(script.indexOf('if $orig_rax == 232')).toBeGreaterThan(0);
    expect(script.indexOf('if $orig_rax == 232')).toBeLessThan(script.indexOf('PyGILState_Ensure'));
    expect(script.split('\n').filter((line) => /^\s*if /.test(line)).length).toBe(script.split('\n').filter((line) => /^\s*end$/.test(line)).length);
  });
});

it('parseReports reads only our lines', () => {
  const reports = parseReports('warning: x\nheaphouse stopped\n  heaphouse pending 0\nheaphouse ran -1\n$1 = 5\nheaphouse nonsense here\n');
  expect([...reports]).toEqual([['stopped', null], ['pending', 0], ['ran', -1]]);
});

describe('injectedCode', () => {
  const python = spawnSync('python3', ['--version']).status === 0;

  it.skipIf(!python)('runs the file once, only while the folder exists, and lets nothing out (needs python3)', () => {
    const dir = mkdtempSync(join(tmpdir(), "heaphouse-test-é '\"-"));
    try {
      const inject = join(dir, 'inject.py');
      const rendezvous = join(dir, 'rdv');
      mkdirSync(rendezvous);
      writeFileSync(inject, "open(RENDEZVOUS + '/ran', 'a').write(__name__ + '\\n')\n");
      const code = injectedCode(inject, rendezvous);
      expect(code.at(-1)).toBe(0);
      const runner = join(dir, 'run.py');
      writeFileSync(runner, `import sys, shutil\nbefore = set(globals())\ncode = sys.stdin.read()\nexec(code); exec(code)\nprint(sorted(set(globals()) - before - {'before', 'code'}))\nshutil.rmtree(${JSON.stringify(rendezvous)})\nexec(code)\n`);
      const run = spawnSync('python3', [runner], { input: code.subarray(0, -1), encoding: 'utf8' });
      expect(run.stderr).toBe('');
      expect(run.stdout).toBe('[]\n');
      mkdirSync(rendezvous);
      writeFileSync(inject, 'raise SystemExit(5)\n');
      expect(spawnSync('python3', ['-'], { input: code.subarray(0, -1) }).status).toBe(0);
      const error = readdirSync(rendezvous).find((name) => name.endsWith('.error.json'));
      expect(JSON.parse(readFileSync(join(rendezvous, error ?? ''), 'utf8'))).toEqual({ error: 'The agent could not be read: SystemExit' });
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
