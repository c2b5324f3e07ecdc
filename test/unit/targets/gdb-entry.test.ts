import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { steadyWait, waitingSyscall } from '#main/targets/attach/blocking-syscalls.ts';
import { gdbArguments, gdbScript, parseReports } from '#main/targets/attach/gdb-script.ts';
import { injectedCode } from '#main/targets/attach/injected-code.ts';
import { LIBC_FUNCTIONS, PYTHON_FUNCTIONS } from '#main/targets/attach/python-symbols.ts';
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
  const sample = (state: SyscallState | null, switches = 7) => ({ state, switches });
  it('wants the same wait every time', () => {
    expect(steadyWait([sample(at(232)), sample(at(232))], 'x64')).toEqual({ name: 'epoll_wait', number: 232, args: [], stackPointer: '0x7f', pc: '0x1' });
    expect(steadyWait([sample(at(232)), sample({ running: true })], 'x64')).toBeNull();
    expect(steadyWait([sample({ running: true }), sample(at(232))], 'x64')).toBeNull();
    expect(steadyWait([sample(at(232)), sample(at(232, [], '0x2'))], 'x64')).toBeNull();
    expect(steadyWait([sample(at(232)), sample(null)], 'x64')).toBeNull();
    expect(steadyWait([], 'x64')).toBeNull();
  });
  it('does not take a thread that wakes up in between, as one does that waits for the interpreter lock', () => {
    expect(steadyWait([sample(at(202, [0n, 0x189n])), sample(at(202, [0n, 0x189n]), 8)], 'x64')).toBeNull();
  });
});

describe('gdbScript', () => {
  const base = { pid: 5, codeFile: '/tmp/c', codeBytes: 5_000, arch: 'x64', functions: null };
  const wait = { name: 'futex', number: 202, args: [0x7f01n, 0x189n], stackPointer: '0x7ffc', pc: '0x7f1' };
  const count = (script: string, pattern: RegExp) => script.split('\n').filter((line) => pattern.test(line)).length;

  it('never takes the GIL of a thread that runs', () => {
    const script = gdbScript({ ...base, entry: { how: 'pending' } });
    expect(script).toContain('Py_AddPendingCall');
    expect(script).not.toContain('PyGILState_Ensure');
    expect(script).toContain('8192UL');
  });

  it('takes it only after it has seen the very same wait again', () => {
    const script = gdbScript({ ...base, entry: { how: 'waiting', wait } });
    const check = script.split('\n').find((line) => line.startsWith('set $waits = ')) ?? '';
    for (const part of ['$orig_rax == 202', '$rsp == 0x7ffc', '$pc == 0x7f1', '$rdi == 0x7f01UL', '$rsi == 0x189UL', '$rax == -512']) expect(check).toContain(part);
    expect(script.indexOf('if $waits')).toBeGreaterThan(script.indexOf('set $waits'));
    expect(script.indexOf('PyGILState_Ensure')).toBeGreaterThan(script.indexOf('if $waits'));
    expect(script.lastIndexOf('Py_AddPendingCall')).toBeGreaterThan(script.lastIndexOf('else'));
    expect(count(script, /^\s*if /)).toBe(count(script, /^\s*end$/));
  });

  it('turns a wait into EINTR only where its rest would be lost', () => {
    expect(gdbScript({ ...base, entry: { how: 'waiting', wait: { ...wait, number: 23 } } })).toContain('if $rax == -514');
    expect(gdbScript({ ...base, entry: { how: 'waiting', wait: { ...wait, number: 34 } } })).not.toContain('if $rax == -514');
  });

  it('calls by address where the addresses are known, and then reads no symbols while the process stands still', () => {
    const functions = new Map([...PYTHON_FUNCTIONS, ...LIBC_FUNCTIONS].map((name, i) => [name, BigInt(0x1000 + i)] as const));
    const script = gdbScript({ ...base, functions, entry: { how: 'waiting', wait } });
    for (const name of functions.keys()) expect(script).not.toContain(name);
    expect(gdbArguments({ pid: 5, functions }, '/tmp/s').join(' ')).not.toContain('sharedlibrary');
    expect(gdbArguments({ pid: 5, functions: null }, '/tmp/s').join(' ')).toContain('sharedlibrary libpython');
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
