import { describe, expect, it } from 'vitest';
import type { ProcessFacts, SystemFacts } from '#main/targets/facts.ts';
import { remoteDebugSwitch } from '#main/targets/facts.ts';
import { judge, refusal, stopper } from '#main/targets/preflight.ts';
import { libcOf } from '#main/targets/runtime/python-linkage.ts';

const elf = { bits: 64 as const, littleEndian: true, machine: 62 };
const namespaces = { mount: 'mnt:[1]', pid: 'pid:[1]', net: 'net:[1]' };
const system: SystemFacts = { uid: 1000, capabilities: 0n, injector: '/opt/heaphouse-inject', mayKillOthers: false, mayTraceOthers: false, ptraceScope: 0, gdb: '/usr/bin/gdb', elf, namespaces };
const python: ProcessFacts = {
  pid: 500, ownPid: 500, ppid: 1, linkage: { symbols: 'exported', libc: 'glibc' }, remoteDebugDisabledBy: null, shadowStack: false, startTicks: 1, state: 'S', uid: 1000, gid: 1000, rssBytes: 1, argv: ['python3', 'app.py'], exe: '/usr/bin/python3.11', elf, tracerPid: 0, seccomp: 0,
  identity: { kind: 'python', runtime: 'CPython 3.11.7', version: '3.11.7', title: 'app.py' },
  effectiveCapabilities: 0n, namespaces, sigusr1: 'default', runtimeOptions: [], openPort: null, inspectorPort: 9229, inspectorPortTakenBy: null, rendezvous: null, root: '/',
};
const node: ProcessFacts = { ...python, argv: ['node', 'a.js'], exe: '/usr/bin/node', identity: { kind: 'node', runtime: 'Node.js v20.20.2', version: '20.20.2', title: 'a.js' }, sigusr1: 'caught' };

function ids(facts: ProcessFacts, on: SystemFacts = system) {
  return judge(facts, on).problems.map((problem) => `${problem.id}:${problem.severity}`);
}

describe('nothing in the way', () => {
  it('Python by the injector', () => expect(judge(python, system)).toMatchObject({ route: 'injector', how: expect.stringContaining('safe point'), problems: [] }));
  it('Python by gdb', () => expect(judge(python, { ...system, injector: null })).toMatchObject({ route: 'gdb', problems: [] }));
  it('Python by gdb where only a debugger finds the functions, or calls from outside are refused', () => {
    expect(judge({ ...python, linkage: { symbols: 'debug', libc: 'none' } }, system)).toMatchObject({ route: 'gdb', problems: [] });
    expect(judge({ ...python, shadowStack: true }, system)).toMatchObject({ route: 'gdb', problems: [] });
  });
  it('Node.js by signal', () => expect(judge(node, system)).toMatchObject({ route: 'sigusr1', problems: [] }));
  it('Node.js by its open port, whatever its handlers', () => expect(judge({ ...node, openPort: 9229, sigusr1: 'default' }, system)).toMatchObject({ route: 'inspector-port', problems: [] }));
  it('what we launched', () => expect(judge({ ...python, rendezvous: '/tmp/x' }, { ...system, gdb: null, injector: null })).toMatchObject({ route: 'agent', problems: [] }));
  it('a browser by its port', () => {
    const browser: ProcessFacts = { ...python, identity: { kind: 'chromium', runtime: 'Chromium', version: null, title: 'chromium' }, openPort: 9222 };
    expect(judge(browser, system)).toMatchObject({ route: 'debugging-port', problems: [] });
    expect(ids({ ...browser, openPort: null })).toEqual(['no-debugging-port:stops']);
  });
});

describe('Python', () => {
  it.each<[string, Partial<ProcessFacts>, Partial<SystemFacts>, string[]]>([
    ['another user', { uid: 0 }, {}, ['other-user:stops']],
    ['another user, with the capability', { uid: 0 }, { mayTraceOthers: true }, []],
    ['no gdb, but the injector', {}, { gdb: null }, []],
    ['neither', {}, { gdb: null, injector: null }, ['no-debugger:stops']],
    ['stripped', { linkage: { symbols: 'none', libc: 'none' } }, {}, ['stripped:stops']],
    ['only debug symbols, and no gdb', { linkage: { symbols: 'debug', libc: 'none' } }, { gdb: null }, ['no-debugger:stops']],
    ['musl', { linkage: { symbols: 'exported', libc: 'musl' } }, {}, ['musl:warns']],
    ['more capabilities than we', { effectiveCapabilities: 1n << 12n }, {}, ['capabilities:stops']],
    ['no more capabilities than we', { effectiveCapabilities: 1n << 12n }, { capabilities: 3n << 12n }, []],
    ['more capabilities than we, but we may trace all', { effectiveCapabilities: 1n << 12n }, { mayTraceOthers: true }, []],
    ['strict seccomp', { seccomp: 1 }, {}, ['seccomp-strict:stops']],
    ['PYTHON_DISABLE_REMOTE_DEBUG does not matter before 3.14', { remoteDebugDisabledBy: 'PYTHON_DISABLE_REMOTE_DEBUG' }, {}, []],
    ['ptrace_scope 2', {}, { ptraceScope: 2 }, ['ptrace-scope:stops']],
    ['ptrace_scope 1', {}, { ptraceScope: 1 }, ['ptrace-scope:stops']],
    ['ptrace_scope 2 with the capability', {}, { ptraceScope: 2, mayTraceOthers: true }, []],
    ['ptrace_scope 3 with the capability', {}, { ptraceScope: 3, mayTraceOthers: true }, ['ptrace-scope:stops']],
    ['traced', { tracerPid: 9 }, {}, ['traced:stops']],
    ['stopped', { state: 'T' }, {}, ['stopped:stops']],
    ['in uninterruptible sleep', { state: 'D' }, {}, ['uninterruptible:warns']],
    ['seccomp', { seccomp: 2 }, {}, ['seccomp:warns']],
    ['another architecture', { elf: { ...elf, machine: 183 } }, {}, ['architecture:stops']],
    ['32 bits', { elf: { ...elf, bits: 32 } }, {}, ['architecture:stops']],
    ['a container', { namespaces: { mount: 'mnt:[2]', pid: 'pid:[2]', net: 'net:[2]' } }, {}, ['net-namespace:stops', 'mount-namespace:warns']],
    ['a container with our network', { namespaces: { ...namespaces, mount: 'mnt:[2]', pid: 'pid:[2]' } }, {}, ['mount-namespace:warns']],
    ['another pid namespace alone', { namespaces: { ...namespaces, pid: 'pid:[2]' } }, {}, []],
    ['a chroot', { root: '/srv/jail' }, {}, ['chroot:warns']],
    ['not dumpable', { exe: null }, {}, ['not-dumpable:stops']],
  ])('%s', (_name, facts, on, expected) => expect(ids({ ...python, ...facts }, { ...system, ...on })).toEqual(expected));

  it.each([['3.7.16', ['version:stops']], ['2.7.18', ['version:stops']], ['3.8.0', []], ['3.13.1', []], ['3.15.0', []], ['3.16.0', ['version:warns']], [null, ['version:warns']]])('version %s', (version, expected) => {
    expect(ids({ ...python, identity: { kind: 'python', runtime: '', title: '', version } })).toEqual(expected);
  });

  it('remote debugging switched off on 3.14: says by which way instead', () => {
    const facts = { ...python, remoteDebugDisabledBy: '-X disable-remote-debug', identity: { kind: 'python' as const, runtime: '', title: '', version: '3.14.0' } };
    const problem = judge(facts, system).problems.find(({ id }) => id === 'remote-debug-disabled');
    expect(problem).toMatchObject({ severity: 'warns', message: expect.stringContaining('-X disable-remote-debug') });
    expect(problem?.message).toContain('injector');
    expect(judge(facts, { ...system, injector: null }).problems.find(({ id }) => id === 'remote-debug-disabled')?.message).toContain('gdb');
  });

  it('puts what stops first', () => expect(ids({ ...python, seccomp: 2, tracerPid: 4 }, { ...system, gdb: null, injector: null })).toEqual(['no-debugger:stops', 'traced:stops', 'seccomp:warns']));
});

describe('Node.js', () => {
  it.each<[string, Partial<ProcessFacts>, Partial<SystemFacts>, string[]]>([
    ['no handler: the signal would kill it', { sigusr1: 'default' }, {}, ['sigusr1-deadly:stops']],
    ['ignored', { sigusr1: 'ignored' }, {}, ['sigusr1-ignored:stops']],
    ['--disable-sigusr1', { sigusr1: 'default', runtimeOptions: ['--disable-sigusr1'] }, {}, ['sigusr1-disabled:stops']],
    ['permission model', { runtimeOptions: ['--permission'] }, {}, ['permission-model:stops']],
    ['port taken', { inspectorPortTakenBy: 77 }, {}, ['inspector-port-taken:stops']],
    ['another user', { uid: 0 }, {}, ['other-user:stops']],
    ['another user, with the capability', { uid: 0 }, { mayKillOthers: true }, []],
    ['a container with our network', { namespaces: { ...namespaces, mount: 'mnt:[2]', pid: 'pid:[2]' } }, {}, []],
    ['no gdb and ptrace_scope do not matter', {}, { gdb: null, ptraceScope: 3 }, []],
  ])('%s', (_name, facts, on, expected) => expect(ids({ ...node, ...facts }, { ...system, ...on })).toEqual(expected));
});

it('a zombie, and something else', () => {
  expect(ids({ ...python, state: 'Z' })).toEqual(['gone:stops']);
  expect(ids({ ...python, identity: null })).toEqual(['not-supported:stops']);
});

it('every problem has a sentence and a fix, and becomes an error', () => {
  const check = judge({ ...python, tracerPid: 4, uid: 0 }, { ...system, gdb: null, injector: null });
  for (const problem of check.problems) {
    expect(problem.message).toMatch(/^[A-Z].*\.$/);
    expect(problem.advice.length).toBeGreaterThan(10);
  }
  const first = stopper(check);
  expect(first && refusal(first)).toMatchObject({ code: 'permission' });
});

it('the switch of remote debugging, in the environment and among the options of the interpreter', () => {
  const set = new Map([['PYTHON_DISABLE_REMOTE_DEBUG', '1']]);
  expect(remoteDebugSwitch(set, ['python', 'a.py'])).toBe('PYTHON_DISABLE_REMOTE_DEBUG');
  expect(remoteDebugSwitch(new Map([['PYTHON_DISABLE_REMOTE_DEBUG', '']]), ['python'])).toBeNull();
  expect(remoteDebugSwitch(null, ['python', '-W', 'error', '-X', 'disable-remote-debug', 'a.py'])).toBe('-X disable-remote-debug');
  expect(remoteDebugSwitch(null, ['python', '-Xdisable-remote-debug'])).toBe('-X disable-remote-debug');
  // Those of the program are its own.
  expect(remoteDebugSwitch(null, ['python', 'a.py', '-X', 'disable-remote-debug'])).toBeNull();
  expect(remoteDebugSwitch(null, ['python', '-m', 'a', '-X', 'disable-remote-debug'])).toBeNull();
});

it('the C library, by what is mapped', () => {
  expect(libcOf(['/lib/x86_64-linux-gnu/libc.so.6'])).toBe('glibc');
  expect(libcOf(['/lib/libc-2.28.so'])).toBe('glibc');
  expect(libcOf(['/lib/ld-musl-x86_64.so.1', '/usr/lib/libpython3.12.so.1.0'])).toBe('musl');
  expect(libcOf(['/opt/python'])).toBe('none');
});
